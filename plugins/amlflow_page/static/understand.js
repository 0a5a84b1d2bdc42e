// Parses the text in the one box: words, `key:value` or JMESPath.

import { KEYED, METRICS } from "./definition.js";
import { STATUSES } from "./format.js";
import { isJmespath } from "./one_box.js";

const FIELDS = { experiment: "_experiment_name", by: "user_id", target: "target", id: "run_id" };
const KEYS = ["status", "experiment", "by", "target", "name", "id", "since", "until", ...Object.keys(KEYED)];
const UNITS = { m: 60, h: 3600, d: 86400, w: 604800 };
const COMPARISON = /^(.*?)(<=|>=|!=|=|<|>)(.*)$/s;

// Returns the words of a text. A part of a word may be in double quotes: tag:"a b"=c.
function words(text) {
  return [...text.matchAll(/(?:"[^"]*"?|[^\s"])+/g)].map(([word]) => word);
}

function unquoted(text) {
  return text.replaceAll('"', "");
}

export function raw(text) {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}

export function path(field, key) {
  return `${field}.${/^[A-Za-z_]\w*$/.test(key) ? key : JSON.stringify(key)}`;
}

// Returns what is understood: `query` and `text` in the server's form, `parts` that explain it in words, and `hints` on
// what the user may have meant. If the text cannot be used for a search, `error` says why.
export function understand(text, now = Date.now()) {
  const trimmed = text.trim();
  if (!trimmed || isJmespath(trimmed)) return { query: trimmed, text: "", parts: [], hints: [] };
  const result = { conditions: [], texts: [], parts: [], hints: [] };
  for (const word of words(trimmed)) {
    const [, key, value] = /^([A-Za-z_]+):(.+)$/s.exec(word) ?? [];
    if (!key) result.texts.push(unquoted(word));
    else if (KEYS.includes(key.toLowerCase())) {
      const error = take(result, key.toLowerCase(), value, now);
      if (error) return { query: "", text: "", parts: [], hints: [], error };
    } else {
      result.texts.push(unquoted(word));
      result.hints.push(`“${key}:” is not a key and is looked for as a word; keys are ${KEYS.join(", ")}`);
    }
  }
  if (result.texts.length) result.parts.push(`text has ${result.texts.map((each) => `“${each}”`).join(" and ")}`);
  return {
    query: result.conditions.length ? `[?${result.conditions.join(" && ")}]` : "",
    text: result.texts.join(" "),
    parts: result.parts,
    hints: result.hints,
  };
}

function take(result, key, value, now) {
  const add = (condition, part) => {
    result.conditions.push(condition);
    result.parts.push(part);
  };
  if (key in KEYED) return takeEntry(add, key, value);
  const plain = unquoted(value);
  if (key === "status") {
    const status = STATUSES.find((each) => each.toLowerCase() === plain.toLowerCase());
    if (!status) return `“${plain}” is not a status; these are: ${STATUSES.join(", ")}.`;
    add(`status == ${raw(status)}`, `status is ${status}`);
  } else if (key === "name") add(`name && contains(name, ${raw(plain)})`, `name has “${plain}”`);
  else if (key === "since" || key === "until") {
    const time = moment(plain, now);
    if (!time) return `“${plain}” is not a time; write 2d, 12h, 30m or a date such as 2026-01-31.`;
    add(`created_utc ${key === "since" ? ">=" : "<="} ${raw(time)}`, `created ${key} ${time}`);
  } else add(`${FIELDS[key]} == ${raw(plain)}`, `${key} is ${plain}`);
  return null;
}

// Adds the condition on a tag, param, property or metric: it exists, equals a value, or is compared with a number.
function takeEntry(add, key, value) {
  const [, name, operator, other] = (COMPARISON.exec(value) ?? [null, value, null, null]).map((each) =>
    each === null || each === undefined ? each : unquoted(each),
  );
  const isMetric = METRICS.includes(key);
  const at = path(KEYED[key], name);
  if (!operator) add(isMetric ? at : `contains(keys(${KEYED[key]}), ${raw(name)})`, `${key} ${name} exists`);
  else if (isMetric || !["=", "!="].includes(operator)) {
    const number = Number(other);
    if (!other.trim() || Number.isNaN(number))
      return `“${other}” is not a number, with which ${key}:${name} is compared.`;
    const left = isMetric ? at : `to_number(${at})`;
    add(`${left} ${operator === "=" ? "==" : operator} \`${number}\``, `${key} ${name} ${operator} ${number}`);
  } else
    add(
      `${at} ${operator === "=" ? "==" : operator} ${raw(other)}`,
      `${key} ${name} ${operator === "=" ? "is" : "is not"} ${other}`,
    );
  return null;
}

function moment(text, now) {
  const [, count, unit] = /^(\d+(?:\.\d+)?)([mhdw])$/.exec(text) ?? [];
  const time = count
    ? new Date(now - count * UNITS[unit] * 1000)
    : /^\d{4}-\d\d-\d\d/.test(text)
      ? new Date(text)
      : null;
  return time && !Number.isNaN(time.getTime()) ? time.toISOString() : null;
}

// Returns completions of the word that the user is writing, made from the keys that runs have.
export function completions(text, keys, experiments = []) {
  if (isJmespath(text.trim())) return [];
  const start = text.search(/[^\s]*$/);
  const word = text.slice(start);
  const [, key, rest] = /^([a-z_]+):(.*)$/i.exec(word) ?? [];
  const quote = (name) => (/[\s"]/.test(name) ? `"${name}"` : name);
  let options = [];
  if (!key) options = word ? KEYS.map((each) => `${each}:`) : [];
  else if (key === "status") options = STATUSES.map((each) => `status:${each}`);
  else if (key === "experiment") options = experiments.map((each) => `experiment:${quote(each)}`);
  else if (Object.hasOwn(KEYED, key))
    options = (keys[KEYED[key].replace(/_.*/, "")] ?? []).map((each) => `${key}:${quote(each)}`);
  const begun = (key ? `${key}:${rest}` : word).toLowerCase();
  return options
    .filter((each) => each.toLowerCase().startsWith(begun) && each !== word)
    .map((each) => text.slice(0, start) + each);
}
