// The charts of All runs, and which runs they are of: the selected ones, or the first of the list. The selected runs are
// part of what is shown, so that a link and a view show the charts of the same runs.

import { isAway, post } from "./api.js";
import { Charts, MAX_RUNS } from "./charts.js";
import { button, say } from "./dom.js";

const FIRST = 10; // runs that are shown without a selection
const AGAIN_MS = 3000;

export class ChartedRuns {
  // `list` is All runs.
  constructor(list) {
    this.list = list;
    this.charts = new Charts((charts) => {
      list.shown.charts = charts;
      list.keep();
      list.show();
    });
    this.element = this.charts.element;
    this.element.hidden = true;
    this.isClosed = false; // by the user, although the definition has charts
    const toggle = () => {
      this.isClosed = !this.element.hidden;
      this.open(!this.isClosed);
      this.note();
    };
    this.button = button("Charts", toggle, {
      symbol: "chart",
      "aria-expanded": "false",
      "aria-keyshortcuts": "c",
    });
  }

  // Shows the charts of the definition.
  show() {
    const { charts, charted } = this.list.shown;
    this.charts.setCharts(charts);
    if (!this.isClosed && (charts.length || charted.length)) this.open(true);
  }

  open(isOpen) {
    this.element.hidden = !isOpen;
    this.button.setAttribute("aria-expanded", String(isOpen));
    if (isOpen) this.draw();
    else this.charts.stop();
  }

  draw() {
    const { list } = this;
    if (this.element.hidden || list.isStale || this.isSelecting(list.shown.charted)) return;
    const selected = list.table.chosen();
    const runs = selected.length ? selected : list.table.shownRuns().slice(0, FIRST);
    const what = selected.length
      ? "Of the selected runs."
      : `Of the first ${runs.length === 1 ? "run" : `${runs.length} runs`}; select some for others.`;
    this.charts.setRuns(runs, what);
  }

  // Selects the runs of the definition. Those that are deleted, or that the user may not see, are left out. If the server
  // is away, it is tried again: meanwhile, no other runs are shown in their place.
  async select() {
    const ids = this.list.shown.charted;
    this.isClosed = false;
    this.selecting = ids.length ? ids : null;
    let runs = null;
    while (!runs) {
      if (!this.isSelecting(ids)) return; // other runs are shown meanwhile
      try {
        const answer = await post("runs/states", { run_ids: ids.slice(0, MAX_RUNS) });
        runs = answer.runs ?? [];
      } catch (failure) {
        if (isAway(failure)) await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
        else {
          say(`The runs of the charts could not be read. ${failure.message}`, true);
          runs = [];
        }
      }
    }
    if (!this.isSelecting(ids)) return;
    this.selecting = null;
    const missing = Math.min(ids.length, MAX_RUNS) - runs.length;
    if (missing > 0 && runs.length)
      say(`${missing} of the runs of the charts ${missing === 1 ? "is" : "are"} deleted, or not visible to you.`, true);
    this.list.table.choose(runs);
    this.draw();
  }

  // Returns whether these runs are being read, and are still those of the definition.
  isSelecting(ids) {
    return this.selecting === ids && ids === this.list.shown.charted;
  }

  // Takes the selected runs into the definition, if their charts are shown. Charts that are closed do not change what a
  // view has.
  note() {
    const { list } = this;
    const selected = () =>
      list.table
        .chosen()
        .map((row) => row.id)
        .slice(0, MAX_RUNS);
    const ids = this.element.hidden ? (list.views.base()?.charted ?? []) : selected();
    if (JSON.stringify(ids) === JSON.stringify(list.shown.charted)) return;
    list.shown.charted = ids;
    list.keep();
    list.showHeading();
  }
}
