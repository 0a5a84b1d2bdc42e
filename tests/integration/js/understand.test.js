import assert from "node:assert/strict";
import { test } from "node:test";
import { studio } from "./page.js";

const { completions, understand } = await studio("understand");
const { isJmespath } = await studio("one_box");
const NOW = Date.parse("2026-03-10T12:00:00Z");
const query = (text) => understand(text, NOW).query;

test("JMESPath is left as it is", () => {
  for (const text of ["[?tags.a]", "length(@)", "sort_by(@, &name)[0]", "@", "a | b", "{a: b}"]) {
    assert.ok(isJmespath(text), text);
    assert.equal(query(` ${text} `), text);
  }
  assert.ok(!isJmespath("status:failed tag:a=(b)"));
});

for (const [text, expected] of [
  ["status:failed", "[?status == 'Failed']"],
  ["STATUS:cancelrequested", "[?status == 'CancelRequested']"],
  ["tag:stage=prod", "[?tags.stage == 'prod']"],
  ["tag:stage!=prod", "[?tags.stage != 'prod']"],
  ["tag:stage", "[?contains(keys(tags), 'stage')]"],
  ['tag:"a b"="c d"', "[?tags.\"a b\" == 'c d']"],
  ["tag:n>=3", "[?to_number(tags.n) >= `3`]"],
  ["tag:it's=1", "[?tags.\"it's\" == '1']"],
  ["metric:loss<0.1", "[?metrics.loss < `0.1`]"],
  ["metric:val/loss=1e-3", '[?metrics."val/loss" == `0.001`]'],
  ["metric_min:loss", "[?metrics_min.loss]"],
  ["param:lr=0.1", "[?params.lr == '0.1']"],
  ["property:author=me", "[?properties.author == 'me']"],
  ["experiment:first by:ada", "[?_experiment_name == 'first' && user_id == 'ada']"],
  ["name:o'b", "[?name && contains(name, 'o\\'b')]"],
  ["since:2d", "[?created_utc >= '2026-03-08T12:00:00.000Z']"],
  ["since:2026-01-31", "[?created_utc >= '2026-01-31T00:00:00.000Z']"],
  ["until:2026-01-31", "[?created_utc <= '2026-01-31T23:59:59.999999Z']"],
  ["since:2026-01-31T10:00", "[?created_utc >= '2026-01-31T10:00:00.000Z']"], // UTC, as without a time
  ['since:"2026-01-31 10:00:00 -05"', "[?created_utc >= '2026-01-31T15:00:00.000Z']"],
  ['since:"2026-03-29 03:30:00 GMT+2"', "[?created_utc >= '2026-03-29T01:30:00.000Z']"],
  ["until:2026-01-31T10:00:00Z", "[?created_utc <= '2026-01-31T10:00:00.000Z']"],
  ["status:failed by:ada status:cancelled", "[?(status == 'Failed' || status == 'Canceled') && user_id == 'ada']"],
  ["-status:failed -tag:stage", "[?!(status == 'Failed') && !(contains(keys(tags), 'stage'))]"],
  ["-status:failed -status:canceled", "[?!(status == 'Failed') && !(status == 'Canceled')]"],
  ['tag:"a=b"=c=d', "[?tags.\"a=b\" == 'c=d']"],
  ["tag:größe==日本", "[?tags.\"größe\" == '日本']"],
  ["metric:loss < 0.1 status: failed", "[?metrics.loss < `0.1` && status == 'Failed']"],
  ["metric:loss<= 0.1 metric:acc >0.9", "[?metrics.loss <= `0.1` && metrics.acc > `0.9`]"],
  ["metric:loss==-inf", "[?metrics.loss == `-Infinity`]"],
  ["tag:a=“c d”", "[?tags.a == 'c d']"],
  ["param:hash=YWJj= cuda", "[?params.hash == 'YWJj=']"],
  ["tag:a=b =c", "[?tags.a == 'b']"],
]) {
  test(`${text} is ${expected}`, () => assert.equal(query(text), expected));
}

test("a word that other boxes take as logic is looked for, and it is said", () => {
  const { text, hints } = understand("status:failed OR status:completed", NOW);
  assert.equal(text, "OR");
  assert.match(hints[0], /“OR” is looked for as a word/);
  for (const text of ["loss < 0.1", "loss<0.1", "val/loss>=1"])
    assert.match(understand(text, NOW).hints[0], /is looked for as a word; metric:loss<0.1/);
  assert.deepEqual(understand("a->b --lr=3 <b> metric:loss<1", NOW).hints, []);
  assert.deepEqual(understand('"', NOW).parts, []);
  assert.match(understand("tag:=x").error, /name of the tag/);
});

test("words are looked for, also with a key that there is not, and it is said", () => {
  const { text, query, parts, hints } = understand("cuda memory stat:x status:failed", NOW);
  assert.equal(text, "cuda memory stat:x");
  assert.equal(query, "[?status == 'Failed']");
  assert.deepEqual(parts, ["status is Failed", "text has “cuda” and “memory” and “stat:x”"]);
  assert.match(hints[0], /“stat:” is not a key/);
  assert.equal(understand('"two words"').text, "two words");
});

for (const text of [
  "status:fine",
  "since:soon",
  "metric:loss<low",
  "since:2026-99-99",
  "since:2026-02-31",
  "until:2026-02-31",
  "since:2026-02-31T10:00Z",
  "since:2026-01-311",
]) {
  test(`${text} is refused in a sentence`, () => assert.match(understand(text, NOW).error, /“.*” is not a/));
}

test("keys, statuses and the keys that runs have are offered", () => {
  const keys = { tags: ["stage", "two words", "a=b"], metrics: ["loss"] };
  assert.deepEqual(completions("foo st", keys), ["foo status:"]);
  assert.deepEqual(completions("status:F", keys), ["status:Finalizing", "status:Failed"]);
  assert.deepEqual(completions("tag:", keys), ["tag:stage", 'tag:"two words"', 'tag:"a=b"']);
  assert.deepEqual(completions("tag:two", keys), ['tag:"two words"']);
  assert.deepEqual(completions('tag:"two', keys), ['tag:"two words"']);
  assert.deepEqual(completions("x metric_min:l", keys), ["x metric_min:loss"]);
  assert.deepEqual(completions("experiment:e", keys, ["explore"]), ["experiment:explore"]);
  assert.deepEqual(completions("[?tag", keys), []);
  assert.deepEqual(completions("constructor:a", keys), []);
});
