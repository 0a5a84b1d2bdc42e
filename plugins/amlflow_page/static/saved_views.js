// Custom views: saved on the server for everybody, opened by link, edited by whoever may.

import { get, post } from "./api.js";
import { copy } from "./clipboard.js";
import { ask, h, menu, say } from "./dom.js";
import { completed, same } from "./definition.js";
import { ALL_RUNS } from "./run_route.js";

export class SavedViews {
  // `page.definition()`, `page.opened(view)`
  constructor(page) {
    this.page = page;
    this.current = null;
    this.element = menu("Views", (panel, close) => this.fill(panel, close), { symbol: "view" });
  }

  // The view of an id, or null where there is none (any more).
  async find(id) {
    const { views } = await get("views");
    this.current = views.find((view) => view.id === id) ?? null;
    if (!this.current) say("That view has been deleted, or is one that you may not see.", true);
    return this.current;
  }

  leave() {
    this.current = null;
  }

  isChanged() {
    return this.current !== null && !same(this.current.definition, this.page.definition());
  }

  async fill(panel, close) {
    panel.append(h("p", { class: "amlflow-hint" }, "Loading…"));
    let views = [];
    try {
      ({ views, user: this.user } = await get("views"));
    } catch (failure) {
      say(failure.message, true);
    }
    const entry = (view) =>
      h(
        "a",
        {
          href: `${ALL_RUNS}?view=${view.id}`,
          class: "amlflow-entry",
          onclick: () => close(),
          "aria-current": view.id === this.current?.id ? "true" : null,
        },
        h("span", {}, view.name),
        view.by && h("span", { class: "amlflow-hint" }, view.by),
      );
    const all = h(
      "a",
      {
        href: ALL_RUNS,
        class: "amlflow-entry",
        onclick: () => close(),
        "aria-current": this.current ? null : "true",
      },
      "All runs",
    );
    const action = (label, act) =>
      h(
        "button",
        {
          type: "button",
          class: "amlflow-entry",
          onclick: () => {
            close();
            act();
          },
        },
        label,
      );
    const shown = [
      all,
      ...views.map(entry),
      h("hr"),
      this.isChanged() && this.current.may_change && action("Save changes", () => this.save()),
      action("Save as a new view…", () => this.create()),
      action("Copy link", () => this.share()),
      this.current?.may_delete && action("Delete view…", () => this.remove()),
    ];
    panel.replaceChildren(...shown.filter(Boolean));
    panel.querySelector("a")?.focus();
  }

  async create() {
    const open = h("input", { type: "checkbox", checked: true });
    const name = await ask({
      title: "Save as a new view",
      text: "Everybody finds it under Views, and sees the runs in it that they may see.",
      value: this.current ? `${this.current.name} (copy)` : "",
      more: this.user && h("label", {}, open, h("span", {}, "Others may change it")),
      confirm: "Save",
    });
    if (!name) return;
    try {
      const { view } = await post("views/create", { name, definition: this.page.definition(), open: open.checked });
      this.saved(view);
    } catch (failure) {
      say(failure.message, true);
    }
  }

  async save() {
    const { id, version, name } = this.current;
    try {
      const { view } = await post("views/save", { id, version, name, definition: this.page.definition() });
      this.saved(view);
    } catch (failure) {
      if (failure.status !== 409) return say(failure.message, true);
      const theirs = await ask({
        title: "The view has changed",
        text: failure.message,
        confirm: "Open theirs",
        dismiss: "Keep mine open",
      });
      if (!theirs) return;
      this.current = failure.content.view;
      this.page.opened(this.current);
    }
  }

  async remove() {
    const { id, version, name } = this.current;
    if (
      !(await ask({
        title: `Delete the view “${name}”?`,
        text: "It goes for everybody. The runs stay.",
        confirm: "Delete view",
        dismiss: "Keep it",
        danger: true,
      }))
    )
      return;
    try {
      await post("views/delete", { id, version });
      this.current = null;
      location.hash = ALL_RUNS;
    } catch (failure) {
      say(failure.message, true);
    }
  }

  async share() {
    await copy(location.href, "The link is on the clipboard.", { title: "Link", text: "Copy it from here." });
  }

  saved(view) {
    this.current = view;
    say(`Saved as “${view.name}”.`);
    this.page.opened(view);
  }

  base() {
    return this.current ? completed(this.current.definition) : undefined;
  }
}
