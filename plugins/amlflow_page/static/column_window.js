// Finds the visible columns of a wide table. The others are not drawn: one cell as wide as they are stands for them.

const BEYOND = 400; // pixels that are drawn to the left and to the right of the visible columns
const ROOM = 0.6; // the part of the window that the name and the pinned columns may take
const WIDEST_SPAN = 1000; // a browser takes a larger colspan for this one

export class ColumnWindow {
  constructor() {
    this.columns = [];
    this.widths = [];
    this.fixed = 0;
    this.wanted = 0;
    this.isWhole = false;
    this.drawn = [0, 0]; // the first column that is drawn, and the one after the last; null before they are drawn
  }

  // `scroller` is the element that scrolls.
  attach(scroller) {
    this.scroller = scroller;
  }

  // `wanted` is how many columns should stay in sight beside the name.
  set(columns, wanted) {
    this.columns = columns;
    this.wanted = Math.min(wanted, columns.length);
    this.drawn = null;
  }

  // Sets whether all columns count as visible.
  setWhole(isWhole) {
    this.isWhole = isWhole;
    if (this.columns.length) this.drawn = null;
  }

  // `widths` are the columns' widths in pixels, and `fixed` is the width of what is on the left of them.
  setWidths(widths, fixed) {
    this.widths = widths;
    this.fixed = fixed;
  }

  // Returns how many of the columns to pin fit beside the name, so that there is room to see the others.
  pinned() {
    const seen = this.scroller?.clientWidth;
    if (!seen) return this.wanted;
    let count = 0;
    let taken = this.fixed;
    while (count < this.wanted && taken + this.widths[count] <= ROOM * seen) taken += this.widths[count++];
    return count;
  }

  // Scrolls a column out from behind those that stay in sight.
  uncover(column) {
    const place = this.columns.indexOf(column);
    const pinned = this.pinned();
    if (!this.scroller || place < pinned) return;
    const between = this.widths.slice(pinned, place).reduce((sum, each) => sum + each, 0);
    if (this.scroller.scrollLeft > between) this.scroller.scrollLeft = between;
  }

  // Returns whether columns are behind those that stay in sight.
  isShifted() {
    return this.scroller?.scrollLeft > 0;
  }

  // Returns what a row has after the name: columns, and for several columns that are not drawn their number. The
  // columns `also` are drawn wherever they are.
  parts(also = []) {
    this.drawn ??= this.range(BEYOND);
    const { columns, drawn, wanted } = this;
    const shown = new Set([...columns.slice(0, wanted), ...columns.slice(...drawn), ...also]);
    const parts = [];
    for (const column of columns) {
      if (shown.has(column)) parts.push(column);
      else if (parts.at(-1) < WIDEST_SPAN) parts.push(parts.pop() + 1);
      else parts.push(1);
    }
    return parts;
  }

  // Returns whether a column is visible that `parts()` did not have the last time. `parts()` has it from now on.
  hasMoved() {
    if (!this.drawn) return true;
    const [first, last] = this.range(0);
    if (first >= this.drawn[0] && last <= this.drawn[1]) return false;
    this.drawn = null;
    return true;
  }

  // Returns the index of the first column within some pixels of the visible ones, and the index after the last one,
  // with one more on each side: the Tab key moves to its heading. If nothing has a size, all columns are visible.
  range(beyond) {
    const seen = this.scroller?.clientWidth;
    if (!seen || this.isWhole) return [0, this.columns.length];
    const left = this.scroller.scrollLeft - beyond;
    const right = this.scroller.scrollLeft + seen + beyond;
    let first = this.columns.length;
    let last = 0;
    let start = this.fixed;
    for (const [index, width] of this.widths.entries()) {
      if (start < right && start + width > left) {
        first = Math.min(first, index);
        last = index + 1;
      }
      start += width;
    }
    if (first >= last) return [0, Math.min(1, this.columns.length)];
    return [Math.max(0, first - 1), Math.min(this.columns.length, last + 1)];
  }
}
