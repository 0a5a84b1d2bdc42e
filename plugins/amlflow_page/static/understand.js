// Parses the text in the one box: words, `key:value` or JMESPath.

import { now } from "./clock.js";
import { KEYED, METRICS } from "./definition.js";
import { STATUSES } from "./format.js";
import { isJmespath } from "./one_box.js";

const FIELDS = { experiment: "_experiment_name", by: "user_id", target: "target", id: "run_id" };
const KEYS = ["status", "experiment", "by", "target", "name", "id", "since", "until", ...Object.keys(KEYED)];
const UNITS = { m: 60, h: 3600, d: 86400, w: 604800 };
const COMPARISON = /^((?:"[^"]*"?|[^"])*?)(<=|>=|!=|==|=|<|>)(.*)$/s; // not within quotes
const OPERATORS = { "=": "==" }; // as JMESPath writes them
const KEY = /^(-?)([A-Za-z_]+):(.*)$/s;
const BEGINS_WITH_OPERATOR = /^(?:[<>=]|!=)/;
const LOGIC = ["AND", "OR", "NOT"];
const COMPARED = /^[\w./-]*(<=|>=|==|!=|<|>)([\d.+-][\w.+-]*)?$/; // a word such as < or loss<0.1

// Returns the words of a text. A part of a word may be in double quotes: tag:"a b"=c. Blanks after a key and around an
// operator do not end a word: metric:loss < 0.1.
function words(text) {
  const found = [];
  for (const [word] of text.replaceAll(/[“”]/g, '"').matchAll(/(?:"[^"]*"?|[^\s"])+/g)) {
    const [, , key, rest] = KEY.exec(found.at(-1) ?? "") ?? [];
    const isKey = key && KEYS.includes(key.toLowerCase());
    const isEntry = isKey && key.toLowerCase() in KEYED;
    const [, , operator, value] = COMPARISON.exec(rest ?? "") ?? [];
    const goesOn = isEntry && (operator ? !value : BEGINS_WITH_OPERATOR.test(word));
    if (isKey && (!rest || goesOn)) found.push(found.pop() + word);
    else found.push(word);
  }
  return found;
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
export function understand(text, time = now()) {
  const trimmed = text.trim();
  if (!trimmed || isJmespath(trimmed)) return { query: trimmed, text: "", parts: [], hints: [] };
  const result = { conditions: [], choices: {}, texts: [], parts: [], hints: [] };
  for (const word of words(trimmed)) {
    const [, minus, key, value] = KEY.exec(word) ?? [];
    if (key && value && KEYS.includes(key.toLowerCase())) {
      const error = take(result, key.toLowerCase(), value, time, Boolean(minus));
      if (error) return { query: "", text: "", parts: [], hints: [], error };
      continue;
    }
    if (unquoted(word)) result.texts.push(unquoted(word));
    if (key && value)
      result.hints.push(`“${key}:” is not a key and is looked for as a word; keys are ${KEYS.join(", ")}.`);
    if (LOGIC.includes(word))
      result.hints.push(`“${word}” is looked for as a word; -key:value finds other runs, status:a status:b either.`);
    if (COMPARED.test(word))
      result.hints.push(`“${word}” is looked for as a word; metric:loss<0.1 or param:lr=0.1 compares.`);
  }
  for (const [key, { conditions, values }] of Object.entries(result.choices)) {
    result.conditions.push(conditions.length > 1 ? `(${conditions.join(" || ")})` : conditions[0]);
    result.parts.push(`${key} is ${values.join(" or ")}`);
  }
  if (result.texts.length) result.parts.push(`text has ${result.texts.map((each) => `“${each}”`).join(" and ")}`);
  return {
    query: result.conditions.length ? `[?${result.conditions.join(" && ")}]` : "",
    text: result.texts.join(" "),
    parts: result.parts,
    hints: result.hints,
  };
}

// Takes a key with its value. Returns what is wrong with it, or null.
function take(result, key, value, current, isNegated) {
  const add = (condition, part) => {
    result.conditions.push(isNegated ? `!(${condition})` : condition);
    result.parts.push(isNegated ? `not (${part})` : part);
  };
  // A run has one status, so two of them mean either.
  const choose = (condition, shown) => {
    if (isNegated) return add(condition, `${key} is ${shown}`);
    result.choices[key] ??= { conditions: [], values: [] };
    result.choices[key].conditions.push(condition);
    result.choices[key].values.push(shown);
  };
  if (key in KEYED) return takeEntry(add, key, value);
  const plain = unquoted(value);
  if (key === "status") {
    const wanted = plain.toLowerCase().replace("cancelled", "canceled");
    const status = STATUSES.find((each) => each.toLowerCase() === wanted);
    if (!status) return `“${plain}” is not a status; these are: ${STATUSES.join(", ")}.`;
    choose(`status == ${raw(status)}`, status);
  } else if (key === "name") add(`name && contains(name, ${raw(plain)})`, `name has “${plain}”`);
  else if (key === "since" || key === "until") {
    const time = moment(plain, current, key === "until");
    if (!time) return `“${plain}” is not a time; write 2d, 12h, 30m or a date such as 2026-01-31.`;
    add(`created_utc ${key === "since" ? ">=" : "<="} ${raw(time)}`, `created ${key} ${time}`);
  } else choose(`${FIELDS[key]} == ${raw(plain)}`, plain);
  return null;
}

// Adds the condition on a tag, param, property or metric: it exists, equals a value, or is compared with a number.
function takeEntry(add, key, value) {
  const [, name, operator, other] = (COMPARISON.exec(value) ?? [null, value, null, null]).map((each) =>
    each === null || each === undefined ? each : unquoted(each),
  );
  if (!name.trim()) return `Write the name of the ${key} after “${key}:”, such as ${key}:name.`;
  const isMetric = METRICS.includes(key);
  const at = path(KEYED[key], name);
  if (!operator) add(isMetric ? at : `contains(keys(${KEYED[key]}), ${raw(name)})`, `${key} ${name} exists`);
  else if (isMetric || !["=", "==", "!="].includes(operator)) {
    const number = Number(other.replace(/^([+-]?)inf$/i, "$1Infinity"));
    if (!other.trim() || Number.isNaN(number))
      return `“${other}” is not a number, with which ${key}:${name} is compared.`;
    const left = isMetric ? at : `to_number(${at})`;
    add(`${left} ${OPERATORS[operator] ?? operator} \`${number}\``, `${key} ${name} ${operator} ${number}`);
  } else
    add(
      `${at} ${OPERATORS[operator] ?? operator} ${raw(other)}`,
      `${key} ${name} ${operator === "!=" ? "is not" : "is"} ${other}`,
    );
  return null;
}

// Returns whether a text begins with a day that exists. JavaScript takes 31 February for 3 March.
function hasDay(text) {
  const [day] = /^\d{4}-\d\d-\d\d(?!\d)/.exec(text) ?? [];
  const time = new Date(`${day}T00:00Z`);
  return Boolean(day) && !Number.isNaN(time.getTime()) && time.toISOString().startsWith(day);
}

// Returns a time as text. With `isEnd`, a date means its end. Without a zone, a time is in UTC, as a date is: else a link
// would find other runs in another zone.
function moment(text, current, isEnd) {
  if (isEnd && text.length === 10 && hasDay(text)) return `${text}T23:59:59.999999Z`;
  const [, count, unit] = /^(\d+(?:\.\d+)?)([mhdw])$/.exec(text) ?? [];
  const time = count
    ? new Date(current - count * UNITS[unit] * 1000)
    : hasDay(text)
      ? new Date(hasZone(text) ? text : `${text}Z`)
      : null;
  return time && !Number.isNaN(time.getTime()) ? time.toISOString() : null;
}

function hasZone(text) {
  return text.length === 10 || /[a-z]|[+-]\d\d(:?\d\d)?$/i.test(text.slice(11));
}

// Returns completions of the word that the user is writing, made from the keys that runs have.
export function completions(text, keys, experiments = []) {
  if (isJmespath(text.trim())) return [];
  const start = text.search(/[^\s]*$/);
  const word = text.slice(start);
  const [, key] = /^([a-z_]+):/i.exec(word) ?? [];
  const quote = (name) => (/[\s"=<>!]/.test(name) ? `"${name}"` : name);
  let options = [];
  if (!key) options = word ? KEYS.map((each) => `${each}:`) : [];
  else if (key === "status") options = STATUSES.map((each) => `status:${each}`);
  else if (key === "experiment") options = experiments.map((each) => `experiment:${quote(each)}`);
  else if (Object.hasOwn(KEYED, key))
    options = (keys[KEYED[key].replace(/_.*/, "")] ?? []).map((each) => `${key}:${quote(each)}`);
  const begun = unquoted(word).toLowerCase();
  return options
    .filter((each) => unquoted(each).toLowerCase().startsWith(begun) && each !== word)
    .map((each) => text.slice(0, start) + each);
}
