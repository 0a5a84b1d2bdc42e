// Keeps for each person the default view, and when the person last looked at each view. A server with users keeps this
// for each user. Without users, the browser keeps it.

import { get, post } from "./api.js";
import { now as serverTime } from "./clock.js";

const DEFAULT = "amlflow.default-view"; // the view's id
const VISITS = "amlflow.visits";
const VISIT_MS = 30 * 60_000; // after this time, looking again is a new visit
const KEEP_MS = 5 * 60_000; // how often the server is told that a visit goes on
const MAX_VISITS = 200;

let kept = null; // what the server keeps for the user: {user, default, visits}; null if it keeps nothing
let isRead = false;

// Reads what the server keeps. Returns the user's name, null on a server without users.
export async function readPerson() {
  const person = await get("person");
  kept = person.user === null ? null : person;
  isRead = true;
  return person.user;
}

function readBrowser(name) {
  try {
    const content = JSON.parse(localStorage.getItem(name) ?? "{}");
    return content && typeof content === "object" && !Array.isArray(content) ? content : {};
  } catch {
    return {};
  }
}

function writeBrowser(name, content) {
  try {
    localStorage.setItem(name, JSON.stringify(content));
  } catch {
    // The browser may not store anything.
  }
}

// Returns the id of the person's default view, or null.
export function defaultView() {
  const id = kept ? kept.default : readBrowser(DEFAULT).id;
  return typeof id === "string" ? id : null;
}

export async function setDefaultView(id) {
  if (!isRead) await readPerson();
  if (!kept) {
    writeBrowser(DEFAULT, { id });
    return;
  }
  await post("person/default", { id });
  kept.default = id;
}

function visitOf(id) {
  const visits = kept ? kept.visits : readBrowser(VISITS);
  const visit = Object.hasOwn(visits, id) ? visits[id] : null;
  return typeof visit?.from === "string" && typeof visit.until === "string" ? visit : null;
}

// Returns the time after which changes of a view are new to the person: the end of the visit before this one.
// Returns null if there was no earlier visit.
export function seenUntil(id, time = serverTime()) {
  const visit = visitOf(id);
  if (!visit) return null;
  return time - Date.parse(visit.until) > VISIT_MS ? visit.until : visit.from;
}

// Notes that the person looks at a view. `now` is the server's time, and `from` is what `seenUntil` returned.
export async function noteVisit(id, from, now) {
  if (!isRead) await readPerson();
  const visit = { from: from ?? now, until: now };
  const old = visitOf(id);
  if (!kept) {
    const visits = { ...readBrowser(VISITS), [id]: visit };
    const latest = Object.entries(visits).sort(([, one], [, other]) => (one.until < other.until ? 1 : -1));
    writeBrowser(VISITS, Object.fromEntries(latest.slice(0, MAX_VISITS)));
  } else if (old?.from !== visit.from || Date.parse(now) - Date.parse(old.until) > KEEP_MS) {
    kept.visits[id] = visit;
    await post("person/visit", { id, ...visit });
  }
}
