// Calls to the studio's routes. The message of an error is the server's sentence.

import { hear } from "./clock.js";
import { queryOf } from "./run_route.js";

const BASE = "ajax-api/2.0/amlflow/";

export class Failure extends Error {
  constructor(message, status, content) {
    super(message);
    this.status = status;
    this.content = content;
  }
}

// Returns whether an error says that the server, or a proxy before it, cannot be reached.
export function isAway(failure) {
  return failure.status === 0 || failure.status >= 502;
}

// Returns the name of the chosen workspace; null for the server's default one.
function workspace() {
  const name = queryOf(location.hash).get("workspace") ?? storedWorkspace();
  return typeof name === "string" && name ? name : null;
}

// Returns the workspace that MLflow's page has stored.
function storedWorkspace() {
  let stored;
  try {
    stored = localStorage.getItem("mlflow.activeWorkspace");
  } catch {
    return null; // the browser stores nothing for this server
  }
  try {
    return JSON.parse(stored);
  } catch {
    return stored;
  }
}

// Returns whether requests name a workspace. The browser's own requests, such as for a download, cannot do so.
export function namesWorkspace() {
  return workspace() !== null;
}

function headers(more = {}) {
  const name = workspace();
  return name === null ? more : { ...more, "X-MLFLOW-WORKSPACE": name };
}

async function answered(request) {
  const response = await request.catch(raiseLost);
  hear(response);
  if (response.ok) return response;
  const text = await response.text();
  let content = {};
  try {
    content = JSON.parse(text);
  } catch {
    // MLflow's own errors are plain text. A proxy's errors are pages, which are not shown.
    if (response.headers.get("Content-Type")?.startsWith("text/plain")) content = { message: text.slice(0, 300) };
  }
  throw new Failure(content.message || `The server answers ${response.status}.`, response.status, content);
}

// Raises the failure of a connection that is lost, also in the middle of an answer.
function raiseLost(error) {
  if (error.name === "AbortError") throw error;
  throw new Failure("The server does not answer.", 0, {});
}

// Returns the JSON of an answer. If a login has expired, some proxies answer with their page for it.
async function json(request) {
  const response = await answered(request);
  try {
    return await response.json();
  } catch (error) {
    if (!(error instanceof SyntaxError)) raiseLost(error);
    const message =
      "Another page came instead of an answer of the server. If your login has expired, load the page again.";
    throw new Failure(message, 401, {});
  }
}

export function addressOf(path, query) {
  return `${BASE}${path}?${new URLSearchParams(query)}`;
}

export async function get(path, query = {}, signal) {
  return json(fetch(addressOf(path, query), { headers: headers(), signal }));
}

// Returns the content of a file, such as a run's, as a blob.
export async function fileContent(address) {
  return (await answered(fetch(address, { headers: headers() }))).blob();
}

export async function post(path, content, signal) {
  const request = fetch(BASE + path, {
    method: "POST",
    headers: headers({ "Content-Type": "application/json" }),
    body: JSON.stringify(content),
    signal,
  });
  return json(request);
}

// Reads a log from an offset on. Returns the bytes, and the size of the whole file.
export async function piece(run_id, name, offset, signal) {
  const address = addressOf("runs/log", { run_id, name, offset });
  const response = await answered(fetch(address, { headers: headers(), signal }));
  return {
    bytes: new Uint8Array(await response.arrayBuffer()),
    size: Number(response.headers.get("X-Log-Size")),
  };
}
