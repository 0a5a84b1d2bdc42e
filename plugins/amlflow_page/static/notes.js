// The notes of a board, in Markdown. The user edits them in place.

import { button, debounced, h } from "./dom.js";
import { markdown } from "./markdown.js";

const MAX_NOTES = 10_000; // the server's limit
const PREVIEW_MS = 200;

export class Notes {
  // `save(notes)` resolves to null, or to the view if somebody else has changed its notes meanwhile.
  constructor(save) {
    this.save = save;
    this.editing = null; // the id of the view whose notes are being edited
    this.drafts = new Map(); // notes that are not saved yet, by view
    this.element = h("section", { class: "amlflow-notes", "aria-label": "Notes", hidden: true });
    addEventListener("beforeunload", (event) => {
      if (this.drafts.size) event.preventDefault();
    });
  }

  // Shows the notes of a view, or nothing if `view` is null. `mayEdit` tells whether the user may change them now.
  show(view, mayEdit) {
    this.view = view;
    this.mayEdit = mayEdit;
    const draft = view && mayEdit ? this.drafts.get(view.id) : undefined;
    if (draft !== undefined) {
      if (this.editing !== view.id) this.edit(draft);
      return;
    }
    const key = JSON.stringify([view?.id, view?.notes, mayEdit]);
    if (this.editing === null && key === this.shown) return;
    this.shown = key;
    this.editing = null;
    const notes = view?.notes ?? "";
    this.element.hidden = !notes.trim();
    this.element.replaceChildren(
      ...(notes.trim() ? [markdown(notes)] : []),
      ...(notes.trim() && mayEdit ? [button("Edit notes", () => this.edit(notes), { kind: "link" })] : []),
    );
  }

  edit(text = this.view.notes) {
    const { id } = this.view;
    this.editing = id;
    const preview = h("div", { class: "amlflow-preview", "aria-label": "Preview", role: "group" });
    const draw = () => preview.replaceChildren(markdown(this.box.value));
    const soon = debounced(draw, PREVIEW_MS);
    this.box = h("textarea", {
      class: "amlflow-input",
      "aria-label": "Notes in Markdown",
      maxlength: MAX_NOTES,
      rows: 8,
      dir: "auto",
      oninput: () => {
        this.drafts.set(id, this.box.value);
        soon();
      },
      onkeydown: (event) => {
        if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.finish();
        else if (event.key === "Escape" && !this.drafts.has(id)) this.leave();
        else return;
        event.preventDefault();
        event.stopPropagation();
      },
    });
    this.box.value = text;
    this.theirs = h("div", { role: "alert" });
    this.element.hidden = false;
    this.element.replaceChildren(
      h("div", { class: "amlflow-editor" }, this.box, preview),
      this.theirs,
      h(
        "div",
        { class: "amlflow-bar" },
        button("Save notes", () => this.finish(), { kind: "primary" }),
        button("Discard", () => this.leave()),
        h("span", { class: "amlflow-hint" }, "Ctrl+Enter saves."),
      ),
    );
    draw();
    this.box.focus();
  }

  // Returns the shown view's notes that are not saved yet; undefined without any.
  draft() {
    return this.drafts.get(this.view?.id);
  }

  // The shown view's draft was saved as `notes` in the view `id`. What was typed meanwhile is a draft of that view.
  moveDraft(notes, id) {
    const draft = this.draft();
    this.drafts.delete(this.view?.id);
    this.editing = null;
    if (draft !== undefined && draft !== notes) this.drafts.set(id, draft);
  }

  leave() {
    this.drafts.delete(this.editing);
    this.show(this.view, this.mayEdit);
    this.element.querySelector("button")?.focus();
  }

  async finish() {
    const { editing } = this;
    const notes = this.box.value;
    const theirs = await this.save(notes);
    if (theirs === undefined || editing !== this.editing) return; // saving failed, and the message was shown
    if (theirs) this.tellConflict(theirs);
    else if (this.box.value === notes) this.leave(); // else the user has typed more meanwhile
  }

  // Shows the other person's notes beside the user's. If the user saves again, the user's notes are the newest version.
  tellConflict(view) {
    this.view = { ...this.view, version: view.version };
    this.theirs.replaceChildren(
      h(
        "p",
        { class: "is-error" },
        `${view.by ?? "Somebody"} has changed the notes meanwhile. Your text is still here. `,
        `“Save notes” makes it version ${view.version + 1}; theirs stays version ${view.version}:`,
      ),
      h("blockquote", {}, markdown(view.notes)),
    );
  }
}
