// The menu of what is done with all runs that match the filters. Who may change no run has none.

import { button, menu } from "./dom.js";

// `cancelAll()` asks how many that are, and cancels them.
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
