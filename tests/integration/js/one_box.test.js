import assert from "node:assert/strict";
import { test } from "node:test";
import { studio } from "./page.js";

const { asWords, inOneBox, isJmespath, narrowedToFailure } = await studio("one_box");
const { fromAddress, standard, toAddress } = await studio("definition");
const { understand } = await studio("understand");
const { FilterBar } = await studio("filter_bar");
const { cell } = await studio("cells");

for (const text of ["wide back", "status:failed", "[x] | y", "it's", "f (x)", '"quoted"', "a|b"]) {
  test(`the words ${text} are words in the box`, () => {
    const words = asWords(text);
    assert.ok(!isJmespath(words));
    assert.equal(understand(words).query, "");
    assert.equal(understand(words).text, text.replaceAll('"', ""));
  });
}

test("words of an old link come into the box", () => {
  const shown = fromAddress(new URLSearchParams("text=wide back&query=status:failed"));
  assert.deepEqual([shown.query, shown.text], ["status:failed wide back", ""]);
  assert.equal(toAddress(shown).get("text"), null);
});

test("words beside JMESPath stay, and can be removed", () => {
  const shown = inOneBox({ ...standard(), query: "[?tags.a]", text: "wide" });
  assert.equal(shown.text, "wide");
  const bar = new FilterBar(shown, () => {});
  bar.show(shown);
  bar.chips.querySelector("[aria-label='Remove the words']").click();
  assert.equal(shown.text, "");
});

test("a reason is looked for among the failed runs, in place of another one", () => {
  const first = narrowedToFailure({ ...standard(), query: "since:2d" }, "CUDA out of memory");
  assert.equal(first.query, 'since:2d status:failed "CUDA out of memory"');
  const second = narrowedToFailure(first, 'no "file" | here');
  assert.equal(second.query, 'since:2d status:failed "no  file  | here"');
  assert.equal(understand(second.query).text, "no  file  | here");
  const beside = narrowedToFailure({ ...standard(), query: "[?tags.a]" }, "CUDA");
  assert.deepEqual([beside.query, beside.text, beside.statuses], ["[?tags.a]", "CUDA", ["Failed"]]);
});

test("a failed run's status says why, unless a column does", () => {
  const row = { status: "Failed", error_line: "CUDA out of memory" };
  assert.equal(cell("status", row, ["status"]).textContent, "Failed: CUDA out of memory");
  assert.equal(cell("status", row, ["status"]).title, "CUDA out of memory");
  assert.equal(cell("status", row, ["status", "error"]).textContent, "Failed");
  assert.equal(cell("status", { status: "Failed", error_line: null }).textContent, "Failed");
});
