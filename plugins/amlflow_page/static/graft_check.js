// Checks that MLflow's page has the places where the studio adds its parts, and reports missing ones.

import { post } from "./api.js";
import { h } from "./dom.js";
import { mlflowsMain } from "./stage.js";

const WAIT_MS = 15000;
const reported = new Set();

export const HEADER = "main [data-testid='runs-header']";
export const TAB_LIST = "main [role='tablist'][data-component-id='mlflow.run-page.view-mode-switch']";
export const SIDE_BAR = "aside nav ul";
// What MLflow's page of a run lacks without a place, and the selector of the place.
const PLACES = { "the status and Cancel": HEADER, Logs: TAB_LIST };

// Returns the parts of the studio that have no place in a page of MLflow.
export function missingPlaces(page = document) {
  return Object.keys(PLACES).filter((part) => !page.querySelector(PLACES[part]));
}

// Returns what has no place around the studio's own pages.
export function missingAround(page = document) {
  if (!mlflowsMain()) return ["the studio beside its side bar"];
  return page.querySelector(SIDE_BAR) ? [] : ["the link All runs"];
}

// Checks the page once, `wait` ms from now, when MLflow has drawn it. `find()` returns what is missing, `isShown()` tells
// whether the same page is still shown, and `link` is another page that can be opened instead.
export function checkPlaces({ find, isShown, link, wait = WAIT_MS }) {
  setTimeout(() => {
    if (!isShown()) return;
    const missing = find();
    if (missing.length) tell(missing, link);
  }, wait);
}

export function forgetMissing() {
  document.querySelector(".amlflow-misplaced")?.remove();
}

function tell(missing, link) {
  forgetMissing();
  const note = h(
    "div",
    { class: "amlflow amlflow-misplaced", role: "status" },
    `This version of MLflow's page has no place for ${missing.join(" and ")}. `,
    link,
  );
  const ours = document.querySelector(".amlflow-all-runs, .amlflow-run");
  (ours ?? mlflowsMain() ?? document.body).prepend(note);
  const key = missing.join();
  if (reported.has(key)) return;
  reported.add(key);
  post("page/missing", { parts: missing }).catch(() => reported.delete(key));
}
