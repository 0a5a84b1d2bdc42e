// A failed run's page links to its log, if there is one.

import assert from "node:assert/strict";
import { test } from "node:test";
import { document, serve, studio } from "./page.js";

const { RunView } = await studio("run_view");
const { waitingText } = await studio("run_state");

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

test("without a run, there are no tabs; a deleted run says so", () => {
  const page = { facts: document.createElement("p"), stopped: false, state: null };
  for (const name of ["tabList", "content", "inMlflow", "heading", "chips", "failure"])
    page[name] = document.createElement("div");
  Object.assign(page, { part: {}, title: () => "", showParts: RunView.prototype.showParts });
  RunView.prototype.tell.call(page, new Error("Run 7 does not exist."));
  assert.deepEqual([page.facts.textContent, page.tabList.hidden], ["Run 7 does not exist.", true]);
  const run = {
    run_id: "8",
    experiment_id: "1",
    status: "Completed",
    final: true,
    created_utc: "2026-01-01T00:00:00Z",
  };
  page.state = { status: "Completed" };
  RunView.prototype.set.call(page, { ...run, deleted: true });
  assert.match(page.facts.textContent, /^Deleted/);
  assert.equal(page.tabList.hidden, false);
  RunView.prototype.set.call(page, { ...run, deleted: false });
  assert.doesNotMatch(page.facts.textContent, /Deleted/);
});

test("a queued run says what its job waits for, and only as long as it is queued", () => {
  const waiting = "waiting: Resources, 3 jobs before it";
  assert.equal(waitingText({ status: "Queued", waiting }).textContent, waiting);
  assert.equal(waitingText({ status: "CancelRequested", waiting }), null);
  assert.equal(waitingText({ status: "Queued", waiting: null }), null);
});
