// Checks that MLflow's page of a run has the places for what is put into it, and says where it has not.

import { post } from "./api.js";
import { h } from "./dom.js";

const WAIT_MS = 15000;
const reported = new Set();

export const HEADER = "main [data-testid='runs-header']";
export const TAB_LIST = "main [role='tablist'][data-component-id='mlflow.run-page.view-mode-switch']";
// The places by what the user misses without them.
const PLACES = { "the status and Cancel": HEADER, Logs: TAB_LIST };

export function missingPlaces(page = document) {
  return Object.keys(PLACES).filter((part) => !page.querySelector(PLACES[part]));
}

// Looks once MLflow has had time to draw the run that `isShown()`; `address` is that of the studio's own page.
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
