// The bar above the table with the number of selected runs, and buttons for what can be done with them.

import { MAX_TREES } from "./cancelling.js";
import { button, h, replaceContent } from "./dom.js";
import { compareLink } from "./format.js";
import { differenceAddress } from "./run_route.js";

export class SelectionBar {
  // `on.mayChange(row)`, `on.tag(rows)`, `on.cancel(rows)`, `on.cancelTrees(rows)`, `on.clear()`
  constructor(on) {
    this.on = on;
    this.element = h("div", { class: "amlflow-bar amlflow-selection", hidden: true, "aria-live": "polite" });
  }

  show(rows) {
    const own = rows.filter((row) => this.on.mayChange(row));
    const open = own.filter((row) => !row.final);
    this.element.hidden = rows.length === 0;
    replaceContent(
      this.element,
      h("b", {}, `${rows.length} selected`),
      button("Compare", () => go(compareLink(rows)), {
        disabled: rows.length < 2,
        "aria-keyshortcuts": "m",
        title: rows.length < 2 ? "Select two runs or more" : null,
      }),
      button("Difference", () => go(differenceAddress(rows)), {
        disabled: rows.length !== 2,
        "aria-keyshortcuts": "d",
        title: rows.length === 2 ? null : "Select two runs",
      }),
      // There are no buttons for actions that the user may not do.
      own.length &&
        button("Tags…", () => this.on.tag(own), {
          title: "Set or remove tags of these runs",
          "aria-keyshortcuts": "t",
        }),
      own.length &&
        button(open.length > 1 ? `Cancel ${open.length} runs` : "Cancel run", () => this.on.cancel(open), {
          symbol: "stop",
          "aria-keyshortcuts": "x",
          disabled: !open.length,
          title: open.length ? null : "These have ended",
        }),
      own.length &&
        button("Cancel with children", () => this.on.cancelTrees(own), {
          symbol: "stop",
          "aria-keyshortcuts": "X",
          disabled: own.length > MAX_TREES,
          title: own.length > MAX_TREES ? `Select ${MAX_TREES} runs at most` : "These runs and all below them",
        }),
      button("Clear", () => this.on.clear(), { kind: "link" }),
    );
  }
}

function go(address) {
  location.hash = address;
}
