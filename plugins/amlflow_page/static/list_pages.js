// The pages of All runs: groups or runs on top, and what is below a group or a run.

import { post } from "./api.js";

export const ROWS = 50;
const MORE_ROWS = 200; // of a further page in another order than by time: the server reads those before it again
const TAB = String(Math.random()).slice(2); // a list that is read anew ends the query before it

// The next page of what is on top: groups, all of them at once, or runs.
export async function readTop({ group }, request, cursor, signal) {
  const size = cursor && request.sort !== "-created" ? MORE_ROWS : ROWS;
  if (!group) return post("runs/search", { ...request, tab: TAB, cursor, size }, signal);
  return readGroups(group, { ...request, tab: TAB }, [], signal);
}

// A page of what is below a group (other groups, or its runs) or of a run's children.
export async function readBelow({ subgroup }, request, row, cursor, signal) {
  if (row.isGroup) {
    if (subgroup && row.within.length === 1) return readGroups(subgroup, request, row.within, signal);
    return post("runs/search", { ...request, in_group: row.within, cursor, size: ROWS }, signal);
  }
  const { sort, columns } = request;
  return post("runs/search", { sort, columns, tree: true, parent: row.id, cursor, size: ROWS }, signal);
}

// Groups as rows. `within` are the groups that they are in, as the server takes them.
async function readGroups(column, request, within, signal) {
  const asked = within.length ? { ...request, in_group: within } : request;
  const { groups, runs, left_out } = await post("runs/groups", { ...asked, group: column }, signal);
  const rows = groups.map((group) => {
    const path = [...within, { column, value: group.value, has: group.has }];
    const id = `group:${path.map(({ has, value }) => JSON.stringify([has, value])).join("/")}`;
    return { ...group, id, column, within: path, isGroup: true };
  });
  return { rows, cursor: null, runs, left_out };
}
