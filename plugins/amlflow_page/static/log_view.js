// A run's logs, read on from where the last look ended.

import { get, piece } from "./api.js";
import { button, h } from "./dom.js";
import { size } from "./format.js";

const LOOK_MS = 1000;
const FIRST_BYTES = 1 << 18;
const MOST_CHARACTERS = 4_000_000;
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
    this.picker = h("select", { class: "amlflow-input", "aria-label": "Log file", onchange: () => this.open(this.picker.value) });
    this.follow = h("input", { type: "checkbox", checked: true, onchange: () => this.toEnd() });
    const wrap = h("input", {
      type: "checkbox",
      onchange: (event) => this.text.classList.toggle("wraps", event.target.checked),
    });
    this.start = button("Show from the beginning", () => this.open(this.name, 0), { hidden: true });
    this.download = h("a", { class: "amlflow-button", download: "" }, "Download");
    this.element = h(
      "section",
      { class: "amlflow amlflow-logs", "aria-label": "Logs" },
      h(
        "div",
        { class: "amlflow-bar" },
        this.picker,
        h("label", {}, this.follow, h("span", {}, "Follow")),
        h("label", {}, wrap, h("span", {}, "Wrap lines")),
        this.start,
        this.download,
        this.state,
      ),
      this.text,
    );
    // Whoever scrolls up wants to read; the end takes them along again.
    this.text.addEventListener("scroll", () => {
      this.follow.checked = this.text.scrollTop + this.text.clientHeight >= this.text.scrollHeight - 30;
    });
    this.run();
  }

  stop() {
    this.stopped = true;
  }

  open(name, offset = -FIRST_BYTES) {
    this.name = name;
    this.picker.value = name;
    this.offset = offset;
    this.length = 0;
    this.decoder = new TextDecoder();
    this.line = null;
    this.text.replaceChildren();
    this.start.hidden = true;
    this.download.href = `get-artifact?path=${encodeURIComponent(name)}&run_uuid=${this.runId}`;
  }

  async run() {
    while (!this.stopped) {
      const final = this.isFinal(); // asked before the log is read: what was there at the end is read then
      let more = false;
      if (!document.hidden || !this.name) {
        try {
          if (!this.files.length || !final) await this.list();
          if (this.name) more = await this.read();
          this.tell(final);
        } catch (failure) {
          this.state.textContent = failure.message;
        }
      }
      if (final && this.name && !more && this.offset >= this.whole) return;
      if (!more) await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
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
    return bytes.length > 0 && this.offset < whole;
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
    const before = done.length ? document.createTextNode(`${done.join("\n")}\n`) : null;
    this.last.remove();
    this.last = document.createTextNode(this.line.replace(/\r$/, ""));
    if (before) this.text.append(before);
    this.text.append(this.last);
    this.length += before?.length ?? 0;
    while (this.length > MOST_CHARACTERS && this.text.childNodes.length > 2) {
      this.length -= this.text.firstChild.length;
      this.text.firstChild.remove();
      this.start.hidden = false;
    }
    this.toEnd();
  }

  toEnd() {
    if (this.follow.checked) this.text.scrollTop = this.text.scrollHeight;
  }

  tell(final) {
    if (!this.name) this.state.textContent = final ? "This run has no logs." : "No log yet.";
    else this.state.textContent = `${size(this.whole)}${final ? "" : ", following"}`;
    this.picker.hidden = this.files.length < 2;
    this.download.hidden = !this.name;
  }
}
