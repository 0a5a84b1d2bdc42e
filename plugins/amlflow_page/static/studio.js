// Adds the studio's parts to MLflow's page, or removes them, when the address changes.

import { AllRuns } from "./all_runs.js";
import { DifferenceView } from "./difference_view.js";
import { h, icon, placeMessages } from "./dom.js";
import { checkPlaces, missingAround, SIDE_BAR } from "./graft_check.js";
import { pressed } from "./keys.js";
import { keepPolicy } from "./policy.js";
import { RunPage, runOf } from "./run_page.js";
import { ALL_RUNS, OURS, readDifference, readRoute } from "./run_route.js";
import { RunView } from "./run_view.js";
import { leaveStage, placeOfPages } from "./stage.js";

const TITLE = "All runs - MLflow";
let allRuns = null;
let runPage = null;
let runView = null;

function moved() {
  keepPolicy(location.hash, location.hash.startsWith(OURS));
  const showsAll = location.hash.split("?")[0] === ALL_RUNS;
  document.body.classList.toggle("amlflow-shows-all-runs", showsAll);
  if (showsAll) {
    allRuns ??= new AllRuns();
    allRuns.moved();
  } else {
    allRuns?.left();
    if (document.title === TITLE) document.title = "MLflow";
  }
  const ids = readDifference(location.hash);
  const route = ids ? { id: ids.join() } : readRoute(location.hash);
  document.body.classList.toggle("amlflow-shows-run", Boolean(route));
  if (runView && runView.id !== route?.id) {
    if (document.title === runView.title()) document.title = "MLflow";
    runView.stop();
    runView = null;
  }
  if (route && !runView) runView = ids ? new DifferenceView(ids) : new RunView(route);
  else if (route) runView.moved(route);
  const place = runOf(location.hash);
  if (runPage && runPage.id !== place?.id) {
    runPage.stop();
    runPage = null;
  }
  if (place && !runPage) runPage = new RunPage(place);
  else if (place) runPage.moved(place);
  if (location.hash.startsWith(OURS)) checkAround();
  drawn();
}

let isChecked = false;

// Checks once that MLflow's page has a place for the studio's own pages, and for the link to them.
function checkAround() {
  if (isChecked) return;
  isChecked = true;
  checkPlaces({
    find: missingAround,
    isShown: () => location.hash.startsWith(OURS),
    link: h("a", { href: "#/experiments" }, "Open MLflow's experiments"),
  });
}

function drawn() {
  const focused = document.activeElement;
  const showsOurs = runView !== null || document.body.classList.contains("amlflow-shows-all-runs");
  const main = showsOurs ? placeOfPages(drawn) : null;
  if (!showsOurs) leaveStage();
  // For the studio's addresses, MLflow's title says that the page was not found, so it is replaced.
  const title = runView ? runView.title() : TITLE;
  if (location.hash.startsWith(OURS) && document.title !== title) document.title = title;
  if (runView && main) put(runView.element, main, focused);
  if (document.body.classList.contains("amlflow-shows-all-runs")) {
    if (main) put(allRuns.element, main, focused);
  } else {
    allRuns?.element.remove();
  }
  runPage?.draw();
  link();
}

// Puts a page of the studio into its place. A move takes the focus from what the user is typing in.
function put(element, place, focused) {
  if (element.parentElement === place) return;
  place.append(element);
  if (element.contains(focused)) focused.focus();
}

// Adds the link "All runs" to MLflow's side bar.
function link() {
  const list = document.querySelector(SIDE_BAR);
  if (!list) return;
  let item = list.querySelector(".amlflow-nav");
  item ??= h(
    "li",
    { class: "amlflow amlflow-nav" },
    h("a", { href: ALL_RUNS, title: "All runs" }, icon("runs"), h("span", {}, "All runs")),
  );
  // The link comes after "Experiments". It is added again if MLflow has drawn the side bar again.
  const experiments = [...list.children].find(
    (each) => each !== item && each.querySelector("a[href^='#/experiments']"),
  );
  if (experiments ? experiments.nextElementSibling !== item : item.parentElement !== list) {
    experiments ? experiments.after(item) : list.append(item);
  }
  const here = location.hash.startsWith(OURS);
  here ? item.firstChild.setAttribute("aria-current", "page") : item.firstChild.removeAttribute("aria-current");
  item.classList.toggle("is-narrow", list.clientWidth < 80);
}

let waiting = false;
new MutationObserver(() => {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    // MLflow's router changes the address without an event, so the address is compared.
    if (location.hash !== last) {
      last = location.hash;
      moved();
    } else drawn();
  });
}).observe(document.documentElement, { childList: true, subtree: true });

let last = location.hash;
addEventListener("hashchange", () => {
  last = location.hash;
  moved();
});
document.addEventListener("keydown", pressed);
placeMessages();
addEventListener("popstate", () => {
  if (location.hash !== last) {
    last = location.hash;
    moved();
  }
});
moved();
