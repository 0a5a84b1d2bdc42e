import assert from "node:assert/strict";
import { test } from "node:test";
import { event, serve, studio } from "./page.js";

const { Branches, flatten } = await studio("branches");
const { RunsTable } = await studio("runs_table");
const { groupCell, groupName, statusText } = await studio("tree_cells");
const { applied, TagsForm } = await studio("tags_dialog");
const { fromAddress, isUnfiltered, standard, toAddress } = await studio("definition");

const row = (id, more = {}) => ({ id, run_id: id, name: `run ${id}`, status: "Completed", tags: {}, ...more });
const parent = (id, count) => row(id, { children: { Completed: count } });
const settled = () => new Promise((resolve) => setTimeout(resolve));

// Makes a table whose branches are read from `pages`, which has a list of pages for each row.
function table(pages, columns = ["status"]) {
  const reads = [];
  const made = new RunsTable({
    sort() {},
    select() {},
    open() {},
    read: async (opened, cursor) => {
      reads.push([opened.id, cursor]);
      const page = pages[opened.id].shift();
      if (page instanceof Error) throw page;
      return page;
    },
  });
  document.body.append(made.element);
  made.setColumns(columns, "-created", {}, { tree: true });
  return { made, reads };
}

const shown = (made) => made.nodes.map((node) => `${"-".repeat(node.level - 1)}${node.id}`);

test("children are read when their parent is opened, page by page", async () => {
  const { made, reads } = table({
    a: [
      { rows: [row("c"), parent("d", 1)], cursor: "next" },
      { rows: [row("e")], cursor: null },
    ],
    d: [{ rows: [row("f")], cursor: null }],
  });
  made.add([parent("a", 3), row("b")]);
  assert.deepEqual(reads, []);
  made.element.querySelector(".amlflow-opener").click();
  assert.deepEqual(shown(made), ["a", "-more:a", "b"]);
  await settled();
  assert.deepEqual(shown(made), ["a", "-c", "-d", "-more:a", "b"]);
  made.element.querySelector("[data-id='more:a'] button").click();
  await settled();
  assert.deepEqual(shown(made), ["a", "-c", "-d", "-e", "b"]);
  made.branches.open(made.find("d"));
  await settled();
  assert.deepEqual(shown(made), ["a", "-c", "-d", "--f", "-e", "b"]);
  assert.deepEqual(reads, [
    ["a", null],
    ["a", "next"],
    ["d", null],
  ]);
  made.branches.close("a");
  assert.deepEqual(shown(made), ["a", "b"]);
  const [first] = made.body.children;
  assert.equal(first.getAttribute("aria-expanded"), "false");
});

test("a branch that cannot be read says so, and is tried again", async () => {
  const { made } = table({ a: [new Error("The server does not answer."), { rows: [row("c")], cursor: null }] });
  made.add([parent("a", 1)]);
  made.branches.open(made.find("a"));
  await settled();
  assert.match(made.element.querySelector("[data-id='more:a']").textContent, /does not answer.*Try again/);
  made.element.querySelector("[data-id='more:a'] button").click();
  await settled();
  assert.deepEqual(shown(made), ["a", "-c"]);
});

test("what was open is read again after a refresh, and its rows stay until then", async () => {
  const { made, reads } = table({ a: [{ rows: [row("c")] }, { rows: [row("c"), row("d")] }] });
  made.add([parent("a", 1)]);
  made.branches.open(made.find("a"));
  await settled();
  made.clear();
  made.branches.refresh();
  made.add([parent("a", 2)]);
  assert.deepEqual(shown(made), ["a", "-c", "-more:a"]);
  await settled();
  assert.deepEqual(shown(made), ["a", "-c", "-d"]);
  assert.equal(reads.length, 2);
  made.update("a", { children: { Completed: 3 } });
  assert.equal(reads.length, 3);
});

test("an answer that comes after another choice of runs counts for nothing", async () => {
  let answer;
  const branches = new Branches(
    () => new Promise((resolve) => (answer = resolve)),
    () => {},
  );
  branches.open(parent("a", 1));
  branches.clear();
  answer({ rows: [row("c")] });
  await settled();
  assert.equal(branches.find("c"), undefined);
});

test("the arrow keys open, close and go to the parent", async () => {
  const { made } = table({ a: [{ rows: [row("c")] }] });
  made.add([parent("a", 1), row("b")]);
  const press = (id, key) => made.elements.get(id).dispatchEvent(event("keydown", { key }));
  press("a", "ArrowRight");
  await settled();
  assert.deepEqual(shown(made), ["a", "-c", "b"]);
  press("c", "ArrowLeft");
  assert.equal(made.current, "a");
  press("a", "ArrowLeft");
  assert.deepEqual(shown(made), ["a", "b"]);
});

test("selected are runs, also of a branch, and never a group", async () => {
  const group = {
    id: "group:true:x",
    column: "tag:x",
    isGroup: true,
    has: true,
    value: "x",
    count: 2,
    statuses: {},
    numbers: {},
  };
  const { made } = table({ [group.id]: [{ rows: [row("c"), row("d")] }] });
  made.add([group]);
  made.selectAll(true);
  assert.equal(made.chosen().length, 0);
  made.branches.open(group);
  await settled();
  made.selectAll(true);
  assert.deepEqual(
    made.chosen().map((each) => each.id),
    ["c", "d"],
  );
  assert.ok(made.all.checked);
  made.update("c", { status: "Canceled" });
  assert.equal(made.chosen()[0].status, "Canceled");
});

test("a row that can be opened and is closed has nothing below it", () => {
  const branches = new Branches(async () => ({ rows: [] }));
  const nodes = flatten([parent("a", 2), row("b")], branches, (each) => Boolean(each.children));
  assert.deepEqual(
    nodes.map(({ id, isOpenable, isOpen }) => [id, isOpenable, isOpen]),
    [
      ["a", true, false],
      ["b", false, false],
    ],
  );
});

test("a group shows what its runs have in common, and what their metrics are", () => {
  assert.equal(groupName({ column: "tag:stage", has: false, value: null }), "(no stage)");
  assert.equal(groupName({ column: "tag:stage", has: true, value: null }), "(no value)");
  assert.equal(groupName({ column: "status", has: true, value: "Failed" }), "Failed");
  const numbers = { "metric:loss": { count: 2, min: 0.5, mean: 1, max: 1.5 } };
  assert.equal(groupCell("metric:loss", { numbers }).textContent, "1 0.5 – 1.5");
  assert.equal(groupCell("metric:none", { numbers }), "");
  assert.equal(statusText({ Running: 2, Failed: 1, Completed: 1200 }), "1,200 Completed, 1 Failed, 2 Running");
});

test("tags are set and removed, a bare one too", () => {
  const form = new TagsForm([row("a", { tags: { old: "1" } }), row("b", { tags: { old: "2", stays: "3" } })]);
  const [key, value] = form.lines.querySelectorAll("input");
  key.value = " stage ";
  value.value = "prod";
  form.add().value = "bare";
  const box = form.element.querySelector("input[type=checkbox]");
  box.checked = true;
  box.dispatchEvent(event("change"));
  const change = form.change();
  assert.deepEqual(change, { set: { stage: "prod", bare: null }, remove: ["old"] });
  assert.deepEqual(applied({ old: "2", stays: "3" }, change), { bare: null, stage: "prod", stays: "3" });
});

test("the tree and the groups are in the address, and leave no run out", () => {
  const shown = { ...standard(), tree: true, group: "tag:a=b" };
  assert.deepEqual(fromAddress(new URLSearchParams(toAddress(shown).toString())), shown);
  assert.ok(isUnfiltered(shown));
});

test("groups have groups in them, and then runs", async () => {
  const { readBelow, readTop } = await studio("list_pages");
  const shown = { ...standard(), group: "tag:stage", subgroup: "param:lr" };
  const { requests, close } = await serve((request) => {
    const group = { value: "x", has: true, count: 1, statuses: {}, numbers: {} };
    const content = request.url.endsWith("groups") ? { groups: [group], runs: 1, left_out: {} } : { rows: [] };
    return { content: JSON.stringify(content) };
  });
  const [top] = (await readTop(shown, { query: "" }, null)).rows;
  const [below] = (await readBelow(shown, { query: "" }, top, null)).rows;
  await readBelow(shown, { query: "" }, below, null);
  close();
  assert.notEqual(top.id, below.id);
  assert.deepEqual([top.column, below.column], ["tag:stage", "param:lr"]);
  const bodies = requests.map((request) => JSON.parse(request.body));
  assert.deepEqual(
    bodies.map((body) => [body.group, (body.in_group ?? []).map((each) => each.column)]),
    [
      ["tag:stage", []],
      ["param:lr", ["tag:stage"]],
      [undefined, ["tag:stage", "param:lr"]],
    ],
  );
});

test("rows that are read again stay as they are drawn where nothing has changed", () => {
  const { made } = table({});
  const group = (value, count) => ({
    ...{ id: `group:${value}`, column: "tag:x", isGroup: true, has: true, value, count, statuses: {}, numbers: {} },
  });
  made.add([group("a", 1), group("b", 1), group("c", 1)]);
  const [a, b] = ["group:a", "group:b"].map((id) => made.elements.get(id));
  made.replace([group("a", 1), group("b", 2), group("d", 1)]);
  assert.equal(made.elements.get("group:a"), a);
  assert.notEqual(made.elements.get("group:b"), b);
  assert.deepEqual([...made.rows.keys()], ["group:a", "group:b", "group:d"]);
});

test("pages behind the first are larger where the server reads those before them again", async () => {
  const { readTop } = await studio("list_pages");
  const { requests, close } = await serve(() => ({ content: JSON.stringify({ rows: [] }) }));
  const shown = standard();
  for (const [sort, cursor] of [
    ["-created", null],
    ["-created", "5"],
    ["name", null],
    ["name", "5.50"],
  ])
    await readTop(shown, { sort }, cursor);
  close();
  assert.deepEqual(
    requests.map(({ body }) => JSON.parse(body).size),
    [50, 50, 50, 200],
  );
  const numbers = requests.map(({ body }) => JSON.parse(body).number);
  assert.ok(
    numbers.every((number, place) => place === 0 || number > numbers[place - 1]),
    `the later question has the larger number: ${numbers}`,
  );
});
