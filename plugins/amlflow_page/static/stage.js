// The place of the studio's pages: MLflow's element `main`, beside its side bar. If MLflow's page does not have one, a
// place of the studio's own covers the window.

import { h } from "./dom.js";

const WAIT_MS = 5000; // MLflow's page takes a while to start
const stage = h("main", { class: "amlflow-stage" });
let timer = null;

export function mlflowsMain() {
  return [...document.querySelectorAll("main")].find((each) => each !== stage) ?? null;
}

// Returns the element in which a page of the studio is shown; null if there is none yet. Then `again()` is called when
// MLflow's page has had `wait` ms for its own.
export function placeOfPages(again, wait = WAIT_MS) {
  const main = mlflowsMain();
  if (main) leaveStage();
  else if (!stage.isConnected)
    timer ??= setTimeout(() => {
      if (mlflowsMain()) return;
      document.body.append(stage);
      coverRest(true);
      again();
    }, wait);
  return main ?? (stage.isConnected ? stage : null);
}

// A page of MLflow is shown.
export function leaveStage() {
  clearTimeout(timer);
  timer = null;
  if (!stage.isConnected) return;
  stage.remove();
  coverRest(false);
}

// Keeps the keyboard and screen readers away from what lies behind the place.
function coverRest(isCovered) {
  document.getElementById("root")?.toggleAttribute("inert", isCovered);
}
