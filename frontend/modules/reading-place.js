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
    this.#line = [...this.#scroller.children].find((each) => each.dataset.key && !each.hidden && this.#below(each) > -1) ?? null;
    this.#offset = this.#line ? this.#below(this.#line) : 0;
  }

  /** Have the line where it was, if it is there still. */
  restore() {
    if (this.#line?.isConnected) this.#scroller.scrollTop += this.#below(this.#line) - this.#offset;
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
