// Writes what All runs shows as a command and as Python, which return the same runs in the same order.

import { now } from "./clock.js";
import { isJmespath } from "./one_box.js";
import { path, raw, understand } from "./understand.js";

// Returns the condition of a JMESPath expression that is one filter, `[?condition]`; null for other expressions.
export function conditionOf(expression) {
  const text = expression.trim();
  if (!text.startsWith("[?") || !text.endsWith("]")) return null;
  let depth = 0;
  for (let place = 0; place < text.length; place++) {
    const char = text[place];
    if ("'`\"".includes(char)) {
      const end = endOfQuoted(text, place);
      if (end < 0) return null;
      place = end;
    } else if (char === "[") depth++;
    else if (char === "]" && --depth === 0) return place === text.length - 1 ? text.slice(2, -1) : null;
  }
  return null;
}

function endOfQuoted(text, start) {
  for (let place = start + 1; place < text.length; place++) {
    if (text[place] === "\\") place++;
    else if (text[place] === text[start]) return place;
  }
  return -1;
}

// Returns what All runs asks for: a JMESPath `query`, the words `text`, whether `children` are included, and `orderBy`,
// which is null for the query's own order. `shown.changed` may limit the runs to those that have changed.
export function toQuery(shown, time = now()) {
  const { query, text } = understand(shown.query, time);
  const any = (field, values) => `(${values.map((value) => `${field} == ${raw(value)}`).join(" || ")})`;
  const conditions = [
    shown.experiments.length && any("_experiment_name", shown.experiments),
    shown.statuses.length && any("status", shown.statuses),
    shown.targets.length && any("target", shown.targets),
    shown.submitters.length && any("user_id", shown.submitters),
    ...shown.tags.map((tag) => {
      const [, key, value] = /^(.*?)=(.*)$/s.exec(tag) ?? [null, tag, null];
      return value === null ? `contains(keys(tags), ${raw(key)})` : `${path("tags", key)} == ${raw(value)}`;
    }),
    changeOf(shown.changed),
  ].filter(Boolean);
  const condition = query ? conditionOf(query) : "";
  const words = [shown.text, text].filter(Boolean).join(" ");
  const options = { text: words.trim(), children: shown.children };
  if (condition === null) {
    const filters = conditions.length ? `[?${conditions.join(" && ")}] | ` : "";
    return { ...options, query: `${filters}${query}`, orderBy: null };
  }
  // Put into parentheses, since the user's filter may contain an "or".
  const all = [
    ...conditions,
    condition && (isJmespath(shown.query.trim()) && conditions.length ? `(${condition})` : condition),
  ];
  const joined = all.filter(Boolean).join(" && ");
  return { ...options, query: joined ? `[?${joined}]` : "[]", orderBy: orderOf(shown.sort) };
}

// Returns the condition for runs that have changed since a time. The server uses the same condition.
function changeOf(changed) {
  if (!changed) return null;
  const since = raw(withMicroseconds(changed.since));
  if (changed.kind === "new") return `created_utc > ${since}`;
  return `status ${changed.kind === "failed" ? "==" : "!="} 'Failed' && end_time_utc > ${since}`;
}

// Returns a time in the form of runs' documents. Texts in this form have the same order as the times.
function withMicroseconds(time) {
  const fraction = /\.(\d+)/.exec(time)?.[1] ?? "";
  return `${new Date(time).toISOString().slice(0, 19)}.${fraction.padEnd(6, "0").slice(0, 6)}Z`;
}

// Returns the order in the form that the command takes; null for newest first, which is the default.
function orderOf(sort) {
  if (sort === "-created") return null;
  return sort.startsWith("-") ? `${sort.slice(1)} desc` : sort;
}

function inShell(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

export function asCommand(shown, time) {
  const { query, text, children, orderBy } = toQuery(shown, time);
  return [
    `amlflow run list ${inShell(query)} --all-experiments`,
    text && `--text=${inShell(text)}`,
    children && "--include-children",
    orderBy && `--order-by ${inShell(orderBy)}`,
  ]
    .filter(Boolean)
    .join(" ");
}

export function asPython(shown, time) {
  const { query, text, children, orderBy } = toQuery(shown, time);
  const options = [
    JSON.stringify(query),
    children && "include_children=True",
    text && `text=${JSON.stringify(text)}`,
    orderBy && `order_by=${JSON.stringify(orderBy)}`,
  ].filter(Boolean);
  return `from azureml.core import Workspace\n\nruns = Workspace.from_config().query(${options.join(", ")})`;
}
