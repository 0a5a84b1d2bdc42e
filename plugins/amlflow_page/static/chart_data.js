// The data of charts, without drawing: curves over one x axis, smoothed, and values of params and metrics.

import { entryOf } from "./entries.js";
import { isFiniteNumber } from "./format.js";

// Different in both themes, also for most people with a colour vision deficiency.
export const COLOURS = [
  "#3b7dd8",
  "#e0762b",
  "#2f9e64",
  "#c2478f",
  "#8a63d2",
  "#b8860b",
  "#1f9aa8",
  "#d64545",
  "#7f8c4a",
  "#8c6d5a",
];
export const KINDS = { curves: "Curves", scatter: "Scatter", parallel: "Parallel coordinates" };
export const OTHER = "other";
const MAX_CHARTS = 12;
const MAX_SMOOTHING = 0.99;

export function curvesOf(metric) {
  return { kind: "curves", y: metric, x: "step", smoothing: 0, log: false };
}

// Returns the charts that are shown if the user has chosen none: curves of the first metric, and its values against the
// param that differs most between the runs.
export function firstCharts([metric], runs) {
  const values = new Map();
  for (const run of runs)
    for (const [key, value] of Object.entries(run.params ?? {}))
      values.set(key, (values.get(key) ?? new Set()).add(value));
  const [param] = [...values].sort(([one, its], [other, others]) => others.size - its.size || (one < other ? -1 : 1));
  const scatter = param && { kind: "scatter", x: `param:${param[0]}`, y: `metric:${metric}` };
  return [curvesOf(metric), scatter].filter(Boolean);
}

// Reads a chart from the text that a view stores. Returns null if the text is not a chart.
export function readChart(text) {
  let chart;
  try {
    chart = JSON.parse(text);
  } catch {
    return null;
  }
  const isText = (value) => typeof value === "string";
  switch (chart?.kind) {
    case "curves":
      if (!isText(chart.y)) return null;
      return {
        kind: "curves",
        y: chart.y,
        x: chart.x === "time" ? "time" : "step",
        smoothing: Math.min(MAX_SMOOTHING, Math.max(0, Number(chart.smoothing) || 0)),
        log: chart.log === true,
        ...(isRange(chart.zoom) ? { zoom: [...chart.zoom] } : {}),
      };
    case "scatter":
      return isText(chart.x) && isText(chart.y) ? { kind: "scatter", x: chart.x, y: chart.y } : null;
    case "parallel":
      if (!Array.isArray(chart.axes) || !chart.axes.every(isText)) return null;
      return { kind: "parallel", axes: chart.axes.slice(0, MAX_CHARTS) };
    default:
      return null;
  }
}

function isRange(zoom) {
  return Array.isArray(zoom) && zoom.length === 2 && zoom.every(Number.isFinite) && zoom[0] < zoom[1];
}

// Returns the part of the x axis that is shown after a key was pressed. The axis goes from `first` to `last`; `zoom` is
// the part that is shown now, null for all of it. Returns undefined for keys that do not zoom.
export function zoomBy(key, zoom, [first, last]) {
  const [low, high] = zoom ?? [first, last];
  const width = high - low;
  const clip = (start, end) => [Math.max(first, start), Math.min(last, end)];
  switch (key) {
    case "+":
    case "=":
      return width > 0 ? [low + width / 4, high - width / 4] : null;
    case "-":
      return 2 * width >= last - first ? null : clip(low - width / 2, high + width / 2);
    case "ArrowLeft":
    case "ArrowRight": {
      if (!zoom) return null;
      const step = Math.min(width / 4, key === "ArrowLeft" ? low - first : last - high);
      const by = key === "ArrowLeft" ? -Math.max(0, step) : Math.max(0, step);
      return [low + by, high + by];
    }
    case "0":
    case "Escape":
      return null;
    default:
      return undefined;
  }
}

// Returns the first and the last of sorted positions; null if there are none.
export function rangeOf(places) {
  return places.length ? [places[0], places.at(-1)] : null;
}

// A text that is not a chart is kept: a newer version of this page may know it.
export function readCharts(texts) {
  return texts.slice(0, MAX_CHARTS).map((text) => readChart(text) ?? { kind: OTHER, text });
}

export function writeCharts(charts) {
  return charts.map((chart) => (chart.kind === OTHER ? chart.text : JSON.stringify(chart)));
}

// Returns a finite number, or null. The server sends NaN and infinities as texts, since JSON lacks them. Charts leave
// them out.
export function finite(value) {
  return isFiniteNumber(value) ? value : null;
}

// Returns the exponential moving average, which starts at the first value. Values that are not numbers are left out.
export function smooth(values, weight) {
  if (!weight) return values.map(finite);
  let average = 0;
  let share = 0;
  return values.map((value) => {
    if (finite(value) === null) return null;
    average = average * weight + value * (1 - weight);
    share = share * weight + (1 - weight);
    return average / share;
  });
}

// Returns the sorted x values of all curves, and for each curve its values at them (null where it has none). With `log`,
// they are the logarithms of the values.
export function aligned(curves, { x, smoothing = 0, log = false }) {
  const parts = curves.map((curve) => {
    const start = curve.start ?? curve.times[0];
    const xs = x === "time" ? curve.times.map((time) => time - start) : curve.steps;
    const ys = smooth(curve.values, smoothing).map((value) => (log ? logarithm(value) : value));
    // If a curve has several values at one x, the last one counts.
    return new Map(xs.map((place, index) => [place, ys[index]]));
  });
  const xs = [...new Set(parts.flatMap((part) => [...part.keys()]))].sort((one, other) => one - other);
  return [xs, ...parts.map((part) => xs.map((place) => part.get(place) ?? null))];
}

function logarithm(value) {
  return value > 0 ? Math.log10(value) : null;
}

// Says which values of curves a chart does not show, and why. `isEmpty` says that there are no others.
export function leftOut(curves, { log, zoom, smoothing }) {
  const values = curves.flatMap((curve) => curve.values);
  if (!values.length)
    return {
      isEmpty: true,
      text: zoom ? "These runs have no values in this part." : "These runs have no values of it.",
    };
  const numbers = curves.flatMap((curve) => smooth(curve.values, smoothing)).filter((value) => value !== null);
  const shownOnes = log ? numbers.filter((value) => value > 0) : numbers;
  const reasons = [
    numbers.length < values.length && "NaN and infinite values are left out.",
    shownOnes.length < numbers.length && "Values that are not above 0 have no logarithm and are left out.",
  ];
  return { isEmpty: !shownOnes.length, text: reasons.filter(Boolean).join(" ") };
}

// Returns the logarithms at which an axis begins and ends that shows those from `low` to `high`.
export function logarithmicRange(low, high) {
  const room = (high - low) / 10 || 1;
  return [low - room, high + room];
}

// Returns the logarithms from `low` to `high` at which an axis has a line, at most about eight.
export function logarithmicTicks(low, high) {
  const [first, last] = [Math.floor(low), Math.ceil(high)];
  const step = Math.max(1, Math.ceil((last - first) / 8));
  const digits = high - low > 3 ? [1] : [1, 2, 5];
  const ticks = [];
  for (let power = Math.ceil(first / step) * step; power <= last; power += step)
    ticks.push(...digits.map((digit) => power + Math.log10(digit)));
  const inside = ticks.filter((tick) => tick >= low && tick <= high);
  return inside.length > 1 ? inside : [low, high];
}

// Returns the index at which a curve has a value that is nearest to the pointer: curves have values at different places.
export function nearestValue({ data }, series, index) {
  const values = data[series];
  for (let away = 0; away < values.length; away += 1) {
    const near = [index - away, index + away].find((place) => (values[place] ?? null) !== null);
    if (near !== undefined) return near;
  }
  return index;
}

// Returns a run's value on an axis ("param:KEY" or "metric:NAME"): a number if it is one, else a text, else null.
export function axisValue(axis, run, last) {
  const [kind, ...rest] = axis.split(":");
  const key = rest.join(":");
  if (kind === "metric") return finite(last.get(run.id)?.get(key));
  const value = entryOf(run.params, key);
  if (value == null || value === "") return null;
  const number = Number(value);
  return Number.isFinite(number) ? number : String(value);
}

const NOT_FINITE = /^[+-]?(nan|inf(inity)?)$/i;
const MAX_TICKS = 8;

// Places the values of an axis from 0 to 1: numbers by size, and if there are texts, all of them in their order. `at`
// returns null for a value that has no place. `ticks` are places with their labels.
export function scale(values) {
  const present = values.filter((value) => value !== null);
  const numbers = present.filter((value) => typeof value === "number");
  const isNumeric = present.every((value) => typeof value === "number" || NOT_FINITE.test(value));
  if (numbers.length && isNumeric) {
    const [low, high] = [Math.min(...numbers), Math.max(...numbers)];
    const at = (value) => {
      if (finite(value) === null) return null;
      return high > low ? (value / 2 - low / 2) / (high / 2 - low / 2) : 0.5; // by halves: the width may be infinite
    };
    const ends = high > low ? [low, high] : [low];
    return { at, ticks: ends.map((value) => [at(value), shown(value)]) };
  }
  const texts = [...new Set(present)].sort(inOrder).map(String);
  const at = (value) => (texts.length > 1 ? texts.indexOf(String(value)) / (texts.length - 1) : 0.5);
  const labelled = texts.length > MAX_TICKS ? [texts[0], texts.at(-1)] : texts;
  return { at, ticks: labelled.map((value) => [at(value), value]) };
}

// Numbers come before texts.
function inOrder(one, other) {
  if (typeof one !== typeof other) return typeof one === "number" ? -1 : 1;
  return one < other ? -1 : 1;
}

// Returns a number as a short text.
export function shown(value) {
  if (typeof value !== "number") return String(value ?? "");
  const size = Math.abs(value);
  if (!size || (size >= 1e-3 && size < 1e6)) return String(Number(value.toPrecision(4)));
  return value
    .toExponential(2)
    .replace(/\.?0+e/, "e")
    .replace("e+", "e");
}

const UNITS = [
  [86400, "d"],
  [3600, "h"],
  [60, "m"],
];

// Returns seconds as a text without what is 0: 90 is 1m 30s. The lines of a zoomed axis differ in the last part only.
export function shownTime(seconds) {
  const size = Math.abs(seconds);
  if (size < 60) return `${shown(seconds)}s`;
  const parts = [];
  let rest = Math.round(size * 1000) / 1000;
  for (const [unit, name] of UNITS) {
    if (rest >= unit) parts.push(`${Math.floor(rest / unit)}${name}`);
    rest %= unit;
  }
  if (rest) parts.push(`${shown(rest)}s`);
  return (seconds < 0 ? "-" : "") + parts.join(" ");
}

// Returns a text that is cut to a number of characters.
export function cut(text, count) {
  const characters = [...text];
  return characters.length > count ? `${characters.slice(0, Math.max(1, count - 1)).join("")}…` : text;
}

export function axisTitle(axis) {
  return axis.replace(/^(param|metric):/, "");
}
