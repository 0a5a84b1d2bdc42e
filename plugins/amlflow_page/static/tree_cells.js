// The cells of a tree: the button that opens a row, the numbers of children, and the values of groups.

import { short, title } from "./cells.js";
import { h, icon } from "./dom.js";
import { kindOf, STATUSES } from "./format.js";

const ENDS = ["Completed", "Failed", "Canceled"];
const ORDER = [...ENDS, ...STATUSES.filter((status) => !ENDS.includes(status))];

// Returns pairs of a status and a number. The order is always the same, so that rows can be compared.
function ordered(statuses) {
  return Object.entries(statuses).sort(([one], [other]) => ORDER.indexOf(one) - ORDER.indexOf(other));
}

// Returns the numbers of runs by status in words: "3 Completed, 1 Failed".
export function statusText(statuses) {
  return ordered(statuses)
    .map(([status, count]) => `${count.toLocaleString("en")} ${status}`)
    .join(", ");
}

export function total(statuses) {
  return Object.values(statuses ?? {}).reduce((sum, count) => sum + count, 0);
}

export function runs(count) {
  return `${count.toLocaleString("en")} run${count === 1 ? "" : "s"}`;
}

// Returns the numbers of runs by status as dots with numbers. Screen readers read them in words.
export function statusCounts(statuses) {
  const text = statusText(statuses);
  return h(
    "span",
    { class: "amlflow-counts", title: text, role: "img", "aria-label": text },
    ordered(statuses).map(([status, count]) =>
      h("span", { class: `amlflow-chip ${kindOf(status)}` }, h("i"), count.toLocaleString("en")),
    ),
  );
}

// Returns the button that opens or closes a row. `label` says what is opened.
export function opener(isOpen, label, onclick) {
  const element = h(
    "button",
    {
      type: "button",
      class: "amlflow-plain amlflow-opener",
      tabindex: "-1",
      "aria-expanded": String(isOpen),
      "aria-label": label,
      onclick,
    },
    icon("right"),
  );
  element.classList.toggle("is-open", isOpen);
  return element;
}

// Returns the value that the runs of a group have in common.
export function groupName(group) {
  if (!group.has) return `(no ${title(group.column)})`;
  return group.value ?? "(no value)";
}

// Returns a group's cell in a column: runs by status, or the mean, smallest and largest number of a metric.
export function groupCell(column, group) {
  if (column === "status") return statusCounts(group.statuses);
  const numbers = group.numbers[column];
  if (!numbers) return "";
  const [mean, least, largest] = ["mean", "min", "max"].map((name) => short(numbers[name]));
  const text = `mean ${numbers.mean}, min ${numbers.min}, max ${numbers.max} of ${runs(numbers.count)}`;
  return h(
    "span",
    { class: "amlflow-number", title: text },
    mean,
    numbers.count > 1 && h("small", { class: "amlflow-hint" }, ` ${least} – ${largest}`),
  );
}
