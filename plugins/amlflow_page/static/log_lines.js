// Shows a log's lines in blocks. Only visible blocks have line numbers and colours.

import { h } from "./dom.js";
import { cleaned, endOf, Painter, plain } from "./log_text.js";

const BLOCK = 500; // lines of a block, which is laid out and painted only if it is visible
const LINE = 18; // the height of a line in pixels, the same as in studio.css
const MAX_CHARACTERS = 4_000_000;
const MAX_LINE = 100_000; // characters that are shown of a line: the browser takes seconds to draw some millions

export class LogLines {
  // `address(number)` returns the link to a line. `dropped()` is called when the first lines are removed.
  constructor(element, address, dropped) {
    this.element = element;
    this.address = address;
    this.dropped = dropped;
    this.seen = new IntersectionObserver((entries) => this.look(entries), { root: element, rootMargin: "600px" });
    element.addEventListener("keydown", (event) => this.pressed(event));
    this.clear(1);
  }

  // The Tab key goes from the log to the number of the marked line, or of the first line in sight. The arrow keys go
  // from there to other lines.
  pressed(event) {
    const { target, key } = event;
    if (key === "Tab" && !event.shiftKey && target === this.element) {
      const box = this.element.getBoundingClientRect();
      const inSight = this.links().filter((link) => {
        const { top, bottom } = link.getBoundingClientRect();
        return top >= box.top && bottom <= box.bottom;
      });
      const marked = inSight.find((link) => link.parentElement.classList.contains("is-current"));
      this.setStop(marked ?? inSight[0]);
    } else if (["ArrowDown", "ArrowUp"].includes(key) && target.dataset.number) {
      const links = this.links();
      const link = links[links.indexOf(target) + (key === "ArrowDown" ? 1 : -1)];
      this.setStop(link);
      link?.focus();
      event.preventDefault();
    }
  }

  // Returns the links of the painted lines.
  links() {
    return [...this.element.querySelectorAll("a[data-number]")];
  }

  setStop(link) {
    if (!link) return;
    this.element.querySelector("a[tabindex='0']")?.setAttribute("tabindex", "-1");
    link.tabIndex = 0;
  }

  // Removes all lines. `first` is the number of the next line that is written; null if it is not known.
  clear(first) {
    this.seen.disconnect();
    this.first = first;
    this.blocks = [];
    this.count = 0;
    this.length = 0;
    this.line = "";
    this.cut = 0; // the characters of the unfinished line that are not kept in `line`
    this.current = null;
    this.painter = new Painter();
    this.last = document.createTextNode("");
    this.element.replaceChildren(this.last);
  }

  // Sets the number of the first line, which was not known before.
  setFirst(first) {
    this.first = first;
    for (const block of this.blocks) if (block.isPainted) this.paint(block);
  }

  // Writes a text. A carriage return goes back to the beginning of the line, which progress bars use.
  write(text) {
    const [first, ...others] = text.split("\n");
    const lines = [];
    this.goOn(first);
    for (const other of others) {
      lines.push(this.shown());
      this.line = "";
      this.cut = 0;
      this.goOn(other);
    }
    this.append(lines);
    this.last.textContent = plain(this.shown());
    while (this.length > MAX_CHARACTERS && this.blocks.length > 1) this.drop();
  }

  // Adds a text to the unfinished line.
  goOn(text) {
    const line = this.line + text;
    const end = endOf(line); // a carriage return at the end may be a part of the line's end
    const start = line.slice(0, end).lastIndexOf("\r") + 1;
    if (start) this.cut = 0;
    const more = Math.max(0, end - start - MAX_LINE);
    this.cut += more;
    this.line = line.slice(start, end - more) + line.slice(end);
  }

  // Returns the unfinished line as it is shown.
  shown() {
    const line = cleaned(this.line);
    return this.cut ? `${line}… and ${this.cut.toLocaleString("en")} more characters: download the log` : line;
  }

  // Adds whole lines in blocks. With 200,000 lines in one text, each scroll would take the browser a second.
  append(lines) {
    for (let at = 0; at < lines.length; ) {
      let block = this.blocks.at(-1);
      if (!block || block.lines.length === BLOCK) {
        block = {
          element: h("div", { class: "amlflow-lines" }),
          lines: [],
          start: this.count,
          state: this.painter.state(),
        };
        this.blocks.push(block);
        this.last.before(block.element);
        this.seen.observe(block.element);
      }
      const some = lines.slice(at, at + BLOCK - block.lines.length);
      block.lines.push(...some);
      this.painter.skip(some);
      this.count += some.length;
      at += some.length;
      const text = some.map((line) => `${plain(line)}\n`).join("");
      this.length += text.length;
      if (block.isPainted) this.paint(block);
      else block.element.append(text);
      block.element.style.setProperty("--height", `${block.lines.length * LINE}px`);
    }
  }

  drop() {
    const block = this.blocks.shift();
    this.length -= block.element.textContent.length;
    this.seen.unobserve(block.element);
    block.element.remove();
    this.dropped();
  }

  look(entries) {
    for (const { target, isIntersecting } of entries) {
      const block = this.blocks.find(({ element }) => element === target);
      if (!block || Boolean(block.isPainted) === isIntersecting) continue;
      if (isIntersecting) this.paint(block);
      else this.unpaint(block);
    }
  }

  unpaint(block) {
    block.isPainted = false;
    block.element.replaceChildren(block.lines.map((line) => `${plain(line)}\n`).join(""));
  }

  // Paints a block. The style sheet draws the line numbers, so that they are not copied with the text.
  paint(block) {
    block.isPainted = true;
    const { activeElement } = document;
    const focused = block.element.contains(activeElement) ? activeElement.dataset.number : null;
    const after = this.painter.state();
    this.painter.restore(block.state);
    block.element.replaceChildren(
      ...block.lines.map((line, index) => {
        const content = [this.painter.paint(line), "\n"];
        if (this.first === null) return h("span", { class: "amlflow-line" }, ...content);
        const number = this.first + block.start + index;
        const link = h("a", {
          href: this.address(number),
          "data-number": number,
          "aria-label": `Line ${number}`,
          tabindex: "-1",
        });
        const classes = number === this.current ? "amlflow-line is-current" : "amlflow-line";
        return h("span", { class: classes, "data-line": number }, link, ...content);
      }),
    );
    this.painter.restore(after);
    if (!focused) return;
    const link = block.element.querySelector(`a[data-number="${focused}"]`);
    this.setStop(link);
    link?.focus({ preventScroll: true });
  }

  has(number) {
    const start = this.blocks[0]?.start ?? 0;
    return this.first !== null && number >= this.first + start && number < this.first + this.count;
  }

  // Marks a line and scrolls to it.
  show(number) {
    this.current = number;
    for (const marked of this.element.querySelectorAll(".is-current")) marked.classList.remove("is-current");
    const index = number - this.first;
    const block = this.blocks.find(({ start, lines }) => index >= start && index < start + lines.length);
    if (!block) return;
    this.paint(block);
    block.element.children[index - block.start].scrollIntoView({ block: "center" });
  }
}
