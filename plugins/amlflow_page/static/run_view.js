// The studio's page of a run: its state, why it failed, what it logged. It uses no part of MLflow's page.

import { get } from "./api.js";
import { button, h, replaceContent, say } from "./dom.js";
import { ago, chip, experimentLink, mlflowRunLink, runDuration, tick } from "./format.js";
import { curvesOf } from "./chart_data.js";
import { Charts } from "./charts.js";
import { LogView } from "./log_view.js";
import { RunFiles } from "./run_files.js";
import { RunOverview } from "./run_overview.js";
import { ALL_RUNS, runAddress, TABS } from "./run_route.js";
import { cancelButton, waitingText, watchState } from "./run_state.js";
import { timesBox } from "./times.js";

const FIRST_CHARTS = 4;
const TITLES = { overview: "Overview", charts: "Charts", logs: "Logs", files: "Files" };

export class RunView {
  constructor(route) {
    this.id = route.id;
    this.state = null;
    this.stopped = false;
    this.heading = h("h1", { dir: "auto" }, "Run");
    this.chips = h("span", { class: "amlflow-run-actions", "aria-live": "polite" });
    this.facts = h("p", { class: "amlflow-hint amlflow-facts" });
    this.failure = h("div", {});
    this.tabs = new Map(TABS.map((name) => [name, this.tabOf(name)]));
    this.tabList = h("div", { class: "amlflow-tabs", role: "tablist", "aria-label": "Run" }, ...this.tabs.values());
    this.tabList.addEventListener("keydown", (event) => this.key(event));
    this.content = h("div", { class: "amlflow-run-content", role: "tabpanel", id: "amlflow-run-panel" });
    this.inMlflow = h("a", { class: "amlflow-button" }, "Open in MLflow");
    this.element = h(
      "section",
      { class: "amlflow amlflow-run", "aria-label": "Run" },
      h("nav", { "aria-label": "Back" }, h("a", { href: ALL_RUNS }, "All runs"), " / ", this.heading),
      h(
        "header",
        {},
        this.chips,
        this.facts,
        h("span", { class: "amlflow-run-buttons" }, timesBox(), this.copyButton(), this.inMlflow),
      ),
      this.failure,
      this.tabList,
      this.content,
    );
    this.moved(route);
    watchState(this, (failure) => this.tell(failure));
    this.ticking = setInterval(() => tick(this.element), 1000);
  }

  tabOf(name) {
    return h(
      "button",
      {
        type: "button",
        role: "tab",
        id: `amlflow-tab-${name}`,
        class: "amlflow-tab",
        "aria-controls": "amlflow-run-panel",
        "aria-keyshortcuts": String(TABS.indexOf(name) + 1),
        onclick: () => this.go(name),
      },
      TITLES[name],
    );
  }

  copyButton() {
    return button("Copy id", async () => {
      try {
        await navigator.clipboard.writeText(this.state?.run_id ?? this.id);
        say("The id is on the clipboard.");
      } catch {
        say(`The id is ${this.state?.run_id ?? this.id}.`);
      }
    });
  }

  title() {
    return `${this.state?.name || "Run"} - MLflow`;
  }

  stop() {
    this.stopped = true;
    clearInterval(this.ticking);
    this.part?.stop?.();
    this.element.remove();
  }

  go(tab, query) {
    location.hash = runAddress(this.id, tab, query);
  }

  key(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = TABS[(TABS.indexOf(this.tab) + step + TABS.length) % TABS.length];
    this.go(next);
    this.tabs.get(next).focus();
  }

  // The address has changed within the run's page.
  moved(route) {
    for (const [name, tab] of this.tabs) {
      tab.setAttribute("aria-selected", String(name === route.tab));
      tab.tabIndex = name === route.tab ? 0 : -1;
    }
    this.content.setAttribute("aria-labelledby", `amlflow-tab-${route.tab}`);
    if (this.tab === route.tab) {
      this.part.moved?.(route.query);
      return;
    }
    this.tab = route.tab;
    this.part?.stop?.();
    this.part = this.partOf(route);
    this.content.replaceChildren(this.part.element);
  }

  partOf({ tab, query }) {
    switch (tab) {
      case "logs":
        return new LogView(this.id, () => Boolean(this.state?.final), query);
      case "charts":
        return this.charts(query);
      case "files":
        return new RunFiles(this.id, query);
      default:
        return new RunOverview(this);
    }
  }

  // Returns the run's charts: a chart of the metric that the address names, or of the first metrics.
  charts(query) {
    const metric = query.get("metric");
    const charts = new Charts(
      () => {},
      (metrics) => (metric ? [metric] : metrics.slice(0, FIRST_CHARTS)).map(curvesOf),
    );
    charts.changed = () => charts.setRuns([this.state]);
    if (this.state) charts.changed();
    return charts;
  }

  tell(failure) {
    this.facts.textContent = failure.message;
    this.facts.classList.add("is-error");
    this.showParts();
  }

  // Shows the parts of the page. Without a run, such as after a wrong id, there is nothing to show in them.
  showParts() {
    for (const part of [this.tabList, this.content, this.inMlflow]) part.hidden = !this.state;
  }

  set(state) {
    if (this.stopped) return;
    const changed = this.state?.status !== state.status;
    this.state = state;
    this.heading.textContent = state.name || state.run_id;
    this.inMlflow.href = mlflowRunLink(state);
    replaceContent(this.chips, chip(state.status), waitingText(state), cancelButton(this));
    this.facts.classList.remove("is-error");
    this.showParts();
    this.facts.replaceChildren(
      state.deleted ? h("b", { class: "is-error" }, "Deleted") : "",
      h(
        "a",
        { href: experimentLink(state.experiment_id) },
        h("bdi", {}, state._experiment_name ?? state.experiment_id),
      ),
      h("span", {}, "created ", ago(state.created_utc)),
      state.user_id ? h("span", {}, "by ", h("bdi", {}, state.user_id)) : "",
      state.start_time_utc ? h("span", {}, runDuration(state)) : "",
      h("span", {}, "on ", h("bdi", {}, state.target ?? "")),
      h("code", {}, state.run_id),
    );
    document.title = this.title();
    if (changed) this.showFailure();
    this.part.changed?.(changed);
  }

  // Returns the details of the run, which are read once for each status.
  details() {
    if (this.detailsOf !== this.state.status) {
      this.detailsOf = this.state.status;
      this.reading = get("runs/details", { run_id: this.id });
      this.reading.catch(() => {
        this.detailsOf = null;
      });
    }
    return this.reading;
  }

  // Shows at the top why the run failed.
  async showFailure() {
    const { state } = this;
    this.failure.replaceChildren();
    if (state.status !== "Failed" && !state.warnings?.length) return;
    let failure;
    try {
      ({ failure } = await this.details());
    } catch (problem) {
      this.failure.replaceChildren(h("p", { class: "is-error" }, problem.message));
      return;
    }
    if (state.status !== this.state.status) return;
    if (state.status === "Failed") {
      const box = h(
        "div",
        { class: "amlflow-failure", role: "group", "aria-label": "Why the run failed" },
        ...messageOf(failure, state.error_line),
        failure?.traceback
          ? h("details", {}, h("summary", {}, "Traceback"), h("pre", { tabindex: "0" }, failure.traceback))
          : null,
      );
      this.failure.append(box);
      this.linkToLog(box);
    }
    if (state.warnings?.length) {
      this.failure.append(
        h(
          "ul",
          { class: "amlflow-warnings", "aria-label": "Warnings" },
          ...state.warnings.map((text) => h("li", { dir: "auto" }, text)),
        ),
      );
    }
  }

  // Adds a link to the first error in the log, if the run has a log.
  async linkToLog(box) {
    let files = [];
    try {
      ({ files } = await get("runs/logs", { run_id: this.id }));
    } catch {
      return; // the page's part Logs says why
    }
    const address = runAddress(this.id, "logs", { error: "first" });
    if (files.length) box.append(h("a", { href: address }, "Show the first error in the log"));
  }
}

// Returns why a run failed: one line, and the whole message below it if it is longer.
function messageOf(failure, line) {
  const message = failure?.message?.trim();
  const reason = line || message || "The run does not say why it failed.";
  const parts = [h("p", { class: "amlflow-failure-message", dir: "auto" }, reason)];
  if (message && message !== reason)
    parts.push(h("details", {}, h("summary", {}, "Whole message"), h("pre", { tabindex: "0", dir: "auto" }, message)));
  return parts;
}
