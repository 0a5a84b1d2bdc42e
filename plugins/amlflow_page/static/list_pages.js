// Reads the pages of All runs: the groups or runs at the top level, and the rows below a group or a run.

import { post } from "./api.js";

export const ROWS = 50;
const MORE_ROWS = 200; // further pages are larger if not sorted by time, since the database sorts all runs for each
const TAB = String(Math.random()).slice(2); // the server ends a tab's earlier query when the tab asks a new one
let asked = 0; // the number of questions: the server may get an earlier one later

// Returns the next page of the top level: runs, or all groups at once. `count` is how many rows are wanted.
export async function readTop({ group }, request, cursor, count, signal) {
  const isLarge = count > ROWS || (cursor && request.sort !== "-created");
  const size = isLarge ? MORE_ROWS : ROWS;
  asked += 1;
  const question = { ...request, tab: TAB, number: asked };
  if (!group) return post("runs/search", { ...question, cursor, size }, signal);
  return readGroups(group, question, [], signal);
}

// Returns a page of the rows below a group, which are groups or runs, or of the children of a run.
export async function readBelow({ subgroup }, request, row, cursor, signal) {
  if (row.isGroup) {
    if (subgroup && row.within.length === 1) return readGroups(subgroup, request, row.within, signal);
    return post("runs/search", { ...request, in_group: row.within, cursor, size: ROWS }, signal);
  }
  const { sort, columns } = request;
  return post("runs/search", { sort, columns, tree: true, parent: row.id, cursor, size: ROWS }, signal);
}

// Reads groups, and returns them as rows. `within` are the groups that contain them, in the server's form.
async function readGroups(column, request, within, signal) {
  const question = within.length ? { ...request, in_group: within } : request;
  const { groups, runs, left_out } = await post("runs/groups", { ...question, group: column }, signal);
  const rows = groups.map((group) => {
    const path = [...within, { column, value: group.value, has: group.has }];
    const id = `group:${path.map(({ has, value }) => JSON.stringify([has, value])).join("/")}`;
    return { ...group, id, column, within: path, isGroup: true };
  });
  return { rows, cursor: null, runs, left_out };
}
