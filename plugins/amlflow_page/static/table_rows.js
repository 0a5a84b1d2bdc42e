// Draws the rows of All runs: runs, groups of runs, and the last row of a branch of which more can be read.

import { cell, isMetric, title } from "./cells.js";
import { h, placeChildren } from "./dom.js";
import { runAddress } from "./run_route.js";
import { groupCell, groupName, opener, runs, statusCounts, statusText, total } from "./tree_cells.js";

export function drawRow(table, node) {
  return { run: drawRun, group: drawGroup, more: drawMore }[node.kind](table, node);
}

function drawRun(table, node) {
  const { row } = node;
  const label = row.name || row.run_id;
  const box = h("input", {
    type: "checkbox",
    tabindex: "-1",
    checked: table.selected.has(row.id),
    "aria-label": `Select ${label}`,
    onchange: (event) => table.select(row.id, event.target.checked),
  });
  const name = h("a", { href: runAddress(row.id), tabindex: "-1", title: label }, h("bdi", {}, label));
  const isFlatChild = row.parent_run_id && node.level === 1;
  const opens = `${total(row.children)} children of ${label}`;
  return h(
    "tr",
    { "aria-selected": String(table.selected.has(row.id)) },
    h("td", { class: "amlflow-tick" }, box),
    h(
      "th",
      { scope: "row" },
      node.isOpenable && opener(node.isOpen, `${opens}: ${statusText(row.children)}`, () => table.toggle(node)),
      isFlatChild && h("span", { class: "amlflow-hint", title: `Child of ${row.parent_run_id}` }, "↳ "),
      node.isOpenable ? [statusCounts(row.children), name] : name,
    ),
    ...table.parts.map((part) => drawCell(table, node, part)),
  );
}

// Draws a cell of a column, or a cell for several columns that are not drawn: then `part` is their number.
export function drawCell(table, node, part) {
  if (typeof part === "number") return h("td", { colspan: String(part) });
  const content = node.kind === "group" ? groupCell(part, node.row) : cell(part, node.row, table.columns);
  return h("td", isMetric(part) ? { class: "amlflow-numbers" } : {}, content);
}

// Replaces the cells of the parts `before` by those of other parts. Cells of columns that both have stay.
export function moveCells(row, before, parts, draw) {
  const [tick, name, ...old] = row.children;
  const cells = new Map(before.map((part, place) => [part, old[place]]));
  const moved = parts.map((part) => (typeof part === "string" && cells.get(part)) || draw(part));
  placeChildren(row, [tick, name, ...moved]);
}

function drawGroup(table, node) {
  const { row } = node;
  const label = groupName(row);
  return h(
    "tr",
    { class: "amlflow-group" },
    h("td", { class: "amlflow-tick" }),
    h(
      "th",
      { scope: "row" },
      opener(node.isOpen, `${runs(row.count)} with ${title(row.column)} ${label}`, () => table.toggle(node)),
      h("bdi", { class: row.has && row.value !== null ? null : "amlflow-hint", title: label }, label),
      h("span", { class: "amlflow-hint" }, ` ${runs(row.count)}`),
    ),
    ...table.parts.map((part) => drawCell(table, node, part)),
  );
}

// Draws the last row of a branch of which more can be read.
function drawMore(table, node) {
  const { branch, parent } = node;
  const content = branch.search
    ? h("span", { class: "amlflow-hint" }, "Loading…")
    : [
        branch.failure && h("span", { class: "is-error" }, `${branch.failure} `),
        h(
          "button",
          { type: "button", class: "amlflow-button link", tabindex: "-1", onclick: () => table.branches.more(parent) },
          branch.failure ? "Try again" : "Load more",
        ),
      ];
  return h(
    "tr",
    { class: "amlflow-more" },
    h("td", { class: "amlflow-tick" }),
    h("th", { scope: "row", colspan: String(table.columns.length + 1) }, content),
  );
}

export function space(height) {
  if (height < 1) return null;
  const filler = h("tr", { class: "amlflow-space", "aria-hidden": "true" }, h("td"));
  filler.firstChild.style.height = `${height}px`;
  return filler;
}
