import assert from "node:assert/strict";
import { test } from "node:test";
import { event, studio } from "./page.js";

const { FilterBar } = await studio("filter_bar");
const { standard } = await studio("definition");

function bar(definition = standard()) {
  const changes = [];
  const made = new FilterBar(definition, () => changes.push(structuredClone(made.definition)));
  made.show(definition);
  return { made, changes };
}

function enter(made, text) {
  made.tag.value = text;
  made.tag.dispatchEvent(event("keydown", { key: "Enter" }));
}

test("Enter adds a tag filter, once", () => {
  const { made, changes } = bar();
  enter(made, " quality=fantastic run ");
  enter(made, "quality=fantastic run");
  assert.equal(made.tag.value, "");
  enter(made, "  ");
  assert.deepEqual(made.definition.tags, ["quality=fantastic run"]);
  assert.deepEqual(changes.at(-1).tags, ["quality=fantastic run"]);
});

test("a tag filter is removed by its own button", () => {
  const { made } = bar({ ...standard(), tags: ["a", "b=c"] });
  made.chips.querySelector('[aria-label="Remove the tag filter a"]').click();
  assert.deepEqual(made.definition.tags, ["b=c"]);
  assert.equal(made.chips.children.length, 1);
});

test("a menu says what is chosen", () => {
  const { made } = bar({ ...standard(), experiments: ["one"], statuses: ["Failed", "Canceled"] });
  assert.match(made.menus.experiments.textContent, /Experiment: one/);
  assert.match(made.menus.statuses.textContent, /Status \(2\)/);
  assert.match(made.menus.targets.textContent, /^Compute target$/);
});

test("targets and submitters are learnt from the rows", () => {
  const { made } = bar();
  made.learn([
    { target: "gpu", user_id: "ada" },
    { target: null, user_id: null },
  ]);
  assert.ok(made.seen.targets.has("gpu"));
  assert.deepEqual([...made.seen.submitters], ["ada"]);
});

test("child runs are shown when the box is ticked", () => {
  const { made, changes } = bar();
  made.children.checked = true;
  made.children.dispatchEvent(event("change"));
  assert.equal(changes.at(-1).children, true);
});
