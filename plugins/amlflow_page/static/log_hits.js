// The lines of a log that have a text. The user goes through them, while the rest of the log is still searched.

import { get } from "./api.js";

const MAX_COUNTED = 10_000; // further lines are found as the user goes on

export class LogHits {
  constructor(runId, name, text) {
    this.runId = runId;
    this.name = name;
    this.text = text;
    this.lines = []; // {offset, line, context}
    this.at = -1; // the index of the line that is shown
    this.next = { offset: 0, line: 1 }; // where to search on
    this.isEnd = false;
    this.reading = null;
    this.isStopped = false;
    this.going = Promise.resolve();
  }

  // Ends a search that nobody looks at any more.
  stop() {
    this.isStopped = true;
  }

  // Reads further lines. Two calls at the same time are one.
  more() {
    this.reading ??= this.read().finally(() => {
      this.reading = null;
    });
    return this.reading;
  }

  async read() {
    const { runId, name, text } = this;
    const { hits, next, is_end } = await get("runs/log/hits", { run_id: runId, name, text, ...this.next });
    this.lines.push(...hits);
    this.next = next;
    this.isEnd = is_end;
  }

  // Goes one line on (`step` 1) or back (-1). After the last line comes the first one. Returns the line, or null if no
  // line has the text. `searched(bytes)` is called while that takes long.
  go(step, searched = () => {}) {
    // One step after the other: a second click may come before the first one's answer.
    this.going = this.going.catch(() => {}).then(() => this.step(step, searched));
    return this.going;
  }

  async step(step, searched) {
    const place = this.at + step;
    if (place < 0) await this.count(searched);
    else if (place >= this.lines.length) {
      // Also after the log's end was reached: a running script may have written more.
      do {
        await this.more();
        searched(this.next.offset);
      } while (place >= this.lines.length && !this.isEnd && !this.isStopped);
    }
    if (place < 0) this.at = this.lines.length - 1;
    else this.at = place < this.lines.length ? place : Math.min(0, this.lines.length - 1);
    return this.lines[this.at] ?? null;
  }

  // Searches the rest of the log.
  async count(searched = () => {}) {
    while (!this.isEnd && !this.isStopped && this.lines.length < MAX_COUNTED) {
      await this.more();
      searched(this.next.offset);
    }
  }

  toString() {
    const line = this.lines[this.at];
    if (!line) return "Not in this log.";
    const number = (value) => value.toLocaleString("en");
    return `Line ${number(line.line)}: ${number(this.at + 1)} of ${number(this.lines.length)}${this.isEnd ? "" : " or more"}`;
  }
}
