// Shows a run's logs. Each time, only what is new is read.

import { addressOf, get, piece } from "./api.js";
import { button, h } from "./dom.js";
import { downloadLink, setDownload } from "./download_link.js";
import { size } from "./format.js";
import { LogHits } from "./log_hits.js";
import { LogLines } from "./log_lines.js";
import { fileAddress } from "./markdown.js";
import { runAddress } from "./run_route.js";

const LOOK_MS = 1000;
const NEAR = 2000; // if fewer pixels are left below, more of the log is read
const JUST_MS = 3000;
const FIRST_BYTES = 1 << 18;
const START = { offset: 0, line: 1 };
const MAX_FILES = 1000; // the server lists no more

export class LogView {
  // `isFinal()` tells whether the run has ended. `query` may name the file, and a line or "error" to show.
  constructor(runId, isFinal, query = new URLSearchParams()) {
    this.runId = runId;
    this.isFinal = isFinal;
    this.query = query;
    this.files = [];
    this.name = null;
    this.stopped = false;
    this.text = h("pre", { class: "amlflow-log", tabindex: "0", role: "log", "aria-live": "off", "aria-label": "Log" });
    this.lines = new LogLines(
      this.text,
      (line) => runAddress(this.runId, "logs", { file: this.name, line }),
      () => {
        this.start.hidden = false;
      },
    );
    this.build();
    // A user who scrolls up wants to read, so the log stops following its end. It follows again at the end.
    this.text.addEventListener("scroll", () => {
      if (this.below() > 30) this.follow.checked = false;
      else if (!this.isBehind()) this.follow.checked = true;
      if (this.isBehind() && this.isWanted()) this.wake();
    });
    // An element that appears above the log, such as an error, makes the log shorter.
    this.resized = new ResizeObserver(() => this.isJustShown() && this.lines.show(this.place.line));
    this.resized.observe(this.text);
    this.run();
  }

  // Returns whether the log was scrolled to a line a moment ago.
  isJustShown() {
    return this.place && this.lines.has(this.place.line) && Date.now() - this.shownAt < JUST_MS;
  }

  build() {
    this.state = h("span", { class: "amlflow-hint", role: "status" });
    this.picker = h("select", {
      class: "amlflow-input",
      "aria-label": "Log file",
      onchange: () => this.open(this.picker.value),
    });
    this.follow = h("input", { type: "checkbox", checked: true, onchange: () => this.follow.checked && this.end() });
    const wrap = h("input", {
      type: "checkbox",
      onchange: (event) => this.text.classList.toggle("wraps", event.target.checked),
    });
    this.start = button("Show from the beginning", () => this.open(this.name, START), { hidden: true });
    this.download = downloadLink("Download");
    const all = addressOf("runs/logs/archive", { run_id: this.runId });
    this.downloadAll = downloadLink("Download all", all, `logs-${this.runId}.zip`);
    this.all = h("span", { class: "amlflow-hint", hidden: true }, `The first ${MAX_FILES.toLocaleString("en")} logs.`);
    this.box = h("input", {
      type: "search",
      class: "amlflow-input",
      placeholder: "Find in the log",
      "aria-label": "Find in the log",
      maxlength: "1000",
      onkeydown: (event) => {
        if (event.key !== "Enter") return;
        event.preventDefault();
        this.findText(event.shiftKey ? -1 : 1);
      },
    });
    this.outcome = h("span", { class: "amlflow-hint", role: "status" });
    this.controls = h(
      "div",
      { class: "amlflow-bar" },
      this.picker,
      h(
        "search",
        {},
        this.box,
        button("Previous", () => this.findText(-1)),
        button("Next", () => this.findText(1)),
      ),
      button("First error", () => this.find({}, "No line tells of an error.")),
      h("label", {}, this.follow, h("span", {}, "Follow")),
      h("label", {}, wrap, h("span", {}, "Wrap lines")),
      this.start,
      this.download,
      this.downloadAll,
      this.all,
      this.outcome,
    );
    this.element = h(
      "section",
      { class: "amlflow amlflow-logs", "aria-label": "Logs" },
      h("div", { class: "amlflow-bar" }, this.controls, this.state),
      this.text,
    );
  }

  stop() {
    this.stopped = true;
    this.hits?.stop();
    this.lines.seen.disconnect();
    this.resized.disconnect();
    this.wake();
  }

  // The address names another line or file of the same run.
  moved(query) {
    const file = query.get("file") ?? this.name;
    this.query = query;
    if (this.files.includes(file) && file !== this.name) this.open(file);
    this.toWanted();
  }

  // Opens a file. `from` is the line to begin with; by default, the log begins near its end.
  open(name, from = null) {
    if (name !== this.name) {
      this.hits?.stop();
      this.place = this.hits = null;
    }
    this.name = name;
    this.picker.value = name;
    this.follow.checked = from === null;
    this.offset = from ? from.offset : -FIRST_BYTES;
    this.whole = Infinity;
    this.decoder = new TextDecoder();
    this.lines.clear(from ? from.line : null);
    this.start.hidden = !from?.offset;
    this.outcome.textContent = "";
    setDownload(this.download, fileAddress(this.runId, name), name.split("/").at(-1));
    this.wake();
  }

  async run() {
    let final = false;
    while (!this.stopped) {
      const woken = new Promise((resolve) => {
        this.wake = resolve;
      });
      const wasFinal = final;
      final = this.isFinal(); // asked before the log is read, so that the last piece is read after the end
      let more = false;
      if (!document.hidden || !this.name) {
        try {
          if (!wasFinal) await this.list();
          if (this.name && this.isWanted()) more = await this.read();
          this.tell(final);
        } catch (failure) {
          final = false; // so that it tries again
          this.tell(final, failure.message);
        }
      }
      if (more) continue;
      const soon = new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      await (final && !this.isBehind() ? woken : Promise.race([woken, soon]));
    }
  }

  isBehind() {
    return this.offset < this.whole;
  }

  below() {
    return this.text.scrollHeight - this.text.scrollTop - this.text.clientHeight;
  }

  // Returns whether more is to be read now: a long log is read only as far as the user scrolls.
  isWanted() {
    return this.follow.checked || this.below() < NEAR;
  }

  async list() {
    const { files } = await get("runs/logs", { run_id: this.runId });
    const names = files.map((file) => file.name);
    if (names.join("\n") !== this.files.join("\n")) {
      this.files = names;
      this.picker.replaceChildren(...names.map((name) => h("option", { value: name }, name)));
      if (this.name) this.picker.value = this.name;
    }
    if (!this.name && names.length) {
      const file = this.query.get("file");
      this.open(names.includes(file) ? file : names[0]);
      this.toWanted();
    }
  }

  // Reads the next piece. Returns whether there is more to read at once.
  async read() {
    const { name, offset, lines } = this;
    const { bytes, size: whole } = await piece(this.runId, name, offset);
    if (this.name !== name || this.offset !== offset) return true; // another file was chosen meanwhile
    this.whole = whole;
    let shown = bytes;
    if (offset < 0) {
      this.offset = Math.max(0, whole + offset);
      this.start.hidden = this.offset === 0;
      if (this.offset) shown = bytes.subarray(bytes.indexOf(10) + 1); // begin with a whole line
      this.number(name, this.offset + bytes.length - shown.length);
    }
    this.offset += bytes.length;
    if (shown.length) lines.write(this.decoder.decode(shown, { stream: true }));
    this.toEnd();
    return this.isBehind() && bytes.length > 0;
  }

  // Asks the server for the number of the first shown line, which begins at `offset`.
  async number(name, offset) {
    if (offset === 0) {
      this.lines.setFirst(1);
      return;
    }
    const { blocks } = this.lines;
    const { found } = await this.ask({ until: offset });
    if (found && this.name === name && this.lines.blocks === blocks) this.lines.setFirst(found.line);
  }

  async ask(wanted) {
    let from = {};
    for (;;) {
      const answer = await get("runs/log/find", { run_id: this.runId, name: this.name, ...wanted, ...from });
      if (!answer.stopped || this.stopped) return answer;
      from = answer.stopped;
      this.outcome.textContent = `Searched ${size(from.offset)}…`;
    }
  }

  // Goes to the line or the error that the address names.
  toWanted() {
    const number = Number(this.query.get("line"));
    if (Number.isSafeInteger(number) && number > 0) this.find({ number }, `The log has no line ${number}.`);
    else if (this.query.get("error")) this.find({}, "No line tells of an error.");
  }

  // Shows the next line with the text in the box, or the one before (`step` -1), and counts all of them.
  async findText(step) {
    const text = this.box.value;
    if (!text) return;
    if (this.hits?.text !== text) {
      this.hits?.stop();
      this.hits = new LogHits(this.runId, this.name, text);
    }
    const { hits } = this;
    const isShown = () => this.hits === hits && !this.stopped;
    const tell = (what) => {
      if (isShown()) this.outcome.textContent = what;
    };
    tell("Searching…");
    try {
      const found = await hits.go(step, (bytes) => tell(`Searched ${size(bytes)}…`));
      tell(String(hits));
      if (!found || !isShown()) return;
      this.place = found;
      this.show(found, found.context);
      await hits.count(() => isShown() && this.place === found && tell(String(hits)));
    } catch (failure) {
      tell(failure.message);
    }
  }

  // Shows the line that the server finds.
  async find(wanted, none) {
    const { name } = this;
    this.outcome.textContent = "Searching…";
    try {
      const { found, context } = await this.ask(wanted);
      if (this.name !== name || this.stopped) return;
      this.place = found;
      this.outcome.textContent = found ? `Line ${found.line.toLocaleString("en")}` : none;
      if (found) this.show(found, context);
    } catch (failure) {
      this.outcome.textContent = failure.message;
    }
  }

  async show(found, context) {
    this.follow.checked = false;
    if (!this.lines.has(found.line)) {
      const { outcome } = this;
      const told = outcome.textContent;
      this.open(this.name, context);
      outcome.textContent = told;
      while (!this.stopped && this.isBehind() && !this.lines.has(found.line))
        await new Promise((resolve) => setTimeout(resolve, 20));
      if (this.place !== found) return; // another line is shown meanwhile
    }
    this.follow.checked = false;
    this.shownAt = Date.now();
    if (this.lines.has(found.line)) this.lines.show(found.line);
  }

  toEnd() {
    if (this.follow.checked) this.text.scrollTop = this.text.scrollHeight;
  }

  // Goes to the end of the log. If only the beginning of a long log was read, the log is opened again at its end.
  end() {
    if (this.offset < this.whole - FIRST_BYTES) this.open(this.name);
    else this.wake();
    this.toEnd();
  }

  tell(final, failure) {
    const none = final ? "This run has no logs. What a submitted script prints would be here." : "No log yet.";
    this.state.textContent = failure ?? (this.name ? `${size(this.whole)}${final ? "" : ", still running"}` : none);
    this.state.classList.toggle("is-error", Boolean(failure));
    this.picker.hidden = this.downloadAll.hidden = this.files.length < 2;
    this.all.hidden = this.files.length < MAX_FILES;
    this.controls.hidden = this.text.hidden = !this.name;
  }
}
