import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { document, event, localStorage, serve, studio } from "./page.js";

const { defaultView, noteVisit, readPerson, seenUntil, setDefaultView } = await studio("seen");
const { changeText } = await studio("board");
const { standard } = await studio("definition");
const { Notes } = await studio("notes");
const { groups, SavedViews } = await studio("saved_views");
const { findPictures, plainLine } = await studio("markdown");
const { absolute, form, setForm, timeElement, timeText } = await studio("times");

const MINUTE = 60_000;

const START = Date.parse("2026-01-01T09:00:00Z");

function clock(minutes) {
  return new Date(START + minutes * MINUTE).toISOString();
}

// Starts a server that keeps what is posted for the user, or a server without users.
async function server(user) {
  const person = { user, default: null, visits: {} };
  const served = await serve((request, body) => {
    if (request.method === "GET") return { content: JSON.stringify(person) };
    const content = JSON.parse(body);
    if (request.url.endsWith("default")) person.default = content.id;
    else person.visits[content.id] = { from: content.from, until: content.until };
    return { content: "{}" };
  });
  await readPerson();
  return { person, ...served };
}

beforeEach(() => localStorage.clear());

for (const user of ["ada", null]) {
  test(`what is new to ${user} counts from the end of the last visit, however often one looks`, async () => {
    const { close } = await server(user);
    assert.equal(seenUntil("v", START), null);
    await noteVisit("v", null, clock(0));
    assert.equal(seenUntil("v", START + 5 * MINUTE), clock(0));
    await noteVisit("v", clock(0), clock(10));
    assert.equal(seenUntil("v", START + 20 * MINUTE), clock(0));
    assert.equal(seenUntil("v", START + 60 * MINUTE), clock(10));
    assert.equal(seenUntil("w", START + 60 * MINUTE), null);
    close();
  });

  test(`${user} has a default view`, async () => {
    const { close } = await server(user);
    assert.equal(defaultView(), null);
    await setDefaultView("a");
    assert.equal(defaultView(), "a");
    assert.equal(localStorage.length, user === null ? 1 : 0);
    await readPerson();
    assert.equal(defaultView(), "a");
    await setDefaultView(null);
    assert.equal(defaultView(), null);
    close();
  });
}

test("the server is told of a visit at its start, and now and then while it goes on", async () => {
  const { requests, person, close } = await server("ada");
  for (const minute of [0, 1, 2, 6, 7]) await noteVisit("v", clock(0), clock(minute));
  assert.equal(requests.filter((each) => each.method === "POST").length, 2);
  assert.deepEqual(person.visits, { v: { from: clock(0), until: clock(6) } });
  close();
});

test("a browser keeps only the latest visits", async () => {
  const { close } = await server(null);
  for (let number = 0; number < 250; number += 1) await noteVisit(`v${number}`, null, clock(number));
  assert.equal(seenUntil("v0", START), null);
  assert.equal(seenUntil("v249", START), clock(249));
  close();
});

test("what a browser keeps is not trusted", async () => {
  const { close } = await server(null);
  for (const text of ["{", "[]", "null", "7", '{"id":7,"v":{"from":1}}']) {
    localStorage.setItem("amlflow.default-view", text);
    localStorage.setItem("amlflow.visits", text);
    assert.equal(defaultView(), null);
    assert.equal(seenUntil("v", START), null);
    await noteVisit("v", null, clock(0));
    assert.equal(seenUntil("v", START), clock(0));
  }
  close();
});

test("views are one's own or others', and all alike where there are no users", () => {
  const views = [{ owner: "ada" }, { owner: "ben" }, { owner: null }];
  assert.deepEqual(groups(views, "ada"), { mine: [views[0]], others: [views[1], views[2]] });
  assert.deepEqual(groups(views, null), { mine: [], others: views });
});

test("numbers of changes are whole up to what is counted", () => {
  assert.equal(changeText("failed", 1), "1 failed");
  assert.equal(changeText("ended", 1000), "1,000 or more completed or canceled");
});

for (const [text, line] of [
  ["plain words", "plain words"],
  ["a_b-c", "a_b-c"],
  ["# Results\nThe [wide](https://e.com) **backbone** `x<y`", "Results · The wide backbone x<y"],
  ["- a\n- b\n\n<b>hi</b>\n\n![alt](x.png)", "a · b · hi · alt"],
  ["| a | b |\n|--|--|\n| 1 | 2 |", "a · b · 1 · 2"],
]) {
  test(`${JSON.stringify(text)} is one line without marks`, () => assert.equal(plainLine(text), line));
}

test("a time is shown with its zone, and in UTC under the pointer", () => {
  const time = "2026-01-02T03:04:05+00:00";
  assert.equal(absolute(time, "UTC"), "2026-01-02 03:04:05 UTC");
  assert.equal(absolute(time, "Asia/Kolkata"), "2026-01-02 08:34:05 GMT+5:30");
  assert.equal(timeText(time, "utc"), "2026-01-02 03:04:05 UTC");
  const element = timeElement(time);
  element.dispatchEvent(event("pointerenter"));
  assert.ok(element.title.endsWith("\n2026-01-02 03:04:05 UTC"));
  document.body.append(element);
  setForm("utc", document);
  assert.equal(element.textContent, "2026-01-02 03:04:05 UTC");
  assert.equal(form(), "utc");
  localStorage.setItem("amlflow.times", "mars");
  assert.equal(form(), "ago");
});

test("a picture is a run's file, by the file's address or in the run's own description", () => {
  const shown = (source, runId) => {
    const element = document.createElement("p");
    element.innerHTML = `before <img alt="the loss" src="${source}">`;
    findPictures(element, runId);
    return element.querySelector("img")?.getAttribute("src") ?? element.textContent;
  };
  const file = "get-artifact?path=outputs%2Fa.png&run_uuid=abc";
  assert.equal(shown("#/amlflow/runs/abc/files?file=outputs%2Fa.png", null), file);
  assert.equal(shown("outputs/a.png", "abc"), file);
  assert.equal(shown("https://example.com/a.png", null), "https://example.com/a.png");
  assert.equal(shown("outputs/a.png", null), "before the loss");
});

test("in a workspace, the page reads the pictures of runs itself", async (t) => {
  const { requests, close } = await serve(() => ({ headers: {}, content: "one" }));
  const { createObjectURL } = URL;
  URL.createObjectURL = () => "blob:a";
  localStorage.setItem("mlflow.activeWorkspace", '"red"');
  t.after(() => {
    close();
    localStorage.clear();
    Object.assign(URL, { createObjectURL });
  });
  const element = document.createElement("div");
  element.innerHTML = '<img src="outputs/a.png"><img src="https://example.com/a.png">';
  findPictures(element, "a");
  const [own, other] = element.children;
  while (!own.hasAttribute("src")) await new Promise((next) => setImmediate(next));
  assert.deepEqual([own.src, other.src], ["blob:a", "https://example.com/a.png"]);
  const asked = requests.map(({ url, headers }) => [url, headers["x-mlflow-workspace"]]);
  assert.deepEqual(asked, [["/get-artifact?path=outputs%2Fa.png&run_uuid=a", "red"]]);
});

// Returns notes of the view "a" in which "two" was typed, and `type(text)`.
function typing(save) {
  const notes = new Notes(save);
  notes.show({ id: "a", notes: "one", version: 1 }, true);
  notes.edit();
  const type = (text) => {
    notes.box.value = text;
    notes.box.dispatchEvent(event("input"));
  };
  type("two");
  return { notes, type };
}

test("what is typed while the notes are being saved stays in the box", async () => {
  let saved;
  const { notes, type } = typing(() => new Promise((done) => (saved = done)));
  let finished = notes.finish();
  type("two three");
  saved(null);
  await finished;
  assert.deepEqual([notes.draft(), notes.element.contains(notes.box)], ["two three", true]);
  finished = notes.finish();
  saved(null);
  await finished;
  assert.deepEqual([notes.draft(), notes.element.contains(notes.box)], [undefined, false]);
});

test("what is typed while a copy of the view is being saved is a draft of the copy", () => {
  const { notes, type } = typing();
  type("two three");
  notes.moveDraft("two", "b");
  assert.equal(notes.draft(), undefined);
  notes.show({ id: "b", notes: "two", version: 1 }, true);
  assert.deepEqual([notes.draft(), notes.box.value], ["two three", "two three"]);
  notes.moveDraft("two three", "c");
  notes.show({ id: "c", notes: "two three", version: 1 }, true);
  assert.equal(notes.draft(), undefined);
});

test("an older version is brought back with all of its fields, also those that it lacks", async (t) => {
  const { setTimeout } = globalThis;
  globalThis.setTimeout = (act, time, ...rest) => setTimeout(act, time, ...rest).unref(); // the message stays for long
  t.after(() => Object.assign(globalThis, { setTimeout }));
  const { requests, close } = await serve(() => ({ content: JSON.stringify({ view: { id: "v", version: 3 } }) }));
  t.after(close);
  const views = new SavedViews({ definition: standard, opened() {}, kept() {} });
  views.current = { id: "v", version: 1, newest: 2, name: "a", notes: "", definition: { text: "oak", newer: 1 } };
  await views.bringBack();
  const { definition, version } = JSON.parse(requests[0].body);
  assert.deepEqual([definition, version], [{ ...standard(), text: "oak", newer: 1 }, 2]);
});

test("of two views that are opened one after the other, the second is shown, whichever answer comes first", async (t) => {
  const answers = {};
  const { fetch } = globalThis;
  t.after(() => Object.assign(globalThis, { fetch }));
  globalThis.fetch = (address) => {
    const [, id] = /id=(.)/.exec(address) ?? [];
    const content = (view) => new Response(JSON.stringify(id ? { view, user: null } : { user: null }));
    if (!id) return Promise.resolve(content());
    return new Promise((resolve) => {
      answers[id] = () => resolve(content({ id, version: 1, newest: 1 }));
    });
  };
  const views = new SavedViews({});
  const slow = views.open(new URLSearchParams("view=a"));
  const quick = views.open(new URLSearchParams("view=b"));
  answers.b();
  await quick;
  answers.a();
  await slow;
  assert.equal(views.current.id, "b");
  const late = views.open(new URLSearchParams("view=a"));
  await views.open(new URLSearchParams());
  answers.a();
  await late;
  assert.equal(views.current, null);
});
