// Draws charts: curves with uPlot, and scatter and parallel coordinates as SVG whose marks are links to runs.

import {
  aligned,
  axisTitle,
  axisValue,
  COLOURS,
  cut,
  logarithmicRange,
  logarithmicTicks,
  nearestValue,
  scale,
  shown,
  shownTime,
} from "./chart_data.js";
import { h } from "./dom.js";
import { runAddress } from "./run_route.js";
import uPlot from "./vendor/uplot.js";

const HEIGHT = 240;
const WIDE = 460;
const CHARACTER = 6.5; // pixels, in a picture
const DASHES = [[], [8, 4], [2, 3], [10, 3, 2, 3], [4, 2]]; // of curves that have the same colour
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

function dashOf(runs, id) {
  return DASHES[Math.floor(runs.findIndex((run) => run.id === id) / COLOURS.length) % DASHES.length];
}

// Draws a piece of a run's curve, for a legend.
export function drawSample(runs, id) {
  const sample = s("svg", { viewBox: "0 0 20 12", class: "amlflow-sample", "aria-hidden": "true" });
  const dash = dashOf(runs, id).join(" ");
  sample.append(s("path", { d: "M0 6H20", stroke: colourOf(runs, id), "stroke-dasharray": dash || "none" }));
  return sample;
}

// Steps between the lines of an axis. uPlot's own end at 1e32, and it draws no axis for larger numbers.
const STEPS = Array.from({ length: 340 }, (_, place) =>
  [1, 2, 5].map((digit) => Number(`${digit}e${place - 32}`)),
).flat();

const HOUR = 3600;
const TIME_STEPS = [
  ...STEPS.filter((step) => step <= 10),
  ...[15, 30, 60, 120, 300, 600, 900, 1800],
  ...[1, 2, 3, 6, 12, 24, 48, 120, 240, 480, 960, 2400, 4800, 9600, 24000].map((hours) => hours * HOUR),
];

// Returns the value at a place of the y axis.
function valueAt(place, { log }) {
  return log ? 10 ** place : place;
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
      // By itself, uPlot would show the logarithm of 1, which is 0, on an axis up to 100.
      scales: { x: { time: false }, y: chart.log ? { range: (_plot, low, high) => logarithmicRange(low, high) } : {} },
      axes: [
        {
          ...axis,
          ...(chart.x === "time" ? { incrs: TIME_STEPS, space: 80 } : {}),
          values: (_plot, places) => places.map(chart.x === "time" ? shownTime : shown),
          label: chart.x === "time" ? "time since the first value" : "step",
          size: 32,
          labelSize: 18,
          labelFont: "12px sans-serif",
        },
        {
          ...axis,
          ...(chart.log ? { splits: (_plot, _axis, low, high) => logarithmicTicks(low, high) } : {}),
          incrs: STEPS,
          size: (_plot, texts) => Math.max(...(texts ?? []).map((text) => text.length * 7.5), 30) + 16,
          values: (_plot, places) => places.map((place) => shown(valueAt(place, chart))),
        },
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
        setCursor: [(plot) => readOut(readout, plot, pointed, chart)],
        setSelect: [
          ({ select, posToVal }) => {
            if (select.width > 2) onzoom([posToVal(select.left, "x"), posToVal(select.left + select.width, "x")]);
            plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
          },
        ],
      },
      series: [
        { label: chart.x },
        ...curves.map((curve) => ({
          label: names.get(curve.run_id),
          stroke: colourOf(runs, curve.run_id),
          dash: dashOf(runs, curve.run_id),
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
function readOut(readout, { cursor, data, series }, pointed, chart) {
  const index = pointed && cursor.left >= 0 ? cursor.idxs?.[pointed] : null;
  const value = index == null ? null : data[pointed][index];
  readout.hidden = value == null;
  if (readout.hidden) return;
  const mark = h("i");
  mark.style.background = series[pointed].stroke();
  readout.replaceChildren(
    mark,
    h("bdi", {}, series[pointed].label),
    ` ${shown(valueAt(value, chart))} at ${placeText(data[0][index], chart)}`,
  );
}

function placeText(place, { x }) {
  return x === "time" ? shownTime(place) : `step ${shown(place)}`;
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

function label(x, y, text, room, anchor = "middle") {
  const short = cut(text, Math.floor(room / CHARACTER));
  const element = s("text", { x, y, "text-anchor": anchor }, short);
  if (short !== text) element.append(s("title", {}, text));
  return element;
}

export function drawScatter(element, chart, runs, last) {
  const values = runs.map((run) => [run, axisValue(chart.x, run, last), axisValue(chart.y, run, last)]);
  const both = values.filter(([, x, y]) => x !== null && y !== null);
  const across = scale(both.map(([, x]) => x));
  const up = scale(both.map(([, , y]) => y));
  const points = both.filter(([, x, y]) => across.at(x) !== null && up.at(y) !== null);
  const longest = Math.max(...up.ticks.map(([, text]) => text.length * CHARACTER), 0);
  const [left, right, top, bottom] = [Math.min(130, longest + 16), WIDE - 16, 12, HEIGHT - 44];
  const xOf = (place) => left + 8 + place * (right - left - 16);
  const yOf = (place) => bottom - 8 - place * (bottom - top - 16);
  const width = right - left;
  const anchor = (place) => (place === 0 ? "start" : place === 1 ? "end" : "middle");
  const picture = s("svg", { viewBox: `0 0 ${WIDE} ${HEIGHT}`, class: "amlflow-picture", role: "group" });
  picture.setAttribute("aria-label", `${axisTitle(chart.y)} against ${axisTitle(chart.x)}, ${points.length} runs`);
  picture.append(
    s("path", { d: `M${left} ${top}V${bottom}H${right}`, class: "amlflow-axis" }),
    ...across.ticks.map(([place, text]) =>
      label(xOf(place), bottom + 16, text, width / across.ticks.length - 8, anchor(place)),
    ),
    label((left + right) / 2, bottom + 34, axisTitle(chart.x), width),
    ...up.ticks.map(([place, text]) => label(left - 6, yOf(place) + 4, text, left - 8, "end")),
    ...points.map(([run, x, y]) =>
      link(
        run,
        `${run.name || run.run_id}: ${shown(x)}, ${shown(y)}`,
        s("circle", { cx: xOf(across.at(x)), cy: yOf(up.at(y)), r: 5, fill: colourOf(runs, run.id) }),
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
  const room = Math.min(2 * left, x(1) - x(0)) - 4;
  const picture = s("svg", { viewBox: `0 0 ${WIDE} ${HEIGHT}`, class: "amlflow-picture", role: "group" });
  picture.setAttribute("aria-label", `${axes.map(axisTitle).join(", ")} of ${runs.length} runs`);
  const yOf = (place) => bottom - place * (bottom - top);
  axes.forEach((axis, index) => {
    picture.append(
      s("path", { d: `M${x(index)} ${top}V${bottom}`, class: "amlflow-axis" }),
      label(x(index), 12, axisTitle(axis), room),
      ...ends(scales[index].ticks).map(([place, text]) =>
        label(x(index), place === 1 ? top - 6 : bottom + 16, text, room),
      ),
    );
  });
  runs.forEach((run, row) => {
    const places = axes
      .map((_axis, index) => [index, values[index][row] === null ? null : scales[index].at(values[index][row])])
      .filter(([, place]) => place !== null)
      .map(([index, place]) => `${x(index)} ${yOf(place)}`);
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

// Returns the lowest and the highest of an axis's labels.
function ends(ticks) {
  return ticks.length > 1 ? [ticks[0], ticks.at(-1)] : ticks;
}

function none(text) {
  return h("p", { class: "amlflow-hint" }, text);
}
