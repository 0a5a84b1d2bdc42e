// The keyboard: the key in an element's `aria-keyshortcuts` activates the element, and `?` shows all keys.

import { showDialog } from "./dialogs.js";
import { h, say } from "./dom.js";
import { OURS } from "./run_route.js";
import { FORMS, form, setForm } from "./times.js";

const WRITING = "input:not([type='checkbox'], [type='range']), textarea, select, dialog, [contenteditable='true']";
const TABLE = [
  ["↑ ↓ Home End", "go from run to run"],
  ["→ ←", "go to what is in the row, and back"],
  ["Space, Shift+↑ ↓", "select runs"],
  ["Enter", "open the run"],
  ["Escape", "stop the search; in a box, go to the runs; else clear the selection"],
  ["Alt+← →", "in a column’s heading: make the column narrower or wider"],
  ["Alt+Shift+← →", "in a column’s heading: move the column"],
];
const LOG = [["↑ ↓", "in a log’s line numbers, where Tab goes from the log: go from line to line"]];
const CHART = [
  ["+ −", "in a chart: enlarge a part, or less of it"],
  ["← →", "in a chart: move the part"],
  ["0", "in a chart: show all"],
];

// Returns whether an element can be used: it is visible, and not below a dialog.
function isThere(element) {
  return element.getClientRects().length > 0 && !element.disabled;
}

export function shortcuts(page = document) {
  const elements = [...page.querySelectorAll(".amlflow [aria-keyshortcuts]")].filter(isThere);
  return elements.map((element) => [element.getAttribute("aria-keyshortcuts"), element]);
}

function labelOf(element) {
  return (element.getAttribute("aria-label") ?? element.textContent).trim();
}

function use(element) {
  const folded = element.closest("details:not([open])");
  if (folded) folded.open = true; // a narrow window folds the filters away
  const stop = element.matches("table") ? element.querySelector("tbody [tabindex='0']") : element;
  stop?.focus();
  if (element.matches("button, a")) element.click();
}

const KEPT = "amlflow.keys";

// Returns whether single characters are keys. Users of speech input may turn them off, since each spoken word would
// press some.
export function isOn() {
  try {
    return localStorage.getItem(KEPT) !== "off";
  } catch {
    return true;
  }
}

function turn(on) {
  try {
    on ? localStorage.removeItem(KEPT) : localStorage.setItem(KEPT, "off");
  } catch {
    say("This browser keeps no settings.", true);
  }
}

function nextForm() {
  const names = Object.keys(FORMS);
  setForm(names[(names.indexOf(form()) + 1) % names.length]);
}

export function showKeys() {
  const isList = document.body.classList.contains("amlflow-shows-all-runs");
  const hasCharts = document.querySelector(".amlflow-charts figure") !== null;
  const entries = [
    ...shortcuts().map(([key, element]) => [key, labelOf(element)]),
    ...(isList ? TABLE : []),
    ...(hasCharts ? CHART : []),
    ...(document.querySelector(".amlflow-log") ? LOG : []),
    ["z", "show times as how long ago, in local time or in UTC"],
    ["?", "show these keys"],
  ];
  const single = h("input", { type: "checkbox", checked: isOn(), onchange: () => turn(single.checked) });
  showDialog(
    "Keys",
    h(
      "dl",
      { class: "amlflow-keys", tabindex: "0", "aria-label": "Keys" },
      ...entries.flatMap(([key, what]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, what)]),
    ),
    h("label", {}, single, h("span", {}, "Use keys of one character")),
  );
}

// Handles a key in the studio's own pages. Keys pressed with Ctrl or while the user writes a text are ignored.
export function pressed(event) {
  if (!location.hash.startsWith(OURS) || event.defaultPrevented) return;
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest?.(WRITING)) return;
  if (document.querySelector("dialog[open]")) return;
  const element = shortcuts().find(([key]) => key === event.key)?.[1];
  if (event.key !== "?" && !isOn()) return;
  if (event.key === "?") showKeys();
  else if (event.key === "z") nextForm();
  else if (element) use(element);
  else return;
  event.preventDefault();
}
