// Turns a log's lines into what a terminal would show: with colours, and without other control characters.

import { makeReadable } from "./log_colours.js";
import { AnsiUp } from "./vendor/ansi_up.js";

// biome-ignore-start lint/suspicious/noControlCharactersInRegex: terminal sequences consist of them.
const TITLES_AND_LINKS = /\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\|$)/g;
const COLOURS_AND_MOVES = /\x1b\[[0-9;:<=>?]*[ -/]*[@-~]/g;
const SEQUENCES = /\x1b(?:(\[[0-9;:<=>?]*[ -/]*[@-~])|[()*+][A-Za-z0-9]|[@-OQ-WYZ\\<=>c78])?/g;
const PARTS = /\x1b\[[0-9;:<=>?]*[ -/]*[@-~]|./gsu;
const UNSEEN = /[\x00-\x07\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f]/g;
// biome-ignore-end lint/suspicious/noControlCharactersInRegex: as above.
const FAINT = "opacity:var(--faint)"; // in log.css: with ansi_up's 0.7, a faint colour cannot be read
const STATE = ["bold", "faint", "italic", "underline", "fg", "bg"];

// Returns where a line ends without the carriage returns at its end. A regular expression would take seconds if the
// line has many of them elsewhere.
export function endOf(line) {
  let end = line.length;
  while (line[end - 1] === "\r") end--;
  return end;
}

// Returns a line without invisible characters and what a carriage return or backspaces replace. Colours are kept.
// `plain_text` in amlflow's terminal_texts.py does the same.
export function cleaned(line) {
  const text = line.slice(0, endOf(line));
  return erased(
    text
      .slice(text.lastIndexOf("\r") + 1)
      .replace(TITLES_AND_LINKS, "")
      .replace(UNSEEN, "")
      .replace(SEQUENCES, (_, colourOrMove) => (colourOrMove ? `\x1b${colourOrMove}` : "")),
  );
}

// Returns a text without backspaces and the characters before them.
function erased(text) {
  if (!text.includes("\b")) return text;
  const parts = text.match(PARTS);
  const shown = []; // the indexes of the characters that are not erased
  parts.forEach((part, index) => {
    if (part === "\b") {
      parts[index] = "";
      if (shown.length) parts[shown.pop()] = "";
    } else if (!part.startsWith("\x1b")) shown.push(index);
  });
  return parts.join("");
}

// Returns the plain text of a cleaned line.
export function plain(line) {
  return line.includes("\x1b") ? line.replace(COLOURS_AND_MOVES, "") : line;
}

// Paints lines in their colours. A colour continues on the next line.
export class Painter {
  constructor() {
    this.ansi = new AnsiUp();
    this.ansi.use_classes = true;
    this.ansi.faintStyle = FAINT;
    this.ansi.url_allowlist = {};
  }

  // Returns the current colours, for `restore`.
  state() {
    return STATE.map((name) => this.ansi[name]);
  }

  restore(state) {
    STATE.forEach((name, index) => {
      this.ansi[name] = state[index];
    });
  }

  // Reads the colours of lines without showing the lines.
  skip(lines) {
    for (const line of lines) if (line.includes("\x1b")) this.html(line);
  }

  // Returns a cleaned line as a node. This is safe: ansi_up escapes the text, and makes classes and colours only from
  // numbers.
  paint(line) {
    const isPlain = !line.includes("\x1b") && this.state().every((value) => !value);
    if (isPlain) return document.createTextNode(line);
    const template = document.createElement("template");
    template.innerHTML = this.html(line);
    for (const part of template.content.querySelectorAll("[style]")) makeReadable(part);
    return template.content;
  }

  html(line) {
    const html = this.ansi.ansi_to_html(line);
    this.ansi._buffer = ""; // an incomplete sequence at the end of a line does not continue on the next line
    return html;
  }
}
