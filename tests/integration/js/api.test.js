import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { event, localStorage, location, serve, studio } from "./page.js";

const { Failure, get, isAway, piece, post } = await studio("api");
const { downloadLink } = await studio("download_link");

let server;
afterEach(() => {
  server?.close();
  localStorage.clear();
  location.hash = "";
});

const json = (content) => ({ content: JSON.stringify(content) });

test("a query's values are escaped in the address", async () => {
  server = await serve(() => json({ error: null }));
  assert.deepEqual(await get("query/check", { query: "[?a=='b&c']" }), { error: null });
  const [{ url }] = server.requests;
  assert.equal(
    url,
    `/ajax-api/2.0/amlflow/query/check?query=${encodeURIComponent("[?a=='b&c']").replace(/'/g, "%27")}`,
  );
});

test("the cursor of a page goes back to the server as it came", async () => {
  const cursor = 'eyJwYWdlIjogMn0="\\';
  server = await serve((_, body) =>
    json(JSON.parse(body).cursor === null ? { rows: [], cursor } : { rows: [], cursor: null }),
  );
  const first = await post("runs/search", { cursor: null, size: 50 });
  const second = await post("runs/search", { cursor: first.cursor, size: 50 });
  assert.equal(JSON.parse(server.requests[1].body).cursor, cursor);
  assert.equal(second.cursor, null);
  assert.equal(server.requests[0].headers["content-type"], "application/json");
});

test("a page for a login instead of an answer is a failure that says so", async () => {
  server = await serve(() => ({ headers: { "Content-Type": "text/html" }, content: "<h1>Log in</h1>" }));
  await assert.rejects(get("runs/get"), { status: 401, message: /^Another page came .* login has expired/ });
});

for (const [what, answer, message] of [
  ["the server's own sentence", { status: 400, ...json({ message: "No run is called x." }) }, "No run is called x."],
  [
    "a plain text",
    { status: 403, headers: { "Content-Type": "text/plain" }, content: "Permission denied" },
    "Permission denied",
  ],
  [
    "a proxy's page",
    { status: 502, headers: { "Content-Type": "text/html" }, content: "<h1>Bad</h1>" },
    "The server answers 502.",
  ],
  ["an empty answer", { status: 500, headers: {}, content: "" }, "The server answers 500."],
]) {
  test(`a refusal with ${what} is a failure with that message`, async () => {
    server = await serve(() => answer);
    await assert.rejects(get("runs/get"), (failure) => {
      assert.ok(failure instanceof Failure);
      assert.equal(failure.message, message);
      assert.equal(failure.status, answer.status);
      return true;
    });
  });
}

test("a long plain refusal is cut", async () => {
  server = await serve(() => ({ status: 400, headers: { "Content-Type": "text/plain" }, content: "x".repeat(1000) }));
  await assert.rejects(get("runs/get"), (failure) => failure.message.length === 300);
});

test("a server that is away is a failure, and a search that was stopped is not one", async () => {
  server = await serve(() => json({}));
  server.close();
  globalThis.fetch = () => Promise.reject(new TypeError("fetch failed"));
  await assert.rejects(get("views"), { message: "The server does not answer.", status: 0 });
  const stopped = Object.assign(new Error("stopped"), { name: "AbortError" });
  globalThis.fetch = () => Promise.reject(stopped);
  await assert.rejects(get("views"), stopped);
});

test("a call names the workspace of the address, or else the one chosen last", async () => {
  server = await serve(() => json({}));
  await get("views");
  localStorage.setItem("mlflow.activeWorkspace", JSON.stringify("blue"));
  await get("views");
  localStorage.setItem("mlflow.activeWorkspace", "not JSON");
  await get("views");
  location.hash = "#/amlflow/runs?workspace=red";
  await post("views/create", {});
  const names = server.requests.map((request) => request.headers["x-mlflow-workspace"]);
  assert.deepEqual(names, [undefined, "blue", "not JSON", "red"]);
});

test("a piece of a log is its bytes and the whole size", async () => {
  const headers = { "X-Log-Size": "1000" };
  server = await serve(() => ({ headers, content: Buffer.from([0x61, 0xff, 0x0a]) }));
  const { bytes, size } = await piece("run", "user_logs/std_log.txt", -10);
  assert.deepEqual([...bytes], [0x61, 0xff, 0x0a]);
  assert.equal(size, 1000);
  assert.match(server.requests[0].url, /name=user_logs%2Fstd_log.txt&offset=-10$/);
});

test("a download is the browser's own, but in a workspace the page reads the file and names the workspace", async (t) => {
  server = await serve(() => ({ headers: {}, content: "one" }));
  const saved = [];
  const { createObjectURL } = URL;
  URL.createObjectURL = (content) => `blob:${saved.push(content)}`;
  const { setTimeout } = globalThis;
  globalThis.setTimeout = (act, time, ...rest) => setTimeout(act, time, ...rest).unref(); // the content is kept for long
  t.after(() => Object.assign(URL, { createObjectURL }) && Object.assign(globalThis, { setTimeout }));
  const link = downloadLink("Download", "get-artifact?path=a", "a");
  const click = () => {
    const clicked = event("click");
    link.dispatchEvent(clicked);
    return clicked.defaultPrevented;
  };
  link.addEventListener("click", (clicked) => clicked.stopPropagation());
  assert.equal(click(), false);
  location.hash = "#/amlflow/runs?workspace=red";
  assert.equal(click(), true);
  while (!saved.length) await new Promise((next) => setImmediate(next));
  assert.equal(await saved[0].text(), "one");
  const asked = server.requests.map(({ url, headers }) => [url, headers["x-mlflow-workspace"]]);
  assert.deepEqual(asked, [["/get-artifact?path=a", "red"]]);
});

test("a browser that stores nothing asks the default workspace", async (t) => {
  server = await serve(() => json({}));
  Object.defineProperty(globalThis, "localStorage", {
    get() {
      throw new DOMException("Access is denied for this document.", "SecurityError");
    },
    configurable: true,
  });
  t.after(() => Object.defineProperty(globalThis, "localStorage", { value: localStorage, configurable: true }));
  await get("keys");
  assert.equal(server.requests[0].headers["x-mlflow-workspace"], undefined);
});

test("an answer that breaks off counts as an outage", async (t) => {
  const { fetch } = globalThis;
  t.after(() => Object.assign(globalThis, { fetch }));
  const body = () => new ReadableStream({ start: (stream) => stream.error(new TypeError("terminated")) });
  globalThis.fetch = async () => new Response(body());
  await assert.rejects(get("keys"), (failure) => isAway(failure));
});

test("times are counted by the server's clock, however wrong the browser's is", async () => {
  const { timeText } = await studio("times");
  const { understand } = await studio("understand");
  const real = Date.now();
  const headers = { "Content-Type": "application/json", Date: new Date(real + 86_400_000).toUTCString() };
  server = await serve(() => ({ ...json({}), headers }));
  await get("keys");
  assert.equal(timeText(new Date(real + 86_400_000 - 7_200_000).toISOString(), "ago"), "2 hours ago");
  const [, since] = /'(.*)'/.exec(understand("since:1d").query);
  assert.ok(Math.abs(Date.parse(since) - real) < 60_000, since);
  server.close();
  // A difference of seconds is not one of the clocks.
  server = await serve(() => json({}));
  await get("keys");
  assert.match(timeText(new Date(real - 7_200_000).toISOString(), "ago"), /^2 hours/);
});
