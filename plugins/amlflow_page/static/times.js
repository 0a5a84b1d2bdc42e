// Shows times in one of three forms: how long ago, local time with its zone, or UTC. The browser keeps the choice.

import { now } from "./clock.js";
import { h, setText } from "./dom.js";

const KEPT = "amlflow.times";
export const FORMS = { ago: "How long ago", local: "Local time", utc: "UTC" };
const UNITS = [
  ["year", 31536000],
  ["month", 2592000],
  ["day", 86400],
  ["hour", 3600],
  ["minute", 60],
  ["second", 1],
];
const relative = new Intl.RelativeTimeFormat("en", { numeric: "always" });

export function form() {
  try {
    const kept = localStorage.getItem(KEPT);
    return Object.hasOwn(FORMS, kept) ? kept : "ago";
  } catch {
    return "ago";
  }
}

const listeners = [];

// `listener()` is called when times are shown in another form.
export function onForm(listener) {
  listeners.push(listener);
}

// Shows all times in the page in another form.
export function setForm(name, page = document) {
  try {
    localStorage.setItem(KEPT, name);
  } catch {
    // The browser may not store it, so the choice is kept until the page is left.
  }
  tickTimes(page, name);
  for (const box of page.querySelectorAll("select.amlflow-times")) box.value = name;
  for (const listener of listeners) listener();
}

function passed(time) {
  const seconds = (new Date(time) - now()) / 1000;
  const [unit, size] = UNITS.find(([, each]) => Math.abs(seconds) >= each) ?? ["second", 1];
  return relative.format(Math.round(seconds / size), unit);
}

const formats = new Map();

// Returns the format for a zone. It is made only once, since that takes longer than drawing a row.
function formatOf(zone) {
  if (!formats.has(zone)) {
    const format = new Intl.DateTimeFormat("en", {
      timeZone: zone,
      timeZoneName: "short",
      hourCycle: "h23",
      ...{ year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit" },
    });
    formats.set(zone, format);
  }
  return formats.get(zone);
}

// Returns a date and time with its zone, such as 2026-11-26 14:02:03 GMT+1. Without `zone`, the browser's zone is used.
export function absolute(time, zone) {
  const parts = formatOf(zone).formatToParts(new Date(time));
  const of = Object.fromEntries(parts.map(({ type, value }) => [type, value]));
  return `${of.year}-${of.month}-${of.day} ${of.hour}:${of.minute}:${of.second} ${of.timeZoneName}`;
}

export function timeText(time, name = form()) {
  if (name === "ago") return passed(time);
  return absolute(time, name === "utc" ? "UTC" : undefined);
}

// Returns the text that is shown when the pointer is over a time: the local time and UTC.
export function timeTitle(time) {
  return `${absolute(time)}\n${absolute(time, "UTC")}`;
}

// Returns an element that shows a time. Its title is made only when the pointer is over it: a list shows many times,
// and formatting each twice would take longer than the rest.
export function timeElement(time) {
  const show = ({ currentTarget }) => {
    currentTarget.title = timeTitle(time);
  };
  return h("time", { datetime: time, onpointerenter: show }, timeText(time));
}

export function tickTimes(element, name = form()) {
  for (const each of element.querySelectorAll("time")) {
    setText(each, timeText(each.dateTime, name));
  }
}

// Returns the box in which the user chooses the form.
export function timesBox() {
  const chosen = form();
  return h(
    "select",
    { class: "amlflow-input amlflow-times", "aria-label": "Times", onchange: (event) => setForm(event.target.value) },
    ...Object.entries(FORMS).map(([name, label]) => h("option", { value: name, selected: name === chosen }, label)),
  );
}
