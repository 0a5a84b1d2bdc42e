import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { event, localStorage, serve, studio } from "./page.js";

const { QueryBox } = await studio("query_box");

let server;
afterEach(() => server?.close());

const checks = (answer) =>
  serve((request) => ({ content: JSON.stringify(answer(new URL(request.url, "http://a").searchParams.get("query"))) }));

function typed(box, text) {
  box.box.value = text;
  box.typed();
}

test("Enter applies a query that is right", async () => {
  server = await checks(() => ({ error: null }));
  const applied = [];
  const box = new QueryBox((text) => applied.push(text));
  typed(box, "  [?tags.a]  ");
  await box.apply();
  assert.deepEqual(applied, ["[?tags.a]"]);
});

test("a wrong query is not applied, and the place of the error is marked", async () => {
  server = await checks(() => ({ error: "Unknown token '-'", place: 8 }));
  const applied = [];
  const box = new QueryBox((text) => applied.push(text));
  typed(box, "[?tags.a-b]");
  await box.apply();
  assert.deepEqual(applied, []);
  assert.equal(box.box.getAttribute("aria-invalid"), "true");
  assert.equal(box.message.querySelector("mark").textContent, "-");
  assert.match(box.message.textContent, /^Unknown token '-'/);
});

test("an error at the end of a long query shows what is before it", async () => {
  server = await checks(() => ({ error: "It ends too early.", place: 100 }));
  const box = new QueryBox(() => {});
  typed(box, `[${"x".repeat(99)}`);
  await box.check();
  const code = box.message.querySelector("code").textContent;
  assert.equal(code, `…${"x".repeat(30)} `);
});

test("an answer about a text that has changed meanwhile is not shown", async () => {
  server = await checks((query) => ({ error: query === "[old]" ? "wrong" : null }));
  const box = new QueryBox(() => {});
  typed(box, "[old]");
  const late = box.check();
  typed(box, "[new]");
  assert.equal(await late, false);
  assert.equal(box.box.getAttribute("aria-invalid"), null);
});

test("a query is applied where the check cannot be had: the search itself will say", async () => {
  server = await serve(() => ({ status: 500, content: "" }));
  const applied = [];
  const box = new QueryBox((text) => applied.push(text));
  typed(box, "[0]");
  await box.apply();
  assert.deepEqual(applied, ["[0]"]);
});

test("what a search found wrong is not taken back by a check that comes late", async () => {
  server = await checks(() => ({ error: null }));
  const box = new QueryBox(() => {});
  typed(box, "sort_by(@, &a)");
  box.fail("'a' is null in one run.");
  await box.check();
  assert.match(box.message.textContent, /is null/);
});

test("emptying the box applies the empty query at once", () => {
  const applied = [];
  const box = new QueryBox((text) => applied.push(text));
  box.set("[0]");
  typed(box, " ");
  assert.deepEqual(applied, [""]);
});

test("an empty box offers the last queries, the newest first and each once", async () => {
  server = await checks(() => ({ error: null }));
  const box = new QueryBox(() => {});
  const offered = () => {
    box.box.value = "";
    box.offer();
    return [...box.options.children].map((option) => option.value);
  };
  for (const number of [...Array(25).keys(), 2, 20]) {
    box.box.value = `cuda ${number}`;
    await box.apply();
  }
  const last = [20, 2, 24, 23, 22, 21, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6];
  assert.deepEqual(
    offered(),
    last.map((number) => `cuda ${number}`),
  );
  for (const kept of ["{", "7", "[1, null]"]) {
    localStorage.setItem("amlflow.queries", kept);
    assert.deepEqual(offered(), []);
  }
});

test("a doubt about an expression is shown when it comes by a link, and stays when it is applied", async () => {
  const text = "[?tag.quality=='poor']";
  let asked = 0;
  server = await checks(() => {
    asked += 1;
    return { error: null, doubts: ["No run has “tag”; did you mean “tags”?"] };
  });
  const box = new QueryBox(() => box.set(text));
  const isTold = () => box.message.textContent.startsWith("No run has “tag”");
  box.set(text);
  while (!isTold()) await new Promise((next) => setTimeout(next, 1));
  box.set(text); // as after a click on a heading
  assert.deepEqual([isTold(), asked], [true, 1]);
  await box.apply();
  assert.ok(isTold());
});

test("Escape goes back to the applied query", () => {
  const box = new QueryBox(() => {});
  box.set("[0]");
  box.box.value = "[0";
  box.box.dispatchEvent(event("keydown", { key: "Escape" }));
  assert.equal(box.box.value, "[0]");
});

for (const [text, query] of [
  ["[?metrics.lss]", "[?metrics.lss]"],
  ["metric:lss", "[?metrics.lss]"],
  ["tag:stge=prod", "[?tags.stge == 'prod']"],
]) {
  test(`what runs do not have is said below the box: ${text}`, async () => {
    const asked = [];
    server = await serve((request) => {
      const { pathname, searchParams } = new URL(request.url, "http://a");
      const isDoubt = pathname.endsWith("/query/unknown");
      if (isDoubt) asked.push(searchParams.get("query"));
      return { content: JSON.stringify(isDoubt ? { doubts: ["No run has it."] } : { error: null }) };
    });
    const box = new QueryBox(() => {});
    box.set(text);
    while (!box.message.textContent.endsWith(" No run has it.")) await new Promise((next) => setTimeout(next, 1));
    box.box.value = text;
    await box.check();
    while (!box.message.textContent.endsWith(" No run has it.")) await new Promise((next) => setTimeout(next, 1));
    assert.deepEqual(asked, [query]);
    await box.apply(); // there may be new runs
    while (!box.message.textContent.endsWith(" No run has it.")) await new Promise((next) => setTimeout(next, 1));
    assert.deepEqual(asked, [query, query]);
    assert.equal(box.message.querySelectorAll(".amlflow-doubt").length, 1);
    box.set("status:failed");
    assert.ok(!box.message.textContent.includes("No run"));
  });
}
