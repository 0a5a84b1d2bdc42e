// Cancelling runs: asks once, and follows them to their end.

import { get, post } from "./api.js";
import { ask, say } from "./dom.js";
import { isFinal } from "./format.js";

const MAX_AT_ONCE = 200;
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
  if (!sure) return;
  for (let start = 0; start < rows.length; start += MAX_AT_ONCE) {
    const ids = rows.slice(start, start + MAX_AT_ONCE).map((row) => row.id);
    try {
      const outcome = await post("runs/cancel", { run_ids: ids });
      for (const run of outcome.runs) {
        if (run.status) shown(run.id, run.status);
        if (!isFinal(run.status)) follow(run.id, run.status, shown);
      }
      const refused = outcome.runs.filter((run) => run.error);
      if (refused.length === 1) say(refused[0].error, true);
      else if (refused.length)
        say(`${refused.length} runs are not cancelled. The first one: ${refused[0].error}`, true);
    } catch (failure) {
      say(failure.message, true);
    }
  }
}

// One that could not be cancelled may have ended meanwhile.
async function follow(id, status, shown) {
  do {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    try {
      const now = await get("runs/get", { run_id: id });
      if (now.status !== status) shown(id, now.status);
      status = now.status;
    } catch (failure) {
      if (failure.status) return; // a server that is away comes back
    }
  } while (status === "CancelRequested");
}
