// Elements that replace each other keep the focus, and a text is set once.

import assert from "node:assert/strict";
import { test } from "node:test";
import { document, studio } from "./page.js";

const { button, h, replaceContent, setText } = await studio("dom");

function shown(...labels) {
  return labels.map((label) => label && button(label, () => {}, { disabled: label === "Off" }));
}

test("the button with the focus has it after its neighbours have changed", () => {
  const bar = h("div", {}, ...shown("Compare", "Tags", "Clear"));
  document.body.append(bar);
  bar.children[1].focus();
  replaceContent(bar, ...shown("Off", "Compare", "Tags", null));
  assert.equal(document.activeElement.textContent, "Tags");
  replaceContent(bar, ...shown("Off", "Compare"));
  assert.equal(document.activeElement.textContent, "Compare");
});

test("a focus elsewhere stays where it is", () => {
  const bar = h("div", {}, ...shown("Compare"));
  const other = button("Other", () => {});
  document.body.append(bar, other);
  other.focus();
  replaceContent(bar, ...shown("Compare"));
  assert.equal(document.activeElement, other);
});

test("a screen reader is not given the same text again", () => {
  const place = h("span", { role: "status" });
  setText(place, "3 new");
  const text = place.firstChild;
  setText(place, "3 new");
  assert.equal(place.firstChild, text);
  setText(place, "4 new");
  assert.equal(place.textContent, "4 new");
});
