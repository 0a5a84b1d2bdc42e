// A run's logs, read on from where the last look ended.

import { get, piece } from "./api.js";
import { button, h } from "./dom.js";
import { size } from "./format.js";

const LOOK_MS = 1000;
const NEAR = 2000; // pixels before the end of what is shown
const FIRST_BYTES = 1 << 18;
const MAX_CHARACTERS = 4_000_000;
const BLOCK = 500; // lines that are laid out and painted together, and only where they are seen
const LINE = 18; // pixels, as in studio.css
// biome-ignore lint/suspicious/noControlCharactersInRegex: a terminal's escape sequence begins with one.
const ESCAPES = /\x1b\[[0-9;?]*[ -/]*[@-~]/g;

export class LogView {
  // `isFinal()` says whether the run has ended.
  constructor(runId, isFinal) {
    this.runId = runId;
    this.isFinal = isFinal;
    this.files = [];
    this.name = null;
    this.stopped = false;
    this.text = h("pre", { class: "amlflow-log", tabindex: "0", role: "log", "aria-live": "off", "aria-label": "Log" });
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
    this.start = button("Show from the beginning", () => this.open(this.name, 0), { hidden: true });
    this.download = h("a", { class: "amlflow-button", download: "" }, "Download");
    this.controls = h(
      "div",
      { class: "amlflow-bar" },
      this.picker,
      h("label", {}, this.follow, h("span", {}, "Follow")),
      h("label", {}, wrap, h("span", {}, "Wrap lines")),
      this.start,
      this.download,
    );
    this.element = h(
      "section",
      { class: "amlflow amlflow-logs", "aria-label": "Logs" },
      h("div", { class: "amlflow-bar" }, this.controls, this.state),
      this.text,
    );
    // Whoever scrolls up wants to read; the end takes them along again.
    this.text.addEventListener("scroll", () => {
      if (this.below() > 30) this.follow.checked = false;
      else if (!this.isBehind()) this.follow.checked = true;
      if (this.isBehind() && this.isWanted()) this.wake();
    });
    this.run();
  }

  stop() {
    this.stopped = true;
    this.wake();
  }

  open(name, offset = -FIRST_BYTES) {
    this.name = name;
    this.picker.value = name;
    this.follow.checked = offset !== 0;
    this.offset = offset;
    this.whole = Infinity;
    this.length = 0;
    this.decoder = new TextDecoder();
    this.line = null;
    this.block = null;
    this.text.replaceChildren();
    this.start.hidden = true;
    this.download.href = `get-artifact?path=${encodeURIComponent(name)}&run_uuid=${this.runId}`;
    this.wake();
  }

  async run() {
    let final = false;
    while (!this.stopped) {
      const woken = new Promise((resolve) => {
        this.wake = resolve;
      });
      const wasFinal = final;
      final = this.isFinal(); // asked before the log is read: what was there at the end is read then
      let more = false;
      if (!document.hidden || !this.name) {
        try {
          if (!wasFinal) await this.list();
          if (this.name && this.isWanted()) more = await this.read();
          this.tell(final);
        } catch (failure) {
          final = false; // so that it is tried again
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

  // A long log is read as far as somebody looks at it.
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
    if (!this.name && names.length) this.open(names[0]);
  }

  // Whether there is more to read at once.
  async read() {
    const { name, offset } = this;
    const { bytes, size: whole } = await piece(this.runId, name, offset);
    if (this.name !== name || this.offset !== offset) return true; // another file was chosen meanwhile
    this.whole = whole;
    let shown = bytes;
    if (offset < 0) {
      this.offset = Math.max(0, whole + offset);
      this.start.hidden = this.offset === 0;
      if (this.offset) shown = bytes.subarray(bytes.indexOf(10) + 1); // from a line's beginning
    }
    this.offset += bytes.length;
    if (shown.length) this.write(this.decoder.decode(shown, { stream: true }));
    return this.isBehind() && bytes.length > 0;
  }

  // A carriage return goes back to the line's beginning, as progress bars want it.
  write(text) {
    const lines = text.replace(ESCAPES, "").replace(/\r+\n/g, "\n").split("\n");
    const done = [];
    lines.forEach((part, index) => {
      const line = `${index === 0 ? (this.line ?? "") : ""}${part}`;
      const shown = line.slice(line.lastIndexOf("\r", line.length - 2) + 1);
      if (index < lines.length - 1) done.push(shown.replace(/\r$/, ""));
      else this.line = shown;
    });
    this.last ??= document.createTextNode("");
    this.last.remove();
    this.last = document.createTextNode(this.line.replace(/\r$/, ""));
    this.append(done);
    this.text.append(this.last);
    while (this.length > MAX_CHARACTERS && this.text.childNodes.length > 2) {
      this.length -= this.text.firstChild.textContent.length;
      this.text.firstChild.remove();
      this.start.hidden = false;
    }
    this.toEnd();
  }

  // Whole lines, in blocks: one text of 200,000 lines takes a browser a second for each scroll.
  append(lines) {
    for (let at = 0; at < lines.length; ) {
      if (!this.block || this.inBlock === BLOCK) {
        this.block = h("div", { class: "amlflow-lines" });
        this.inBlock = 0;
        this.text.append(this.block);
      }
      const some = lines.slice(at, at + BLOCK - this.inBlock);
      const text = `${some.join("\n")}\n`;
      this.block.append(text);
      this.inBlock += some.length;
      this.block.style.setProperty("--height", `${this.inBlock * LINE}px`);
      this.length += text.length;
      at += some.length;
    }
  }

  toEnd() {
    if (this.follow.checked) this.text.scrollTop = this.text.scrollHeight;
  }

  // Of a log of which only the beginning has been read, the end is read anew.
  end() {
    if (this.offset < this.whole - FIRST_BYTES) this.open(this.name);
    else this.wake();
    this.toEnd();
  }

  tell(final, failure) {
    const none = final ? "This run has no logs. What a submitted script prints would be here." : "No log yet.";
    this.state.textContent = failure ?? (this.name ? `${size(this.whole)}${final ? "" : ", still running"}` : none);
    this.state.classList.toggle("is-error", Boolean(failure));
    this.picker.hidden = this.files.length < 2;
    this.controls.hidden = this.text.hidden = !this.name;
  }
}
