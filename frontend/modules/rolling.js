// What of a CaptionStore stands on a screen of a few lines: the newest, which come one below the other. Pure.
//
// A chunk brings several lines at once. Each stays as long as its reader needs, while those behind it wait.

/** Time from one line to the next, in milliseconds: the lines of 5 s of fast speech, three, have come before the next. */
const PAUSE_MS = 1300;

/** So many lines may wait; of more, as after a break, the newest alone are shown. */
const WAITING = 6;

export class Rolling {
  #count;
  #place = 0; // the line that came last: its caption's place, and which of its lines it is
  #index = 0;
  #gone = 0; // the place up to which nothing is shown any more
  #nextMs = 0; // when the next line may come

  /** @param {number} count of lines on the screen */
  constructor(count) {
    this.#count = count;
  }

  /**
   * What stands there now, and when another line comes, in milliseconds; null: nothing waits.
   * @param {object[]} lines of a CaptionStore
   * @returns {{shown: {text: string, language: string | null, final: boolean}[], nextMs: number | null}}
   */
  show(lines, nowMs) {
    const broken = lines
      .filter(({ kind, text, place }) => kind === 'caption' && text && place > this.#gone)
      .flatMap(({ place, lines: texts, language, final }) => texts.map((text, index) => ({ place, index, text, language, final })));
    const waiting = broken.filter((line) => !this.#hasCome(line));
    if (waiting.length && nowMs >= this.#nextMs) {
      const { place, index } = waiting.length > WAITING ? waiting.at(-1) : waiting[0];
      this.#place = place;
      this.#index = index;
      this.#nextMs = nowMs + PAUSE_MS;
    }
    const come = broken.filter((line) => this.#hasCome(line));
    return { shown: come.slice(-this.#count), nextMs: come.length < broken.length ? this.#nextMs : null };
  }

  /** Nothing of what has come is shown any more. */
  clear() {
    this.#gone = this.#place;
  }

  /** Places count from 1 again. What is kept of the source may come at once: its oldest line must not be the first. */
  begin(nowMs) {
    this.#place = this.#index = this.#gone = 0;
    this.#nextMs = nowMs + PAUSE_MS;
  }

  #hasCome({ place, index }) {
    return place < this.#place || (place === this.#place && index <= this.#index);
  }
}
