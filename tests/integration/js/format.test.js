import assert from "node:assert/strict";
import { test } from "node:test";
import { document, studio } from "./page.js";

const {
  ago,
  chip,
  compareLink,
  duration,
  experimentLink,
  isFinal,
  mlflowRunLink,
  runDuration,
  size,
  STATUSES,
  tag,
  tick,
} = await studio("format");

test("the final statuses are Completed, Failed and Canceled", () => {
  assert.deepEqual(STATUSES.filter(isFinal).sort(), ["Canceled", "Completed", "Failed"]);
});

for (const [seconds, shown] of [
  [0, "0.0s"],
  [59.94, "59.9s"],
  [60, "1m 0s"],
  [3599.9, "59m 59s"],
  [3600, "1h 0m"],
  [90061, "25h 1m"],
]) {
  test(`a run of ${seconds} s took ${shown}`, () => {
    const start = new Date("2026-01-01T00:00:00Z");
    assert.equal(duration(start.toISOString(), new Date(+start + seconds * 1000).toISOString()), shown);
  });
}

test("an end before the start, as of a clock set back, counts as zero", () => {
  assert.equal(duration("2026-01-01T00:00:10Z", "2026-01-01T00:00:00Z"), "0.0s");
});

test("a run that has not started has no duration, and one that goes on counts", () => {
  assert.equal(duration(null, null), "");
  const start = new Date(Date.now() - 120_000).toISOString();
  const cell = document.createElement("td");
  cell.append(duration(start));
  assert.match(cell.textContent, /^2m 0s$/);
  cell.firstChild.dataset.since = new Date(Date.now() - 3_600_000).toISOString();
  tick(cell);
  assert.equal(cell.textContent, "1h 0m");
});

test("a run that has ended does not go on, whatever it says of its end", () => {
  const start_time_utc = new Date(Date.now() - 120_000).toISOString();
  assert.equal(runDuration({ start_time_utc, end_time_utc: null, final: true }), "0.0s");
  assert.equal(runDuration({ start_time_utc, end_time_utc: null, final: false }).dataset.since, start_time_utc);
});

for (const [seconds, shown] of [
  [2, "2 seconds ago"],
  [59, "59 seconds ago"],
  [61, "1 minute ago"],
  [7200, "2 hours ago"],
  [86400 * 3, "3 days ago"],
  [86400 * 400, "1 year ago"],
]) {
  test(`${seconds} s ago is shown as ${shown}`, () => {
    const time = new Date(Date.now() - seconds * 1000).toISOString();
    const shownTime = ago(time);
    assert.equal(shownTime.textContent, shown);
    assert.equal(shownTime.getAttribute("datetime"), time);
  });
}

for (const [bytes, shown] of [
  [0, "0 B"],
  [1023, "1023 B"],
  [1024, "1.0 KB"],
  [1048575, "1024.0 KB"],
  [1048576, "1.0 MB"],
  [137 << 20, "137.0 MB"],
]) {
  test(`${bytes} bytes are ${shown}`, () => assert.equal(size(bytes), shown));
}

test("a tag's key and value are text, not markup", () => {
  const shown = tag("<b>", "<script>alert(1)</script>");
  assert.equal(shown.querySelectorAll("script").length, 0);
  assert.equal(shown.textContent, "<b>: <script>alert(1)</script>");
  assert.equal(tag("alone", null).textContent, "alone");
});

test("a status that is not known is shown", () => {
  assert.equal(chip("OfTomorrow").textContent, "OfTomorrow");
  assert.ok(chip("Failed").classList.contains("bad"));
});

test("runs of one experiment are compared with one experiment in the link", () => {
  const rows = [
    { id: "a", experiment_id: "1" },
    { id: "b", experiment_id: "1" },
    { id: "c", experiment_id: "2" },
  ];
  const query = new URLSearchParams(compareLink(rows).split("?")[1]);
  assert.deepEqual(JSON.parse(query.get("runs")), ["a", "b", "c"]);
  assert.deepEqual(JSON.parse(query.get("experiments")), ["1", "2"]);
});

test("links into MLflow's page open its views of model training", () => {
  const run = { id: "a", experiment_id: "1" };
  assert.equal(mlflowRunLink(run), "#/experiments/1/runs/a?workflowType=machine_learning");
  assert.equal(mlflowRunLink(run, "artifacts"), "#/experiments/1/runs/a/artifacts?workflowType=machine_learning");
  assert.equal(experimentLink("1"), "#/experiments/1/runs?workflowType=machine_learning");
  assert.match(compareLink([run]), /&workflowType=machine_learning$/);
});
