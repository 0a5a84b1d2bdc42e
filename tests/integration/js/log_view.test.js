import assert from "node:assert/strict";
import { test } from "node:test";
import { studio } from "./page.js";

const { LogView } = await studio("log_view");

// A view that reads nothing itself.
function view() {
  const made = Object.assign(Object.create(LogView.prototype), {
    line: null,
    block: null,
    length: 0,
    text: document.createElement("pre"),
    start: { hidden: true },
    follow: { checked: false },
  });
  return made;
}

function written(...pieces) {
  const made = view();
  for (const piece of pieces) made.write(piece);
  return made.text.textContent;
}

test("lines that come in pieces are put together", () => {
  assert.equal(written("epo", "ch 1\nepoch", " 2\n"), "epoch 1\nepoch 2\n");
});

test("a carriage return goes back to the line's beginning, as progress bars want", () => {
  assert.equal(written(" 10%\r 20%\r", " 30%"), " 30%");
  assert.equal(written(" 10%\r100%\n", "done\n"), "100%\ndone\n");
});

test("Windows' line ends are line ends", () => {
  assert.equal(written("one\r\ntwo\r\n"), "one\ntwo\n");
});

test("colours are left out", () => {
  assert.equal(written("\x1b[1;31mred\x1b[0m\n"), "red\n");
});

test("markup in a log is text", () => {
  const made = view();
  made.write("<img src=x onerror=alert(1)>\n");
  assert.equal(made.text.querySelectorAll("img").length, 0);
});

test("many lines stay in order, over blocks", () => {
  const lines = Array.from({ length: 1203 }, (_, index) => `line ${index}`);
  const made = view();
  made.write(`${lines.join("\n")}\n`);
  assert.equal(made.text.querySelectorAll(".amlflow-lines").length, 3);
  assert.deepEqual(made.text.textContent.trim().split("\n"), lines);
});
