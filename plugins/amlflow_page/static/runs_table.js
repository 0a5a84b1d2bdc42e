// The table of runs: columns, order, selection and the keyboard.

import { h, icon } from "./dom.js";
import { ago, chip, duration, experimentLink, runLink, tag, tick } from "./format.js";

const TITLES = {
  name: "Run name",
  status: "Status",
  experiment: "Experiment",
  created: "Created",
  duration: "Duration",
  submitter: "Submitted by",
  target: "Compute target",
  script: "Script",
  tags: "Tags",
  description: "Description",
  id: "Run ID",
};
const SORTS = new Set(["name", "status", "experiment", "created", "duration", "submitter", "target", "description"]);
const NEWEST = new Set(["created", "duration"]); // sorted from the largest at the first click

export function title(column) {
  return TITLES[column] ?? column.replace(/^(tag|property|param):/, "");
}

function sortable(column) {
  return SORTS.has(column) || /^(tag|property|param):/.test(column);
}

function cell(column, row) {
  const [kind, ...rest] = column.split(":");
  const key = rest.join(":");
  switch (kind) {
    case "status":
      return chip(row.status);
    case "experiment":
      return h(
        "a",
        { href: experimentLink(row.experiment_id), tabindex: "-1" },
        row._experiment_name ?? row.experiment_id,
      );
    case "created":
      return ago(row.created_utc);
    case "duration":
      return duration(row.start_time_utc, row.final ? (row.end_time_utc ?? row.start_time_utc) : null);
    case "submitter":
      return row.user_id ?? "";
    case "target":
      return row.target ?? "";
    case "script":
      return row.script_name ?? "";
    case "tags":
      return h(
        "span",
        { class: "amlflow-tags" },
        Object.entries(row.tags).map(([name, value]) => tag(name, value)),
      );
    case "description":
      return h("span", { title: row.description }, (row.description ?? "").split("\n")[0]);
    case "id":
      return h("code", {}, row.run_id);
    case "tag":
      return key in row.tags ? (row.tags[key] ?? tag(key)) : "";
    case "property":
      return row.properties[key] ?? "";
    case "param":
      return row.params[key] ?? "";
    default:
      return "";
  }
}

export class RunsTable {
  // `on.sort(column)`, `on.select(rows)`, `on.open(row)`
  constructor(on) {
    this.on = on;
    this.rows = new Map();
    this.selected = new Set();
    this.columns = [];
    this.head = h("tr");
    this.body = h("tbody");
    this.element = h("table", { class: "amlflow-table" }, h("thead", {}, this.head), this.body);
    this.element.setAttribute("role", "grid");
    this.element.setAttribute("aria-multiselectable", "true");
    this.element.setAttribute("aria-label", "Runs");
    this.body.addEventListener("keydown", (event) => this.key(event));
    this.body.addEventListener("focusin", (event) => this.rove(event.target.closest("tr")));
    this.body.addEventListener("click", (event) => this.click(event));
  }

  chosen() {
    return [...this.selected].map((id) => this.rows.get(id)).filter(Boolean);
  }

  setColumns(columns, sort) {
    this.columns = columns;
    this.sort = sort;
    this.all = h("input", {
      type: "checkbox",
      "aria-label": "Select all shown runs",
      onchange: () => this.selectAll(this.all.checked),
    });
    const focused = this.head.contains(document.activeElement) && document.activeElement.dataset?.column;
    this.head.replaceChildren(
      h("th", { scope: "col", class: "amlflow-tick" }, this.all),
      ...["name", ...columns].map((each) => this.headOf(each)),
    );
    if (focused) this.head.querySelector(`[data-column="${CSS.escape(focused)}"]`)?.focus();
    for (const id of this.rows.keys()) this.draw(id);
    this.told();
  }

  headOf(column) {
    const order = this.sort === column ? "ascending" : this.sort === `-${column}` ? "descending" : null;
    const label = column.startsWith("property:") ? [icon("lock"), title(column)] : [title(column)];
    if (!sortable(column)) return h("th", { scope: "col" }, ...label);
    const next =
      order === "ascending"
        ? `-${column}`
        : order === "descending"
          ? column
          : NEWEST.has(column)
            ? `-${column}`
            : column;
    return h(
      "th",
      { scope: "col", "aria-sort": order ?? "none" },
      h(
        "button",
        { type: "button", class: "amlflow-plain", "data-column": column, onclick: () => this.on.sort(next) },
        ...label,
        order && icon(order === "ascending" ? "up" : "descending"),
      ),
    );
  }

  clear() {
    this.rows.clear();
    this.selected.clear();
    this.body.replaceChildren();
    this.told();
  }

  add(rows) {
    const elements = [];
    for (const row of rows) {
      if (this.rows.has(row.id)) continue;
      this.rows.set(row.id, row);
      elements.push(this.made(row));
    }
    this.body.append(...elements);
    if (!this.body.querySelector("tr[tabindex='0']")) this.body.firstElementChild?.setAttribute("tabindex", "0");
    this.told();
  }

  update(id, changes) {
    if (!this.rows.has(id)) return;
    Object.assign(this.rows.get(id), changes);
    this.draw(id);
    this.told();
  }

  tick() {
    tick(this.body);
  }

  made(row) {
    const box = h("input", {
      type: "checkbox",
      tabindex: "-1",
      checked: this.selected.has(row.id),
      "aria-label": `Select ${row.name || row.run_id}`,
      onchange: (event) => this.select(row.id, event.target.checked),
    });
    const shown = row.name || row.run_id;
    const name = h("a", { href: runLink(row), tabindex: "-1", title: shown }, h("bdi", {}, shown));
    return h(
      "tr",
      { tabindex: "-1", "data-id": row.id, "aria-selected": String(this.selected.has(row.id)) },
      h("td", { class: "amlflow-tick" }, box),
      h(
        "th",
        { scope: "row" },
        row.parent_run_id && h("span", { class: "amlflow-hint", title: `Child of ${row.parent_run_id}` }, "↳ "),
        name,
      ),
      ...this.columns.map((column) => h("td", {}, cell(column, row))),
    );
  }

  element_of(id) {
    return this.body.querySelector(`tr[data-id="${CSS.escape(id)}"]`);
  }

  draw(id) {
    const old = this.element_of(id);
    if (!old) return;
    const made = this.made(this.rows.get(id));
    made.setAttribute("tabindex", old.getAttribute("tabindex"));
    const focused = old.contains(document.activeElement);
    old.replaceWith(made);
    if (focused) made.focus();
  }

  select(id, on) {
    on ? this.selected.add(id) : this.selected.delete(id);
    const row = this.element_of(id);
    row.setAttribute("aria-selected", String(on));
    row.querySelector("input").checked = on;
    this.told();
  }

  selectAll(on) {
    for (const id of this.rows.keys()) this.select(id, on);
  }

  told() {
    if (this.all) {
      this.all.checked = this.rows.size > 0 && this.selected.size === this.rows.size;
      this.all.indeterminate = this.selected.size > 0 && !this.all.checked;
    }
    this.on.select(this.chosen());
  }

  // One row is a stop of the Tab key; arrows go on from there.
  rove(row) {
    if (!row || row.getAttribute("tabindex") === "0") return;
    this.body.querySelector("tr[tabindex='0']")?.setAttribute("tabindex", "-1");
    row.setAttribute("tabindex", "0");
  }

  click(event) {
    const row = event.target.closest("tr");
    if (row && !event.target.closest("a, input, button")) row.focus();
  }

  key(event) {
    const row = event.target.closest("tr");
    if (!row || (event.target.closest("input") && event.key === " ")) return;
    const rows = [...this.body.children];
    const place = rows.indexOf(row);
    const steps = {
      ArrowDown: place + 1,
      ArrowUp: place - 1,
      Home: 0,
      End: rows.length - 1,
      PageDown: place + 10,
      PageUp: place - 10,
    };
    if (event.key in steps) {
      event.preventDefault();
      const next = rows[Math.max(0, Math.min(rows.length - 1, steps[event.key]))];
      next.focus();
      if (event.shiftKey)
        this.select(next.dataset.id, this.selected.has(row.dataset.id) || this.select(row.dataset.id, true) || true);
    } else if (event.key === " ") {
      event.preventDefault();
      this.select(row.dataset.id, !this.selected.has(row.dataset.id));
    } else if (event.key === "Enter" && event.target === row) {
      this.on.open(this.rows.get(row.dataset.id));
    }
  }
}
