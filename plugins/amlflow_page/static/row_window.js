// Finds the visible rows of a long table. All rows have the same height, so this needs no library.

const BEYOND = 8; // rows that are drawn above and below the visible ones
const HEIGHT = 36;
const DENSE_HEIGHT = 26;

export class RowWindow {
  constructor(onchange) {
    this.onchange = onchange;
    this.height = HEIGHT;
    this.isDense = false;
    this.otherHeight = DENSE_HEIGHT; // of rows with the other density
    this.isWhole = false; // whether all rows count as visible
    this.waiting = false;
    this.top = 0; // the scroll position when the rows were drawn last
    this.newTop = null; // the scroll position that shows the same rows as before, once they have another height
  }

  // `scroller` is the element that scrolls, and `head` covers its top.
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

  // Sets the density, before the page is changed. The same rows stay visible.
  setDense(isDense) {
    if (isDense === this.isDense) return;
    this.isDense = isDense;
    const height = this.otherHeight;
    this.otherHeight = this.height;
    this.setHeight(height);
  }

  setHeight(height) {
    const top = this.newTop ?? this.scroller?.scrollTop ?? 0;
    this.newTop = (top / this.height) * height;
    this.height = height;
  }

  // Measures the height of a drawn row. Returns whether the height has changed.
  measure(row) {
    if (this.newTop !== null && this.scroller) this.scroller.scrollTop = this.newTop;
    this.newTop = null;
    const height = row?.getBoundingClientRect().height;
    if (!height || Math.abs(height - this.height) < 0.5) return false;
    this.setHeight(height);
    return true;
  }

  // Returns the index of the first row to draw, and the index after the last one. If nothing has a size, all rows are
  // drawn. After a long scroll, only the visible rows are drawn at once, and the rows beyond them in the next frame.
  range(count) {
    const seen = this.scroller?.clientHeight;
    if (!seen || this.isWhole) return [0, count];
    const top = this.newTop ?? this.scroller.scrollTop;
    const isLeap = this.newTop === null && Math.abs(top - this.top) > seen / 2;
    this.top = top;
    if (isLeap) this.soon();
    const beyond = isLeap ? 0 : BEYOND;
    const first = Math.floor(top / this.height) - beyond;
    const last = Math.ceil((top + seen) / this.height) + beyond;
    return [Math.max(0, Math.min(first, count)), Math.min(count, Math.max(last, 0))];
  }

  // Returns how many rows there are down to the end of the window at a scroll position.
  rowsTo(top) {
    return Math.ceil((top + (this.scroller?.clientHeight ?? 0)) / this.height);
  }

  // Scrolls just far enough to show the whole row.
  reveal(index) {
    const seen = this.scroller?.clientHeight;
    if (!seen) return;
    const top = index * this.height;
    const room = seen - this.head.getBoundingClientRect().height;
    if (top < this.scroller.scrollTop) this.scroller.scrollTop = top;
    else if (top + this.height > this.scroller.scrollTop + room) this.scroller.scrollTop = top + this.height - room;
  }
}
