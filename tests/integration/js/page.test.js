import assert from "node:assert/strict";
import { test } from "node:test";
import { serve } from "./page.js";

let late; // a call that the first test has begun

test("a test asks its own server, also the second one", async () => {
  for (let times = 0; times < 2; times += 1) {
    const server = await serve(() => ({ content: "{}" }));
    await fetch("here");
    assert.deepEqual(
      server.requests.map(({ url }) => url),
      ["/here"],
    );
    server.close();
  }
  late = new Promise((resolve) => setTimeout(() => resolve([fetch("late")]), 20));
});

test("the call of an earlier test does not reach the server of a later one", async (t) => {
  const server = await serve(() => ({ content: "{}" }));
  t.after(() => server.close());
  await late;
  await fetch("here");
  assert.deepEqual(
    server.requests.map(({ url }) => url),
    ["/here"],
  );
});
