// Checks that MLflow's page of a run has the places where the studio adds its parts, and reports missing ones.

import { post } from "./api.js";
import { h } from "./dom.js";

const WAIT_MS = 15000;
const reported = new Set();

export const HEADER = "main [data-testid='runs-header']";
export const TAB_LIST = "main [role='tablist'][data-component-id='mlflow.run-page.view-mode-switch']";
// What the page lacks without a place, and the selector of the place.
const PLACES = { "the status and Cancel": HEADER, Logs: TAB_LIST };

export function missingPlaces(page = document) {
  return Object.keys(PLACES).filter((part) => !page.querySelector(PLACES[part]));
}

// Checks the page once, `wait` ms from now, when MLflow has drawn the run. `isShown()` tells whether the run is still
// shown. `address` is the address of the studio's own page of the run.
export function checkPlaces(isShown, address, wait = WAIT_MS) {
  setTimeout(() => {
    if (!isShown()) return;
    const missing = missingPlaces();
    if (missing.length) tell(missing, address);
  }, wait);
}

function tell(missing, address) {
  document.querySelector(".amlflow-misplaced")?.remove();
  const note = h(
    "div",
    { class: "amlflow amlflow-misplaced", role: "status" },
    `This version of MLflow's page has no place for ${missing.join(" and ")}. `,
    h("a", { href: address }, "Open the run in the studio"),
  );
  (document.querySelector("main") ?? document.body).prepend(note);
  const key = missing.join();
  if (reported.has(key)) return;
  reported.add(key);
  post("page/missing", { parts: missing }).catch(() => reported.delete(key));
}
