// Which rows of a long table are in sight. All rows have one height, so no library measures them.

const BEYOND = 8; // rows that are drawn above and below what is seen
const USUAL_HEIGHT = 36;

export class RowWindow {
  constructor(onchange) {
    this.onchange = onchange;
    this.height = USUAL_HEIGHT;
    this.waiting = false;
    this.top = 0; // where the rows were drawn last
  }

  // `scroller` is the element that scrolls; `head` lies over its top.
  attach(scroller, head) {
    this.scroller = scroller;
    this.head = head;
    scroller.addEventListener("scroll", () => this.soon(), { passive: true });
    new ResizeObserver(() => this.soon()).observe(scroller);
  }

  soon() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.onchange();
    });
  }

  // Takes the height of a row that is drawn. Returns whether it is another than before.
  measure(row) {
    const height = row?.getBoundingClientRect().height;
    if (!height || Math.abs(height - this.height) < 0.5) return false;
    this.height = height;
    return true;
  }

  // The first row that is drawn, and the one after the last. Where nothing has a size, it is all.
  // After a leap only what is seen is drawn, and the rows beyond it in the next frame.
  range(count) {
    const seen = this.scroller?.clientHeight;
    if (!seen) return [0, count];
    const top = this.scroller.scrollTop;
    const isLeap = Math.abs(top - this.top) > seen / 2;
    this.top = top;
    if (isLeap) this.soon();
    const beyond = isLeap ? 0 : BEYOND;
    const first = Math.floor(top / this.height) - beyond;
    const last = Math.ceil((top + seen) / this.height) + beyond;
    return [Math.max(0, Math.min(first, count)), Math.min(count, Math.max(last, 0))];
  }

  // Scrolls as little as shows the row whole.
  reveal(index) {
    const seen = this.scroller?.clientHeight;
    if (!seen) return;
    const top = index * this.height;
    const room = seen - this.head.getBoundingClientRect().height;
    if (top < this.scroller.scrollTop) this.scroller.scrollTop = top;
    else if (top + this.height > this.scroller.scrollTop + room) this.scroller.scrollTop = top + this.height - room;
  }
}
