// Rolling captions: which lines of a CaptionStore are on a screen of a few lines. Pure.
//
// Several lines arrive at once with each chunk. They are shown one at a time, so that each can be read.

/** Interval between lines, in milliseconds: 5 s of fast speech, three lines, are shown before the next chunk arrives. */
const PAUSE_MS = 1300;

/** Maximum number of waiting lines; if there are more, as after an interruption, skip to the newest. */
const MAX_WAITING = 6;

export class Rolling {
  #count;
  #place = 0; // place of the caption whose line was shown last
  #index = 0; // index of that line in its caption
  #clearedPlace = 0; // captions up to this place are no longer shown …
  #clearedText = null; // … unless the last one was not final and has another text now
  #nextMs = 0; // when the next line may be shown

  /** @param {number} count number of lines on the screen */
  constructor(count) {
    this.#count = count;
  }

  /**
   * The lines to show now, and when to show the next one, in milliseconds; null if none is waiting.
   * @param {object[]} lines of a CaptionStore
   * @returns {{shown: {text: string, language: string | null, final: boolean}[], nextMs: number | null}}
   */
  show(lines, nowMs) {
    const isCleared = ({ place, text }) => place < this.#clearedPlace || (place === this.#clearedPlace && [null, text].includes(this.#clearedText));
    const broken = lines
      .filter((line) => line.kind === 'caption' && line.text && !isCleared(line))
      .flatMap(({ place, lines: texts, language, final }) => texts.map((text, index) => ({ place, index, text, language, final })));
    const waiting = broken.filter((line) => !this.#isShown(line));
    if (waiting.length && nowMs >= this.#nextMs) {
      const { place, index } = waiting.length > MAX_WAITING ? waiting.at(-1) : waiting[0];
      this.#place = place;
      this.#index = index;
      this.#nextMs = nowMs + PAUSE_MS;
    }
    const visible = broken.filter((line) => this.#isShown(line));
    return { shown: visible.slice(-this.#count), nextMs: visible.length < broken.length ? this.#nextMs : null };
  }

  /** Clear the screen. A line that was not final is shown again when it goes on. @param {object[]} lines of the CaptionStore */
  clear(lines) {
    this.#clearedPlace = this.#place;
    const last = lines.find(({ place }) => place === this.#place);
    this.#clearedText = last && !last.final ? last.text : null;
  }

  /** Places count from 1 again. Waits a moment, since older captions may arrive at once and the oldest must not be shown first. */
  restart(nowMs) {
    this.#place = this.#index = this.#clearedPlace = 0;
    this.#clearedText = null;
    this.#nextMs = nowMs + PAUSE_MS;
  }

  #isShown({ place, index }) {
    return place < this.#place || (place === this.#place && index <= this.#index);
  }
}
