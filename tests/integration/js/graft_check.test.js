import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { document, serve, studio } from "./page.js";

const { checkPlaces, forgetMissing, missingAround, missingPlaces } = await studio("graft_check");
const { leaveStage, placeOfPages } = await studio("stage");
const { h } = await studio("dom");

const after = (wait) => new Promise((resolve) => setTimeout(resolve, wait));

beforeEach(() => {
  leaveStage();
  document.body.innerHTML = "";
});

test("what MLflow's page has no place for is named", () => {
  document.body.innerHTML = "<main></main>";
  assert.deepEqual(missingPlaces(document), ["the status and Cancel", "Logs"]);
  document.body.innerHTML = "<main><h2 data-testid='runs-header'></h2></main>";
  assert.deepEqual(missingPlaces(document), ["Logs"]);
});

test("so is what has no place around the studio's own pages", () => {
  assert.deepEqual(missingAround(document), ["the studio beside its side bar"]);
  document.body.innerHTML = "<main></main>";
  assert.deepEqual(missingAround(document), ["the link All runs"]);
  document.body.innerHTML = "<aside><nav><ul></ul></nav></aside><main></main>";
  assert.deepEqual(missingAround(document), []);
});

test("a missing place is told in the page, and to the server once", async (t) => {
  const server = await serve(() => ({ content: "{}" }));
  t.after(() => server.close());
  document.body.innerHTML = "<main><p>MLflow</p></main>";
  const check = (isShown) =>
    checkPlaces({ find: missingPlaces, isShown, link: h("a", { href: "#/there" }, "Open it"), wait: 0 });
  check(() => false);
  await after(0);
  assert.equal(document.querySelector(".amlflow-misplaced"), null);
  for (let times = 0; times < 2; times += 1) {
    check(() => true);
    await after(0); // timers of the same length end in their order
  }
  for (let turns = 0; turns < 2000 && !server.requests.length; turns += 1) await after(1);
  const [note, ...others] = document.querySelectorAll("main > .amlflow-misplaced");
  assert.equal(others.length, 0);
  assert.match(note.textContent, /no place for the status and Cancel and Logs\. Open it$/);
  assert.deepEqual(
    server.requests.map(({ url, body }) => [url, JSON.parse(body)]),
    [["/ajax-api/2.0/amlflow/page/missing", { parts: ["the status and Cancel", "Logs"] }]],
  );
  forgetMissing();
  assert.equal(document.querySelector(".amlflow-misplaced"), null);
});

test("the studio's pages are in MLflow's main, or cover the window if there is none", async () => {
  document.body.innerHTML = "<div id='root'></div>";
  const root = document.getElementById("root");
  let drawn = 0;
  const place = () => placeOfPages(() => drawn++, 0);
  assert.equal(place(), null);
  assert.equal(place(), null);
  await after(0);
  assert.equal(drawn, 1);
  const own = place();
  assert.equal(own.className, "amlflow-stage");
  assert.equal(own.parentElement, document.body);
  assert.equal(root.hasAttribute("inert"), true); // the keyboard does not go behind it
  const theirs = document.createElement("main");
  document.body.append(theirs); // MLflow's page was only slow
  assert.equal(place(), theirs);
  assert.equal(own.isConnected, false);
  assert.equal(root.hasAttribute("inert"), false);
});

test("a place that MLflow's page has in time is taken", async () => {
  let drawn = 0;
  placeOfPages(() => drawn++, 0);
  const theirs = document.createElement("main");
  document.body.append(theirs);
  await after(0);
  assert.deepEqual([drawn, document.querySelectorAll("main").length], [0, 1]);
});
