import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { document, event, studio } from "./page.js";

const { LogLines } = await studio("log_lines");
const { cleaned, Painter, plain } = await studio("log_text");

const ESC = "\x1b";

function view(first = 1) {
  const lines = new LogLines(
    document.createElement("pre"),
    (number) => `#L${number}`,
    () => {
      lines.wasDropped = true;
    },
  );
  lines.clear(first);
  return lines;
}

function written(...pieces) {
  const lines = view();
  for (const piece of pieces) lines.write(piece);
  return lines.element.textContent;
}

function painted(line) {
  const element = document.createElement("div");
  element.append(new Painter().paint(cleaned(line)));
  return element;
}

test("lines that come in pieces are put together", () => {
  assert.equal(written("epo", "ch 1\nepoch", " 2\n"), "epoch 1\nepoch 2\n");
});

test("a carriage return goes back to the line's beginning, as progress bars want", () => {
  assert.equal(written(" 10%\r 20%\r", " 30%"), " 30%");
  assert.equal(written(" 10%\r100%\n", "done\n"), "100%\ndone\n");
});

test("a line of many millions of characters is cut, and what comes after it is whole", () => {
  const piece = "x".repeat(1_000_000);
  const pieces = Array.from({ length: 10 }, () => piece);
  const cut = `${"x".repeat(100_000)}… and 9,900,000 more characters: download the log`;
  const lines = view();
  lines.write("one\n");
  for (const each of pieces) lines.write(each);
  assert.equal(lines.element.textContent, `one\n${cut}`);
  lines.write("\r");
  lines.write("\nnext\n");
  assert.equal(lines.element.textContent, `one\n${cut}\nnext\n`);
  assert.equal(written(`one\n${pieces.join("")}\n${piece}\rshort\nnext`), `one\n${cut}\nshort\nnext`);
  assert.equal(written(...pieces, "\r", "short"), "short");
});

test("Windows' line ends are line ends", () => {
  assert.equal(written("one\r\ntwo\r\n"), "one\ntwo\n");
});

test("a sequence that comes in pieces is one", () => {
  assert.equal(written(`${ESC}[3`, `1mred${ESC}`, "[0m\n"), "red\n");
});

test("what a line shows is what Python's plain_text says", async () => {
  const cases = JSON.parse(await readFile(new URL("../../helpers/terminal_texts.json", import.meta.url)));
  assert.ok(cases.length > 10);
  for (const [line, shown] of cases) {
    assert.equal(plain(cleaned(line)), shown);
    assert.equal(written(line, "\n"), `${shown}\n`);
    assert.equal(written(...line, "\n"), `${shown}\n`);
  }
});

test("a line with many carriage returns takes a moment", () => {
  const line = `${"\r".repeat(100_000)}x`;
  const before = process.cpuUsage();
  assert.equal(cleaned(line), "x");
  assert.equal(written(line, "\n"), "x\n");
  const { user } = process.cpuUsage(before);
  assert.ok(user < 2_000_000, `${user} µs`); // it takes some ms; if the time grew with the square, some 10 s
});

test("colours are shown, and go on from line to line", () => {
  const red = painted(`${ESC}[31mred${ESC}[0m`).firstChild;
  assert.equal(red.className, "ansi-red-fg");
  const painter = new Painter();
  painter.paint(`${ESC}[1;32mone`);
  const element = document.createElement("div");
  element.append(painter.paint("two"));
  assert.equal(element.firstChild.className, "ansi-green-fg");
});

test("markup in a log is text", () => {
  for (const line of ["<img src=x onerror=alert(1)>", `${ESC}[31m<img src=x>"'&${ESC}[0m`]) {
    const element = painted(line);
    assert.equal(element.querySelectorAll("img").length, 0);
    assert.equal(element.textContent, plain(line));
  }
});

test("what is left of a sequence does not eat the next line", () => {
  const painter = new Painter();
  painter.paint(`a${ESC}[`);
  const element = document.createElement("div");
  element.append(painter.paint("mb"));
  assert.equal(element.textContent, "mb");
});

test("many lines stay in order, over blocks, painted or not", () => {
  const texts = Array.from({ length: 1203 }, (_, index) => `line ${index}`);
  const lines = view();
  lines.write(`${texts.join("\n")}\n`);
  assert.equal(lines.element.querySelectorAll(".amlflow-lines").length, 3);
  assert.deepEqual(lines.element.textContent.trim().split("\n"), texts);
  lines.paint(lines.blocks[1]);
  assert.deepEqual(lines.element.textContent.trim().split("\n"), texts);
  lines.unpaint(lines.blocks[1]);
  assert.deepEqual(lines.element.textContent.trim().split("\n"), texts);
});

test("a painted block has numbers and links, and its own colours", () => {
  const lines = view(100);
  lines.write(`${ESC}[31m${"red\n".repeat(501)}`);
  lines.paint(lines.blocks[1]);
  const [line] = lines.blocks[1].element.children;
  assert.equal(line.firstChild.getAttribute("href"), "#L600");
  assert.equal(line.querySelector("span").className, "ansi-red-fg");
  assert.deepEqual([lines.has(99), lines.has(100), lines.has(600), lines.has(601)], [false, true, true, false]);
});

test("numbers come when they are known", () => {
  const lines = view(null);
  lines.write("one\n");
  lines.paint(lines.blocks[0]);
  assert.equal(lines.element.querySelector("a"), null);
  assert.equal(lines.has(7), false);
  lines.setFirst(7);
  assert.equal(lines.element.querySelector("a").getAttribute("href"), "#L7");
});

test("the beginning of what is too long is left out", () => {
  const lines = view();
  for (let count = 0; count < 11; count++) lines.write(`${"x".repeat(999)}\n`.repeat(500));
  assert.ok(lines.wasDropped);
  assert.ok(lines.length <= 4_000_000);
  assert.equal(lines.has(1), false);
});

test("the keys go from line to line, and the focus stays when more lines come", () => {
  const lines = view();
  document.body.append(lines.element);
  lines.write("one\ntwo\nthree\n");
  lines.paint(lines.blocks[0]);
  const press = (key) => document.activeElement.dispatchEvent(event("keydown", { key }));
  lines.element.tabIndex = 0;
  lines.element.focus();
  press("Tab");
  const stops = () => lines.links().filter((link) => link.tabIndex === 0);
  assert.deepEqual(
    stops().map((link) => link.dataset.number),
    ["1"],
  );
  stops()[0].focus();
  press("ArrowDown");
  assert.equal(document.activeElement.dataset.number, "2");
  lines.write("four\n");
  assert.equal(document.activeElement.dataset.number, "2");
  press("ArrowUp");
  press("ArrowUp");
  assert.equal(document.activeElement.dataset.number, "1");
  assert.equal(stops().length, 1);
  lines.element.remove();
});
