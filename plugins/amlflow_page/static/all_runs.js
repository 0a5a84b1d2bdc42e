// The All runs page: all experiments' runs, as many as somebody scrolls to.

import { get, post } from "./api.js";
import { cancel } from "./cancelling.js";
import { COLUMNS, completed, fromAddress, isUnfiltered, standard, toAddress } from "./definition.js";
import { button, checklist, h, icon, menu } from "./dom.js";
import { FilterBar } from "./filter_bar.js";
import { compareLink, isFinal, runLink } from "./format.js";
import { QueryBox } from "./query_box.js";
import { RunsTable, title } from "./runs_table.js";
import { SavedViews } from "./saved_views.js";

const ADDRESS = "#/amlflow/runs";
const ROWS = 50;
const LOOK_MS = 5000;
const MAX_LOOKED_AT = 20;

export class AllRuns {
  constructor() {
    this.shown = standard();
    this.cursor = null;
    this.search = null;
    this.visible = false;
    this.views = new SavedViews({
      definition: () => this.shown,
      opened: (view) => {
        history.replaceState(history.state, "", `${ADDRESS}?view=${view.id}`);
        this.moved();
      },
    });
    this.query = new QueryBox((text) => {
      this.shown.query = text;
      this.changed();
    });
    this.filters = new FilterBar(this.shown, () => this.changed());
    this.table = new RunsTable({
      sort: (sort) => {
        this.shown.sort = sort;
        this.changed();
      },
      select: (rows) => this.showSelection(rows),
      open: (row) => {
        location.hash = runLink(row);
      },
    });
    this.build();
    new IntersectionObserver(([entry]) => entry.isIntersecting && this.more()).observe(this.foot);
    setInterval(() => this.look(), LOOK_MS);
  }

  build() {
    this.heading = h("h2", {}, "All runs");
    this.columns = menu("Columns", (panel) => this.fillColumns(panel), { symbol: "columns" });
    this.selection = h("div", { class: "amlflow-bar amlflow-selection", hidden: true, "aria-live": "polite" });
    this.state = h("span", { class: "amlflow-hint", role: "status" });
    this.moreButton = button("Load more", () => this.more(true), { hidden: true });
    this.stopButton = button("Stop", () => this.stop(), { hidden: true });
    this.foot = h("div", { class: "amlflow-foot" }, this.state, this.moreButton, this.stopButton);
    this.value = h("pre", { class: "amlflow-value", tabindex: "0", "aria-label": "The query's value", hidden: true });
    this.scroller = h("div", { class: "amlflow-scroller" }, this.table.element, this.value, this.foot);
    this.element = h(
      "section",
      { class: "amlflow amlflow-all-runs", "aria-label": "All runs" },
      h(
        "header",
        {},
        h("span", { class: "amlflow-badge" }, icon("runs")),
        this.heading,
        this.views.element,
        button("Refresh", () => this.load(), { symbol: "refresh" }),
      ),
      this.query.element,
      h(
        "div",
        { class: "amlflow-bars" },
        this.filters.element,
        this.columns,
        button("Reset", () => this.reset(), { kind: "link" }),
      ),
      this.selection,
      this.scroller,
    );
    document.addEventListener("keydown", (event) => {
      if (!this.visible || event.target.closest?.("dialog, aside")) return;
      if (event.key === "Escape") {
        if (this.search) this.stop();
        else if (this.table.selected.size) this.table.selectAll(false);
      } else if (event.key === "/" && !event.target.closest?.("input, select, textarea")) {
        event.preventDefault();
        this.query.box.focus();
      }
    });
  }

  // The address has changed, or the page is shown again.
  async moved() {
    const query = new URLSearchParams(location.hash.split("?")[1] ?? "");
    this.visible = true;
    if (this.address === query.toString() && this.table.rows.size) return;
    this.address = query.toString();
    const id = query.get("view");
    let base = standard();
    if (id) {
      try {
        const view = this.views.current?.id === id ? this.views.current : await this.views.find(id);
        if (view) base = completed(view.definition);
      } catch {
        this.views.leave();
      }
    } else this.views.leave();
    this.shown = fromAddress(query, base);
    this.show();
    this.load();
  }

  left() {
    this.visible = false;
  }

  // Something was chosen here: the address follows, so that it can be shared.
  changed() {
    this.keep();
    this.show();
    this.load();
  }

  keep() {
    const query = toAddress(this.shown, this.views.base());
    if (this.views.current) query.set("view", this.views.current.id);
    this.address = query.toString();
    history.replaceState(history.state, "", this.address ? `${ADDRESS}?${this.address}` : ADDRESS);
  }

  reset() {
    const view = this.views.current;
    location.hash = view ? `${ADDRESS}?view=${view.id}` : ADDRESS;
    this.address = null;
    this.moved();
  }

  show() {
    const view = this.views.current;
    this.heading.replaceChildren(
      view ? view.name : "All runs",
      this.views.isChanged() ? h("small", { class: "amlflow-hint" }, " (changed)") : "",
    );
    this.views.element.setLabel("Views", this.views.isChanged());
    this.query.set(this.shown.query);
    this.filters.show(this.shown);
    this.table.setColumns(this.shown.columns, this.shown.sort);
  }

  stop() {
    this.search?.abort();
    this.search = null;
    this.forget();
    this.tell();
  }

  load() {
    this.search?.abort();
    this.search = null;
    this.setStale(true);
    this.cursor = null;
    this.done = false;
    this.lookedAt = 0;
    return this.more(true);
  }

  // What was found before is shown until there is something in its place.
  setStale(isStale) {
    this.isStale = isStale;
    this.scroller.classList.toggle("is-stale", isStale);
  }

  forget() {
    if (!this.isStale) return;
    this.setStale(false);
    this.table.clear();
    this.value.hidden = true;
    this.table.element.hidden = false;
    this.scroller.scrollTop = 0;
  }

  count() {
    return this.isStale ? 0 : this.table.rows.size;
  }

  // Reads on until there is another page's worth to see.
  async more(asked = false) {
    if (this.search || this.done || (!asked && (!this.cursor || this.failed))) return;
    const search = new AbortController();
    this.search = search;
    const wanted = this.count() + ROWS;
    this.failed = false;
    this.tell();
    try {
      while (this.search === search && this.count() < wanted) {
        const { columns, ...filters } = this.shown;
        const page = await post("runs/search", { ...filters, cursor: this.cursor, size: ROWS }, search.signal);
        if (this.search !== search) return;
        this.take(page);
        if (this.done) break;
        this.tell();
      }
      this.search = null;
      this.tell();
    } catch (failure) {
      if (failure.name === "AbortError") return;
      this.search = null;
      this.forget();
      this.done = failure.content?.of === "query";
      this.failed = !this.done;
      if (this.done) {
        this.query.fail(failure.message, failure.content.place);
        this.tell("");
      } else this.tell(failure.message, true);
    }
    // A screen may be longer than a page.
    const { top } = this.foot.getBoundingClientRect();
    if (!this.done && this.cursor && this.visible && top < innerHeight && top > 0) this.more();
  }

  take(page) {
    this.forget();
    if ("value" in page) {
      this.value.textContent = JSON.stringify(page.value, null, 2);
      this.value.hidden = false;
      this.table.element.hidden = true;
      this.total = page.total;
      this.done = true;
      return;
    }
    this.filters.learn(page.rows);
    this.table.add(page.rows);
    this.cursor = page.cursor ?? null;
    this.lookedAt += page.looked_at ?? 0;
    this.total = page.total;
    this.done = !this.cursor;
  }

  tell(text, isError = false) {
    const count = this.count();
    const runs = (number) => `${number.toLocaleString("en")} run${number === 1 ? "" : "s"}`;
    if (text === undefined) {
      if (this.search)
        text =
          count || this.lookedAt ? `Searching… ${runs(this.lookedAt)} looked at, ${runs(count)} found` : "Searching…";
      else if (!this.value.hidden) text = this.total === undefined ? "" : `${this.total.toLocaleString("en")} values`;
      else if (this.total > count) text = `The first ${runs(count)} of ${this.total.toLocaleString("en")}`;
      else if (!this.done) text = `${runs(count)} shown, more below`;
      else if (count) text = runs(count);
      else
        text = isUnfiltered(this.shown)
          ? "No runs yet. Those that amlflow or MLflow log on this server are listed here."
          : "No runs match.";
    }
    this.state.textContent = text;
    this.state.classList.toggle("is-error", isError);
    this.moreButton.lastChild.textContent = this.failed ? "Try again" : "Load more";
    this.moreButton.hidden = Boolean(this.search) || this.done || !(this.cursor || this.failed);
    this.stopButton.hidden = !this.search || !this.lookedAt;
    this.scroller.setAttribute("aria-busy", String(Boolean(this.search)));
  }

  showSelection(rows) {
    const open = rows.filter((row) => !row.final);
    this.selection.hidden = rows.length === 0;
    const compare = rows.length > 1;
    const focused = this.selection.contains(document.activeElement);
    this.selection.replaceChildren(
      h("b", {}, `${rows.length} selected`),
      button(
        "Compare",
        () => {
          location.hash = compareLink(rows);
        },
        { disabled: !compare, title: compare ? null : "Select two runs or more" },
      ),
      button(open.length > 1 ? `Cancel ${open.length} runs` : "Cancel run", () => this.cancel(open), {
        symbol: "stop",
        disabled: !open.length,
        title: open.length ? null : "These have ended",
      }),
      button("Clear", () => this.table.selectAll(false), { kind: "link" }),
    );
    if (focused) this.selection.querySelector("button:enabled")?.focus();
  }

  cancel(rows) {
    cancel(rows, (id, status) => this.table.update(id, { status, final: isFinal(status) }));
  }

  // Runs that have not ended yet are asked for again.
  async look() {
    if (!this.visible || document.hidden || this.search) return;
    this.table.tick();
    const open = [...this.table.rows.values()].filter((row) => !row.final).slice(0, MAX_LOOKED_AT);
    for (const row of open) {
      try {
        const now = await get("runs/get", { run_id: row.id });
        if (now.status !== row.status) this.table.update(row.id, now);
      } catch {
        return;
      }
    }
  }

  fillColumns(panel) {
    const keys = (field, kind) => {
      const found = new Set();
      for (const row of this.table.rows.values())
        for (const key of Object.keys(row[field])) found.add(`${kind}:${key}`);
      return [...found].sort();
    };
    const all = [
      ...new Set([
        ...COLUMNS,
        ...this.shown.columns,
        ...keys("tags", "tag"),
        ...keys("properties", "property"),
        ...keys("params", "param"),
      ]),
    ];
    const labels = new Map(all.map((each) => [each.includes(":") ? each.replace(":", ": ") : title(each), each]));
    const chosen = new Set([...labels].filter(([, each]) => this.shown.columns.includes(each)).map(([label]) => label));
    checklist(panel, "Columns", [...labels.keys()], chosen, (now) => {
      const wanted = now.map((label) => labels.get(label));
      this.shown.columns = all.filter((each) => wanted.includes(each));
      this.keep();
      this.show();
    });
  }
}
