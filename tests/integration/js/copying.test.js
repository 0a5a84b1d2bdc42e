import assert from "node:assert/strict";
import { test } from "node:test";
import { studio } from "./page.js";

const { asCommand, asPython, conditionOf, toQuery } = await studio("copying");
const { standard } = await studio("definition");

for (const [expression, condition] of [
  ["[?a]", "a"],
  ["[?a[0] == ']']", "a[0] == ']'"],
  ["[?a == `[`]", "a == `[`"],
  ["[?a == 'it\\'s]']", "a == 'it\\'s]'"],
  ["[?a][?b]", null],
  ["[?a] | [0]", null],
  ["[?a].b", null],
  ["length(@)", null],
  ["[?a == 'b]", null],
]) {
  test(`${expression} is ${condition === null ? "more than a filter" : "a filter"}`, () =>
    assert.equal(conditionOf(expression), condition));
}

test("all filters are one query", () => {
  const shown = { ...standard(), query: "tag:a=b", statuses: ["Failed", "Canceled"], tags: ["stage=it's", "c"] };
  assert.equal(
    toQuery(shown).query,
    "[?(status == 'Failed' || status == 'Canceled') && tags.stage == 'it\\'s' && contains(keys(tags), 'c') && tags.a == 'b']",
  );
  assert.equal(toQuery(standard()).query, "[]");
  const written = { ...shown, statuses: [], tags: ["c"], query: "[?a || b]" };
  assert.equal(toQuery(written).query, "[?contains(keys(tags), 'c') && (a || b)]");
});

test("a query that is more than a filter has an order of its own", () => {
  const shown = { ...standard(), statuses: ["Failed"], sort: "name", query: "[].name" };
  const { query, orderBy } = toQuery(shown);
  assert.deepEqual([query, orderBy], ["[?(status == 'Failed')] | [].name", null]);
});

test("a command and Python have the words, the children and the order", () => {
  const shown = { ...standard(), text: "it's", query: "cuda", children: true, sort: "-metric:loss" };
  assert.equal(
    asCommand(shown),
    "amlflow run list '[]' --all-experiments --text='it'\\''s cuda' --include-children --order-by 'metric:loss desc'",
  );
  assert.match(
    asPython(shown),
    /query\("\[\]", include_children=True, text="it's cuda", order_by="metric:loss desc"\)$/,
  );
  assert.equal(asCommand(standard()), "amlflow run list '[]' --all-experiments");
});
