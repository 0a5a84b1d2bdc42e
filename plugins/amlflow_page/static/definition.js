// The definition of what All runs shows: filters, order and columns. Addresses and saved views hold it.

import { inOneBox } from "./one_box.js";

export const COLUMNS = [
  "status",
  "experiment",
  "created",
  "duration",
  "tags",
  "description",
  "submitter",
  "target",
  "script",
  "error",
  "id",
];
// The kinds of columns with a key, such as `metric:loss`, and the field of a run's row that each shows. The server has
// the same list.
export const KEYED = {
  tag: "tags",
  property: "properties",
  param: "params",
  metric: "metrics",
  metric_min: "metrics_min",
  metric_max: "metrics_max",
  metric_first: "metrics_first",
};
export const METRICS = Object.keys(KEYED).filter((kind) => kind.startsWith("metric"));
// The columns without a key by which runs can be grouped. The server has the same list.
export const GROUPS = ["status", "experiment", "submitter", "target"];
export const PINNED = ["", "1", "2", "3"];
const LISTS = ["experiments", "statuses", "targets", "submitters", "tags"];
const DEFAULT_COLUMNS = ["status", "experiment", "created", "duration", "tags", "description", "submitter", "target"];

export function standard() {
  return {
    query: "",
    text: "",
    experiments: [],
    statuses: [],
    targets: [],
    submitters: [],
    tags: [],
    children: false,
    tree: false,
    group: "",
    subgroup: "", // the column by which the runs of each group are grouped
    sort: "-created",
    columns: [...DEFAULT_COLUMNS],
    widths: [],
    charts: [],
    charted: [], // the ids of the runs that are selected for the charts; empty for the first runs of the list
    dense: false,
    pinned: "", // how many columns stay in sight beside the name, as a text; "" for none
  };
}

// Returns whether a name from an address or a view can be a column.
export function isColumn(name) {
  const [, kind, key] = /^([a-z_]+):(.+)$/s.exec(name) ?? [];
  return COLUMNS.includes(name) || Boolean(key && Object.hasOwn(KEYED, kind));
}

// Returns a definition from an address or a view without unknown columns, and with its words in the one box.
function valid(definition) {
  const columns = [...new Set(definition.columns)].filter(isColumn);
  const isGroup = (column) => GROUPS.includes(column) || isEntry(column);
  const group = isGroup(definition.group) ? definition.group : "";
  const { subgroup } = definition;
  return inOneBox({
    ...definition,
    group,
    subgroup: group && subgroup !== group && isGroup(subgroup) ? subgroup : "",
    sort: isSortable(definition.sort.replace(/^-/, "")) ? definition.sort : standard().sort,
    pinned: PINNED.includes(definition.pinned) ? definition.pinned : "",
    // An empty list is the user's choice. A list with unknown columns only is a mistake.
    columns: columns.length || !definition.columns.length ? columns : [...DEFAULT_COLUMNS],
  });
}

const SORTED = ["name", "ended", ...COLUMNS.filter((name) => !["tags", "script", "error", "id"].includes(name))];

// Returns whether the server can sort by a column.
export function isSortable(name) {
  return SORTED.includes(name) || (isColumn(name) && name.includes(":"));
}

// Returns whether a column shows a tag, a property or a param.
function isEntry(name) {
  return isColumn(name) && /^(tag|property|param):/.test(name);
}

// Adds the missing fields to a definition, such as one that an older version of the studio has saved.
export function completed(definition) {
  const complete = standard();
  for (const name of Object.keys(complete)) {
    const value = definition[name];
    if (
      value != null &&
      Array.isArray(value) === Array.isArray(complete[name]) &&
      typeof value === typeof complete[name]
    ) {
      complete[name] = value;
    }
  }
  return valid(complete);
}

// Reads the widths of columns from the texts that a view stores, such as `tag:a=120`.
export function toWidths(texts) {
  const pairs = texts.map((text) => [
    text.slice(0, text.lastIndexOf("=")),
    Number(text.slice(text.lastIndexOf("=") + 1)),
  ]);
  return Object.fromEntries(pairs.filter(([column, width]) => column && width > 0 && width < 4000));
}

export function fromWidths(widths) {
  return Object.entries(widths).map(([column, width]) => `${column}=${width}`);
}

// Returns whether a definition shows all runs, except perhaps children.
export function isUnfiltered(definition) {
  return !definition.query && !definition.text && LISTS.every((name) => !definition[name].length);
}

export function same(one, other) {
  return JSON.stringify(completed(one)) === JSON.stringify(completed(other));
}

// Returns the part of an address after "?". What is the same as in `base` is left out.
export function toAddress(definition, base = standard()) {
  const query = new URLSearchParams();
  for (const [name, usual] of Object.entries(base)) {
    const value = definition[name];
    if (JSON.stringify(value) === JSON.stringify(usual)) continue;
    if (Array.isArray(value)) {
      // An empty list is written, too, if the list of the base is not empty.
      for (const each of value.length ? value : [""]) query.append(name, each);
    } else query.set(name, String(value));
  }
  return query;
}

export function fromAddress(query, base = standard()) {
  const definition = structuredClone(base);
  for (const name of [...LISTS, "columns", "widths", "charts", "charted"]) {
    if (query.has(name)) definition[name] = query.getAll(name).filter(Boolean);
  }
  for (const name of ["query", "text", "group", "subgroup", "sort", "pinned"]) {
    if (query.has(name)) definition[name] = query.get(name);
  }
  for (const name of ["children", "tree", "dense"]) {
    if (query.has(name)) definition[name] = query.get(name) === "true";
  }
  return valid(definition);
}
