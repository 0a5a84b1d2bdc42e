// Adds to MLflow's page of a run: v1's status, Cancel, the logs, and a mark on params that are immutable.

import { h, icon, replaceContent } from "./dom.js";
import { chip, mlflowRunLink } from "./format.js";
import { checkPlaces, forgetMissing, HEADER, missingPlaces, TAB_LIST } from "./graft_check.js";
import { LogView } from "./log_view.js";
import { runAddress } from "./run_route.js";
import { cancelButton, waitingText, watchState } from "./run_state.js";

const PROPERTY = "property.";
const NOTE = /^property\.:u61:mlflow\./; // one of amlflow's own notes, as trackers store it
const PACKAGES = "azureml-logs/30_environment_packages.txt";
const ADDRESS = /^#\/experiments\/([^/?]+)\/runs\/([0-9a-f]{32})(?:\/([^?]*))?/;

export function runOf(hash) {
  const found = ADDRESS.exec(hash);
  return found && { id: found[2], tab: found[3] ?? "", experiment_id: found[1] };
}

export class RunPage {
  constructor(place) {
    this.id = place.id;
    this.experiment_id = place.experiment_id;
    this.state = null;
    this.stopped = false;
    this.actions = h("span", { class: "amlflow amlflow-run-actions" });
    this.tab = h(
      "button",
      { type: "button", role: "tab", class: "amlflow-tab", "aria-selected": "false", onclick: () => this.go("logs") },
      "Logs",
    );
    this.tab.addEventListener("keydown", (event) => {
      if (event.key === "ArrowLeft") this.tab.previousElementSibling?.focus();
    });
    this.moved(place);
    watchState(this);
    checkPlaces({
      find: missingPlaces,
      isShown: () => !this.stopped && this.state,
      link: h("a", { href: runAddress(this.id) }, "Open the run in the studio"),
    });
  }

  stop() {
    this.stopped = true;
    this.closeLogs();
    this.actions.remove();
    this.tab.remove();
    forgetMissing();
    for (const row of document.querySelectorAll(".amlflow-environment")) row.remove();
  }

  go(tab) {
    location.hash = this.address(tab);
  }

  address(tab) {
    return mlflowRunLink(this, tab);
  }

  moved(place) {
    this.showsLogs = place.tab === "logs";
    this.draw();
  }

  set(state) {
    this.state = state;
    if (this.stopped) return;
    replaceContent(
      this.actions,
      chip(state.status),
      waitingText(state),
      h("a", { class: "amlflow-button", href: runAddress(this.id) }, "Open in the studio"),
      cancelButton(this),
    );
    this.draw();
  }

  // Called after each change of MLflow's page, which may have removed the studio's parts.
  draw() {
    const header = document.querySelector(HEADER);
    if (!header || this.stopped) return;
    const menuButton = document.querySelector("main [data-testid='overflow-menu-trigger']");
    const besideMenu = menuButton?.closest("[class*='-space-horizontal']");
    const place = besideMenu ?? header.closest("h2")?.parentElement;
    if (place && this.actions.parentElement !== place)
      besideMenu ? place.prepend(this.actions) : place.append(this.actions);
    this.drawTab();
    this.drawStatus();
    this.drawEnvironment();
    this.drawProperties();
  }

  drawTab() {
    const tabs = document.querySelector(TAB_LIST);
    if (!tabs) return;
    if (!tabs.contains(this.tab)) tabs.append(this.tab);
    this.tab.setAttribute("aria-selected", String(this.showsLogs));
    tabs.classList.toggle("amlflow-elsewhere", this.showsLogs);
    if (this.showsLogs) this.openLogs(tabs);
    else this.closeLogs();
  }

  openLogs(tabs) {
    let head = tabs;
    while (head && !(head.nextElementSibling && head.querySelector("[data-testid='runs-header']")))
      head = head.parentElement;
    if (!head) return;
    this.logs ??= new LogView(this.id, () => Boolean(this.state?.final));
    if (head.nextElementSibling === this.logs.element) return;
    head.after(this.logs.element);
    document.body.classList.add("amlflow-shows-logs");
    // MLflow's tab still counts as open while the logs are shown, so a click on it would not change the address.
    this.leave ??= (event) => {
      const other = event.target.closest?.("[role='tab']");
      if (other && other !== this.tab && this.showsLogs) {
        this.showsLogs = false;
        if (other.getAttribute("data-state") === "active") this.go("");
        this.draw();
      }
    };
    tabs.addEventListener("click", this.leave, true);
    tabs.addEventListener("mousedown", this.leave, true);
  }

  closeLogs() {
    document.body.classList.remove("amlflow-shows-logs");
    this.logs?.stop();
    this.logs?.element.remove();
    this.logs = null;
  }

  drawStatus() {
    const row = document.querySelector("main [data-testid='key-value-Status']");
    const cell = row?.lastElementChild;
    if (!cell || !this.state) return;
    const shown = cell.querySelector(":scope > .amlflow-chip");
    if (shown?.dataset.status === this.state.status) return;
    shown?.remove();
    cell.classList.add("amlflow-status-cell");
    cell.append(chip(this.state.status));
  }

  // Draws a row below the status that looks like MLflow's rows.
  drawEnvironment() {
    const environment = this.state?.environment;
    const status = document.querySelector("main [data-testid='key-value-Status']");
    if (!environment || status?.children.length !== 2) return;
    if (status.nextElementSibling?.classList.contains("amlflow-environment")) return;
    const version = environment.version ? ` ${environment.version}` : "";
    const [label, value] = status.children;
    status.after(
      h(
        "div",
        { class: `${status.className} amlflow-environment` },
        h("div", { class: label.className }, "Environment"),
        h(
          "div",
          { class: value.className.replace("amlflow-status-cell", "") },
          h("span", { title: `hash ${environment.hash}` }, `${environment.name}${version}`),
          " (",
          h("a", { href: this.address(`artifacts/${PACKAGES}`) }, "packages"),
          ")",
        ),
      ),
    );
  }

  drawProperties() {
    for (const cell of document.querySelectorAll("main [data-testid='entity-overview-container'] [role='cell']")) {
      if (cell.querySelector(".amlflow-lock")) continue;
      const text = cell.textContent;
      if (!text.startsWith(PROPERTY) || cell.previousElementSibling) continue;
      if (NOTE.test(text)) {
        cell.closest("[role='row']")?.classList.add("amlflow-note");
        continue;
      }
      const label = "A property: it is immutable";
      (cell.firstElementChild ?? cell).append(
        h("span", { class: "amlflow amlflow-lock", role: "img", "aria-label": label, title: label }, icon("lock")),
      );
    }
  }
}
