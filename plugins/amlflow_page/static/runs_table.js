// The table of runs: columns, order, selection and the keyboard. Only visible rows and columns are drawn.

import { Branches, flatten } from "./branches.js";
import { isMetric, LINKED, longTitle, startsDescending, title, usualWidth } from "./cells.js";
import { ColumnWindow } from "./column_window.js";
import { isSortable, PINNED } from "./definition.js";
import { h, icon, placeChildren } from "./dom.js";
import { tick } from "./format.js";
import { RowWindow } from "./row_window.js";
import { drawCell, drawRow, moveCells, space } from "./table_rows.js";
import { form } from "./times.js";
import { total } from "./tree_cells.js";

const LEAST_WIDTH = 48;
const TICK_WIDTH = 32;
const STEP = 16; // pixels by which the keyboard makes a column wider or narrower
const KEPT = 200; // the focus is kept if at most this many rows are between it and the visible rows

export { title };

export class RunsTable {
  // `on.sort(column)`, `on.select(rows, isByUser)`, `on.open(row)`, `on.resize(column, width)`,
  // `on.move(column, step)`, and `on.read(row, cursor, signal)`, which returns a page of the rows below a row.
  constructor(on) {
    this.on = on;
    this.rows = new Map();
    this.selected = new Map();
    this.branches = new Branches(on.read, () => this.branched());
    this.nodes = [];
    this.places = new Map();
    this.group = "";
    this.elements = new Map();
    this.columns = [];
    this.widths = {};
    this.colgroup = h("colgroup");
    this.head = h("tr", { "aria-rowindex": "1" });
    this.body = h("tbody");
    this.element = h("table", { class: "amlflow-table" }, this.colgroup, h("thead", {}, this.head), this.body);
    this.element.setAttribute("aria-multiselectable", "true");
    this.element.setAttribute("aria-label", "Runs");
    this.element.setAttribute("aria-keyshortcuts", "g");
    this.body.addEventListener("keydown", (event) => this.key(event));
    this.body.addEventListener("focusin", (event) => this.rove(event.target.closest("tr")));
    this.body.addEventListener("click", (event) => this.click(event));
    this.element.addEventListener("focusin", (event) => this.uncover(event.target));
    this.window = new RowWindow(() => this.render());
    this.columnWindow = new ColumnWindow();
    this.parts = []; // what each row has after the name: see ColumnWindow
  }

  // `scroller` is the element in which the table scrolls.
  attach(scroller) {
    this.window.attach(scroller, this.head);
    this.columnWindow.attach(scroller);
  }

  chosen() {
    return [...this.selected].map(([id, row]) => this.find(id) ?? row);
  }

  // Returns a run's row, at the top level or in a branch.
  find(id) {
    return this.rows.get(id) ?? this.branches.find(id);
  }

  // Returns the shown runs from top to bottom. Runs in closed branches are not shown.
  shownRuns() {
    return this.nodes.filter((node) => node.kind === "run").map((node) => node.row);
  }

  // `group` is the column that rows are grouped by, or "".
  setColumns(columns, sort, widths = {}, { group = "", tree = false, pinned = "", dense = false } = {}) {
    // What is read from the page is read before it is changed: else the browser would lay out rows that are not shown.
    this.window.setDense(dense);
    const range = this.window.range(this.nodes.length);
    this.group = group;
    this.element.setAttribute("role", group || tree ? "treegrid" : "grid");
    this.columns = columns;
    this.sort = sort;
    this.widths = { ...widths };
    this.columnWindow.set(columns, Number(pinned));
    this.tellWidths();
    const before = this.parts;
    const focused = this.focusedColumn();
    this.parts = this.columnWindow.parts([LINKED, focused]);
    this.pin();
    this.element.classList.toggle("is-dense", dense);
    this.all = h("input", {
      type: "checkbox",
      "aria-label": "Select all shown runs",
      onchange: () => this.selectAll(this.all.checked),
    });
    const named = ["name", ...columns];
    this.cols = new Map(named.map((column) => [column, h("col")]));
    this.colgroup.replaceChildren(h("col", { class: "amlflow-tick" }), ...this.cols.values());
    for (const column of named) this.cols.get(column).style.width = `${this.widthOf(column)}px`;
    this.head.replaceChildren(
      h("th", { scope: "col", class: "amlflow-tick" }, this.all),
      this.headOf("name"),
      ...this.parts.map((part) => this.headOf(part)),
    );
    if (focused) this.head.querySelector(`[data-column="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
    // Cells depend on these, too. Otherwise, cells that are there already are not drawn again.
    const drawnFor = JSON.stringify([group, tree, columns.includes("error"), form()]);
    if (drawnFor === this.drawnFor) this.moveRows(before);
    else this.elements.clear();
    this.drawnFor = drawnFor;
    this.renderRows(range);
    this.told();
  }

  // Returns the column whose heading has the focus. It and the links in rows are drawn also out of sight: the keyboard
  // would lose its place, or could not come to them.
  focusedColumn() {
    return this.head.contains(document.activeElement) ? document.activeElement.dataset.column : undefined;
  }

  // The keyboard has come to an element. The browser does not scroll it out from behind the columns that stay in sight.
  uncover(element) {
    if (!element.matches(":focus-visible")) return; // a click would miss what moves below the pointer
    const cell = element.closest("th, td");
    const place = cell ? [...cell.parentElement.children].indexOf(cell) - 2 : -1;
    this.columnWindow.uncover(this.parts[place]);
  }

  widthOf(column) {
    return this.widths[column] ?? usualWidth(column, this.group !== "");
  }

  tellWidths() {
    const [name, ...widths] = ["name", ...this.columns].map((each) => this.widthOf(each));
    this.columnWindow.setWidths(widths, TICK_WIDTH + name);
    this.element.style.minWidth = `${widths.reduce((sum, each) => sum + each, TICK_WIDTH + name)}px`;
    for (const count of PINNED.filter(Boolean)) {
      const left = widths.slice(0, count - 1).reduce((sum, each) => sum + each, name);
      this.element.style.setProperty(`--aml-left-${count}`, `${left}px`);
    }
  }

  // Pins as many of the columns to pin as there is room for.
  pin() {
    const count = String(this.columnWindow.pinned() || "");
    if (this.element.dataset.pinned !== count) this.element.dataset.pinned = count;
    this.element.classList.toggle("is-shifted", this.columnWindow.isShifted());
  }

  resize(column, width) {
    this.widths[column] = Math.max(LEAST_WIDTH, Math.round(width));
    this.cols.get(column).style.width = `${this.widths[column]}px`;
    this.tellWidths();
    this.window.soon();
  }

  // Draws the heading of a column, or a cell above several columns that are not drawn: then `column` is their number.
  headOf(column) {
    if (typeof column === "number") return h("td", { colspan: String(column) });
    const order = this.sort === column ? "ascending" : this.sort === `-${column}` ? "descending" : null;
    const label = column.startsWith("property:")
      ? [icon("lock"), h("span", {}, title(column))]
      : [h("span", {}, title(column))];
    const grip = h("span", {
      class: "amlflow-grip",
      "aria-hidden": "true",
      onpointerdown: (event) => this.drag(event, column),
      ondblclick: () => this.on.resize?.(column, null),
    });
    const attributes = { scope: "col", class: isMetric(column) ? "amlflow-numbers" : null, title: longTitle(column) };
    if (!isSortable(column)) return h("th", attributes, ...label, grip);
    const other = order === "ascending" || (order === null && startsDescending(column));
    return h(
      "th",
      { ...attributes, "aria-sort": order ?? "none" },
      h(
        "button",
        {
          type: "button",
          class: "amlflow-plain",
          "data-column": column,
          onclick: () => this.on.sort(other ? `-${column}` : column),
          onkeydown: (event) => {
            const step = { ArrowLeft: -STEP, ArrowRight: STEP }[event.key];
            if (!step || !event.altKey) return;
            event.preventDefault();
            if (event.shiftKey) {
              this.on.move?.(column, Math.sign(step));
              return;
            }
            this.resize(column, this.widthOf(column) + step);
            this.on.resize?.(column, this.widths[column]);
          },
        },
        ...label,
        order && icon(order === "ascending" ? "up" : "descending"),
      ),
      grip,
    );
  }

  drag(event, column) {
    event.preventDefault();
    const start = event.clientX;
    const width = event.target.closest("th").getBoundingClientRect().width;
    const move = (moved) => this.resize(column, width + moved.clientX - start);
    const end = () => {
      removeEventListener("pointermove", move);
      this.on.resize?.(column, this.widths[column] ?? null);
    };
    addEventListener("pointermove", move);
    addEventListener("pointerup", end, { once: true });
  }

  // Removes the rows. The selection is kept, since the same runs may come again in another order.
  clear() {
    this.rows.clear();
    this.arrange();
    this.draw();
    this.told();
  }

  // Forgets open branches and the selection, since other runs are shown from now on.
  forget() {
    this.branches.clear();
    for (const id of [...this.selected.keys()]) this.mark(id, false);
  }

  add(rows, onTop = false) {
    const fresh = rows.filter((row) => !this.rows.has(row.id));
    const entries = fresh.map((row) => [row.id, row]);
    this.rows = new Map(onTop ? [...entries, ...this.rows] : [...this.rows, ...entries]);
    this.arrange();
    this.render();
    this.told();
  }

  // Replaces all rows. Rows that have not changed are not drawn again.
  replace(rows) {
    const kept = rows.map((row) => {
      const old = this.rows.get(row.id);
      return old && JSON.stringify(old) === JSON.stringify(row) ? old : row;
    });
    this.rows = new Map(kept.map((row) => [row.id, row]));
    this.arrange();
    this.render();
    this.told();
  }

  // A branch has changed: shows it. Other rows are not drawn again.
  branched() {
    this.arrange();
    this.render();
    this.told();
  }

  // Lists the rows and the open branches below them from top to bottom.
  arrange() {
    const before = new Map(this.nodes.map((node) => [node.id, node]));
    this.nodes = flatten(this.rows.values(), this.branches, (row) => row.isGroup || total(row.children) > 0);
    this.places = new Map(this.nodes.map((node, place) => [node.id, place]));
    for (const node of this.nodes) {
      const old = before.get(node.id);
      const isSame = old && node.kind !== "more" && old.row === node.row && old.isOpen === node.isOpen;
      if (!isSame) this.discard(node.id);
    }
    if (!this.places.has(this.current)) this.current = this.nodes[0]?.id;
  }

  // Lets a row be drawn again the next time.
  discard(id) {
    const element = this.elements.get(id);
    if (!element) return;
    if (element.contains(document.activeElement)) this.refocus = id;
    element.remove();
    this.elements.delete(id);
  }

  update(id, changes) {
    const row = this.find(id);
    if (!row) return;
    const count = total(row.children);
    Object.assign(row, changes);
    if (total(row.children) !== count) {
      this.arrange();
      this.branches.refresh([id]);
    }
    if (!this.elements.has(id)) return;
    this.discard(id);
    this.render();
    this.told();
  }

  tick() {
    tick(this.body);
  }

  // Shows the visible rows and columns. Only those that were not shown before are drawn.
  render() {
    const range = this.window.range(this.nodes.length);
    this.pin();
    this.shift();
    this.renderRows(range);
  }

  renderRows([first, last]) {
    const { nodes } = this;
    const focused = this.body.contains(document.activeElement) ? (this.places.get(this.current) ?? -1) : -1;
    if (focused >= last && focused - last < KEPT) last = focused + 1;
    if (focused >= 0 && focused < first && first - focused < KEPT) first = focused;
    const shown = nodes.slice(first, last);
    const kept = new Set(shown.map((node) => node.id));
    for (const [id, element] of this.elements) {
      if (!kept.has(id)) {
        element.remove();
        this.elements.delete(id);
      }
    }
    this.element.setAttribute("aria-rowcount", String(nodes.length + 1));
    const rows = shown.map((node, index) => {
      const element = this.elements.get(node.id) ?? this.drawn(node);
      const position = String(first + index + 2);
      if (element.getAttribute("aria-rowindex") !== position) element.setAttribute("aria-rowindex", position);
      return element;
    });
    for (const each of [...this.body.querySelectorAll(".amlflow-space")]) each.remove();
    const below = space((nodes.length - last) * this.window.height);
    placeChildren(this.body, [space(first * this.window.height), ...rows, below].filter(Boolean));
    if (this.refocus) {
      this.elements.get(this.refocus)?.focus();
      this.refocus = null;
    }
    if (this.window.measure(rows[0])) this.render();
  }

  // Draws the columns that have become visible in the head and in the rows that are drawn already.
  shift() {
    if (!this.columnWindow.hasMoved()) return;
    const before = this.parts;
    this.parts = this.columnWindow.parts([LINKED, this.focusedColumn()]);
    moveCells(this.head, before, this.parts, (part) => this.headOf(part));
    this.moveRows(before);
  }

  moveRows(before) {
    for (const [id, element] of this.elements) {
      const node = this.nodes[this.places.get(id)];
      // A row may have gone from the list since it was drawn.
      if (!node || node.kind === "more") this.discard(id);
      else moveCells(element, before, this.parts, (part) => drawCell(this, node, part));
    }
  }

  // Draws all rows again. The old ones are removed in the same step: else the browser would lay out both.
  draw() {
    this.elements.clear();
    this.render();
  }

  // Draws all rows and columns, as for paper, or only the visible ones again.
  drawWhole(isWhole) {
    this.window.isWhole = isWhole;
    this.columnWindow.setWhole(isWhole);
    this.render();
  }

  drawn(node) {
    const element = drawRow(this, node);
    element.tabIndex = node.id === this.current ? 0 : -1;
    element.dataset.id = node.id;
    if (this.element.getAttribute("role") === "treegrid") {
      element.setAttribute("aria-level", String(node.level));
      if (node.isOpenable) element.setAttribute("aria-expanded", String(node.isOpen));
      element.style.setProperty("--aml-level", String(node.level - 1));
    }
    this.elements.set(node.id, element);
    return element;
  }

  toggle(node) {
    this.branches.isOpen(node.id) ? this.branches.close(node.id) : this.branches.open(node.row);
  }

  select(id, on) {
    this.mark(id, on);
    this.told(true);
  }

  // Selects these runs beside those that are selected. They need not be among the rows.
  choose(rows) {
    for (const row of rows) {
      this.selected.set(row.id, row);
      this.mark(row.id, true);
    }
    this.told();
  }

  selectAll(on) {
    if (!on) this.selected.clear();
    for (const row of this.shownRuns()) this.mark(row.id, on);
    this.told(true);
  }

  mark(id, on) {
    const row = this.find(id) ?? this.selected.get(id);
    on && row ? this.selected.set(id, row) : this.selected.delete(id);
    const element = this.elements.get(id);
    const box = element?.querySelector("input");
    if (!box) return;
    element.setAttribute("aria-selected", String(on));
    box.checked = on;
  }

  told(isByUser = false) {
    if (this.all) {
      const shown = this.shownRuns();
      this.all.checked = shown.length > 0 && shown.every((row) => this.selected.has(row.id));
      this.all.indeterminate = this.selected.size > 0 && !this.all.checked;
    }
    this.on.select(this.chosen(), isByUser);
  }

  focus() {
    this.body.querySelector("[tabindex='0']")?.focus();
  }

  // Lets the Tab key stop at this row only. The arrow keys move on from there.
  rove(row) {
    if (!row?.dataset.id || row.dataset.id === this.current) return;
    this.elements.get(this.current)?.setAttribute("tabindex", "-1");
    this.current = row.dataset.id;
    row.setAttribute("tabindex", "0");
  }

  click(event) {
    const row = event.target.closest("tr");
    if (row && !event.target.closest("a, input, button")) row.focus();
  }

  key(event) {
    const row = event.target.closest("tr");
    if (!row || (event.target.closest("input") && event.key === " ")) return;
    const index = this.places.get(row.dataset.id);
    const node = this.nodes[index];
    const step = event.target === row || !isSideways(event.key) ? stepOf(event.key, index, node, this) : undefined;
    if (step !== undefined) {
      event.preventDefault();
      const place = Math.max(0, Math.min(this.nodes.length - 1, step));
      const next = this.nodes[place];
      this.window.reveal(place);
      this.render();
      this.elements.get(next.id)?.focus();
      if (event.shiftKey && node.kind === "run" && next.kind === "run") {
        this.mark(node.id, true);
        this.select(next.id, true);
      }
    } else if (isSideways(event.key)) {
      const isLeft = event.key === "ArrowLeft";
      event.preventDefault();
      if (event.target === row && node.isOpenable && node.isOpen === isLeft) this.toggle(node);
      else {
        const stops = [row, ...row.querySelectorAll("input, a, button")];
        stops[stops.indexOf(event.target) + (isLeft ? -1 : 1)]?.focus();
      }
    } else if (event.key === " " && node.kind === "run") {
      event.preventDefault();
      this.select(node.id, !this.selected.has(node.id));
    } else if (event.key === "Enter" && event.target === row) {
      if (node.kind === "run") this.on.open(node.row);
      else if (node.kind === "group") this.toggle(node);
      else this.branches.more(node.parent);
    }
  }
}

function isSideways(key) {
  return key === "ArrowRight" || key === "ArrowLeft";
}

// Returns the index to which a key moves the focus; undefined for other keys. In a tree, the left arrow moves from a
// closed row to its parent.
function stepOf(key, index, node, table) {
  if (key === "ArrowLeft" && node.parent !== null && !node.isOpen) return table.places.get(node.parent);
  return {
    ArrowDown: index + 1,
    ArrowUp: index - 1,
    Home: 0,
    End: table.nodes.length - 1,
    PageDown: index + 10,
    PageUp: index - 10,
  }[key];
}
