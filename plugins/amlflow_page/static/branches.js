// The branches below the rows of All runs: the runs of a group, or the children of a run. A branch is read when it is
// opened.

export class Branches {
  // `read(row, cursor, signal)` returns a page of the rows below a row. `changed()` is called when something else
  // is to be shown.
  constructor(read, changed) {
    this.read = read;
    this.changed = changed;
    this.byId = new Map();
  }

  get(id) {
    return this.byId.get(id);
  }

  // Returns the row of a run in one of the branches.
  find(id) {
    for (const branch of this.byId.values()) {
      const row = branch.rows.get(id);
      if (row) return row;
    }
    return undefined;
  }

  isOpen(id) {
    return this.byId.get(id)?.isOpen ?? false;
  }

  async open(row) {
    const branch = this.byId.get(row.id) ?? { rows: new Map(), cursor: null };
    if (branch.isOpen) return;
    branch.row = row;
    this.byId.set(row.id, branch);
    branch.isOpen = true;
    this.changed();
    if (!branch.isRead) await this.more(row.id);
  }

  close(id) {
    const branch = this.byId.get(id);
    if (!branch?.isOpen) return;
    branch.isOpen = false;
    this.changed();
  }

  // Reads the next page of a branch.
  async more(id) {
    const branch = this.byId.get(id);
    if (!branch || branch.search) return;
    const search = new AbortController();
    branch.search = search;
    branch.failure = null;
    this.changed();
    try {
      const page = await this.read(branch.row, branch.isRead ? branch.cursor : null, search.signal);
      if (branch.search !== search) return;
      if (!branch.isRead) branch.rows.clear();
      for (const row of page.rows) branch.rows.set(row.id, row);
      branch.cursor = page.cursor ?? null;
      branch.isRead = true;
    } catch (failure) {
      if (branch.search !== search) return;
      branch.failure = failure.message;
    }
    branch.search = null;
    this.changed();
  }

  // Reads the open branches again; the old rows stay until then. A closed branch is read again when it is opened.
  refresh(ids = [...this.byId.keys()]) {
    for (const id of ids) {
      const branch = this.byId.get(id);
      if (!branch) continue;
      branch.search?.abort();
      branch.search = null;
      branch.isRead = false;
      if (branch.isOpen) this.more(id);
    }
  }

  clear() {
    for (const branch of this.byId.values()) {
      branch.search?.abort();
      branch.search = null;
    }
    this.byId.clear();
  }
}

// Returns the rows from top to bottom as they are shown, each with its level and whether it can be opened, which
// `canOpen(row)` tells. A branch of which more can be read ends with a node of the kind "more".
export function flatten(rows, branches, canOpen) {
  const nodes = [];
  const add = (row, level, parent) => {
    const isOpenable = canOpen(row);
    const branch = branches.get(row.id);
    const isOpen = isOpenable && (branch?.isOpen ?? false);
    nodes.push({ id: row.id, kind: row.isGroup ? "group" : "run", row, level, parent, isOpenable, isOpen });
    if (!isOpen) return;
    for (const child of branch.rows.values()) add(child, level + 1, row.id);
    if (branch.cursor || branch.search || branch.failure || !branch.isRead)
      nodes.push({ id: `more:${row.id}`, kind: "more", branch, level: level + 1, parent: row.id });
  };
  for (const row of rows) add(row, 1, null);
  return nodes;
}
