// The text below the rows of All runs: how many there are, or that the server is still searching.

import { isUnfiltered } from "./definition.js";
import { runs } from "./tree_cells.js";

const STEP_S = 5;

// Returns for how many seconds the list has been searching. It changes in steps, so that screen readers do not read it
// aloud too often.
export function searchSeconds({ searchSince }, now = Date.now()) {
  return Math.floor((now - searchSince) / 1000 / STEP_S) * STEP_S;
}

// Returns the text. `count` is the number of rows of the list.
export function stateText(list, count) {
  const { search, lookedAt, value, total, grouped, done, shown } = list;
  if (search) {
    const seconds = searchSeconds(list);
    const what = seconds ? `Searching for ${seconds} seconds…` : "Searching…";
    return count || lookedAt ? `${what} ${runs(lookedAt)} looked at, ${runs(count)} found` : what;
  }
  if (!value.hidden) return total === undefined ? "" : `${total.toLocaleString("en")} values`;
  if (grouped) return groupsText(count, grouped);
  if (total > count) return `The first ${runs(count)} of ${total.toLocaleString("en")}`;
  if (!done) return `${runs(count)} shown, more below`;
  if (count) return runs(count);
  return isUnfiltered(shown)
    ? "No runs yet. Those that amlflow or MLflow log on this server are listed here."
    : "No runs match.";
}

function groupsText(count, { runs: total, left_out }) {
  const text = `${runs(total)} in ${count.toLocaleString("en")} group${count === 1 ? "" : "s"}`;
  if (!left_out.groups) return text;
  return `${text}; ${left_out.groups.toLocaleString("en")} further groups with ${runs(left_out.runs)} are left out`;
}
