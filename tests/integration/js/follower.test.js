import assert from "node:assert/strict";
import { test } from "node:test";
import { studio } from "./page.js";

const { Follower } = await studio("follower");

const settled = () => new Promise((resolve) => setTimeout(resolve));

test("a slow server is not asked again before its answer, and a lost connection not waited for", async (t) => {
  t.mock.timers.enable({ apis: ["setInterval", "Date"] });
  const { fetch } = globalThis;
  t.after(() => Object.assign(globalThis, { fetch }));
  const answers = [];
  globalThis.fetch = () => new Promise((resolve) => answers.push(resolve));
  const list = {
    visible: true,
    address: "",
    age: { textContent: "", classList: { toggle() {} } },
    table: { tick() {}, elements: new Map(), rows: new Map() },
    news: {},
    shown: { group: "", sort: "-created" },
    request: () => ({ query: "" }),
  };
  const follower = new Follower(list);
  for (let looks = 0; looks < 6; looks += 1) {
    t.mock.timers.tick(5_000);
    await settled();
  }
  assert.equal(answers.length, 1);
  answers[0](new Response('{"rows": []}'));
  for (let turn = 0; turn < 100 && !follower.lastHeard; turn += 1) await settled();
  assert.ok(follower.lastHeard);
  t.mock.timers.tick(5_000);
  await settled();
  assert.equal(answers.length, 2);
  t.mock.timers.tick(120_000);
  await settled();
  assert.equal(answers.length, 3);
  assert.match(list.age.textContent, /^Server away since /);
  answers[2](new Response('{"message": "Your password has changed."}', { status: 401 }));
  for (let turn = 0; turn < 100 && !follower.reason; turn += 1) await settled();
  assert.match(list.age.textContent, /^Not followed since .*; as of .*\. Your password has changed\.$/);
  t.mock.timers.tick(5_000);
  await settled();
  answers[3](new Response('{"rows": []}'));
  for (let turn = 0; turn < 100 && follower.awaySince; turn += 1) await settled();
  assert.equal(list.age.textContent, "");
  t.mock.timers.tick(5_000);
  await settled();
  answers[4](new Response('{"message": "The list was read again meanwhile."}', { status: 409 }));
  for (let turn = 0; turn < 100 && follower.lookingSince !== null; turn += 1) await settled();
  assert.equal(follower.lookingSince, null);
  assert.equal(list.age.textContent, "");
});
