import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { document, localStorage, studio } from "./page.js";

const { defaultView, hasDefaults, noteVisit, seenUntil, setDefaultView } = await studio("seen");
const { changeText } = await studio("board");
const { groups } = await studio("saved_views");
const { plainLine } = await studio("markdown");
const { absolute, form, setForm, timeElement, timeText } = await studio("times");

const MINUTE = 60_000;

beforeEach(() => localStorage.clear());

test("what is new counts from the end of the last visit, however often one looks in this one", () => {
  assert.equal(seenUntil("ada", "v", 0), null);
  noteVisit("ada", "v", null, "monday 9:00", 0);
  assert.equal(seenUntil("ada", "v", 5 * MINUTE), "monday 9:00");
  noteVisit("ada", "v", "monday 9:00", "monday 9:05", 5 * MINUTE);
  assert.equal(seenUntil("ada", "v", 20 * MINUTE), "monday 9:00");
  assert.equal(seenUntil("ada", "v", 60 * MINUTE), "monday 9:05");
  assert.equal(seenUntil("ben", "v", 60 * MINUTE), null);
  assert.equal(seenUntil("ada", "w", 60 * MINUTE), null);
});

test("only the latest visits are kept", () => {
  for (let number = 0; number < 250; number += 1) noteVisit("ada", `v${number}`, null, "now", number);
  assert.equal(seenUntil("ada", "v0", 250), null);
  assert.equal(seenUntil("ada", "v249", 250), "now");
});

test("each person has a default view of their own, also who has no name", () => {
  assert.equal(hasDefaults(), false);
  setDefaultView("ada", "a");
  setDefaultView(null, "b");
  setDefaultView("constructor", "c");
  assert.deepEqual(["ada", null, "ben", "constructor"].map(defaultView), ["a", "b", null, "c"]);
  setDefaultView("ada", null);
  assert.equal(defaultView("ada"), null);
  assert.ok(hasDefaults());
});

test("what a browser keeps is not trusted", () => {
  for (const text of ["{", "[]", "null", "7", '{"ada":7,"v ada":{"from":1}}']) {
    localStorage.setItem("amlflow.default-views", text);
    localStorage.setItem("amlflow.visits", text);
    assert.equal(defaultView("ada"), null);
    assert.equal(seenUntil("ada", "v"), null);
    noteVisit("ada", "v", null, "now", 5);
    assert.equal(seenUntil("ada", "v", 5), "now");
  }
});

test("views are one's own or others', and all alike where there are no users", () => {
  const views = [{ owner: "ada" }, { owner: "ben" }, { owner: null }];
  assert.deepEqual(groups(views, "ada"), { mine: [views[0]], others: [views[1], views[2]] });
  assert.deepEqual(groups(views, null), { mine: [], others: views });
});

test("numbers of changes are whole up to what is counted", () => {
  assert.equal(changeText("failed", 1), "1 failed");
  assert.equal(changeText("ended", 1000), "1,000 or more completed or canceled");
});

for (const [text, line] of [
  ["plain words", "plain words"],
  ["a_b-c", "a_b-c"],
  ["# Results\nThe [wide](https://e.com) **backbone** `x<y`", "Results · The wide backbone x<y"],
  ["- a\n- b\n\n<b>hi</b>\n\n![alt](x.png)", "a · b · hi · alt"],
  ["| a | b |\n|--|--|\n| 1 | 2 |", "a · b · 1 · 2"],
]) {
  test(`${JSON.stringify(text)} is one line without marks`, () => assert.equal(plainLine(text), line));
}

test("a time is shown with its zone, and in UTC under the pointer", () => {
  const time = "2026-01-02T03:04:05+00:00";
  assert.equal(absolute(time, "UTC"), "2026-01-02 03:04:05 UTC");
  assert.equal(absolute(time, "Asia/Kolkata"), "2026-01-02 08:34:05 GMT+5:30");
  assert.equal(timeText(time, "utc"), "2026-01-02 03:04:05 UTC");
  const element = timeElement(time);
  assert.ok(element.title.endsWith("\n2026-01-02 03:04:05 UTC"));
  document.body.append(element);
  setForm("utc", document);
  assert.equal(element.textContent, "2026-01-02 03:04:05 UTC");
  assert.equal(form(), "utc");
  localStorage.setItem("amlflow.times", "mars");
  assert.equal(form(), "ago");
});
