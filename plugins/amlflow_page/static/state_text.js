// What All runs says below its rows: how many there are, or that they are being looked for.

import { isUnfiltered } from "./definition.js";
import { runs } from "./tree_cells.js";

// `count` is the number of rows of the list.
export function stateText(list, count) {
  const { search, lookedAt, value, total, grouped, done, shown } = list;
  if (search) return count || lookedAt ? `Searching… ${runs(lookedAt)} looked at, ${runs(count)} found` : "Searching…";
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
