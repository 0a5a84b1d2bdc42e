import assert from "node:assert/strict";
import { test } from "node:test";
import { studio } from "./page.js";

const { cell, isMetric, isSentOnRequest, longTitle, short, title } = await studio("cells");
const { fromWidths, toWidths } = await studio("definition");
const { toCsv, toRows } = await studio("value_table");

test("a column of a metric says which number it shows", () => {
  assert.equal(title("metric:val/loss"), "val/loss");
  assert.equal(title("metric_min:a:b"), "a:b (min)");
  assert.equal(longTitle("metric_max:loss"), "metric max: loss");
  assert.ok(isMetric("metric_first:a") && !isMetric("param:a"));
});

test("the list is read again for a column whose values the server sends only then", () => {
  const columns = ["script", "error", "metric:loss", "status", "tag:error"];
  assert.deepEqual(columns.map(isSentOnRequest), [true, true, true, false, false]);
});

test("a cell shows the number that the server has sent, also if it is not finite", () => {
  const row = { metrics: { loss: 0.123456789, nan: "NaN" }, metrics_min: { loss: 0 } };
  const text = (column) => cell(column, row).textContent ?? cell(column, row);
  assert.equal(text("metric:loss"), "0.12346");
  assert.equal(cell("metric:loss", row).getAttribute("title"), "0.123456789");
  assert.equal(text("metric_min:loss"), "0");
  assert.equal(text("metric:nan"), "NaN");
  assert.equal(text("metric_max:loss"), "");
  assert.equal(cell("error", { error_line: null }), "");
});

test("numbers are short", () => {
  assert.deepEqual([0, 12, 1234567, 0.00001234, 1234567.5, 2 / 3, -0.5].map(short), [
    "0",
    "12",
    "1,234,567",
    "1.234e-5",
    "1.235e+6",
    "0.66667",
    "-0.5",
  ]);
  assert.deepEqual([Number.MAX_VALUE, -Number.MAX_VALUE].map(short), ["Infinity", "-Infinity"]); // as MLflow stores them
});

test("a param that is a long fraction is shown in few digits, and whole in its title", () => {
  const shown = (lr) => cell("param:lr", { params: { lr } });
  const long = shown("0.00031622776601683794");
  assert.deepEqual([long.textContent, long.title], ["0.00031623", "0.00031622776601683794"]);
  for (const text of ["0.1", "12345678901234567890", "1.2.30000000", "adam", ""]) assert.equal(shown(text), text);
});

test("widths of columns are texts in a view, and what is not one is left out", () => {
  assert.deepEqual(toWidths(["tag:a=b=120", "name=80", "x", "y=-1", "z=many"]), { "tag:a=b": 120, name: 80 });
  assert.deepEqual(fromWidths({ "tag:a": 5 }), ["tag:a=5"]);
});

test("a projection is a table and a CSV", () => {
  assert.deepEqual(toRows([{ a: 1 }, { b: "x" }]), {
    names: ["a", "b"],
    rows: [
      [1, undefined],
      [undefined, "x"],
    ],
  });
  assert.deepEqual(toRows([[1], [2, 3]]).names, ["Column1", "Column2"]);
  assert.deepEqual(toRows(["a", null]).rows, [["a"], [null]]);
  assert.equal(toRows({ a: 1 }), null);
  assert.equal(toRows([]), null);
  assert.equal(
    toCsv({ names: ["lr"], rows: [["-0.5"], ["+1e-3"], ["-1+2"], ["+49 30"]] }),
    "lr\r\n-0.5\r\n+1e-3\r\n'-1+2\r\n'+49 30",
  );
  const table = { names: ["a,b"], rows: [['say "hi"'], ["=1+1"], [-1], [null], [{ a: [1] }]] };
  assert.equal(toCsv(table), '"a,b"\r\n"say ""hi"""\r\n\'=1+1\r\n-1\r\n\r\n"{""a"":[1]}"');
});

test("a key may be called like a member of every object", () => {
  const row = { tags: {}, properties: {}, params: {}, metrics: {} };
  for (const key of ["constructor", "toString", "__proto__", "hasOwnProperty"]) {
    for (const kind of ["tag", "property", "param", "metric"]) assert.equal(cell(`${kind}:${key}`, row), "");
    const text = `{"tags":{"${key}":"a"},"params":{"${key}":"b"},"metrics":{"${key}":2}}`;
    const full = JSON.parse(text);
    assert.equal(cell(`tag:${key}`, full), "a");
    assert.equal(cell(`param:${key}`, full), "b");
    assert.equal(cell(`metric:${key}`, full).textContent, "2");
  }
  assert.deepEqual(toRows([{ a: 1 }, JSON.parse('{"constructor":2}')]).rows, [
    [1, undefined],
    [undefined, 2],
  ]);
});
