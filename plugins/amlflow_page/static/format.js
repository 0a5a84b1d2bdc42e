// Formats values for the page.

import { now } from "./clock.js";
import { h } from "./dom.js";
import { tickTimes, timeElement } from "./times.js";

export const STATUSES = [
  "Queued",
  "Preparing",
  "Provisioning",
  "Starting",
  "Running",
  "CancelRequested",
  "Canceled",
  "Finalizing",
  "Completed",
  "Failed",
  "NotStarted",
  "Unapproved",
  "NotResponding",
  "Pausing",
  "Paused",
];

const KINDS = {
  Completed: "good",
  Failed: "bad",
  Canceled: "off",
  CancelRequested: "warn",
  NotResponding: "warn",
  Running: "busy",
  Finalizing: "busy",
};

export function isFinal(status) {
  return ["Canceled", "Completed", "Failed"].includes(status);
}

export function kindOf(status) {
  return KINDS[status] ?? "wait";
}

export function chip(status) {
  const kind = kindOf(status);
  return h("span", { class: `amlflow-chip ${kind}`, "data-status": status }, h("i", { "aria-hidden": "true" }), status);
}

export function ago(time) {
  return time ? timeElement(time) : "";
}

export function duration(start, end) {
  if (!start) return "";
  return end ? length(start, end) : h("span", { "data-since": start }, length(start));
}

// Returns the duration of a run. If a run has ended without an end time, its duration is 0 and does not grow.
export function runDuration({ start_time_utc: start, end_time_utc: end, final }) {
  return duration(start, final ? (end ?? start) : null);
}

// Updates the times that are shown in an element.
export function tick(element) {
  tickTimes(element);
  for (const each of element.querySelectorAll("[data-since]")) each.textContent = length(each.dataset.since);
}

function length(start, end) {
  const seconds = Math.max(0, (end ? new Date(end) : now()) - new Date(start)) / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m ${Math.floor(seconds % 60)}s`;
  return `${Math.floor(seconds / 3600)}h ${Math.floor((seconds % 3600) / 60)}m`;
}

// Returns whether a number is finite. MLflow stores an infinity as the largest number.
export function isFiniteNumber(value) {
  return typeof value === "number" && Math.abs(value) < Number.MAX_VALUE;
}

export function size(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  if (bytes < 1 << 20) return `${(bytes / 1024).toFixed(1)} KB`;
  return `${(bytes / (1 << 20)).toFixed(1)} MB`;
}

export function tag(key, value) {
  const shown = value == null ? [] : [": ", h("bdi", {}, value)];
  return h(
    "span",
    { class: "amlflow-tag is-keyed", title: value == null ? key : `${key}: ${value}` },
    h("bdi", {}, h("b", {}, key)),
    ...shown,
  );
}

// Without this, MLflow's pages open in the mode for language models, which shows traces and not runs.
const TRAINING = "workflowType=machine_learning";

export function mlflowRunLink(row, tab = "") {
  return `#/experiments/${row.experiment_id}/runs/${row.id}${tab && `/${tab}`}?${TRAINING}`;
}

export function experimentLink(id) {
  return `#/experiments/${id}/runs?${TRAINING}`;
}

export function compareLink(rows) {
  const runs = JSON.stringify(rows.map((row) => row.id));
  const experiments = JSON.stringify([...new Set(rows.map((row) => row.experiment_id))]);
  return `#/compare-runs?runs=${encodeURIComponent(runs)}&experiments=${encodeURIComponent(experiments)}&${TRAINING}`;
}
