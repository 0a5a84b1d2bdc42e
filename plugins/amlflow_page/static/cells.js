// The columns of All runs: their titles, and the contents of their cells.

import { KEYED, METRICS } from "./definition.js";
import { h } from "./dom.js";
import { entryOf } from "./entries.js";
import { ago, chip, experimentLink, isFiniteNumber, runDuration, tag } from "./format.js";
import { plainLine } from "./markdown.js";
import { form } from "./times.js";

const TITLES = {
  name: "Run name",
  status: "Status",
  experiment: "Experiment",
  created: "Created",
  duration: "Duration",
  submitter: "Submitted by",
  target: "Compute target",
  script: "Script",
  tags: "Tags",
  description: "Description",
  error: "Error",
  id: "Run ID",
};
export const LINKED = "experiment"; // the column whose cells have a link
const WHOLE = new Intl.NumberFormat("en");

// Returns the kind of a column and its key, which is undefined if it has none.
function parts(column) {
  const place = column.indexOf(":");
  const kind = column.slice(0, place);
  return place > 0 && Object.hasOwn(KEYED, kind) ? [kind, column.slice(place + 1)] : [column];
}

export function isMetric(column) {
  return METRICS.includes(parts(column)[0]);
}

// Returns whether the server sends the column's values only if the request names the column.
export function isSentOnRequest(column) {
  return isMetric(column) || column === "script" || column === "error";
}

export function title(column) {
  const [kind, key] = parts(column);
  const which = kind.startsWith("metric_") ? ` (${kind.replace("metric_", "")})` : "";
  return key === undefined ? (TITLES[column] ?? column) : `${key}${which}`;
}

// Returns a column's title that is unique among all columns. Columns of two kinds may have the same key.
export function longTitle(column) {
  const [kind, key] = parts(column);
  return key === undefined ? title(column) : `${kind.replace("_", " ")}: ${key}`;
}

export function startsDescending(column) {
  return column === "created" || column === "duration" || parts(column)[0] === "metric_max";
}

// Returns the width in pixels of a column that the user has not made wider or narrower.
export function usualWidth(column, isGrouped = false) {
  const [kind] = parts(column);
  if (isGrouped && isMetric(column)) return 190; // the mean, the least and the largest number
  if (kind === "created" && form() !== "ago") return 210;
  return (
    { name: 240, status: 240, tags: 260, description: 240, error: 280, experiment: 150, id: 280 }[kind] ??
    (isMetric(column) ? 110 : 130)
  );
}

// Returns a number in few digits. The cell's title shows all digits.
export function short(number) {
  if (typeof number !== "number") return String(number);
  if (!isFiniteNumber(number)) return number > 0 ? "Infinity" : "-Infinity";
  const size = Math.abs(number);
  if (Number.isInteger(number) && size < 1e9) return WHOLE.format(number);
  if (size !== 0 && (size < 1e-4 || size >= 1e6)) return number.toExponential(3);
  return String(Number(number.toPrecision(5)));
}

const LONG_FRACTION = /^-?\d*\.\d{7,}(e[+-]?\d{1,3})?$/i;

// Returns a param in few digits if it is a long fraction, such as 0.30000000000000004.
function paramCell(text) {
  if (!LONG_FRACTION.test(text)) return text;
  return h("span", { title: text }, short(Number(text)));
}

function tagsTitle(tags) {
  return Object.entries(tags)
    .map(([name, value]) => (value ? `${name}: ${value}` : name))
    .join("\n");
}

// Returns the cell of a failed run's status with the reason, in one line.
function statusCell(row) {
  if (!row.error_line) return chip(row.status);
  const reason = h("span", { class: "amlflow-why", dir: "auto" }, row.error_line);
  return h("span", { title: row.error_line }, chip(row.status), ": ", reason);
}

// Returns a run's cell in a column. `columns` are all shown columns: the status has the reason only if no column
// shows it.
export function cell(column, row, columns = []) {
  const [kind, key] = parts(column);
  if (METRICS.includes(kind)) {
    const number = entryOf(row[KEYED[kind]], key);
    return number == null ? "" : h("span", { class: "amlflow-number", title: number }, short(number));
  }
  switch (kind) {
    case "status":
      return columns.includes("error") ? chip(row.status) : statusCell(row);
    case LINKED:
      return h(
        "a",
        { href: experimentLink(row.experiment_id), tabindex: "-1" },
        row._experiment_name ?? row.experiment_id,
      );
    case "created":
      return ago(row.created_utc);
    case "duration":
      return runDuration(row);
    case "submitter":
      return row.user_id ?? "";
    case "target":
      return row.target ?? "";
    case "script":
      return row.script_name ?? "";
    case "tags":
      return h(
        "span",
        { class: "amlflow-tags", title: tagsTitle(row.tags) },
        Object.entries(row.tags).map(([name, value]) => tag(name, value)),
      );
    case "description":
      return h("span", { title: row.description }, h("bdi", {}, plainLine(row.description ?? "")));
    case "error":
      return row.error_line ? h("span", { title: row.error_line }, row.error_line) : "";
    case "id":
      return h("code", {}, row.run_id);
    case "tag":
      return Object.hasOwn(row.tags, key) ? (row.tags[key] ?? tag(key)) : "";
    case "property":
      return entryOf(row.properties, key) ?? "";
    case "param":
      return paramCell(entryOf(row.params, key) ?? "");
    default:
      return "";
  }
}
