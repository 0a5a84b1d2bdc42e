// What this browser keeps for each person about views: the default one, and when each was looked at last.
// Nothing is written on the server, so that who may only read has it, too.

const DEFAULTS = "amlflow.default-views"; // the view's id by the person's name
const VISITS = "amlflow.visits";
const VISIT_MS = 30 * 60_000; // after which looking again is another visit
const MAX_VISITS = 200;

function read(name) {
  try {
    const content = JSON.parse(localStorage.getItem(name) ?? "{}");
    return content && typeof content === "object" && !Array.isArray(content) ? content : {};
  } catch {
    return {};
  }
}

function write(name, content) {
  try {
    localStorage.setItem(name, JSON.stringify(content));
  } catch {
    // A browser may keep nothing.
  }
}

function own(content, key) {
  return Object.hasOwn(content, key) ? content[key] : null;
}

export function hasDefaults() {
  return Object.keys(read(DEFAULTS)).length > 0;
}

// The id of a person's default view, or null. A server without users has one nameless person.
export function defaultView(user) {
  const id = own(read(DEFAULTS), user ?? "");
  return typeof id === "string" ? id : null;
}

export function setDefaultView(user, id) {
  const { [user ?? ""]: _old, ...others } = read(DEFAULTS);
  write(DEFAULTS, id === null ? others : { ...others, [user ?? ""]: id });
}

function nameOf(user, id) {
  return `${id} ${user ?? ""}`;
}

// The time from which on changes of a view are new to a person: when the visit before this one ended.
// null where there was none.
export function seenUntil(user, id, clock = Date.now()) {
  const visit = own(read(VISITS), nameOf(user, id));
  if (typeof visit?.from !== "string" || typeof visit.until !== "string") return null;
  return clock - visit.at > VISIT_MS ? visit.until : visit.from;
}

// The view is being looked at: `now` is the server's time, `from` what `seenUntil` returned.
export function noteVisit(user, id, from, now, clock = Date.now()) {
  const visits = { ...read(VISITS), [nameOf(user, id)]: { from: from ?? now, until: now, at: clock } };
  const latest = Object.entries(visits).sort(([, one], [, other]) => other.at - one.at);
  write(VISITS, Object.fromEntries(latest.slice(0, MAX_VISITS)));
}
