// Charts of runs: curves of metrics, and scatter and parallel coordinates of params against metrics.

import { isAway, post } from "./api.js";
import {
  aligned,
  axisTitle,
  curvesOf,
  firstCharts,
  KINDS,
  leftOut,
  OTHER,
  rangeOf,
  readCharts,
  shown,
  writeCharts,
  zoomBy,
} from "./chart_data.js";
import { drawCurves, drawParallel, drawSample, drawScatter } from "./chart_drawings.js";
import { button, checklist, debounced, h, icon, menu, say, setText } from "./dom.js";
import { runAddress } from "./run_route.js";

const LOOK_MS = 3000;
const BUSY = 429; // no process is free for the question
export const MAX_RUNS = 50; // the server's limit
const MAX_NAMES = 20; // the server's limit
const NAMED = 3; // the number of runs whose metrics are read to find the names
const FIRST_NAMED = 10; // like NAMED, while the first charts are still to be chosen by the names
const LEGEND = 20;

export class Charts {
  // `onchange(texts)` is called when the user has changed the charts. `startsWith(metrics, runs)` returns the charts to
  // show if the user has chosen none; in `metrics`, the ones that most runs have are first.
  constructor(onchange, startsWith = firstCharts) {
    this.onchange = onchange;
    this.startsWith = startsWith;
    this.charts = [];
    this.isChosen = false; // whether the user has chosen the charts; an empty choice counts, too
    this.runs = [];
    this.metrics = [];
    this.curves = new Map(); // by metric
    this.details = new Map(); // curves of the zoomed part of a chart, by the chart's index
    this.drawn = [];
    this.round = 0;
    this.legend = h("div", { class: "amlflow-legend" });
    this.state = h("span", { class: "amlflow-hint", role: "status" });
    this.cards = h("div", { class: "amlflow-charts" });
    this.adding = menu("Add a chart", (panel, close) => this.fillKinds(panel, close), { "aria-keyshortcuts": "a" });
    this.element = h(
      "section",
      { class: "amlflow-board", "aria-label": "Charts" },
      h("div", { class: "amlflow-bar" }, this.adding, this.state),
      this.legend,
      this.cards,
    );
    this.reload = debounced(() => this.load(), 200);
  }

  stop() {
    this.round += 1;
    this.clear();
    this.ids = null;
    this.layout = null;
    if (!this.charts.length) this.isChosen = false;
  }

  // Shows these charts; `texts` has the form in which a view stores them.
  setCharts(texts) {
    if (!texts.length && !this.isChosen) return;
    if (JSON.stringify(texts) === JSON.stringify(writeCharts(this.charts))) return;
    this.charts = readCharts(texts);
    this.isChosen = this.charts.length > 0;
    this.reload();
  }

  // Shows these runs; `what` says in words which runs they are.
  setRuns(runs, what = "") {
    const some = runs.slice(0, MAX_RUNS);
    const ids = some.map((run) => `${run.id} ${run.final}`).join();
    this.what = runs.length > MAX_RUNS ? `${what} The first ${MAX_RUNS} are shown.` : what;
    this.runs = some;
    if (ids === this.ids) return;
    this.ids = ids;
    this.reload();
  }

  // Reads the data of the charts, and again and again while one of the runs has not ended or the server is away or busy.
  async load() {
    this.round += 1;
    const { round } = this;
    const isLatest = () => round === this.round;
    do {
      this.hasOpen = this.runs.some((run) => !run.final);
      try {
        const metrics = await this.readNames();
        if (!isLatest()) return;
        this.learn(metrics);
        const [curves, details] = await Promise.all([this.readCurves(), this.readDetails()]);
        if (!isLatest()) return;
        this.curves = curves;
        this.details = details;
        this.hasFailed = this.comesBack = false;
        setText(this.state, this.what ?? "");
        this.state.classList.remove("is-error");
      } catch (failure) {
        if (!isLatest()) return;
        this.hasFailed = true;
        this.comesBack = isAway(failure) || failure.status === BUSY;
        setText(this.state, failure.message);
        this.state.classList.add("is-error");
      }
      this.draw();
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      while (document.hidden && isLatest()) await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    } while (isLatest() && (this.hasOpen || this.comesBack));
  }

  // Returns the names of metrics. A metric that more runs have comes first.
  async readNames() {
    if (!this.runs.length) return [];
    const enough = this.charts.length ? NAMED : FIRST_NAMED;
    const { names } = await post("runs/metrics/names", { run_ids: this.runs.map((run) => run.id), enough });
    return names;
  }

  learn(metrics) {
    this.metrics = [...metrics].sort();
    if (!this.isChosen && !this.charts.length && metrics.length) this.charts = this.startsWith(metrics, this.runs);
  }

  // Reads the curves, and returns them by metric.
  async readCurves() {
    const axes = this.charts.flatMap((chart) => [chart.x, chart.y, ...(chart.axes ?? [])]);
    const named = axes.filter((axis) => axis?.startsWith("metric:")).map(axisTitle);
    const ofCurves = this.charts.filter(({ kind }) => kind === "curves").map(({ y }) => y);
    const names = [...new Set([...named, ...ofCurves])].filter(Boolean).slice(0, MAX_NAMES);
    const byName = new Map(names.map((name) => [name, []]));
    if (!names.length || !this.runs.length) return byName;
    const { curves } = await post("runs/curves", { run_ids: this.runs.map((run) => run.id), names });
    for (const curve of curves) byName.get(curve.name)?.push(curve);
    return byName;
  }

  // Reads the curves of zoomed charts, by the chart's index. The zoomed part has as many points as a whole curve.
  async readDetails() {
    const details = new Map();
    const zoomed = this.charts.map((chart, index) => [chart, index]).filter(([{ zoom }]) => zoom);
    for (const [{ y, x, zoom }, index] of this.runs.length ? zoomed : []) {
      const run_ids = this.runs.map((run) => run.id);
      const [low, high] = zoom;
      const { curves } = await post("runs/curves", { run_ids, names: [y], axis: x, low, high });
      details.set(index, curves);
    }
    return details;
  }

  curvesOf(index) {
    const chart = this.charts[index];
    return (chart.zoom && this.details.get(index)) || (this.curves.get(chart.y) ?? []);
  }

  // Returns the last value of each metric of each run.
  last() {
    const last = new Map(this.runs.map((run) => [run.id, new Map()]));
    for (const [name, curves] of this.curves)
      for (const curve of curves) last.get(curve.run_id)?.set(name, curve.values.at(-1));
    return last;
  }

  clear() {
    for (const drawing of this.drawn) drawing?.remove?.();
    this.drawn = [];
  }

  draw() {
    const filled = [...this.curves].map(([name, curves]) => [name, curves.length]);
    const charts = this.charts.map(({ zoom: _zoom, ...chart }) => chart);
    const layout = JSON.stringify([charts, this.ids, this.metrics, filled, this.hasFailed]);
    if (layout === this.layout) {
      for (const index of this.charts.keys()) this.redraw(index);
      return;
    }
    this.layout = layout;
    this.clear();
    this.showLegend();
    const figures = this.charts.map((chart, index) => this.card(chart, index));
    this.cards.replaceChildren(...figures.map(({ figure }) => figure));
    if (!figures.length && !this.hasFailed) {
      const none =
        this.runs.length === 1 ? "This run has logged no metrics." : "None of these runs has logged a metric.";
      const empty = this.metrics.length ? "No chart yet: add one." : none;
      const hint = this.runs.length ? empty : "No runs to show.";
      this.cards.append(h("p", { class: "amlflow-hint" }, hint));
    }
    this.pictures = figures.map(({ picture }) => picture);
    this.drawn = this.pictures.map((picture, index) => this.drawOne(picture, index));
  }

  // Draws a chart again with the data that has come since.
  redraw(index) {
    const [chart, picture] = [this.charts[index], this.pictures[index]];
    if (chart.kind !== "curves" || !this.drawn[index]) {
      this.drawn[index] = this.drawOne(picture, index);
      return;
    }
    this.drawn[index].update(this.curvesOf(index), chart);
    this.describe(picture, index);
  }

  drawOne(picture, index) {
    const chart = this.charts[index];
    if (chart.kind === OTHER) {
      picture.replaceChildren(h("p", { class: "amlflow-hint" }, "This page does not know this kind of chart."));
      return null;
    }
    if (chart.kind === "scatter") return drawScatter(picture, chart, this.runs, this.last());
    if (chart.kind === "parallel") return drawParallel(picture, chart, this.runs, this.last());
    const curves = this.curvesOf(index);
    picture.replaceChildren();
    if (!this.describe(picture, index)) return null;
    return drawCurves(picture, chart, curves, this.runs, (zoom) => this.zoom(index, zoom));
  }

  // Describes a chart of curves in words: its label for screen readers, which also says whether it is zoomed, and what
  // it leaves out. Returns whether it shows anything.
  describe(picture, index) {
    const chart = this.charts[index];
    const { y, zoom } = chart;
    const { isEmpty, text } = leftOut(this.curvesOf(index), chart);
    picture.nextElementSibling.textContent = text;
    picture.parentElement.querySelector(".amlflow-all").hidden = !zoom;
    if (isEmpty && !this.drawn[index]) {
      for (const name of ["role", "aria-label", "tabindex", "title"]) picture.removeAttribute(name);
      return false;
    }
    const curves = this.curves.get(y) ?? [];
    const ends = curves.map((curve) => shown(curve.values.at(-1)));
    const part = zoom ? `; from ${shown(zoom[0])} to ${shown(zoom[1])}` : "";
    picture.setAttribute("role", "img");
    picture.setAttribute("aria-label", `${y} of ${curves.length} runs; last values: ${ends.join(", ")}${part}`);
    picture.title = "Drag over a part to enlarge it. Keys: + and − zoom, the arrows move, 0 shows all.";
    picture.tabIndex = 0;
    return true;
  }

  zoom(index, zoom) {
    const { zoom: _old, ...chart } = this.charts[index];
    this.charts = this.charts.with(index, zoom ? { ...chart, zoom } : chart);
    this.details.delete(index);
    this.redraw(index);
    this.isChosen = true;
    this.onchange(writeCharts(this.charts));
    this.load();
  }

  pressed(event, index) {
    const range = this.drawn[index]?.range();
    if (!range || event.altKey || event.ctrlKey || event.metaKey) return;
    const whole = rangeOf(aligned(this.curves.get(this.charts[index].y) ?? [], this.charts[index])[0]);
    const zoom = zoomBy(event.key, this.charts[index].zoom ?? null, whole ?? range);
    if (zoom === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    this.zoom(index, zoom);
  }

  showLegend() {
    if (this.runs.length < 2) {
      this.legend.replaceChildren();
      return;
    }
    const more = this.runs.length - LEGEND;
    this.legend.replaceChildren(
      ...this.runs.slice(0, LEGEND).map((run) => {
        return h(
          "a",
          { href: runAddress(run.id) },
          drawSample(this.runs, run.id),
          h("bdi", {}, run.name || run.run_id),
        );
      }),
      more > 0 ? h("span", { class: "amlflow-hint" }, `and ${more} more`) : "",
    );
  }

  card(chart, index) {
    const picture = h("div", { class: "amlflow-plot", onkeydown: (event) => this.pressed(event, index) });
    const whole = button("Show all", () => this.zoom(index, null), { kind: "link amlflow-all", hidden: true });
    const close = h(
      "button",
      { type: "button", class: "amlflow-plain", "aria-label": "Remove the chart", onclick: () => this.remove(index) },
      icon("close"),
    );
    const figure = h(
      "figure",
      { class: "amlflow-card" },
      h("figcaption", {}, ...this.controls(chart, index), whole, close),
      picture,
      h("p", { class: "amlflow-hint" }),
    );
    return { figure, picture };
  }

  controls(chart, index) {
    const set = (change) => this.set(index, change);
    if (chart.kind === OTHER) return [];
    if (chart.kind === "scatter")
      return [
        select("y axis", this.axes(), chart.y, (y) => set({ y })),
        "against",
        select("x axis", this.axes(), chart.x, (x) => set({ x })),
      ];
    if (chart.kind === "parallel")
      return [
        menu("Axes", (panel) => {
          const axes = this.axes();
          checklist(panel, "Axes", axes, new Set(chart.axes), (chosen) =>
            set({ axes: axes.filter((axis) => chosen.includes(axis)) }),
          );
        }),
      ];
    const smoothing = h("input", {
      type: "range",
      min: "0",
      max: "0.99",
      step: "0.01",
      value: String(chart.smoothing),
      "aria-label": "Smoothing",
      onchange: (event) => set({ smoothing: Number(event.target.value) }),
    });
    const log = h("input", {
      type: "checkbox",
      checked: chart.log,
      onchange: (event) => set({ log: event.target.checked }),
    });
    return [
      select("Metric", [...new Set([chart.y, ...this.metrics])], chart.y, (y) => set({ y })),
      select("x axis", ["step", "time"], chart.x, (x) => set({ x, zoom: undefined })),
      h("label", {}, h("span", {}, "Smooth"), smoothing),
      h("label", {}, log, h("span", {}, "Log")),
    ];
  }

  axes() {
    const params = new Set(this.runs.flatMap((run) => Object.keys(run.params ?? {})));
    return [...[...params].sort().map((key) => `param:${key}`), ...this.metrics.map((name) => `metric:${name}`)];
  }

  fillKinds(panel, close) {
    for (const [kind, title] of Object.entries(KINDS)) {
      panel.append(
        button(
          title,
          () => {
            close();
            this.add(kind);
          },
          { kind: "link" },
        ),
      );
    }
  }

  async add(kind) {
    try {
      if (!this.metrics.length) this.learn(await this.readNames());
    } catch (failure) {
      say(failure.message, true);
      return;
    }
    const axes = this.axes();
    const used = this.charts.map(({ y }) => y);
    const metric = this.metrics.find((name) => !used.includes(name)) ?? this.metrics[0] ?? "";
    const y = axes.find((axis) => axis.startsWith("metric:")) ?? axes[0] ?? "";
    const chart = {
      curves: curvesOf(metric),
      scatter: { kind, x: axes[0] ?? "", y },
      parallel: { kind, axes: axes.slice(0, 6) },
    }[kind];
    this.change([...this.charts, chart]);
  }

  set(index, change) {
    this.change(this.charts.map((chart, place) => (place === index ? { ...chart, ...change } : chart)));
  }

  remove(index) {
    this.change(this.charts.filter((_chart, place) => place !== index));
  }

  // Takes the charts that are shown as chosen: a view that is saved with them should show them again.
  choose() {
    if (this.element.hidden || this.isChosen || !this.charts.length) return;
    this.isChosen = true;
    this.onchange(writeCharts(this.charts));
  }

  change(charts) {
    this.charts = charts;
    this.isChosen = true;
    this.onchange(writeCharts(charts));
    this.load();
  }
}

function select(label, options, value, onchange) {
  return h(
    "select",
    { class: "amlflow-input", "aria-label": label, onchange: (event) => onchange(event.target.value) },
    ...options.map((option) => h("option", { value: option, selected: option === value }, axisTitle(option))),
  );
}
