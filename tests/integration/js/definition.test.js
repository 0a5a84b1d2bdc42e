import assert from "node:assert/strict";
import { test } from "node:test";
import { studio } from "./page.js";

const { completed, fromAddress, isUnfiltered, same, standard, toAddress } = await studio("definition");

const CHOSEN = {
  ...standard(),
  query: "[?tags.quality=='a&b=c']",
  text: "naïve + run",
  experiments: ["one", "two, three"],
  tags: ["a=b=c"],
  children: true,
  sort: "tag:quality",
  columns: ["status", "property:author"],
  charted: ["run 1", "run 2"],
};

test("the address of the standard definition is empty", () => {
  assert.equal(toAddress(standard()).toString(), "");
});

test("a definition comes back from its address", () => {
  const address = toAddress(CHOSEN).toString();
  assert.deepEqual(fromAddress(new URLSearchParams(address)), CHOSEN);
});

test("an address holds only what differs from the view it is based on", () => {
  const changed = { ...CHOSEN, text: "" };
  assert.equal(toAddress(changed, CHOSEN).toString(), "text=");
  assert.deepEqual(fromAddress(new URLSearchParams("text="), CHOSEN), changed);
});

test("an emptied list of a view stays empty", () => {
  const changed = { ...CHOSEN, experiments: [], columns: [] };
  assert.deepEqual(fromAddress(toAddress(changed, CHOSEN), CHOSEN), changed);
});

test("reading an address leaves the base as it is", () => {
  const base = standard();
  fromAddress(new URLSearchParams("tags=a&columns=id"), base).tags.push("b");
  assert.deepEqual(base, standard());
});

test("unknown names in an address are ignored", () => {
  assert.deepEqual(fromAddress(new URLSearchParams("__proto__=x&view=1&colour=red")), standard());
});

for (const [what, definition] of Object.entries({
  nothing: {},
  "null values": { query: null, columns: null },
  "values of other types": { query: 1, children: "yes", columns: "status", tags: { a: "b" }, sort: ["created"] },
  "names of a later version": { graphs: ["loss"] },
})) {
  test(`a saved view with ${what} is completed from the standard one`, () => {
    assert.deepEqual(completed(definition), standard());
  });
}

test("a column that the server cannot sort or group by is as if it was not named", () => {
  const odd = new URLSearchParams("sort=-colour&group=metric:a&subgroup=tag:a");
  assert.deepEqual(fromAddress(odd), standard());
  for (const sort of ["name", "-ended", "metric_min:loss", "tag:a"])
    assert.equal(fromAddress(new URLSearchParams({ sort })).sort, sort);
  const nested = fromAddress(new URLSearchParams("group=status&subgroup=tag:a"));
  assert.deepEqual([nested.group, nested.subgroup], ["status", "tag:a"]);
});

test("a saved view keeps what it says", () => {
  assert.deepEqual(completed(CHOSEN), CHOSEN);
});

test("definitions are the same in another order of names and with defaults left out", () => {
  assert.ok(same({ children: true, text: "a" }, { text: "a", children: true, sort: "-created" }));
  assert.ok(!same({ text: "a" }, { text: "b" }));
});

test("every filter counts as one, but child runs, order and columns do not", () => {
  assert.ok(isUnfiltered({ ...standard(), children: true, sort: "name", columns: [] }));
  for (const filter of [{ query: "[]" }, { text: "a" }, { experiments: ["a"] }, { statuses: ["Failed"] }]) {
    assert.ok(!isUnfiltered({ ...standard(), ...filter }), JSON.stringify(filter));
  }
  for (const filter of [{ targets: ["local"] }, { submitters: ["ada"] }, { tags: ["a=b"] }]) {
    assert.ok(!isUnfiltered({ ...standard(), ...filter }), JSON.stringify(filter));
  }
});

test("columns that there cannot be are left out of an address", () => {
  const columns = (text) => fromAddress(new URLSearchParams(text)).columns;
  assert.deepEqual(columns("columns=foo&columns=status&columns=status"), ["status"]);
  assert.deepEqual(columns("columns=status,created"), standard().columns);
  assert.deepEqual(columns("columns=tag:&columns=constructor:a"), standard().columns);
  assert.deepEqual(columns("columns=metric:val/loss&columns=tag:a:b"), ["metric:val/loss", "tag:a:b"]);
  assert.deepEqual(columns("columns="), []);
  assert.deepEqual(completed({ columns: ["foo"] }).columns, standard().columns);
});

test("a group that there cannot be is none", () => {
  const group = (text) => fromAddress(new URLSearchParams({ group: text })).group;
  assert.deepEqual(["status", "tag:a", "name", "metric:loss", "tag:"].map(group), ["status", "tag:a", "", "", ""]);
});

test("a view keeps how many columns are pinned", () => {
  const shown = { ...standard(), pinned: "2" };
  assert.equal(toAddress(shown).toString(), "pinned=2");
  assert.equal(fromAddress(toAddress(shown)).pinned, "2");
  assert.equal(fromAddress(new URLSearchParams("pinned=many")).pinned, "");
});
