import assert from "node:assert/strict";
import { test } from "node:test";
import { studio } from "./page.js";

const { searchSeconds, stateText } = await studio("state_text");

test("a search that takes long says for how long, in steps", () => {
  const since = (ms) => ({ search: {}, searchSince: Date.now() - ms, lookedAt: 0 });
  assert.equal(stateText(since(0), 0), "Searching…");
  assert.equal(stateText(since(7000), 0), "Searching for 5 seconds…");
  assert.equal(
    stateText({ ...since(12_000), lookedAt: 1 }, 0),
    "Searching for 10 seconds… 1 run looked at, 0 runs found",
  );
  assert.equal(searchSeconds({ searchSince: 0 }, 4999), 0);
});
