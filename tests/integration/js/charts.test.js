import assert from "node:assert/strict";
import { test } from "node:test";
import { serve, studio } from "./page.js";

const {
  aligned,
  axisValue,
  cut,
  firstCharts,
  leftOut,
  logarithmicRange,
  logarithmicTicks,
  nearestValue,
  readChart,
  readCharts,
  scale,
  shown,
  shownTime,
  smooth,
  writeCharts,
  zoomBy,
} = await studio("chart_data");
const { told } = await studio("failures");

test("charts are read as they are written", () => {
  const charts = [
    { kind: "curves", y: "loss", x: "time", smoothing: 0.5, log: true },
    { kind: "scatter", x: "param:lr", y: "metric:loss" },
    { kind: "parallel", axes: ["param:lr", "metric:loss"] },
  ];
  assert.deepEqual(readCharts(writeCharts(charts)), charts);
});

test("what is not a chart is left out", () => {
  for (const text of ["", "null", "[]", "{", '{"kind":"pie"}', '{"kind":"curves"}', '{"kind":"parallel","axes":[1]}'])
    assert.equal(readChart(text), null);
  const chart = readChart('{"kind":"curves","y":"loss","x":"no","smoothing":"7","log":1}');
  assert.deepEqual(chart, { kind: "curves", y: "loss", x: "step", smoothing: 0.99, log: false });
  const newer = ['{"kind":"pie","of":"loss"}', '{"kind":"curves","y":"a"}'];
  assert.equal(writeCharts(readCharts(newer))[0], newer[0]); // an older page does not drop what it does not know
  assert.equal(readCharts(Array.from({ length: 99 }, () => '{"kind":"curves","y":"a"}')).length, 12);
});

test("curves of several runs have one x axis", () => {
  const curves = [
    { steps: [0, 2], times: [10, 12], values: [1, 2] },
    { steps: [1, 2, 2], times: [50, 51, 52], values: [3, 4, 5] },
  ];
  assert.deepEqual(aligned(curves, { x: "step" }), [
    [0, 1, 2],
    [1, null, 2],
    [null, 3, 5],
  ]);
  assert.deepEqual(aligned(curves, { x: "time" })[0], [0, 1, 2]);
});

test("what has no place on a logarithmic axis, and no number, is left out", () => {
  const curves = [{ steps: [0, 1, 2, 3], times: [0, 1, 2, 3], values: [0, -1, "NaN", 2] }];
  assert.deepEqual(aligned(curves, { x: "step", log: true })[1], [null, null, null, Math.log10(2)]);
  assert.deepEqual(aligned(curves, { x: "step" })[1], [0, -1, null, 2]);
});

test("a chart says what it leaves out", () => {
  const of = (values, chart = {}) => leftOut([{ values }], chart);
  assert.deepEqual(of([1, -1]), { isEmpty: false, text: "" });
  assert.deepEqual(leftOut([], {}), { isEmpty: true, text: "These runs have no values of it." });
  assert.deepEqual(leftOut([], { zoom: [1, 2] }), { isEmpty: true, text: "These runs have no values in this part." });
  assert.deepEqual(of(["NaN", 1]), { isEmpty: false, text: "NaN and infinite values are left out." });
  assert.equal(of(["NaN", Number.MAX_VALUE]).isEmpty, true); // MLflow stores an infinity as the largest number
  const { isEmpty, text } = of([-1, 0], { log: true });
  assert.equal(isEmpty, true);
  assert.match(text, /not above 0/);
  assert.equal(of([-1, 2], { log: true }).isEmpty, false);
  assert.equal(of([-100, 2], { log: true, smoothing: 0.9 }).isEmpty, true); // the average is below 0, too
});

test("a logarithmic axis has few lines, also for numbers that are far apart", () => {
  const numbers = (low, high) => logarithmicTicks(low, high).map((tick) => shown(10 ** tick));
  assert.deepEqual(numbers(0, 2), ["1", "2", "5", "10", "20", "50", "100"]);
  assert.deepEqual(numbers(-6.2, -0.1), ["1e-6", "1e-5", "1e-4", "0.001", "0.01", "0.1"]);
  assert.equal(numbers(-300, 270).length, 8);
  assert.deepEqual(numbers(0.35, 0.36), ["2.239", "2.291"]);
  assert.deepEqual(numbers(...logarithmicRange(0, 0)), ["0.1", "0.2", "0.5", "1", "2", "5", "10"]);
});

test("smoothing keeps a constant as it is and begins at the first value", () => {
  assert.deepEqual(smooth([1, 2], 0), [1, 2]);
  for (const value of smooth([3, 3, "Infinity", 3], 0.9).filter((each) => each !== null))
    assert.ok(Math.abs(value - 3) < 1e-9);
  const [first, second] = smooth([0, 1], 0.5);
  assert.equal(first, 0);
  assert.ok(second > 0.5 && second < 1);
});

test("an axis takes numbers by their size, and texts in their order", () => {
  const numbers = scale([1, null, 3, 2]);
  assert.deepEqual([numbers.at(1), numbers.at(2), numbers.at(3)], [0, 0.5, 1]);
  assert.deepEqual(numbers.ticks, [
    [0, "1"],
    [1, "3"],
  ]);
  const labels = ({ ticks }) => ticks.map(([, text]) => text);
  const texts = scale(["sgd", "adam", 3]);
  assert.deepEqual([texts.at(3), texts.at("adam"), texts.at("sgd")], [0, 0.5, 1]);
  assert.deepEqual(labels(scale(["None", 100, 20, 3])), ["3", "20", "100", "None"]);
  assert.deepEqual(labels(scale(Array.from({ length: 9 }, (_, place) => `v${place}`))), ["v0", "v8"]);
  assert.equal(scale([2]).at(2), 0.5);
  assert.deepEqual(labels(scale([2])), ["2"]);
});

test("a param that is not a finite number has no place among numbers", () => {
  const numbers = scale([1, "nan", "-inf", 3]);
  assert.deepEqual([numbers.at(3), numbers.at("nan"), numbers.at("-inf")], [1, null, null]);
  assert.equal(scale(["nan", "nano"]).at("nano"), 1);
  assert.equal(scale([-1.7e308, 0, 1.7e308]).at(0), 0.5);
});

test("a run's value of an axis is a number, a text or none", () => {
  const run = { id: "a", params: { lr: "0.1", opt: "adam", "a:b": "1" } };
  const last = new Map([["a", new Map([["loss", "NaN"]])]]);
  assert.equal(axisValue("param:lr", run, last), 0.1);
  assert.equal(axisValue("param:opt", run, last), "adam");
  assert.equal(axisValue("param:a:b", run, last), 1);
  assert.equal(axisValue("param:none", run, last), null);
  assert.equal(axisValue("metric:loss", run, last), null); // NaN
  assert.equal(axisValue("metric:loss", { id: "b" }, last), null);
});

test("numbers on axes are short", () => {
  assert.deepEqual([0, 0.123456, 1e-5, 12345678, 250].map(shown), ["0", "0.1235", "1e-5", "1.23e7", "250"]);
  assert.deepEqual([-2.5e-7, 1e20, 1e6].map(shown), ["-2.5e-7", "1e20", "1e6"]);
});

test("times on axes are short", () => {
  const times = [0, 0.25, 59, 90, 3600, 5400, 90_000, -120];
  assert.deepEqual(times.map(shownTime), ["0s", "0.25s", "59s", "1m 30s", "1h", "1h 30m", "1d 1h", "-2m"]);
  assert.deepEqual([3610, 3600.5, 86_460, 3600.0000002].map(shownTime), ["1h 10s", "1h 0.5s", "1d 1m", "1h"]);
});

test("a long label is cut between characters", () => {
  assert.deepEqual([cut("abc", 3), cut("abcd", 3), cut("🚀🚀🚀", 2)], ["abc", "ab…", "🚀…"]);
});

test("the failures say how many runs do not say why", () => {
  assert.equal(told([], 0), "No run of these filters has failed.");
  assert.equal(told([{ count: 1 }], 1), "1 run has failed.");
  assert.equal(told([{ count: 2 }, { count: 1 }], 5), "5 runs have failed, of which 2 do not say why.");
});

test("the part that a chart shows is kept, and only if it is one", () => {
  const zoomed = { kind: "curves", y: "a", x: "step", smoothing: 0, log: false, zoom: [1, 2.5] };
  assert.deepEqual(readChart(JSON.stringify(zoomed)), zoomed);
  for (const zoom of [[2, 1], [1], "12", [1, null], [1, "2"]])
    assert.equal("zoom" in readChart(JSON.stringify({ ...zoomed, zoom })), false);
});

test("the first charts are of the first metric and of the param that tells the runs apart best", () => {
  const runs = [{ params: { seed: "1", lr: "0.1" } }, { params: { seed: "1", lr: "0.2" } }, {}];
  const [curves, scatter, ...more] = firstCharts(["loss", "accuracy"], runs);
  assert.deepEqual([curves.kind, curves.y, more], ["curves", "loss", []]);
  assert.deepEqual(scatter, { kind: "scatter", x: "param:lr", y: "metric:loss" });
  assert.equal(firstCharts(["loss"], [{ params: {} }, {}]).length, 1);
});

test("keys enlarge a part of a chart, move it and show all again", () => {
  const whole = [0, 100];
  assert.deepEqual(zoomBy("+", null, whole), [25, 75]);
  assert.deepEqual(zoomBy("ArrowRight", [25, 75], whole), [37.5, 87.5]);
  assert.deepEqual(zoomBy("ArrowRight", [60, 100], whole), [60, 100]);
  assert.deepEqual(zoomBy("-", [40, 50], whole), [35, 55]);
  assert.equal(zoomBy("-", [25, 75], whole), null);
  assert.equal(zoomBy("0", [25, 75], whole), null);
  assert.equal(zoomBy("ArrowLeft", null, whole), null);
  assert.equal(zoomBy("x", null, whole), undefined);
  assert.equal(zoomBy("+", null, [3, 3]), null);
});

test("the seconds of a part of a curve count from the curve's start", () => {
  const curve = { start: 100, steps: [5, 6], times: [150, 160], values: [1, 2] };
  assert.deepEqual(aligned([curve], { x: "time" })[0], [50, 60]);
});

for (const status of [503, 429])
  test(`charts come by themselves after an answer ${status}`, { timeout: 30_000 }, async () => {
    globalThis.matchMedia ??= () => ({ matches: false, addEventListener() {}, removeEventListener() {} });
    const { Charts } = await studio("charts");
    let answers = 0;
    const server = await serve(() => {
      answers += 1;
      if (answers === 1) return { status, content: JSON.stringify({ message: "The database does not open." }) };
      return { content: JSON.stringify({ names: [] }) };
    });
    const charts = new Charts(() => {});
    charts.setRuns([{ id: "a", final: true }]);
    const reads = async (text) => {
      while (!charts.element.textContent.includes(text)) await new Promise((next) => setTimeout(next, 5));
    };
    await reads("The database does not open.");
    assert.ok(!charts.element.textContent.includes("no metrics"));
    await reads("This run has logged no metrics.");
    assert.ok(!charts.element.textContent.includes("does not open"));
    charts.stop();
    server.close();
  });

test("the names of the metrics of many runs are one request", async (t) => {
  const { Charts } = await studio("charts");
  const { requests, close } = await serve(({ url }) => ({
    content: JSON.stringify(url.endsWith("names") ? { names: ["loss", "acc"] } : { curves: [] }),
  }));
  t.after(close);
  const charts = new Charts(() => {});
  charts.setRuns(["a", "b", "c", "d", "e", "f"].map((id) => ({ id, final: true })));
  while (!charts.cards.querySelector("figure")) await new Promise((next) => setTimeout(next, 5));
  charts.stop();
  const asked = requests.map(({ url, body }) => [url.split("/").slice(4).join("/"), JSON.parse(body).run_ids.length]);
  assert.deepEqual(asked, [
    ["runs/metrics/names", 6],
    ["runs/curves", 6],
  ]);
  assert.equal(charts.charts[0].y, "loss");
});

test("a chart shows the value of a curve that is nearest to the pointer", () => {
  const data = [
    [0, 1, 2, 3],
    [5, null, undefined, 7],
    [null, null, null, null],
  ];
  assert.deepEqual(
    [0, 1, 2, 3].map((index) => nearestValue({ data }, 1, index)),
    [0, 0, 3, 3],
  );
  assert.equal(nearestValue({ data }, 2, 1), 1);
});
