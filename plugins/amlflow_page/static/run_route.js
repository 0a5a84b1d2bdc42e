// The addresses of the studio's pages. A run's page has the address #/amlflow/runs/ID/TAB?KEY=VALUE.

export const OURS = "#/amlflow/"; // all addresses of the studio begin with this
export const ALL_RUNS = `${OURS}runs`;

const ADDRESS = /^#\/amlflow\/runs\/([A-Za-z0-9_.-]{1,256})(?:\/([a-z]*))?(?:\?(.*))?$/;

export const TABS = ["overview", "charts", "logs", "files"];

// Returns `{id, tab, query}` of the address of a run's page; null for other addresses.
export function readRoute(hash) {
  const parts = ADDRESS.exec(hash);
  if (!parts) return null;
  const tab = TABS.includes(parts[2]) ? parts[2] : TABS[0];
  return { id: parts[1], tab, query: new URLSearchParams(parts[3] ?? "") };
}

export function runAddress(id, tab = TABS[0], query = {}) {
  const path = `${ALL_RUNS}/${id}${tab === TABS[0] ? "" : `/${tab}`}`;
  const rest = new URLSearchParams(query).toString();
  return rest ? `${path}?${rest}` : path;
}

// Returns the address of the list of a run's children.
export function childrenAddress(id) {
  return `${ALL_RUNS}?${new URLSearchParams({ query: `[?parent_run_id=='${id}']`, children: "true" })}`;
}

// Returns what follows the first question mark of an address. A hand-written query may contain more of them.
export function queryOf(hash) {
  return new URLSearchParams(/\?(.*)$/s.exec(hash)?.[1] ?? "");
}

const DIFFERENCE = /^#\/amlflow\/difference\?(.*)$/;

// Returns the ids of the two runs in the address of a page of differences; null for other addresses.
export function readDifference(hash) {
  const query = new URLSearchParams(DIFFERENCE.exec(hash)?.[1] ?? "");
  const ids = [query.get("left"), query.get("right")];
  return ids.every(Boolean) ? ids : null;
}

export function differenceAddress([left, right]) {
  return `${OURS}difference?${new URLSearchParams({ left: left.id, right: right.id })}`;
}
