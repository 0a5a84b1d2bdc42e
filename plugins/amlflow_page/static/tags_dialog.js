// The dialog that sets and removes tags of the selected runs, all in one request.

import { post } from "./api.js";
import { ask, button, h, say } from "./dom.js";
import { runs } from "./tree_cells.js";

const MAX_RUNS = 1000; // runs of one request, which is the server's limit
const MAX_NAMED = 20; // at most so many runs are named if their tags could not be changed

// `changed(id, tags)` is called with each run's new tags.
export async function changeTags(rows, changed) {
  if (rows.length > MAX_RUNS) {
    say(`Select at most ${MAX_RUNS.toLocaleString("en")} runs: the tags of so many change at once.`, true);
    return;
  }
  const form = new TagsForm(rows);
  const sure = await ask({
    title: `Tags of ${runs(rows.length)}`,
    confirm: "Change tags",
    dismiss: "Cancel",
    more: form.element,
  });
  const change = form.change();
  if (!sure || (!Object.keys(change.set).length && !change.remove.length)) return;
  let outcomes;
  try {
    outcomes = (await post("runs/tags", { run_ids: rows.map((row) => row.id), ...change })).runs;
  } catch (failure) {
    say(failure.message, true);
    return;
  }
  const tagsOf = new Map(rows.map((row) => [row.id, row.tags]));
  for (const { id, error } of outcomes) if (!error) changed(id, applied(tagsOf.get(id), change));
  tell(
    outcomes,
    rows.map((row) => [row.id, row.name || row.run_id]),
  );
}

// Returns a run's tags after a change, in the order of their keys.
export function applied(tags, { set, remove }) {
  const all = Object.entries({ ...tags, ...set }).filter(([key]) => !remove.includes(key));
  return Object.fromEntries(all.sort(([one], [other]) => (one < other ? -1 : 1)));
}

function tell(outcomes, names) {
  const nameOf = new Map(names);
  const refused = outcomes.filter((outcome) => outcome.error);
  const done = outcomes.length - refused.length;
  if (done) say(`The tags of ${runs(done)} are changed.`);
  if (!refused.length) return;
  ask({
    title: `The tags of ${runs(refused.length)} are not changed`,
    confirm: "Close",
    dismiss: null,
    more: h(
      "ul",
      { class: "amlflow-outcomes" },
      refused.slice(0, MAX_NAMED).map(({ id, error }) => h("li", {}, h("b", {}, nameOf.get(id)), ` ${error}`)),
      refused.length > MAX_NAMED && h("li", {}, `… and ${runs(refused.length - MAX_NAMED)}`),
    ),
  });
}

export class TagsForm {
  constructor(rows) {
    const keys = [...new Set(rows.flatMap((row) => Object.keys(row.tags)))].sort();
    this.removed = new Set();
    this.lines = h("div", { class: "amlflow-tag-lines" });
    this.keys = h(
      "datalist",
      { id: "amlflow-tag-keys" },
      keys.map((value) => h("option", { value })),
    );
    this.element = h(
      "div",
      { class: "amlflow-tags-form" },
      h("h3", {}, "Set"),
      this.lines,
      button("Another tag", () => this.add().focus(), { kind: "link" }),
      keys.length > 0 && h("h3", {}, "Remove"),
      keys.length > 0 &&
        h(
          "div",
          { class: "amlflow-tags" },
          keys.map((key) => this.removal(key, rows)),
        ),
      this.keys,
    );
    this.add();
  }

  add() {
    const key = h("input", {
      type: "text",
      class: "amlflow-input",
      placeholder: "Key",
      "aria-label": "Key of a tag to set",
      list: "amlflow-tag-keys",
    });
    const value = h("input", {
      type: "text",
      class: "amlflow-input",
      placeholder: "Value, or none",
      "aria-label": "Its value",
    });
    this.lines.append(h("div", {}, key, value));
    return key;
  }

  removal(key, rows) {
    const count = rows.filter((row) => Object.hasOwn(row.tags, key)).length;
    const box = h("input", {
      type: "checkbox",
      onchange: () => (box.checked ? this.removed.add(key) : this.removed.delete(key)),
    });
    const text = h("span", {}, h("bdi", {}, key), h("span", { class: "amlflow-hint" }, ` of ${runs(count)}`));
    return h("label", {}, box, text);
  }

  // Returns the tags to set and to remove, in the server's form. A tag without a value is null.
  change() {
    const pairs = [...this.lines.children].map((line) => [...line.querySelectorAll("input")].map((box) => box.value));
    const set = Object.fromEntries(pairs.map(([key, value]) => [key.trim(), value || null]).filter(([key]) => key));
    return { set, remove: [...this.removed] };
  }
}
