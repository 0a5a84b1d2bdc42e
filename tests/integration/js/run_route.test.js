import assert from "node:assert/strict";
import { test } from "node:test";
import { studio } from "./page.js";

const { differenceAddress, queryOf, readDifference, readRoute, runAddress, TABS } = await studio("run_route");
const { number } = await studio("sections");

test("an address of a run's page has the run, the tab and what is shown there", () => {
  const route = readRoute("#/amlflow/runs/abc/logs?file=user_logs%2Fa&line=120");
  assert.deepEqual([route.id, route.tab, route.query.get("line")], ["abc", "logs", "120"]);
  assert.equal(route.query.get("file"), "user_logs/a");
});

test("a query may contain question marks, as a hand-written JMESPath expression does", () => {
  assert.equal(queryOf("#/amlflow/runs?query=[?a].[b]&sort=created").get("query"), "[?a].[b]");
  assert.equal(queryOf("#/amlflow/runs").toString(), "");
});

test("addresses are read as they are written", () => {
  for (const tab of TABS) {
    const route = readRoute(runAddress("abc", tab, { file: "a b/ü?&=" }));
    assert.deepEqual([route.id, route.tab, route.query.get("file")], ["abc", tab, "a b/ü?&="]);
  }
});

test("other addresses are not a run's page", () => {
  for (const hash of ["", "#/amlflow/runs", "#/amlflow/runs?query=a", "#/amlflow/runs/", "#/experiments/1/runs/abc"])
    assert.equal(readRoute(hash), null);
});

test("a tab that there is not is the first one", () => {
  assert.equal(readRoute("#/amlflow/runs/abc/nothing").tab, "overview");
});

test("numbers fit a column and keep their value as a hint", () => {
  const shown = (value) => number(value).textContent;
  assert.equal(shown(0.123456789), "0.123457");
  assert.equal(shown(1e-7), "1.0000e-7");
  assert.equal(shown(0), "0");
  assert.equal(number("NaN"), "NaN");
  assert.equal(number(-Number.MAX_VALUE), "-Infinity");
  assert.equal(number(0.123456789).getAttribute("title"), "0.123456789");
});

test("a page of differences is of two runs", () => {
  const address = differenceAddress([{ id: "a" }, { id: "b" }]);
  assert.deepEqual(readDifference(address), ["a", "b"]);
  assert.equal(readRoute(address), null);
  for (const hash of ["#/amlflow/difference", "#/amlflow/difference?left=a", "#/amlflow/runs"])
    assert.equal(readDifference(hash), null);
});

test("the difference says what is alike", async () => {
  const { alikeText } = await studio("difference_view");
  const all = ["params", "properties", "tags", "environment", "command", "metrics"];
  assert.equal(alikeText([], false), "Nothing is different.");
  assert.equal(alikeText(all.slice(1), false), "No difference in: params, files of the snapshots.");
  assert.equal(alikeText(all, true), "");
});
