// Draws charts: curves with uPlot, and scatter and parallel coordinates as SVG whose marks are links to runs.

import { aligned, axisTitle, axisValue, COLOURS, nearestValue, scale, shown } from "./chart_data.js";
import { h } from "./dom.js";
import { runAddress } from "./run_route.js";
import uPlot from "./vendor/uplot.js";

const HEIGHT = 240;
const WIDE = 460;
const NEAR = 30; // pixels from the pointer to the curve whose value is shown
const SVG = "http://www.w3.org/2000/svg";

function s(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

export function colourOf(runs, id) {
  return COLOURS[runs.findIndex((run) => run.id === id) % COLOURS.length];
}

// Draws curves into an element, as wide as the element. Returns an object: `update(curves, chart)` shows other curves,
// and `remove()` takes the drawing away. `onzoom([low, high])` is called when the user chooses a part of the x axis,
// and `onzoom(null)` for the whole axis.
export function drawCurves(element, chart, curves, runs, onzoom) {
  const style = getComputedStyle(element);
  const [text, line] = ["--aml-muted", "--aml-line"].map((name) => style.getPropertyValue(name));
  const axis = { stroke: text, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 } };
  const names = new Map(runs.map((run) => [run.id, run.name || run.run_id]));
  const readout = h("div", { class: "amlflow-readout", "aria-hidden": "true", hidden: true });
  let pointed = null; // the index of the curve at the pointer
  const plot = new uPlot(
    {
      width: Math.max(200, element.clientWidth),
      height: HEIGHT,
      scales: { x: { time: false }, y: chart.log ? { distr: 3, log: 10 } : {} },
      axes: [
        {
          ...axis,
          values: (_plot, places) => places.map(shown),
          label: chart.x === "time" ? "seconds" : "step",
          size: 32,
          labelSize: 18,
          labelFont: "12px sans-serif",
        },
        { ...axis, size: 60, values: (_plot, places) => places.map((place) => (place == null ? "" : shown(place))) },
      ],
      legend: { show: false },
      cursor: {
        drag: { x: true, y: false, setScale: false },
        bind: { dblclick: () => () => onzoom(null) },
        focus: { prox: NEAR },
        dataIdx: nearestValue,
      },
      focus: { alpha: 0.25 },
      hooks: {
        setSeries: [
          (_plot, index) => {
            pointed = index;
          },
        ],
        setCursor: [(plot) => readOut(readout, plot, pointed)],
        setSelect: [
          ({ select, posToVal }) => {
            if (select.width > 2) onzoom([posToVal(select.left, "x"), posToVal(select.left + select.width, "x")]);
            plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
          },
        ],
      },
      series: [
        { label: chart.x === "time" ? "second" : "step" },
        ...curves.map((curve) => ({
          label: names.get(curve.run_id),
          stroke: colourOf(runs, curve.run_id),
          width: 1.5,
          spanGaps: true,
          points: { show: curve.values.length < 3 },
        })),
      ],
    },
    aligned(curves, chart),
    element,
  );
  plot.over.append(readout);
  const resized = new ResizeObserver(() => {
    const width = Math.max(200, element.clientWidth);
    if (Math.abs(width - plot.width) > 1) plot.setSize({ width, height: HEIGHT });
  });
  resized.observe(element);
  showRange(plot, chart.zoom);
  return {
    update: (newer, changed) => {
      plot.setData(aligned(newer, changed), false);
      showRange(plot, changed.zoom);
    },
    // Returns the first and the last position on the x axis.
    range: () => [plot.data[0][0], plot.data[0].at(-1)],
    remove: () => {
      resized.disconnect();
      plot.destroy();
    },
  };
}

// Says which curve the pointer is at, and its value there.
function readOut(readout, { cursor, data, series }, pointed) {
  const index = pointed && cursor.left >= 0 ? cursor.idxs?.[pointed] : null;
  const value = index == null ? null : data[pointed][index];
  readout.hidden = value == null;
  if (readout.hidden) return;
  const mark = h("i");
  mark.style.background = series[pointed].stroke();
  readout.replaceChildren(
    mark,
    h("bdi", {}, series[pointed].label),
    ` ${shown(value)} at ${series[0].label} ${shown(data[0][index])}`,
  );
}

function showRange(plot, zoom) {
  const xs = plot.data[0];
  if (!xs.length) return;
  const [min, max] = zoom ?? [xs[0], xs.at(-1)];
  plot.setScale("x", min < max ? { min, max } : { min: min - 1, max: max + 1 });
}

function link(run, text, ...marks) {
  const element = s("a", { href: runAddress(run.id) }, s("title", {}, text), ...marks);
  element.setAttribute("aria-label", text);
  return element;
}

function label(x, y, text, anchor = "middle") {
  return s("text", { x, y, "text-anchor": anchor }, text);
}

export function drawScatter(element, chart, runs, last) {
  const points = runs
    .map((run) => [run, axisValue(chart.x, run, last), axisValue(chart.y, run, last)])
    .filter(([, x, y]) => x !== null && y !== null);
  const across = scale(points.map(([, x]) => x));
  const up = scale(points.map(([, , y]) => y));
  const [left, right, top, bottom] = [60, WIDE - 16, 12, HEIGHT - 44];
  const picture = s("svg", { viewBox: `0 0 ${WIDE} ${HEIGHT}`, class: "amlflow-picture", role: "group" });
  picture.setAttribute("aria-label", `${axisTitle(chart.y)} against ${axisTitle(chart.x)}, ${points.length} runs`);
  picture.append(
    s("path", { d: `M${left} ${top}V${bottom}H${right}`, class: "amlflow-axis" }),
    label(left, bottom + 16, across.low, "start"),
    label(right, bottom + 16, across.high, "end"),
    label((left + right) / 2, bottom + 34, axisTitle(chart.x)),
    label(left - 6, bottom, up.low, "end"),
    label(left - 6, top + 8, up.high, "end"),
    ...points.map(([run, x, y]) =>
      link(
        run,
        `${run.name || run.run_id}: ${shown(x)}, ${shown(y)}`,
        s("circle", {
          cx: left + 8 + across.at(x) * (right - left - 16),
          cy: bottom - 8 - up.at(y) * (bottom - top - 16),
          r: 5,
          fill: colourOf(runs, run.id),
        }),
      ),
    ),
  );
  element.replaceChildren(points.length ? picture : none("No run has both values."));
}

export function drawParallel(element, chart, runs, last) {
  const { axes } = chart;
  if (axes.length < 2) {
    element.replaceChildren(none("Choose two axes or more."));
    return;
  }
  const values = axes.map((axis) => runs.map((run) => axisValue(axis, run, last)));
  const scales = values.map(scale);
  const [left, right, top, bottom] = [50, WIDE - 50, 34, HEIGHT - 24];
  const x = (index) => left + (index / (axes.length - 1)) * (right - left);
  const picture = s("svg", { viewBox: `0 0 ${WIDE} ${HEIGHT}`, class: "amlflow-picture", role: "group" });
  picture.setAttribute("aria-label", `${axes.map(axisTitle).join(", ")} of ${runs.length} runs`);
  axes.forEach((axis, index) => {
    picture.append(
      s("path", { d: `M${x(index)} ${top}V${bottom}`, class: "amlflow-axis" }),
      label(x(index), 12, axisTitle(axis)),
      label(x(index), top - 6, scales[index].high),
      label(x(index), bottom + 16, scales[index].low),
    );
  });
  runs.forEach((run, row) => {
    const places = axes
      .map((_axis, index) => [index, values[index][row]])
      .filter(([, value]) => value !== null)
      .map(([index, value]) => `${x(index)} ${bottom - scales[index].at(value) * (bottom - top)}`);
    if (places.length < 2) return;
    const text = axes.map((axis, index) => `${axisTitle(axis)} ${shown(values[index][row])}`).join(", ");
    picture.append(
      link(
        run,
        `${run.name || run.run_id}: ${text}`,
        s("path", { d: `M${places.join("L")}`, class: "amlflow-thread", stroke: colourOf(runs, run.id) }),
      ),
    );
  });
  element.replaceChildren(picture);
}

function none(text) {
  return h("p", { class: "amlflow-hint" }, text);
}
