// Custom views: saved on the server for all users, opened by a link, edited by users who may. Each save is a version.

import { get, post } from "./api.js";
import { copy } from "./clipboard.js";
import { completed, same, standard } from "./definition.js";
import { showDialog } from "./dialogs.js";
import { ask, h, menu, say } from "./dom.js";
import { ALL_RUNS } from "./run_route.js";
import { defaultView, readPerson, setDefaultView } from "./seen.js";
import { timeElement } from "./times.js";

const GONE = "Somebody has deleted this view. “Save as a new view…” keeps what you see.";
const NONE = "all"; // in the address: All runs without a view, although one is the default

export class SavedViews {
  // `page.definition()` returns what is shown, and `page.toSave()` the same with charts that the user has not chosen.
  // `page.opened(view, isStep)` shows a view. `page.kept()` shows that everything is saved. `page.editNotes()` lets the
  // user edit the notes. `page.draft()` returns the notes that are not saved yet, and `page.moveDraft(notes, id)`
  // says that they were saved in another view.
  constructor(page) {
    this.page = page;
    this.current = null;
    this.opens = 0;
    this.user = null;
    this.element = menu("Views", (panel, close) => this.fill(panel, close), {
      symbol: "view",
      "aria-keyshortcuts": "v",
    });
  }

  // Opens the view that an address names, or the version of it if the address names one.
  async open(query) {
    const id = query.get("view");
    const version = query.get("version");
    this.opens += 1; // an answer that comes after another view was opened is not used
    const { opens } = this;
    if (!id || id === NONE) {
      this.current = null;
      return;
    }
    if (this.current?.id === id && String(this.current.version) === (version ?? String(this.current.newest))) return;
    try {
      const reading = readPerson().catch(() => null); // without it, the view is shown all the same
      const { view, user } = await get("views/get", version ? { id, version } : { id });
      await reading;
      if (opens !== this.opens) return;
      this.current = view;
      this.user = user;
    } catch (failure) {
      if (opens !== this.opens) return;
      this.current = null;
      const isGone = failure.status === 404;
      if (isGone && id === defaultView()) setDefaultView(null).catch(() => null); // tried again at the next visit
      say(isGone ? "That view has been deleted, or is one that you may not see." : failure.message, true);
    }
  }

  // Returns the id of the person's default view, which is shown if the address names none; null without a default.
  async usual() {
    try {
      this.user = await readPerson();
      return defaultView();
    } catch {
      return null; // then all runs are shown, and the list says what is wrong
    }
  }

  // Returns whether an older version of a view is open.
  isOld() {
    return this.current !== null && this.current.version !== this.current.newest;
  }

  isChanged() {
    return this.current !== null && !same(this.current.definition, this.page.definition());
  }

  // Returns the part of an address that names the view.
  address() {
    if (!this.current) return defaultView() ? { view: NONE } : {};
    const { id, version } = this.current;
    return this.isOld() ? { view: id, version } : { view: id };
  }

  async fill(panel, close) {
    panel.append(h("p", { class: "amlflow-hint" }, "Loading…"));
    let views = [];
    try {
      [{ views, user: this.user }] = await Promise.all([get("views"), readPerson()]);
    } catch (failure) {
      say(failure.message, true);
    }
    const usual = defaultView();
    const link = (address, name, hint, isCurrent) =>
      h(
        "a",
        { href: address, class: "amlflow-entry", onclick: () => close(), "aria-current": isCurrent ? "true" : null },
        h("bdi", {}, name),
        hint && h("span", { class: "amlflow-hint" }, hint),
      );
    const entry = (view) => {
      const hint = [view.id === usual && "default", view.by].filter(Boolean).join(", ");
      return link(`${ALL_RUNS}?view=${view.id}`, view.name, hint, view.id === this.current?.id);
    };
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
    const { mine, others } = groups(views, this.user);
    const { current } = this;
    const may = current?.may_change && !this.isOld();
    const shown = [
      link(usual ? `${ALL_RUNS}?view=${NONE}` : ALL_RUNS, "All runs", "", !current),
      mine.length && others.length ? h("h3", {}, "Yours") : null,
      ...mine.map(entry),
      mine.length && others.length ? h("h3", {}, "Others’") : null,
      ...others.map(entry),
      h("hr"),
      this.isChanged() && may && action("Save changes", () => this.saveChanges()),
      action("Save as a new view…", () => this.create()),
      may && action(current.notes ? "Edit notes" : "Add notes", () => this.page.editNotes()),
      may && action("Rename…", () => this.rename()),
      current && action("Versions…", () => this.showVersions()),
      current &&
        action(usual === current.id ? "Not my default any more" : "Make it my default", () => this.toggleDefault()),
      action("Copy link", () => this.share()),
      current?.may_delete && action("Delete view…", () => this.remove()),
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
    const notes = this.page.draft() ?? this.current?.notes ?? "";
    try {
      const definition = this.page.toSave();
      const { view } = await post("views/create", { name, definition, notes, open: open.checked });
      this.page.moveDraft(notes, view.id);
      this.current = { ...view, newest: view.version };
      say(`Saved as “${view.name}”.`);
      this.page.kept();
    } catch (failure) {
      say(failure.message, true);
    }
  }

  // Saves parts of the view. If somebody else has changed other parts meanwhile, these changes are kept. If somebody
  // else has changed the same part, `conflict(view)` is called. Returns whether the parts were saved.
  async save(parts, conflict) {
    const { id, version } = this.current;
    const isChanged = this.isChanged();
    let view;
    try {
      ({ view } = await post("views/save", { id, version, ...parts }));
    } catch (failure) {
      if (failure.status === 409) await conflict(failure.content.view);
      else say(reasonOf(failure), true);
      return false;
    }
    const others = view.version > version + 1 ? " What others have changed meanwhile is in it, too." : "";
    this.current = { ...view, newest: view.version };
    say(`Saved “${view.name}” as version ${view.version}.${others}`);
    if (isChanged) this.page.kept();
    else this.page.opened(this.current);
    return true;
  }

  saveChanges() {
    const definition = this.page.definition();
    return this.save({ definition }, async (theirs) => {
      const choice = await ask({
        title: "The view has changed",
        text:
          `${theirs.by ?? "Somebody"} has changed the view ${theirs.name} meanwhile. Yours can be the next version; ` +
          "theirs stays in the list of versions.",
        confirm: "Open theirs",
        other: "Save mine after theirs",
        dismiss: "Keep mine open",
      });
      if (!choice) return;
      this.current = { ...theirs, newest: theirs.version };
      if (choice === "other") await this.saveChanges();
      else this.page.opened(this.current, true); // Back shows the user's own changes
    });
  }

  // Saves the notes. Resolves to null if they are saved, to the other person's view in a conflict, and to undefined
  // after another failure.
  async saveNotes(notes) {
    let theirs;
    const isSaved = await this.save({ notes }, (view) => {
      theirs = view;
      this.current = { ...this.current, version: view.version, newest: view.version };
    });
    return isSaved ? null : theirs;
  }

  async rename() {
    const { name } = this.current;
    const newName = await ask({ title: "Rename the view", value: name, confirm: "Rename" });
    if (!newName || newName === name) return;
    await this.save({ name: newName }, (theirs) => {
      const { name, version } = theirs;
      this.current = { ...this.current, name, version, newest: version };
      say(`${theirs.by ?? "Somebody"} has renamed it to “${name}” meanwhile.`, true);
      this.page.kept();
    });
  }

  async showVersions() {
    const { id, name, version } = this.current;
    let versions;
    try {
      ({ versions } = await get("views/history", { id }));
    } catch (failure) {
      say(reasonOf(failure), true);
      return;
    }
    const close = showDialog(
      `Versions of “${name}”`,
      h(
        "ol",
        { class: "amlflow-versions" },
        ...versions.map((each) =>
          h(
            "li",
            {},
            h(
              "a",
              {
                href: `${ALL_RUNS}?view=${id}&version=${each.version}`,
                "aria-current": each.version === version ? "true" : null,
                onclick: () => close(),
              },
              `Version ${each.version}`,
            ),
            h("span", {}, each.by ?? "", " ", each.saved ? timeElement(each.saved) : ""),
            each.name === name ? "" : h("span", { class: "amlflow-hint" }, each.name),
          ),
        ),
      ),
    );
  }

  // Saves the open older version as the newest one.
  bringBack() {
    const { name, notes, newest } = this.current;
    // The server keeps the newest version's value of a field that is not sent, and an older version may lack some.
    const definition = { ...standard(), ...this.current.definition };
    this.current = { ...this.current, version: newest };
    return this.save({ name, definition, notes }, (theirs) => {
      this.current = { ...theirs, newest: theirs.version };
      say(`${theirs.by ?? "Somebody"} has changed the view meanwhile. This is theirs.`, true);
      this.page.opened(this.current);
    });
  }

  async toggleDefault() {
    const { id, name } = this.current;
    const isUsual = defaultView() === id;
    try {
      await setDefaultView(isUsual ? null : id);
    } catch (failure) {
      say(failure.message, true);
      return;
    }
    const where = this.user === null ? " in this browser" : "";
    say(isUsual ? "All runs open without a view." : `All runs open with “${name}”${where}.`);
  }

  async remove() {
    const { id, version, name } = this.current;
    const isSure = await ask({
      title: `Delete the view “${name}”?`,
      text: "It goes for everybody. The runs stay.",
      confirm: "Delete view",
      dismiss: "Keep it",
      danger: true,
    });
    if (!isSure) return;
    try {
      await post("views/delete", { id, version });
      if (defaultView() === id) await setDefaultView(null);
      this.current = null;
      location.hash = ALL_RUNS;
    } catch (failure) {
      say(reasonOf(failure), true);
    }
  }

  async share() {
    await copy(location.href, "The link is on the clipboard.", { title: "Link", text: "Copy it from here." });
  }

  base() {
    return this.current ? completed(this.current.definition) : undefined;
  }
}

// Returns the sentence for a failed change of an open view.
function reasonOf(failure) {
  return failure.status === 404 ? GONE : failure.message;
}

// Returns the person's own views as `mine`, and all others as `others`. Without users, all views are in `others`.
export function groups(views, user) {
  return {
    mine: views.filter((view) => user !== null && view.owner === user),
    others: views.filter((view) => user === null || view.owner !== user),
  };
}
