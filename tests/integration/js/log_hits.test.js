import assert from "node:assert/strict";
import { test } from "node:test";
import { serve, studio } from "./page.js";

const { LogHits } = await studio("log_hits");

// Serves the lines of a log in answers of at most two. More lines may be added later.
async function served(t, ...lines) {
  const server = await serve(({ url }) => {
    const from = Number(new URL(url, "http://x").searchParams.get("line"));
    const hits = lines.filter((line) => line >= from).slice(0, 2);
    const next = (hits.at(-1) ?? from - 1) + 1;
    const content = {
      hits: hits.map((line) => ({ line, offset: line, context: { line, offset: line } })),
      next: { offset: next, line: next },
      is_end: !lines.some((line) => line >= next),
    };
    return { content: JSON.stringify(content) };
  });
  t.after(() => server.close());
  return { hits: new LogHits("a", "b", "cuda"), lines, requests: server.requests };
}

async function going(hits, ...steps) {
  const shown = [];
  for (const step of steps) shown.push((await hits.go(step))?.line ?? null);
  return shown;
}

test("Next and Previous go from line to line, and around", async (t) => {
  const { hits } = await served(t, 3, 5, 8);
  assert.deepEqual(await going(hits, 1, 1, 1, 1, -1, -1, -1, -1), [3, 5, 8, 3, 8, 5, 3, 8]);
});

test("two quick clicks go two lines on", async (t) => {
  const { hits } = await served(t, 3, 5, 8);
  const found = await Promise.all([hits.go(1), hits.go(1), hits.go(1)]);
  assert.deepEqual(
    found.map(({ line }) => line),
    [3, 5, 8],
  );
});

test("the first line is shown before the whole log is searched, and all of them are counted", async (t) => {
  const { hits, requests } = await served(t, 3, 5, 1300);
  await hits.go(1);
  assert.equal(requests.length, 1);
  assert.equal(String(hits), "Line 3: 1 of 2 or more");
  await Promise.all([hits.count(), hits.more(), hits.more()]);
  assert.equal(requests.length, 2);
  assert.equal(String(hits), "Line 3: 1 of 3");
  assert.deepEqual(await going(hits, -1), [1300]);
  assert.equal(String(hits), "Line 1,300: 3 of 3");
});

test("Previous begins at the end of the log", async (t) => {
  const { hits } = await served(t, 3, 5, 8);
  assert.deepEqual(await going(hits, -1, -1), [8, 5]);
});

test("a text that is nowhere is told, and found once it is written", async (t) => {
  const { hits, lines } = await served(t);
  assert.deepEqual(await going(hits, 1, -1), [null, null]);
  assert.equal(String(hits), "Not in this log.");
  lines.push(9);
  assert.deepEqual(await going(hits, 1), [9]);
});

test("Next goes on to what the script has written meanwhile", async (t) => {
  const { hits, lines } = await served(t, 3);
  assert.deepEqual(await going(hits, 1), [3]);
  lines.push(9);
  assert.deepEqual(await going(hits, 1, 1), [9, 3]);
});

test("a search that nobody looks at any more ends", async (t) => {
  const { hits, requests } = await served(t, ...Array(1000).keys());
  await hits.go(1);
  await hits.count(() => hits.stop());
  assert.equal(requests.length, 2);
  await hits.go(-1);
  assert.equal(requests.length, 2);
});
