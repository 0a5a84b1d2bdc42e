import assert from "node:assert/strict";
import { test } from "node:test";
import { event, studio } from "./page.js";

const { RunsTable, title } = await studio("runs_table");

const row = (id, more = {}) => ({
  id,
  run_id: id,
  experiment_id: "1",
  name: `run ${id}`,
  status: "Completed",
  final: true,
  tags: {},
  properties: {},
  ...more,
});

function table(columns = ["status"], sort = "-created") {
  const calls = { sort: [], select: [], open: [] };
  const made = new RunsTable({
    sort: (column) => calls.sort.push(column),
    select: (rows) => calls.select.push(rows.map((each) => each.id)),
    open: (opened) => calls.open.push(opened.id),
  });
  document.body.append(made.element);
  made.setColumns(columns, sort);
  return { made, calls };
}

test("a column of a tag or property has its key as the title", () => {
  assert.equal(title("tag:a:b"), "a:b");
  assert.equal(title("property:author"), "author");
  assert.equal(title("created"), "Created");
});

test("a click on a heading sorts, and a second one the other way round", () => {
  const { made, calls } = table(["created", "tag:quality", "tags"], "-created");
  const heading = (column) => made.head.querySelector(`[data-column="${column}"]`);
  heading("created").click();
  heading("tag:quality").click();
  assert.deepEqual(calls.sort, ["created", "tag:quality"]);
  assert.equal(heading("tags"), null);
  made.setColumns(["created"], "name");
  heading("created").click();
  heading("name").click();
  assert.deepEqual(calls.sort.slice(2), ["-created", "-name"]);
});

test("runs that are not in the list can be selected, and are ticked when they come", () => {
  const { made } = table();
  const byUser = [];
  made.on.select = (rows, isByUser) => byUser.push([rows.length, isByUser]);
  made.add([row("a")]);
  made.choose([row("a"), row("b")]);
  assert.deepEqual(byUser.at(-1), [2, false]);
  made.add([row("b"), row("c")]);
  const ticked = [...made.body.children].map((each) => each.querySelector("input").checked);
  assert.deepEqual(ticked, [true, true, false]);
  made.select("c", true);
  assert.deepEqual(byUser.at(-1), [3, true]);
});

test("a run that comes twice is shown once", () => {
  const { made } = table();
  made.add([row("a"), row("b")]);
  made.add([row("b"), row("c")]);
  assert.deepEqual(
    [...made.body.children].map((each) => each.dataset.id),
    ["a", "b", "c"],
  );
});

test("a tag's value with a colon in its key is found, and none is empty", () => {
  const { made } = table(["tag:a:b", "property:author"]);
  made.add([row("a", { tags: { "a:b": "value" }, properties: { author: "ada" } }), row("b")]);
  const texts = [...made.body.children].map((each) =>
    [...each.querySelectorAll("td")].slice(1).map((cell) => cell.textContent),
  );
  assert.deepEqual(texts, [
    ["value", "ada"],
    ["", ""],
  ]);
});

test("a changed status is drawn, and the selection stays", () => {
  const { made, calls } = table();
  made.add([row("a", { status: "Running", final: false })]);
  made.select("a", true);
  made.update("a", { status: "Canceled", final: true });
  made.update("gone", { status: "Canceled" });
  assert.equal(made.body.querySelector("[data-status]").textContent, "Canceled");
  assert.deepEqual(calls.select.at(-1), ["a"]);
});

test("Space selects a run, and Enter opens it", () => {
  const { made, calls } = table();
  made.add([row("a"), row("b")]);
  const second = made.body.children[1];
  second.dispatchEvent(event("keydown", { key: " " }));
  second.dispatchEvent(event("keydown", { key: "Enter" }));
  assert.deepEqual(calls.select.at(-1), ["b"]);
  assert.deepEqual(calls.open, ["b"]);
});

test("all shown runs are selected and cleared together", () => {
  const { made, calls } = table();
  made.add([row("a"), row("b")]);
  made.selectAll(true);
  assert.deepEqual(calls.select.at(-1), ["a", "b"]);
  assert.ok(made.all.checked);
  made.select("a", false);
  assert.ok(made.all.indeterminate);
  made.selectAll(false);
  assert.deepEqual(calls.select.at(-1), []);
});

test("what is selected stays when the rows come again in another order", () => {
  const { made, calls } = table();
  made.add([row("a"), row("b")]);
  made.select("b", true);
  made.clear();
  assert.deepEqual(calls.select.at(-1), ["b"]);
  made.add([row("b"), row("a")]);
  assert.equal(made.body.children[0].getAttribute("aria-selected"), "true");
  made.add([row("c")], true);
  assert.deepEqual(
    [...made.body.children].map((each) => each.dataset.id),
    ["c", "b", "a"],
  );
});

test("only rows in sight are drawn, and an arrow key draws the next one", () => {
  const { made } = table();
  made.window.scroller = { clientHeight: 360, scrollTop: 3600 };
  made.window.head = { getBoundingClientRect: () => ({ height: 36 }) };
  made.add(Array.from({ length: 1000 }, (_, index) => row(`r${index}`)));
  const ids = () => [...made.body.querySelectorAll("tr[data-id]")].map((each) => each.dataset.id);
  // After a long scroll, only the visible rows are drawn at once, and then some rows beyond them.
  assert.deepEqual([ids()[0], ids().length], ["r100", 10]);
  made.render();
  assert.deepEqual([ids()[0], ids().length], ["r92", 26]);
  assert.equal(made.element.getAttribute("aria-rowcount"), "1001");
  made.elements.get("r100").dispatchEvent(event("keydown", { key: "End" }));
  assert.equal(ids().at(-1), "r999");
  made.selectAll(true);
  assert.equal(made.chosen().length, 1000);
});

test("compact rows show the same runs as before, and rows that were drawn stay", () => {
  const { made } = table();
  const scroller = { clientHeight: 360, scrollTop: 0 };
  made.window.scroller = scroller;
  made.add(Array.from({ length: 1000 }, (_, index) => row(`r${index}`)));
  scroller.scrollTop = 3600 + 18; // in the middle of the row r100
  made.render();
  made.render();
  const drawn = made.elements.get("r100");
  made.setColumns(["status"], "-created", {}, { dense: true });
  assert.equal(scroller.scrollTop, 2600 + 13);
  assert.equal(made.element.classList.contains("is-dense"), true);
  assert.equal(made.elements.get("r100"), drawn);
  const ids = [...made.body.querySelectorAll("tr[data-id]")].map((each) => each.dataset.id);
  assert.deepEqual([ids[0], ids.at(-1)], ["r92", "r122"]);
  made.render(); // as when the browser says that it has scrolled
  assert.equal(made.elements.size, ids.length);
  made.setColumns(["status"], "-created");
  assert.equal(scroller.scrollTop, 3600 + 18);
});

test("rows that turn out to be higher show the same runs as before", () => {
  const { made } = table();
  made.window.scroller = { clientHeight: 360, scrollTop: 3600 };
  made.add(Array.from({ length: 1000 }, (_, index) => row(`r${index}`)));
  const { measure } = made.window;
  made.window.measure = () => measure.call(made.window, { getBoundingClientRect: () => ({ height: 54 }) });
  made.render();
  assert.equal(made.window.scroller.scrollTop, 5400);
});

test("when all rows are drawn again, the browser lays out the new ones only", () => {
  const { made } = table();
  made.add([row("a"), row("b")]);
  const laidOut = [];
  made.window.measure = () => {
    laidOut.push([...made.body.children].map((each) => each.dataset.id));
    return false;
  };
  const old = made.body.firstElementChild;
  made.draw();
  assert.deepEqual(laidOut, [["a", "b"]]);
  assert.equal(old.isConnected, false);
});

test("pinned columns stay in sight behind the name, however wide the columns are", () => {
  const { made } = table();
  const left = (count) => made.element.style.getPropertyValue(`--aml-left-${count}`);
  made.setColumns(["status", "created", "id"], "-created", { name: 100, status: 80 }, { pinned: "2" });
  assert.equal(made.element.dataset.pinned, "2");
  assert.deepEqual([left(1), left(2)], ["100px", "180px"]);
  made.resize("name", 150);
  assert.deepEqual([left(1), left(2)], ["150px", "230px"]);
  made.setColumns(["status"], "-created");
  assert.equal(made.element.dataset.pinned, "");
});

// Returns a table in a window of 1000 pixels, and what scrolls. Its first 100 columns are 100 pixels wide each.
function wideTable(options) {
  const { made } = table();
  const scroller = { clientWidth: 1000, clientHeight: 360, scrollTop: 0, scrollLeft: 0 };
  made.window.scroller = made.columnWindow.scroller = scroller;
  const columns = Array.from({ length: 100 }, (_, place) => `param:${place}`);
  const widths = Object.fromEntries(columns.map((column) => [column, 100]));
  made.setColumns(columns, "-created", { name: 100, ...widths }, options);
  const params = Object.fromEntries(columns.map((_, place) => [String(place), `value ${place}`]));
  made.add([row("a", { params }), row("b")]);
  return { made, scroller, columns };
}

const spans = (line) => [...line.children].reduce((sum, each) => sum + Number(each.getAttribute("colspan") ?? 1), 0);

test("on paper there are all rows and columns", () => {
  const { made, columns } = wideTable();
  made.add(Array.from({ length: 100 }, (_, index) => row(`r${index}`)));
  const drawn = () => [made.elements.size, made.head.querySelectorAll("button").length];
  const before = drawn();
  made.drawWhole(true);
  assert.deepEqual(drawn(), [102, 1 + columns.length]);
  made.drawWhole(false);
  assert.deepEqual(drawn(), before);
});

test("before the columns are known, a window that gets its size, and paper, show nothing", () => {
  const made = new RunsTable({});
  made.columnWindow.scroller = { clientWidth: 1000, scrollLeft: 0 };
  made.render();
  made.drawWhole(true);
  assert.equal(made.head.children.length, 0);
});

test("only columns in sight are drawn, and more of them as the table is scrolled sideways", () => {
  const { made, scroller, columns } = wideTable();
  const line = made.elements.get("a");
  const texts = () => [...line.children].slice(2).map((each) => each.textContent || each.getAttribute("colspan"));
  const heads = () => [...made.head.querySelectorAll("button")].map((each) => each.dataset.column);
  assert.deepEqual([texts().length, texts()[0], texts().at(-1)], [15, "value 0", "86"]);
  const kept = line.children[12];
  assert.equal(kept.textContent, "value 10");
  scroller.scrollLeft = 1000;
  made.render();
  assert.equal(made.elements.get("a"), line, "the row was drawn again");
  assert.equal(kept.parentElement, line, "a cell that was there was drawn again");
  assert.deepEqual([texts()[0], texts()[1], texts().at(-1)], ["3", "value 3", "76"]);
  assert.deepEqual([heads()[1], heads().at(-1)], ["param:3", "param:23"]);
  for (const each of [made.head, line]) assert.equal(spans(each), columns.length + 2);
  made.window.scroller = made.columnWindow.scroller = undefined;
  made.setColumns(columns, "-created");
  assert.equal(made.elements.get("a").children.length, columns.length + 2, "without sizes, all are drawn");
});

test("a column that comes, goes or moves leaves the cells of the others where they are", () => {
  const { made } = table(["status", "experiment"]);
  made.add([row("a", { tags: { x: "1" } })]);
  const line = made.elements.get("a");
  const [, , status, experiment] = line.children;
  made.setColumns(["experiment", "tag:x", "status"], "-created");
  assert.deepEqual(
    [...line.children].slice(2).map((each) => each.textContent),
    ["1", "1", "Completed"],
  );
  assert.deepEqual([line.children[2], line.children[4]], [experiment, status]);
  // The status has the reason of a failure only if no column shows it.
  made.setColumns(["status", "error"], "-created");
  assert.notEqual(made.elements.get("a"), line);
});

test("columns to pin for which there is no room scroll with the others", () => {
  const { made, scroller } = wideTable({ pinned: "3" });
  assert.equal(made.element.dataset.pinned, "3");
  assert.equal(made.element.classList.contains("is-shifted"), false);
  scroller.scrollLeft = 5000;
  made.render();
  assert.ok(made.element.classList.contains("is-shifted"));
  const line = made.elements.get("a");
  assert.deepEqual(
    [...line.children].slice(2, 6).map((each) => each.textContent || each.getAttribute("colspan")),
    ["value 0", "value 1", "value 2", "40"],
  );
  scroller.clientWidth = 600; // the name, two columns, and room for others
  made.render();
  assert.equal(made.element.dataset.pinned, "2");
  made.resize("param:0", 300);
  made.render();
  assert.equal(made.element.dataset.pinned, "");
});

test("the keyboard keeps its heading, and comes to the next one and to links, also out of sight", () => {
  const { made, scroller, columns } = wideTable();
  const heading = (place) => made.head.querySelector(`[data-column="param:${place}"]`);
  heading(0).focus();
  scroller.scrollLeft = 5000;
  made.render();
  assert.equal(document.activeElement, heading(0), "the heading was removed when the table was scrolled");
  const moved = [...columns.slice(1), columns[0], "experiment"];
  const widths = Object.fromEntries(moved.map((column) => [column, 1500]));
  scroller.scrollLeft = 0;
  made.setColumns(moved, "-created", widths);
  assert.equal(document.activeElement, heading(0), "the heading was not drawn where it was moved to");
  assert.ok(heading(2), "there is no heading to move to from a wide column");
  assert.ok(made.elements.get("a").querySelector("td a"), "the link to the experiment was not drawn");
  for (const each of [made.head, made.elements.get("a")]) assert.equal(spans(each), moved.length + 2);
});

test("what gets the focus is scrolled out from behind the columns that stay in sight", () => {
  const { made, scroller } = wideTable({ pinned: "2" });
  const focus = (place) => {
    scroller.scrollLeft = 500;
    made.head.querySelector(`[data-column="param:${place}"]`).focus();
    document.activeElement.blur();
    return scroller.scrollLeft;
  };
  assert.deepEqual([focus(1), focus(3), focus(6), focus(7), focus(9)], [500, 100, 400, 500, 500]);
});

test("no cell spans more columns than a browser takes", () => {
  const columns = Array.from({ length: 2500 }, (_, place) => `param:${place}`);
  const { made } = wideTable();
  made.columnWindow.set(columns, 0);
  made.columnWindow.setWidths(Array(2500).fill(1000), 100);
  assert.deepEqual(made.columnWindow.parts(), ["param:0", "param:1", "param:2", 1000, 1000, 497]);
});

test("a row may go from the list in the moment in which the table is scrolled sideways", () => {
  const { made, scroller } = wideTable();
  scroller.scrollLeft = 5000;
  made.replace([row("b")]);
  assert.deepEqual([...made.elements.keys()], ["b"]);
  assert.equal(spans(made.elements.get("b")), 102);
});

test("rows that stay are not ticked any more when the selection is forgotten", () => {
  const { made } = table();
  made.add([row("a"), row("b")]);
  made.select("a", true);
  made.forget();
  made.setColumns(["status", "experiment"], "-created");
  const line = made.elements.get("a");
  assert.deepEqual([made.chosen(), line.querySelector("input").checked], [[], false]);
  assert.equal(line.getAttribute("aria-selected"), "false");
});
