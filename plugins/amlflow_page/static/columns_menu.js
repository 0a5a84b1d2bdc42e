// The menu of the table's columns: the columns of every run, and a column for each key that runs have.

import { get } from "./api.js";
import { isSentOnRequest, longTitle } from "./cells.js";
import { COLUMNS, METRICS, PINNED } from "./definition.js";
import { checklist, h, menu, say } from "./dom.js";
import { timesBox } from "./times.js";

// `shown()` returns the definition whose columns are chosen. `changed(isNew)` is called after a choice;
// `isNew` says that the rows do not have the values of an added column yet.
export function columnsMenu(shown, changed) {
  let keyed = [];

  async function readKeyed() {
    try {
      keyed = columnsOf(await get("keys"));
    } catch (failure) {
      if (!keyed.length) say(failure.message, true);
    }
    return keyed;
  }

  // Returns the box in which the user chooses the columns that stay in sight.
  function pinnedBox() {
    const label = (count) => (count ? `and ${count === "1" ? "1 column" : `${count} columns`}` : "Run name");
    const options = PINNED.map((count) =>
      h("option", { value: count, selected: count === shown().pinned }, label(count)),
    );
    const onchange = (event) => {
      shown().pinned = event.target.value;
      changed(false);
    };
    return h("select", { class: "amlflow-input", "aria-label": "Pinned columns", onchange }, ...options);
  }

  async function fill(panel) {
    const dense = h("input", {
      type: "checkbox",
      checked: shown().dense,
      onchange: () => {
        shown().dense = dense.checked;
        changed(false);
      },
    });
    panel.append(
      h("label", {}, dense, h("span", {}, "Compact rows")),
      h("label", { class: "amlflow-times-label" }, h("span", {}, "Times"), timesBox()),
      h("label", { class: "amlflow-times-label" }, h("span", {}, "Pinned"), pinnedBox()),
    );
    const all = [...new Set([...shown().columns, ...COLUMNS, ...(await readKeyed())])];
    const labels = new Map(all.map((column) => [longTitle(column), column]));
    const chosen = [...labels].filter(([, column]) => shown().columns.includes(column)).map(([label]) => label);
    checklist(panel, "Columns", [...labels.keys()], new Set(chosen), (ticked) => {
      const before = shown().columns;
      const after = inOrder(
        before,
        ticked.map((label) => labels.get(label)),
      );
      shown().columns = after;
      changed(after.some((column) => isSentOnRequest(column) && !before.includes(column)));
    });
  }

  return menu("Columns", fill, { symbol: "columns", "aria-keyshortcuts": "l" });
}

// Returns the wanted columns. Columns that were shown before keep their order, and new ones come last.
function inOrder(before, wanted) {
  return [
    ...before.filter((column) => wanted.includes(column)),
    ...wanted.filter((column) => !before.includes(column)),
  ];
}

function columnsOf({ tags, properties, params, metrics }) {
  return [
    ...METRICS.flatMap((kind) => metrics.map((key) => `${kind}:${key}`)),
    ...params.map((key) => `param:${key}`),
    ...tags.map((key) => `tag:${key}`),
    ...properties.map((key) => `property:${key}`),
  ];
}
