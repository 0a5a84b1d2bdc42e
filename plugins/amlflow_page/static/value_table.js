// Shows the value of a query that does not choose runs: as a table if it has rows, else as JSON.

import { short } from "./cells.js";
import { button, h } from "./dom.js";
import { entryOf } from "./entries.js";

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

// Returns the column names and the rows of a value; null if it does not have rows.
export function toRows(value) {
  if (!Array.isArray(value) || !value.length) return null;
  if (value.every(Array.isArray)) {
    const count = Math.max(...value.map((row) => row.length));
    return { names: Array.from({ length: count }, (_, index) => `Column${index + 1}`), rows: value };
  }
  if (value.every((row) => row && typeof row === "object" && !Array.isArray(row))) {
    const names = [...new Set(value.flatMap(Object.keys))];
    return { names, rows: value.map((row) => names.map((name) => entryOf(row, name))) };
  }
  return value.some((cell) => cell && typeof cell === "object")
    ? null
    : { names: ["Result"], rows: value.map((cell) => [cell]) };
}

// Returns comma-separated values. A text that a spreadsheet would read as a formula is marked as a text. A number that
// is kept as a text, such as a param, stays a number.
export function toCsv({ names, rows }) {
  return [names, ...rows].map((row) => row.map(csvCell).join(",")).join("\r\n");
}

function csvCell(value) {
  if (typeof value === "number") return String(value);
  let text = asText(value);
  if (/^[=+\-@\t\r]/.test(text) && !NUMBER.test(text)) text = `'${text}`;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function asText(value) {
  if (value == null) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

export function showValue(element, value) {
  const table = toRows(value);
  if (!table) {
    element.replaceChildren(h("pre", {}, JSON.stringify(value, null, 2)));
    return;
  }
  const cell = (each) =>
    typeof each === "number"
      ? h("td", {}, h("span", { class: "amlflow-number", title: each }, short(each)))
      : h("td", { title: asText(each) }, asText(each));
  element.replaceChildren(
    button("Download CSV", () => download(toCsv(table))),
    h(
      "table",
      { class: "amlflow-result" },
      h("thead", {}, h("tr", {}, ...table.names.map((name) => h("th", { scope: "col" }, name)))),
      h("tbody", {}, ...table.rows.map((row) => h("tr", {}, ...table.names.map((_, index) => cell(row[index]))))),
    ),
  );
}

function download(text) {
  const address = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  h("a", { href: address, download: "runs.csv" }).click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}
