// Where the reader of a list is: at its topmost whole line, which begins so far below the top of what is in view.

export class ReadingPlace {
  #scroller;
  #line = null;
  #offset = 0; // in pixels

  /** @param {Element} scroller whose children are lines, where they have a key */
  constructor(scroller) {
    this.#scroller = scroller;
  }

  note() {
    const top = this.#scroller.getBoundingClientRect().top;
    this.#line = this.#firstBelow(top - 1);
    this.#offset = this.#line ? this.#line.getBoundingClientRect().top - top : 0;
  }

  /** The first line that begins below a height. Each stands below the one before: not all of thousands need be measured. */
  #firstBelow(height) {
    const { children } = this.#scroller;
    let found = null;
    for (let [begin, end] = [0, children.length]; begin < end;) {
      const middle = Math.floor((begin + end) / 2);
      let index = middle;
      while (index < end && !isLine(children[index])) index += 1; // what is hidden stands nowhere
      if (index < end && children[index].getBoundingClientRect().top <= height) {
        begin = index + 1;
      } else {
        found = index < end ? children[index] : found;
        end = middle;
      }
    }
    return found;
  }

  /** Have the line where it was, if it is there still. */
  restore() {
    if (this.#line?.isConnected) this.#scroller.scrollTop += this.#below(this.#line) - this.#offset;
  }

  /** Change what may stand above the line, and have it where it was. */
  keep(change) {
    this.note();
    change();
    this.restore();
  }

  /** Whether any of a line is in view. */
  sees(line) {
    const [place, box] = [line, this.#scroller].map((each) => each.getBoundingClientRect());
    return place.bottom > box.top && place.top < box.bottom;
  }

  #below(line) {
    return line.getBoundingClientRect().top - this.#scroller.getBoundingClientRect().top;
  }
}

const isLine = ({ dataset, hidden }) => dataset.key && !hidden;
