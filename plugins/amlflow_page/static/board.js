// The part above the table of a saved view: its notes, what has changed since the last visit, and whether it is an
// older version.

import { post } from "./api.js";
import { button, h, say } from "./dom.js";
import { Notes } from "./notes.js";
import { ALL_RUNS } from "./run_route.js";
import { noteVisit, seenUntil } from "./seen.js";
import { timeElement } from "./times.js";

const LOOK_MS = 60_000;
const MAX_CHANGED = 1000; // the server counts no further
export const KINDS = { new: "new", failed: "failed", ended: "completed or canceled" };

export class Board {
  // `page.views` are the saved views, `page.request()` is the request of the list, `page.load()` reads the list again.
  constructor(page) {
    this.page = page;
    this.changed = null; // the only kind of changes that the list shows, and since when; null for all runs
    this.notes = new Notes((notes) => page.views.saveNotes(notes));
    this.version = h("div", { class: "amlflow-bar amlflow-version", role: "status", hidden: true });
    this.changes = h("div", {
      class: "amlflow-bar amlflow-changes",
      role: "group",
      "aria-label": "What has changed",
      "aria-live": "polite",
      hidden: true,
    });
    this.element = h("div", { class: "amlflow-over" }, this.version, this.notes.element, this.changes);
    setInterval(() => this.look(), LOOK_MS);
  }

  show() {
    const { views } = this.page;
    const view = views.current;
    this.notes.show(view, Boolean(view?.may_change) && !views.isOld());
    this.showVersion(view);
    if (view?.id === this.shown) return;
    this.shown = view?.id ?? null;
    this.changed = null;
    this.changes.hidden = true;
    this.since = view ? seenUntil(view.id) : null;
    this.look();
  }

  showVersion(view) {
    const { views } = this.page;
    this.version.hidden = !views.isOld();
    if (this.version.hidden) return;
    this.version.replaceChildren(
      h("b", {}, `Version ${view.version} of ${view.newest}`),
      h("span", {}, `saved by ${view.by ?? "somebody"} `, view.saved ? timeElement(view.saved) : ""),
      view.may_change ? button("Bring it back", () => views.bringBack(), { kind: "primary" }) : "",
      h("a", { class: "amlflow-button", href: `${ALL_RUNS}?view=${view.id}` }, "Open the newest"),
    );
  }

  // Reads what has changed, and notes the visit of the view.
  async look() {
    const { page, shown } = this;
    if (!shown || !page.visible || document.hidden) return;
    try {
      const { changed, ...request } = page.request();
      const { counts, now } = await post("views/changes", { ...request, since: this.since });
      if (shown !== this.shown) return;
      if (counts) this.showChanges(counts, now);
      const { since } = this;
      this.since ??= now;
      await noteVisit(shown, since, now);
    } catch {
      // Not shown here: the list says that the server is away, and tries again.
    }
  }

  showChanges(counts, now) {
    const kinds = Object.keys(KINDS).filter((kind) => counts[kind]);
    this.changes.hidden = !kinds.length;
    const focused = this.changes.contains(document.activeElement) ? document.activeElement.dataset.kind : null;
    this.changes.replaceChildren(
      h("span", {}, "Since your last visit, ", timeElement(this.since), ":"),
      ...kinds.map((kind) =>
        button(changeText(kind, counts[kind]), () => this.narrow(kind), {
          "aria-pressed": String(this.changed?.kind === kind),
          "data-kind": kind,
          kind: this.changed?.kind === kind ? "is-set" : "",
        }),
      ),
      button("Mark as seen", () => this.markSeen(now), { kind: "link" }),
    );
    if (focused) this.changes.querySelector(`[data-kind="${focused}"]`)?.focus();
    this.counts = counts;
    this.now = now;
  }

  // Shows only the runs of one kind of changes, or all runs again.
  narrow(kind) {
    this.changed = this.changed?.kind === kind ? null : { kind, since: this.since };
    this.showChanges(this.counts, this.now);
    this.page.load();
  }

  async markSeen(now) {
    try {
      await noteVisit(this.shown, now, now);
    } catch (failure) {
      say(failure.message, true);
      return;
    }
    this.since = now;
    this.changes.hidden = true;
    if (!this.changed) return;
    this.changed = null;
    this.page.load();
  }
}

export function changeText(kind, count) {
  const number = count >= MAX_CHANGED ? `${MAX_CHANGED.toLocaleString("en")} or more` : count.toLocaleString("en");
  return `${number} ${KINDS[kind]}`;
}
