// The table of runs: columns, order, selection and the keyboard. Only rows in sight are drawn.

import { cell, isMetric, longTitle, sortable, startsDescending, title, usualWidth } from "./cells.js";
import { h, icon } from "./dom.js";
import { tick } from "./format.js";
import { RowWindow } from "./row_window.js";
import { runAddress } from "./run_route.js";

const LEAST_WIDTH = 48;
const STEP = 16; // pixels by which the keyboard makes a column wider
const KEPT = 200; // rows between the focus and what is seen for which the focus is kept

export { title };

export class RunsTable {
  // `on.sort(column)`, `on.select(rows)`, `on.open(row)`, `on.resize(column, width)`,
  // `on.move(column, step)`
  constructor(on) {
    this.on = on;
    this.rows = new Map();
    this.selected = new Map();
    this.elements = new Map();
    this.columns = [];
    this.widths = {};
    this.group = h("colgroup");
    this.head = h("tr", { "aria-rowindex": "1" });
    this.body = h("tbody");
    this.element = h("table", { class: "amlflow-table" }, this.group, h("thead", {}, this.head), this.body);
    this.element.setAttribute("role", "grid");
    this.element.setAttribute("aria-multiselectable", "true");
    this.element.setAttribute("aria-label", "Runs");
    this.body.addEventListener("keydown", (event) => this.key(event));
    this.body.addEventListener("focusin", (event) => this.rove(event.target.closest("tr")));
    this.body.addEventListener("click", (event) => this.click(event));
    this.window = new RowWindow(() => this.render());
  }

  // `scroller` is what the table scrolls in.
  attach(scroller) {
    this.window.attach(scroller, this.head);
  }

  chosen() {
    return [...this.selected].map(([id, row]) => this.rows.get(id) ?? row);
  }

  setColumns(columns, sort, widths = {}) {
    this.columns = columns;
    this.sort = sort;
    this.widths = { ...widths };
    this.all = h("input", {
      type: "checkbox",
      "aria-label": "Select all shown runs",
      onchange: () => this.selectAll(this.all.checked),
    });
    const focused = this.head.contains(document.activeElement) && document.activeElement.dataset?.column;
    const named = ["name", ...columns];
    this.cols = new Map(named.map((column) => [column, h("col")]));
    this.group.replaceChildren(h("col", { class: "amlflow-tick" }), ...this.cols.values());
    for (const column of named) this.setWidth(column);
    this.head.replaceChildren(
      h("th", { scope: "col", class: "amlflow-tick" }, this.all),
      ...named.map((each) => this.headOf(each)),
    );
    if (focused) this.head.querySelector(`[data-column="${CSS.escape(focused)}"]`)?.focus();
    this.draw();
    this.told();
  }

  setWidth(column, width = this.widths[column] ?? usualWidth(column)) {
    this.cols.get(column).style.width = `${width}px`;
    const widths = ["name", ...this.columns].map((each) => this.widths[each] ?? usualWidth(each));
    this.element.style.minWidth = `${widths.reduce((sum, each) => sum + each, 32)}px`;
  }

  resize(column, width) {
    this.widths[column] = Math.max(LEAST_WIDTH, Math.round(width));
    this.setWidth(column);
  }

  headOf(column) {
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
    if (!sortable(column)) return h("th", attributes, ...label, grip);
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
            this.resize(column, (this.widths[column] ?? usualWidth(column)) + step);
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

  // The rows go; what is selected stays so, as it may come again in another order.
  clear() {
    this.rows.clear();
    this.draw();
    this.told();
  }

  add(rows, onTop = false) {
    const fresh = rows.filter((row) => !this.rows.has(row.id));
    const entries = fresh.map((row) => [row.id, row]);
    this.rows = new Map(onTop ? [...entries, ...this.rows] : [...this.rows, ...entries]);
    if (!this.rows.has(this.current)) this.current = this.rows.keys().next().value;
    this.render();
    this.told();
  }

  update(id, changes) {
    if (!this.rows.has(id)) return;
    Object.assign(this.rows.get(id), changes);
    const old = this.elements.get(id);
    if (!old) return;
    const focused = old.contains(document.activeElement);
    const fresh = this.drawn(id, old.getAttribute("aria-rowindex"));
    old.replaceWith(fresh);
    if (focused) fresh.focus();
    this.told();
  }

  tick() {
    tick(this.body);
  }

  // The rows in sight, of which only those are made that were not there.
  render() {
    const ids = [...this.rows.keys()];
    let [first, last] = this.window.range(ids.length);
    const focused = this.body.contains(document.activeElement) ? ids.indexOf(this.current) : -1;
    if (focused >= last && focused - last < KEPT) last = focused + 1;
    if (focused >= 0 && focused < first && first - focused < KEPT) first = focused;
    const shown = ids.slice(first, last);
    const kept = new Set(shown);
    for (const [id, element] of this.elements) {
      if (!kept.has(id)) {
        element.remove();
        this.elements.delete(id);
      }
    }
    this.element.setAttribute("aria-rowcount", String(ids.length + 1));
    const rows = shown.map((id, index) => this.elements.get(id) ?? this.drawn(id, first + index + 2));
    this.place([space(first * this.window.height), ...rows, space((ids.length - last) * this.window.height)]);
    if (this.window.measure(rows[0])) this.render();
  }

  // Puts elements into the body, leaving those where they are that are there already.
  place(elements) {
    for (const each of [...this.body.querySelectorAll(".amlflow-space")]) each.remove();
    let next = this.body.firstElementChild;
    for (const element of elements.filter(Boolean)) {
      if (element === next) next = next.nextElementSibling;
      else this.body.insertBefore(element, next);
    }
  }

  // All rows that are drawn are made again.
  draw() {
    for (const element of this.elements.values()) element.remove();
    this.elements.clear();
    this.render();
  }

  drawn(id, position) {
    const row = this.rows.get(id);
    const box = h("input", {
      type: "checkbox",
      tabindex: "-1",
      checked: this.selected.has(id),
      "aria-label": `Select ${row.name || row.run_id}`,
      onchange: (event) => this.select(id, event.target.checked),
    });
    const label = row.name || row.run_id;
    const name = h("a", { href: runAddress(row.id), tabindex: "-1", title: label }, h("bdi", {}, label));
    const element = h(
      "tr",
      {
        tabindex: id === this.current ? "0" : "-1",
        "data-id": id,
        "aria-selected": String(this.selected.has(id)),
        "aria-rowindex": position,
      },
      h("td", { class: "amlflow-tick" }, box),
      h(
        "th",
        { scope: "row" },
        row.parent_run_id && h("span", { class: "amlflow-hint", title: `Child of ${row.parent_run_id}` }, "↳ "),
        name,
      ),
      ...this.columns.map((column) => h("td", {}, cell(column, row))),
    );
    this.elements.set(id, element);
    return element;
  }

  select(id, on) {
    this.mark(id, on);
    this.told();
  }

  selectAll(on) {
    if (!on) this.selected.clear();
    for (const id of this.rows.keys()) this.mark(id, on);
    this.told();
  }

  mark(id, on) {
    on ? this.selected.set(id, this.rows.get(id)) : this.selected.delete(id);
    const element = this.elements.get(id);
    if (!element) return;
    element.setAttribute("aria-selected", String(on));
    element.querySelector("input").checked = on;
  }

  told() {
    if (this.all) {
      const count = [...this.rows.keys()].filter((id) => this.selected.has(id)).length;
      this.all.checked = this.rows.size > 0 && count === this.rows.size;
      this.all.indeterminate = this.selected.size > 0 && !this.all.checked;
    }
    this.on.select(this.chosen());
  }

  // One row is a stop of the Tab key; arrows go on from there.
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
    const ids = [...this.rows.keys()];
    const index = ids.indexOf(row.dataset.id);
    const steps = {
      ArrowDown: index + 1,
      ArrowUp: index - 1,
      Home: 0,
      End: ids.length - 1,
      PageDown: index + 10,
      PageUp: index - 10,
    };
    if (event.key in steps) {
      event.preventDefault();
      const next = ids[Math.max(0, Math.min(ids.length - 1, steps[event.key]))];
      this.window.reveal(ids.indexOf(next));
      this.render();
      this.elements.get(next)?.focus();
      if (event.shiftKey) {
        this.mark(row.dataset.id, true);
        this.select(next, true);
      }
    } else if (event.key === " ") {
      event.preventDefault();
      this.select(row.dataset.id, !this.selected.has(row.dataset.id));
    } else if (event.key === "Enter" && event.target === row) {
      this.on.open(this.rows.get(row.dataset.id));
    }
  }
}

function space(height) {
  if (height < 1) return null;
  const filler = h("tr", { class: "amlflow-space", "aria-hidden": "true" }, h("td"));
  filler.firstChild.style.height = `${height}px`;
  return filler;
}
