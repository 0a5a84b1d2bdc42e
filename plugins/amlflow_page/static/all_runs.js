// The All runs page: the runs of all experiments. More rows are read as the user scrolls.

import { isAway } from "./api.js";
import { actionsMenu } from "./actions_menu.js";
import { Board } from "./board.js";
import { cancel, cancelAll, cancelTrees } from "./cancelling.js";
import { ChartedRuns } from "./charted_runs.js";
import { isClockKnown } from "./clock.js";
import { columnsMenu } from "./columns_menu.js";
import { copyMenu } from "./copy_menu.js";
import { fromAddress, fromWidths, standard, toAddress, toWidths } from "./definition.js";
import { button, compactButton, h, icon, say } from "./dom.js";
import { failuresMenu } from "./failures.js";
import { FilterBar } from "./filter_bar.js";
import { fold } from "./fold.js";
import { isFinal } from "./format.js";
import { groupMenu } from "./group_menu.js";
import { narrowedToFailure } from "./one_box.js";
import { QueryBox } from "./query_box.js";
import { Follower } from "./follower.js";
import { ROWS, readBelow, readTop } from "./list_pages.js";
import { ALL_RUNS, queryOf, runAddress } from "./run_route.js";
import { RunsTable } from "./runs_table.js";
import { understand } from "./understand.js";
import { searchSeconds, stateText } from "./state_text.js";
import { onForm } from "./times.js";
import { showValue } from "./value_table.js";
import { SavedViews } from "./saved_views.js";
import { SelectionBar } from "./selection_bar.js";
import { changeTags } from "./tags_dialog.js";

const SINCE = /\b(since|until):/i;
const MOST_KEPT = 1000; // the scroll position is kept if at most this many rows are above the end of the window

export class AllRuns {
  constructor() {
    this.shown = standard();
    this.cursor = null;
    this.search = null;
    this.visible = false;
    this.views = new SavedViews({
      definition: () => this.shown,
      toSave: () => {
        this.charted.charts.choose();
        return this.shown;
      },
      opened: (view, isStep = false) => {
        const place = `${ALL_RUNS}?view=${view.id}`;
        isStep ? history.pushState(history.state, "", place) : history.replaceState(history.state, "", place);
        this.address = null;
        this.moved();
      },
      kept: () => {
        this.keep();
        this.show();
      },
      editNotes: () => this.board.notes.edit(),
      draft: () => this.board.notes.draft(),
      moveDraft: (notes, id) => this.board.notes.moveDraft(notes, id),
    });
    this.board = new Board(this);
    this.query = new QueryBox((text) => {
      this.shown.query = text;
      this.changed();
    });
    this.filters = new FilterBar(this.shown, () => this.changed());
    this.writable = new Set(); // experiments whose runs the user may change
    this.selection = new SelectionBar({
      mayChange: (row) => this.writable.has(row.experiment_id),
      cancel: (rows) => cancel(rows, this.follow),
      cancelTrees: (rows) => cancelTrees(rows, this.follow),
      tag: (rows) => changeTags(rows, (id, tags) => this.table.update(id, { tags })),
      clear: () => this.table.selectAll(false),
    });
    this.table = new RunsTable({
      sort: (sort) => {
        this.shown.sort = sort;
        this.changed(true);
      },
      resize: (column, width) => {
        const widths = { ...toWidths(this.shown.widths), [column]: width };
        if (width === null) delete widths[column];
        this.shown.widths = fromWidths(widths);
        this.keep();
        this.show();
      },
      move: (column, step) => this.moveColumn(column, step),
      select: (rows, isByUser) => this.showSelection(rows, isByUser),
      read: (row, cursor, signal) => this.readBranch(row, cursor, signal),
      open: (row) => {
        location.hash = runAddress(row.id);
      },
    });
    this.charted = new ChartedRuns(this);
    this.build();
    new IntersectionObserver(([entry]) => entry.isIntersecting && this.more()).observe(this.foot);
    this.follower = new Follower(this);
    onForm(() => this.show());
    for (const name of ["beforeprint", "afterprint"])
      addEventListener(name, () => this.visible && this.table.drawWhole(name === "beforeprint"));
  }

  build() {
    this.follow = (id, status) => this.table.update(id, { status, final: isFinal(status) });
    this.heading = h("h1", {}, "All runs");
    this.failures = failuresMenu(
      () => this.request(),
      (text) => {
        this.shown = narrowedToFailure(this.shown, text);
        this.changed();
      },
    );
    this.columns = columnsMenu(
      () => this.shown,
      (isNew) => {
        this.keep();
        this.show();
        if (isNew) this.load(true);
      },
    );
    this.groups = groupMenu(
      () => this.shown,
      (group, subgroup) => {
        Object.assign(this.shown, { group, subgroup });
        this.changed();
      },
    );
    this.actions = actionsMenu(() => cancelAll(this.request(), this.follow));
    this.state = h("span", { class: "amlflow-hint", role: "status" });
    this.moreButton = button("Load more", () => this.more(true), { hidden: true });
    this.stopButton = button("Stop", () => this.stop(), { hidden: true });
    this.foot = h("div", { class: "amlflow-foot" }, this.state, this.moreButton, this.stopButton);
    this.value = h("div", { class: "amlflow-value", tabindex: "0", "aria-label": "The query's value", hidden: true });
    this.news = button("", () => this.showNew(), { hidden: true, kind: "amlflow-news", "aria-keyshortcuts": "n" });
    this.age = h("span", { class: "amlflow-hint amlflow-age", role: "status" });
    this.scroller = h("div", { class: "amlflow-scroller" }, this.table.element, this.value, this.foot);
    this.table.attach(this.scroller);
    this.element = h(
      "section",
      { class: "amlflow amlflow-all-runs", "aria-label": "All runs" },
      h(
        "header",
        {},
        h("span", { class: "amlflow-badge" }, icon("runs")),
        this.heading,
        this.views.element,
        this.failures,
        this.charted.button,
        compactButton("Refresh", () => this.load(true), { symbol: "refresh", "aria-keyshortcuts": "r" }),
        h("span", { role: "status" }, this.news),
        this.age,
      ),
      this.board.element,
      this.query.element,
      fold("Filters and columns", [
        this.filters.element,
        this.groups,
        this.columns,
        this.actions,
        copyMenu(() => ({ ...this.shown, changed: this.board.changed })),
        button("Reset", () => this.reset(), { kind: "link" }),
      ]),
      this.selection.element,
      this.charted.element,
      this.scroller,
    );
    this.scroller.addEventListener("scroll", () => {
      if (!this.visible) return;
      this.scrolledTo = this.scroller.scrollTop;
      this.moreIfSeen();
    });
    document.addEventListener("keydown", (event) => {
      if (!this.visible || event.target.closest?.("dialog, aside")) return;
      if (event.key === "Escape") {
        if (this.search) this.stop();
        else if (event.target.matches?.("input:not([type='checkbox'])")) this.table.focus();
        else if (this.table.selected.size) this.table.selectAll(false);
      }
    });
  }

  // The address has changed, or the page is shown again.
  async moved() {
    const query = queryOf(location.hash);
    this.visible = true;
    if (this.address === query.toString() && this.table.rows.size) {
      this.restoreScroll();
      return;
    }
    this.moves = (this.moves ?? 0) + 1;
    const move = this.moves;
    const isBare = [...query.keys()].every((name) => name === "workspace");
    // `since:2d` counts back from the server's time, which comes with any answer.
    const needsClock = SINCE.test(query.get("query") ?? "") && !isClockKnown();
    const usual = isBare || needsClock ? await this.views.usual() : null;
    if (move !== this.moves) return; // the address has changed again
    if (isBare && usual) {
      query.set("view", usual);
      history.replaceState(history.state, "", `${ALL_RUNS}?${query}`);
    }
    this.address = query.toString();
    const before = this.whichRuns();
    this.workspace = query.get("workspace");
    await this.views.open(query);
    if (move !== this.moves) return;
    const base = this.views.base() ?? standard();
    this.shown = fromAddress(query, base);
    const sort = query.get("sort") ?? this.views.current?.definition.sort;
    if (sort && sort !== this.shown.sort)
      say(`“${sort}” is not a column to sort by. The newest runs come first.`, true);
    const isSameRuns = this.whichRuns() === before; // after Back from another order
    if (!isSameRuns) this.table.forget();
    this.charted.select();
    this.show();
    this.load(isSameRuns);
  }

  // Returns what decides which runs are shown, as a text.
  whichRuns() {
    const { sort, columns, widths, charts, dense, pinned, ...which } = this.shown;
    return JSON.stringify([this.workspace, this.views.current?.id, which]);
  }

  left() {
    this.visible = false;
  }

  // Scrolls the list back: the browser forgets the scroll position of an element that was taken out of the page.
  restoreScroll() {
    const top = this.scrolledTo ?? 0;
    requestAnimationFrame(() => {
      this.scroller.scrollTop = top;
      this.table.render();
    });
  }

  // The user has chosen something: puts it into the address, so that it can be shared and Back undoes it.
  // `isSameRuns` says that only the order has changed: then the selection and the scroll position are kept.
  changed(isSameRuns = false) {
    if (!isSameRuns) {
      this.table.forget();
      this.shown.charted = [];
    }
    this.keep(true);
    this.show();
    this.load(isSameRuns);
  }

  moveColumn(column, step) {
    const columns = [...this.shown.columns];
    const place = columns.indexOf(column);
    const next = place + step;
    if (place < 0 || next < 0 || next >= columns.length) return;
    [columns[place], columns[next]] = [columns[next], columns[place]];
    this.shown.columns = columns;
    this.keep();
    this.show();
  }

  keep(isStep = false) {
    const query = toAddress(this.shown, this.views.base());
    const place = this.views.address();
    for (const [name, value] of Object.entries(place)) if (this.views.current || !query.size) query.set(name, value);
    const address = query.toString();
    const whole = address ? `${ALL_RUNS}?${address}` : ALL_RUNS;
    if (isStep && address !== this.address) history.pushState(history.state, "", whole);
    else history.replaceState(history.state, "", whole);
    this.address = address;
  }

  reset() {
    const place = new URLSearchParams(this.views.address()).toString();
    location.hash = place ? `${ALL_RUNS}?${place}` : ALL_RUNS;
    this.address = null;
    this.moved();
  }

  show() {
    this.showHeading();
    this.board.show();
    this.query.set(this.shown.query);
    this.filters.show(this.shown);
    this.groups.show();
    this.table.setColumns(this.shown.columns, this.shown.sort, toWidths(this.shown.widths), this.shown);
    this.charted.show();
  }

  showHeading() {
    const view = this.views.current;
    this.heading.replaceChildren(
      view ? view.name : "All runs",
      this.views.isChanged() ? h("small", { class: "amlflow-hint" }, " (changed)") : "",
    );
    this.views.element.setLabel("Views", this.views.isChanged());
  }

  stop() {
    this.search?.abort();
    this.search = null;
    this.forget();
    this.tell();
  }

  // Reads the list again. `isSameRuns` says that the scroll position is kept.
  load(isSameRuns = false) {
    this.keptTop = isSameRuns ? this.scroller.scrollTop : 0;
    this.search?.abort();
    this.search = null;
    this.setStale(true);
    this.follower.forgetNewest();
    this.cursor = null;
    this.done = false;
    this.lookedAt = 0;
    return this.more(true);
  }

  // The old rows stay, marked as stale, until the new ones are there.
  setStale(isStale) {
    this.isStale = isStale;
    this.scroller.classList.toggle("is-stale", isStale);
  }

  forget() {
    if (!this.isStale) return;
    this.setStale(false);
    this.table.clear();
    this.table.branches.refresh();
    this.value.hidden = true;
    this.table.element.hidden = false;
    this.scroller.scrollTop = 0;
  }

  count() {
    return this.isStale ? 0 : this.table.rows.size;
  }

  // Returns how many rows have to be read for the scroll position that is kept.
  rowsToKeep() {
    const count = this.keptTop ? this.table.window.rowsTo(this.keptTop) : 0;
    return count <= MOST_KEPT ? count : 0;
  }

  // Reads more rows, until one page more is shown.
  async more(asked = false) {
    if (this.search || this.done || (!asked && (!this.cursor || this.failed))) return;
    const search = new AbortController();
    this.search = search;
    const wanted = Math.max(this.count() + ROWS, this.rowsToKeep());
    this.failed = false;
    this.searchSince = Date.now();
    const ticking = setInterval(() => this.search === search && this.tell(), 1000);
    this.tell();
    try {
      while (this.search === search && this.count() < wanted) {
        const page = await this.readPage(wanted - this.count(), search.signal);
        if (this.search !== search) return;
        this.follower.heard();
        this.take(page);
        if (this.done) break;
        this.tell();
      }
      this.search = null;
      if (this.keptTop) this.scroller.scrollTop = this.keptTop;
      this.keptTop = 0;
      this.tell();
      this.charted.draw();
    } catch (failure) {
      if (failure.name === "AbortError") return;
      this.search = null;
      this.done = failure.content?.of === "query";
      this.failed = !this.done;
      if (isAway(failure))
        this.follower.missed(); // the rows stay, and the follower tries again
      else this.forget();
      if (this.done) {
        const { error } = understand(this.shown.query);
        error ? this.query.fail(error) : this.query.fail(failure.message, failure.content.place);
        this.tell("");
      } else this.tell(failure.message, true);
    } finally {
      clearInterval(ticking);
    }
    // The window may have room for more rows than one page has.
    this.moreIfSeen();
  }

  // Reads more rows if the end of the list is seen. The observer does not notice an end that was out of sight between
  // two frames only: new rows have moved it down, and the user has scrolled there at once.
  moreIfSeen() {
    const { top } = this.foot.getBoundingClientRect();
    if (this.visible && top < innerHeight && top > 0) this.more();
  }

  readPage(count, signal) {
    return readTop(this.shown, this.request(), this.cursor, count, signal);
  }

  async readBranch(row, cursor, signal) {
    const page = await readBelow(this.shown, this.request(), row, cursor, signal);
    if (!row.isGroup || page.writable) this.learn(page);
    return page;
  }

  // Keeps what a page of runs says beside its rows.
  learn(page) {
    for (const id of page.writable ?? []) this.writable.add(id);
    this.actions.hidden = !this.writable.size;
    this.filters.learn(page.rows);
  }

  // Returns the request to the server for what is shown.
  request() {
    const { widths, charts, charted, dense, pinned, group, subgroup, ...filters } = this.shown;
    const { query, text, error } = understand(filters.query);
    // The server refuses it, too. Without a query, all runs would be listed, or cancelled.
    if (error) return { ...filters, changed: this.board.changed };
    const words = [filters.text, text].filter(Boolean).join(" ");
    return { ...filters, query, text: words, changed: this.board.changed };
  }

  showNew() {
    if (this.shown.sort !== "-created") {
      this.shown.sort = "-created";
      this.changed(true);
    } else {
      this.scroller.scrollTop = 0;
      this.load();
    }
  }

  take(page) {
    this.forget();
    if ("value" in page) {
      showValue(this.value, page.value);
      this.value.hidden = false;
      this.table.element.hidden = true;
      this.total = page.total;
      this.done = true;
      return;
    }
    this.learn(page);
    this.table.add(page.rows);
    this.grouped = page.left_out ? page : null;
    this.cursor = page.cursor ?? null;
    this.lookedAt += page.looked_at ?? 0;
    this.total = page.total;
    this.done = !this.cursor;
  }

  tell(text, isError = false) {
    const count = this.count();
    text ??= stateText(this, count);
    this.state.textContent = text;
    this.state.classList.toggle("is-error", isError);
    this.moreButton.lastChild.textContent = this.failed ? "Try again" : "Load more";
    this.moreButton.hidden = Boolean(this.search) || this.done || !(this.cursor || this.failed);
    this.stopButton.hidden = !this.search || !(this.lookedAt || searchSeconds(this));
    this.scroller.setAttribute("aria-busy", String(Boolean(this.search)));
  }

  showSelection(rows, isByUser) {
    this.charted.draw();
    this.selection.show(rows);
    if (isByUser) this.charted.note();
  }
}
