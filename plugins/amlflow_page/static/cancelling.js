// Cancels runs: asks for confirmation once, and shows their statuses until they have ended.

import { get, post } from "./api.js";
import { ask, say } from "./dom.js";
import { isFinal } from "./format.js";

export const MAX_TREES = 200; // runs that are cancelled with their children at once
const MAX_AT_ONCE = 50; // runs of one request, so that results are shown between requests
const LOOK_MS = 500;

// `shown(id, status)` is called whenever a run's status has changed.
export async function cancel(rows, shown) {
  const one = rows.length === 1;
  const sure = await ask({
    title: one ? "Cancel this run?" : `Cancel ${rows.length} runs?`,
    text: one
      ? `“${rows[0].name}” ends with all of its processes. What it has logged so far stays.`
      : "They end with all of their processes. What they have logged so far stays.",
    confirm: one ? "Cancel run" : "Cancel runs",
    dismiss: one ? "Keep it running" : "Keep them running",
    danger: true,
  });
  if (sure)
    await send(
      rows.map((row) => row.id),
      shown,
    );
}

// Cancels runs and all their descendants.
export async function cancelTrees(rows, shown) {
  const runs = await read({ run_ids: rows.map((row) => row.id) });
  if (runs)
    await confirmAndSend(
      runs,
      rows.length === 1 ? "This run and all below it" : "These runs and all below them",
      shown,
    );
}

// Cancels all runs that a request of the list finds.
export async function cancelAll(request, shown) {
  const runs = await read(request);
  if (runs) await confirmAndSend(runs, "All runs that match the filters", shown);
}

// Returns the open runs that a request finds; null if they cannot be read.
async function read(request) {
  try {
    return await post("runs/open", request);
  } catch (failure) {
    say(failure.message, true);
    return null;
  }
}

async function confirmAndSend({ runs, more, forbidden }, what, shown) {
  if (!runs.length) {
    say(forbidden ? "You may not cancel the runs that go on." : "None of these runs goes on.");
    return;
  }
  const count = runs.length.toLocaleString("en");
  const text = [
    `${what}: ${count} ${runs.length === 1 ? "run goes" : "runs go"} on and will end with all of their processes.`,
    more && "These are the newest; there are more, which stay.",
    forbidden && `${forbidden.toLocaleString("en")} others are not yours to cancel.`,
  ];
  const sure = await ask({
    title: runs.length === 1 ? "Cancel 1 run?" : `Cancel ${count} runs?`,
    text: text.filter(Boolean).join(" "),
    confirm: runs.length === 1 ? "Cancel run" : `Cancel ${count} runs`,
    dismiss: "Keep them running",
    danger: true,
  });
  if (sure) await send(runs, shown);
}

async function send(runIds, shown) {
  const refused = [];
  for (let start = 0; start < runIds.length; start += MAX_AT_ONCE) {
    const ids = runIds.slice(start, start + MAX_AT_ONCE);
    try {
      const outcome = await post("runs/cancel", { run_ids: ids });
      for (const run of outcome.runs) {
        if (run.status) shown(run.id, run.status);
        if (!isFinal(run.status)) follow(run.id, run.status, shown);
        if (run.error) refused.push(run.error);
      }
    } catch (failure) {
      say(failure.message, true);
      return;
    }
  }
  if (refused.length === 1) say(refused[0], true);
  else if (refused.length) say(`${refused.length} runs are not cancelled. The first one: ${refused[0]}`, true);
}

// Reads a run's status until it has ended. A run that could not be cancelled may have ended meanwhile.
async function follow(id, status, shown) {
  do {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    try {
      const now = await get("runs/get", { run_id: id });
      if (now.status !== status) shown(id, now.status);
      status = now.status;
    } catch (failure) {
      if (failure.status) return; // without a status, the server is only away, and is asked again
    }
  } while (status === "CancelRequested");
}
