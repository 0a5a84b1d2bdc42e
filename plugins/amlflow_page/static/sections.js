// The sections of a run's page and of a page of differences: cards with tables of values.

import { short } from "./cells.js";
import { h } from "./dom.js";
import { isFiniteNumber } from "./format.js";

export function section(title, ...content) {
  return h("section", { class: "amlflow-card" }, h("h2", {}, title), ...content);
}

// Returns a table. `label` is its name for screen readers. With `rowHeads`, the first cell of each row is its header.
export function table(titles, rows, { kind = "", label = titles.join(", "), rowHeads = false } = {}) {
  const cell = (content, index) =>
    index === 0 && rowHeads ? h("th", { scope: "row" }, content) : h("td", {}, content);
  return h(
    "div",
    { class: "amlflow-wide", tabindex: "0", role: "group", "aria-label": label },
    h(
      "table",
      { class: `amlflow-values ${kind}`.trim() },
      h("thead", {}, h("tr", {}, ...titles.map((title) => h("th", { scope: "col" }, title)))),
      h("tbody", {}, ...rows.map((cells) => h("tr", {}, ...cells.map(cell)))),
    ),
  );
}

const SHORT = new Intl.NumberFormat("en", { maximumSignificantDigits: 6, useGrouping: false });

// Returns a number in few digits that fit into a column. Texts such as NaN are returned unchanged.
export function number(value) {
  if (typeof value !== "number") return String(value);
  if (!isFiniteNumber(value)) return short(value);
  const size = Math.abs(value);
  const shown = size && (size < 1e-4 || size >= 1e9) ? value.toExponential(4) : SHORT.format(value);
  return h("span", { title: String(value) }, shown);
}
