// Makes a page for the studio's modules: a window and a document without a browser, and a server that answers.

import { AsyncLocalStorage } from "node:async_hooks";
import { createServer } from "node:http";
import { Window } from "happy-dom";

const STATIC = new URL("../../../plugins/amlflow_page/static/", import.meta.url);

const page = new Window({ url: "http://studio.example/" });
for (const name of ["document", "location", "localStorage", "history", "CSS", "IntersectionObserver"]) {
  Object.defineProperty(globalThis, name, { value: page[name], configurable: true, writable: true });
}

globalThis.addEventListener ??= (...listener) => page.addEventListener(...listener);
globalThis.requestAnimationFrame = (act) => page.requestAnimationFrame(act);

// DOMPurify looks for a window when it is loaded. uPlot, in one that is there, looks for a browser.
globalThis.window = page;
await studio("vendor/dompurify");
delete globalThis.window;

export const { document, location, localStorage } = page;

export function studio(name) {
  return import(new URL(`${name}.js`, STATIC));
}

export function event(type, more = {}) {
  return Object.assign(new page.Event(type, { bubbles: true, cancelable: true }), more);
}

const asking = new AsyncLocalStorage(); // the test that a call comes from

// Serves the studio's calls until `close()`. Calls of other tests get no answer: what an earlier test has made may still
// look for news. `answer(request, body)` returns {status, type, content}.
export async function serve(answer) {
  if (!asking.getStore()) asking.enterWith({});
  const test = asking.getStore();
  const requests = [];
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString();
    requests.push({ method: request.method, url: request.url, headers: request.headers, body });
    const { status = 200, headers = { "Content-Type": "application/json" }, content } = answer(request, body);
    response.writeHead(status, headers);
    response.end(content);
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  const base = `http://127.0.0.1:${server.address().port}/`;
  const real = globalThis.fetch;
  // A browser resolves an address relative to the page's address, which node does not have.
  globalThis.fetch = (address, options) =>
    (asking.getStore() ?? test) === test ? real(new URL(address, base), options) : new Promise(() => {});
  return {
    requests,
    close() {
      globalThis.fetch = real;
      server.closeAllConnections();
      server.close();
    },
  };
}
