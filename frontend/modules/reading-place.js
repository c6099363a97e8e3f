// The reading position in a list: its topmost whole line, and how far that line is below the top of the visible area.

export class ReadingPlace {
  #scroller;
  #line = null;
  #offset = 0; // in pixels

  /** @param {Element} scroller whose children with a key are lines */
  constructor(scroller) {
    this.#scroller = scroller;
  }

  /** Remember the current position. */
  note() {
    const top = this.#scroller.getBoundingClientRect().top;
    this.#line = this.#firstBelow(top - 1);
    this.#offset = this.#line ? this.#line.getBoundingClientRect().top - top : 0;
  }

  /** The first line that begins below a height. A binary search, so that thousands of lines need not be measured. */
  #firstBelow(height) {
    const { children } = this.#scroller;
    let first = null;
    for (let [begin, end] = [0, children.length]; begin < end;) {
      const middle = Math.floor((begin + end) / 2);
      let index = middle;
      while (index < end && !isLine(children[index])) index += 1; // hidden elements have no position
      if (index < end && children[index].getBoundingClientRect().top <= height) {
        begin = index + 1;
      } else {
        first = index < end ? children[index] : first;
        end = middle;
      }
    }
    return first;
  }

  /** Scroll so that the line is where it was, if it still exists. */
  restore() {
    if (this.#line?.isConnected) this.#scroller.scrollTop += this.#below(this.#line) - this.#offset;
  }

  /** Make a change that may add or remove content above the line, and keep the line in place. */
  keep(change) {
    this.note();
    change();
    this.restore();
  }

  /** Whether any part of a line is in view. */
  isInView(line) {
    const [place, box] = [line, this.#scroller].map((each) => each.getBoundingClientRect());
    return place.bottom > box.top && place.top < box.bottom;
  }

  #below(line) {
    return line.getBoundingClientRect().top - this.#scroller.getBoundingClientRect().top;
  }
}

const isLine = ({ dataset, hidden }) => dataset.key && !hidden;
