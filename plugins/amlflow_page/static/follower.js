// Keeps the list of All runs up to date: the statuses of visible runs, new runs, and how old the list is.

import { isAway, post } from "./api.js";
import { setText } from "./dom.js";
import { isFinal } from "./format.js";

const LOOK_MS = 5000;
const MAX_LOOK_MS = 120_000; // the server gives a query up before; a connection that is lost may say nothing for longer
const SUPERSEDED = 409; // the list was read again meanwhile
const GROUPS_MS = 10_000;
const PAUSE = 20; // the pause before groups are read again, as a multiple of the time that reading them took
const MAX_LOOKED_AT = 100;
const NEWEST = 20; // the number of runs that are read to see whether there are new ones
const AT_TOP = 40; // if the list is scrolled by fewer pixels, new runs are shown at once

export class Follower {
  constructor(list) {
    this.list = list;
    this.lastHeard = null;
    this.awaySince = null;
    this.lookingSince = null;
    this.nextGroups = 0;
    this.reason = ""; // why the server did not answer a look, if it is there
    setInterval(() => this.look(), LOOK_MS);
    document.addEventListener("visibilitychange", () => this.look());
  }

  heard() {
    this.lastHeard = new Date();
    this.awaySince = null;
    this.tell();
  }

  missed(reason = "") {
    this.awaySince ??= new Date();
    this.reason = reason;
    this.tell();
  }

  tell() {
    const { age } = this.list;
    let text = "";
    if (this.awaySince) {
      const of = this.lastHeard ? `as of ${clock(this.lastHeard)}` : "nothing was read yet";
      text = this.reason
        ? `Not followed since ${clock(this.awaySince)}; ${of}. ${this.reason}`
        : `Server away since ${clock(this.awaySince)}; ${of}. It is tried again.`;
    }
    setText(age, text);
    age.classList.toggle("is-error", this.awaySince !== null);
  }

  async look() {
    const { list } = this;
    if (!list.visible || document.hidden || list.search) return;
    list.table.tick();
    if (list.failed) {
      if (this.awaySince && !this.reason) list.load(true);
      return;
    }
    if (this.lookingSince !== null) {
      // On a slow server, the answers to the last look may not be there yet.
      if (Date.now() - this.lookingSince < MAX_LOOK_MS) return;
      this.missed();
    }
    const since = Date.now();
    this.lookingSince = since;
    try {
      await this.lookAtStatuses();
      await this.lookForNew();
      this.heard();
    } catch (failure) {
      // What is wrong with a query stands below its box, and a list that is read again says itself what is wrong.
      if (failure.content?.of !== "query" && failure.status !== SUPERSEDED)
        this.missed(isAway(failure) ? "" : failure.message);
    } finally {
      if (this.lookingSince === since) this.lookingSince = null;
    }
  }

  async lookAtStatuses() {
    const { table } = this.list;
    const { tree } = this.list.shown;
    const open = [...table.elements.keys()].filter((id) => isOpen(table.find(id), tree)).slice(0, MAX_LOOKED_AT);
    if (!open.length) return;
    const { runs } = await post("runs/states", { run_ids: open, tree });
    for (const run of runs) if (isOther(run, table.find(run.id))) table.update(run.id, run);
  }

  // Looks for new runs. They are shown at once if the top of the list is visible; else a button announces them.
  async lookForNew() {
    const { list } = this;
    if (list.shown.group) {
      await this.lookAtGroups();
      return;
    }
    const { query } = list.request();
    if (query && !query.startsWith("[?")) return; // such a query returns a value, or has its own order
    const address = list.address;
    const page = await post("runs/search", { ...list.request(), sort: "-created", size: NEWEST });
    if (list.search || list.address !== address || !page.rows) return;
    const known = [...list.table.rows.values()].map((row) => row.created_utc);
    const newest = this.newest?.address === address ? this.newest.created : (known.sort().at(-1) ?? "");
    this.newest = { address, created: newest };
    const fresh = page.rows.filter((row) => row.created_utc > newest && !list.table.rows.has(row.id));
    if (!fresh.length) {
      list.news.hidden = true;
      return;
    }
    if (list.shown.sort === "-created" && list.scroller.scrollTop < AT_TOP && fresh.length < NEWEST) {
      list.table.add(fresh, true);
      this.newest.created = fresh[0].created_utc;
      list.news.hidden = true;
      list.tell();
      return;
    }
    setText(list.news.lastChild, fresh.length < NEWEST ? `${fresh.length} new` : `${NEWEST} or more new`);
    list.news.hidden = false;
  }

  // Reads the groups again. Their numbers are of all runs: the longer that takes, the less often it is done.
  async lookAtGroups() {
    const { list } = this;
    if (Date.now() < this.nextGroups) return;
    const { address } = list;
    const start = Date.now();
    this.nextGroups = start + GROUPS_MS;
    const page = await list.readPage();
    const end = Date.now();
    this.nextGroups = end + Math.max(GROUPS_MS, PAUSE * (end - start));
    if (list.search || list.address !== address) return;
    list.table.replace(page.rows);
    list.grouped = page;
    list.tell();
  }

  // The list has been read again: its runs are not new any more.
  forgetNewest() {
    this.newest = null;
    this.list.news.hidden = true;
  }
}

// Returns whether a run may change: it has not ended, or in a tree, one of its children has not ended.
function isOpen(row, tree) {
  if (!row || row.isGroup) return false;
  return !row.final || (tree && Object.keys(row.children ?? {}).some((status) => !isFinal(status)));
}

function isOther(run, row) {
  const childrenOf = (each) => JSON.stringify(each?.children ?? {});
  return run.status !== row?.status || (run.children && childrenOf(run) !== childrenOf(row));
}

function clock(time) {
  return time.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", timeZoneName: "short" });
}
