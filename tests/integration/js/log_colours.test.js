import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { document, studio } from "./page.js";

const { contrast, makeReadable, readable } = await studio("log_colours");
const { Painter } = await studio("log_text");

const LOG = { light: "#f2f2f2", dark: "#1f272d" }; // the log's background
const ESC = "\x1b";

function numbers(text) {
  if (text.startsWith("#")) return [1, 3, 5].map((place) => Number.parseInt(text.slice(place, place + 2), 16));
  return text.match(/\d+/g).map(Number);
}

function painted(line) {
  const element = document.createElement("div");
  element.append(new Painter().paint(line));
  return element.firstChild;
}

test("the backgrounds are those of the style sheet", () => {
  const css = readFileSync(new URL("../../../plugins/amlflow_page/static/studio.css", import.meta.url), "utf8");
  assert.deepEqual(
    [...css.matchAll(/--aml-soft: (#\w+)/g)].map(([, colour]) =>
      numbers(colour.replace(/^#(\w)(\w)(\w)$/, "#$1$1$2$2$3$3")),
    ),
    Object.values(LOG).map(numbers),
  );
});

test("each of the 256 colours can be read in both themes", () => {
  for (let colour = 16; colour < 256; colour++) {
    const { style } = painted(`${ESC}[38;5;${colour}mtext`);
    for (const [theme, background] of Object.entries(LOG))
      assert.ok(
        contrast(numbers(style.getPropertyValue(`--on-${theme}`)), numbers(background)) >= 4.5,
        `${colour}, ${theme}`,
      );
    const behind = painted(`${ESC}[48;5;${colour}mtext`).style;
    assert.ok(contrast(numbers(behind.color), numbers(behind.backgroundColor)) >= 4.5, `behind: ${colour}`);
  }
});

test("a readable colour stays as it is", () => {
  assert.deepEqual(readable([200, 0, 0], [255, 255, 255]), [200, 0, 0]);
  const { style } = painted(`${ESC}[38;2;255;255;255;48;2;0;0;90mtext`);
  assert.deepEqual(
    [numbers(style.color), numbers(style.backgroundColor)],
    [
      [255, 255, 255],
      [0, 0, 90],
    ],
  );
});

test("a text that has the colour of its background can be read", () => {
  const { style } = painted(`${ESC}[38;2;90;90;90;48;2;90;90;90mtext`);
  assert.ok(contrast(numbers(style.color), [90, 90, 90]) >= 4.5);
});

test("on a named background, the style sheet chooses the colour of the text", () => {
  const { classList, style } = painted(`${ESC}[41;38;5;208mtext`);
  assert.deepEqual([[...classList], style.color], [["ansi-red-bg"], ""]);
});

test("bold text without a colour keeps its style", () => {
  const element = document.createElement("span");
  element.setAttribute("style", "font-weight:bold");
  makeReadable(element);
  assert.equal(element.getAttribute("style"), "font-weight:bold");
});
