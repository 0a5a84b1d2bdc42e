// Reads the state of a run for a page until the run has ended, and makes the button that cancels it.

import { get } from "./api.js";
import { cancel } from "./cancelling.js";
import { button, h } from "./dom.js";
import { isFinal } from "./format.js";

const LOOK_MS = 2000;
const REFUSALS = [400, 403, 404]; // statuses that would be the same if it tried again

// Calls `page.set(state)` again and again until the run of `page.id` has ended or the page is `stopped`.
// `tell(failure)` is called if the state cannot be read.
export async function watchState(page, tell = () => {}) {
  while (!page.stopped) {
    if (!document.hidden || !page.state) {
      try {
        page.set(await get("runs/get", { run_id: page.id }));
      } catch (failure) {
        tell(failure);
        if (REFUSALS.includes(failure.status)) return;
      }
    }
    if (page.state?.final) return;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

// Returns why the job of a queued run waits; null for other runs.
export function waitingText({ status, waiting }) {
  return status === "Queued" && waiting ? h("span", { class: "amlflow-hint", dir: "auto" }, waiting) : null;
}

// Returns the button; null if the run has ended, or if the user may not cancel it.
export function cancelButton(page) {
  const { state } = page;
  if (state.final || !state.may_cancel) return null;
  const asks = state.status === "CancelRequested";
  const follow = (_id, status) => page.set({ ...page.state, status, final: isFinal(status) });
  return button(asks ? "Cancelling…" : "Cancel run", () => cancel([state], follow), {
    symbol: "stop",
    disabled: asks,
    "aria-keyshortcuts": "x",
  });
}
