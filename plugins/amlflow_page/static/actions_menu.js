// The menu of actions on all runs that match the filters. A user who may not change any run does not see it.

import { button, menu } from "./dom.js";

// `cancelAll()` asks for confirmation with the number of runs, and cancels them.
export function actionsMenu(cancelAll) {
  const fill = (panel, close) => {
    panel.append(
      button(
        "Cancel all that match…",
        () => {
          close();
          cancelAll();
        },
        { symbol: "stop" },
      ),
    );
  };
  const element = menu("Actions", fill, { "aria-keyshortcuts": "e" });
  element.hidden = true;
  return element;
}
