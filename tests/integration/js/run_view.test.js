// A failed run's page links to its log, if there is one.

import assert from "node:assert/strict";
import { test } from "node:test";
import { document, serve, studio } from "./page.js";

const { RunView } = await studio("run_view");

for (const [what, answer, expected] of [
  ["a log", { content: '{"files": [{"name": "std_log.txt"}]}' }, ["Show the first error in the log"]],
  ["no log", { content: '{"files": []}' }, []],
  ["logs that cannot be listed", { status: 500, content: '{"message": "No."}' }, []],
]) {
  test(`the failure of a run with ${what}`, async () => {
    const server = await serve(() => answer);
    const box = document.createElement("div");
    await RunView.prototype.linkToLog.call({ id: "7" }, box);
    server.close();
    assert.deepEqual(
      [...box.children].map((link) => link.textContent),
      expected,
    );
    assert.deepEqual(
      server.requests.map((request) => request.url.split("/").at(-1)),
      ["logs?run_id=7"],
    );
  });
}
