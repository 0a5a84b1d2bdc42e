import assert from "node:assert/strict";
import { test } from "node:test";
import { document, serve, studio } from "./page.js";

const { ChartedRuns } = await studio("charted_runs");

// Makes the part of All runs that the charts use.
function list(charted, view = undefined) {
  const chosen = [];
  return {
    views: { base: () => view },
    shown: { charts: [], charted },
    table: { chosen: () => chosen, shownRuns: () => [{ id: "first" }], choose: (rows) => chosen.push(...rows) },
    keep() {},
    showHeading() {},
  };
}

// Answers a call with each of these, and then with runs of the ids that were asked for.
async function answering(t, ...answers) {
  const server = await serve((request, body) => {
    if (!request.url.endsWith("runs/states")) return { content: "{}" };
    const runs = JSON.parse(body).run_ids.map((id) => ({ id }));
    return answers.shift() ?? { content: JSON.stringify({ runs }) };
  });
  t.after(() => server.close());
  return server;
}

function ids(rows) {
  return rows.map((row) => row.id);
}

// Returns the charted runs, and what the charts were drawn of.
function charting(page) {
  const charted = new ChartedRuns(page);
  const drawn = [];
  charted.charts.setRuns = (runs) => drawn.push(ids(runs));
  return { charted, drawn };
}

test("the runs of the definition are selected, and charts of others are not drawn before", async (t) => {
  await answering(t);
  const page = list(["a", "b"]);
  const { charted, drawn } = charting(page);
  const selecting = charted.select();
  charted.show();
  await selecting;
  assert.deepEqual(drawn, [["a", "b"]]);
});

test("while the server is away, it is tried again and other runs are not drawn", async (t) => {
  const { setTimeout } = globalThis;
  globalThis.setTimeout = (act, time, ...rest) => setTimeout(act, time === 3000 ? 0 : time, ...rest);
  t.after(() => Object.assign(globalThis, { setTimeout }));
  const server = await answering(t, { status: 503, content: "{}" });
  const page = list(["a"]);
  const { charted, drawn } = charting(page);
  const selecting = charted.select();
  charted.show();
  await selecting;
  assert.deepEqual(drawn, [["a"]]);
  assert.equal(server.requests.length, 2);
});

test("if the runs cannot be read, charts of the first runs are drawn", async (t) => {
  const { setTimeout } = globalThis;
  globalThis.setTimeout = (act, time, ...rest) => setTimeout(act, time, ...rest).unref(); // the message stays for long
  t.after(() => Object.assign(globalThis, { setTimeout }));
  await answering(t, { status: 400, content: '{"message": "no"}' });
  const { charted, drawn } = charting(list(["a"]));
  const selecting = charted.select();
  charted.show();
  await selecting;
  assert.deepEqual(drawn, [["first"]]);
  assert.match(document.body.textContent, /The runs of the charts could not be read. no/);
});

test("runs of the charts that are deleted are named by their number", async (t) => {
  const { setTimeout } = globalThis;
  globalThis.setTimeout = (act, time, ...rest) => setTimeout(act, time, ...rest).unref(); // the message stays for long
  t.after(() => Object.assign(globalThis, { setTimeout }));
  await answering(t, { content: '{"runs": [{"id": "a"}]}' });
  const { charted, drawn } = charting(list(["a", "b"]));
  await Promise.all([charted.select(), charted.show()]);
  assert.deepEqual(drawn, [["a"]]);
  assert.match(document.body.textContent, /1 of the runs of the charts is deleted, or not visible to you\./);
});

test("what the user selects meanwhile is drawn at once, and stays", async (t) => {
  await answering(t);
  const page = list(["a"]);
  const { charted, drawn } = charting(page);
  const selecting = charted.select();
  charted.show();
  page.table.choose([{ id: "c" }]);
  charted.note();
  charted.draw();
  assert.deepEqual(drawn, [["c"]]);
  await selecting;
  assert.deepEqual(drawn, [["c"]]);
  assert.deepEqual([page.shown.charted, ids(page.table.chosen())], [["c"], ["c"]]);
});

test("a hand-written address with many runs shows as many as charts can have", async (t) => {
  await answering(t);
  const { charted, drawn } = charting(list(Array.from({ length: 300 }, (_, index) => String(index))));
  await Promise.all([charted.select(), charted.show()]);
  assert.equal(drawn[0].length, 50);
});

test("closing the charts changes nothing of a view, and they stay closed until it is opened again", async (t) => {
  await answering(t);
  const page = list(["a", "b"], { charted: ["a", "b"] });
  const { charted } = charting(page);
  await Promise.all([charted.select(), charted.show()]);
  charted.button.click();
  charted.show();
  assert.deepEqual([charted.element.hidden, page.shown.charted], [true, ["a", "b"]]);
  charted.button.click();
  assert.deepEqual([charted.element.hidden, page.shown.charted], [false, ["a", "b"]]);
  charted.button.click();
  await Promise.all([charted.select(), charted.show()]);
  assert.equal(charted.element.hidden, false);
});

test("without a view, the address forgets the runs of charts that are closed", async (t) => {
  await answering(t);
  const page = list(["a"]);
  const { charted } = charting(page);
  await Promise.all([charted.select(), charted.show()]);
  charted.button.click();
  assert.deepEqual(page.shown.charted, []);
});
