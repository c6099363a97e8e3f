// <earlier-lines>: in front of a station's lines, the way to what it said before the first of them.

import { set } from './dom.js';
import { oldestBefore, saidBefore } from './said.js';
import { when } from './times.js';
import { WayToLines } from './way-to-lines.js';

/** So much is added at a time, in seconds. */
const STEP_S = 300;

/** Lines that are shown at most, once earlier ones have come: of more, each key that is pressed would be slow. */
const MOST = 5000;

/** What is told where more are not shown. */
const SEARCH = 'Search finds what was said before.';

class EarlierLines extends WayToLines {
  static label = 'Earlier lines';
  #shown = null; // what it stands in front of

  more() {
    if (!this.#shown.isBusy) this.#more(this.#shown);
  }

  /**
   * Lead to what was said before the lines of a store.
   * @param {string} path of the station's captions
   * @param {CaptionStore} store
   * @param {CaptionList} list that shows it, with this in front
   */
  follow(path, store, list) {
    // `oldest` is the first caption that is kept, as it was `asked` for before one line; `back`, how far back there are
    // none before the first line.
    const shown = { path, store, list, asked: null, isAsking: false, isBusy: false, oldest: null, back: Infinity };
    this.#shown = shown;
    set(this.state, '');
    store.addEventListener('line', () => this.#offer(shown));
    for (const type of ['removed', 'cleared']) store.addEventListener(type, () => this.#lose(shown));
    this.#offer(shown);
  }

  /** The first line is another one, perhaps: what was told of the one before is over. */
  #lose(shown) {
    if (this.#shown !== shown) return;
    shown.back = Infinity;
    shown.asked = null;
    if (!shown.isBusy) set(this.state, isFull(shown.store) ? SEARCH : '');
    this.#offer(shown);
  }

  /** Be there, if anything was said before. */
  #offer(shown) {
    if (this.#shown !== shown) return;
    const { first } = shown.store;
    // Where nothing was said before the first line, something is once the list is full and that line has gone.
    if (first && !shown.oldest && !shown.isAsking && shown.asked !== first.key) this.#ask(shown, first);
    this.button.hidden = !first || !shown.oldest || !shown.store.isBefore(shown.oldest) || isFull(shown.store);
    this.hidden = this.button.hidden && !this.state.textContent;
  }

  async #ask(shown, first) {
    shown.isAsking = true;
    shown.asked = first.key;
    try {
      shown.oldest = await oldestBefore(shown.path, shown.store.before);
    } catch {
      shown.oldest = { id: -Infinity, start_s: -Infinity }; // nobody knows: whoever asks for more is told why there is none
    }
    shown.isAsking = false;
    this.#offer(shown);
  }

  async #more(shown) {
    const { store, list } = shown;
    shown.isBusy = true;
    list.keepPlace(() => set(this.state, 'Looking for earlier lines…'));
    try {
      const { captions, from } = await this.#find(shown);
      if (this.#shown !== shown) return;
      const isFocused = document.activeElement === this.button;
      list.keepPlace(() => {
        const count = store.size;
        if (store.first) store.fillBefore(captions, MOST);
        this.#offer(shown);
        this.#tell(store, store.size - count, from);
      });
      if (isFocused && (captions.length || this.button.hidden)) list.scroller.focus({ preventScroll: true }); // the button is out of sight
    } catch (error) {
      if (this.#shown === shown) set(this.state, `Earlier lines cannot be read. ${error.message}`);
    } finally {
      shown.isBusy = false;
    }
  }

  /** What was said before the first line, whichever that is when the answer comes: a full list drops one with each that is new. */
  async #find(shown) {
    const { path, store, oldest: { start_s: beginning } } = shown;
    const { key } = store.first;
    const found = await saidBefore(path, Math.min(store.before, shown.back), STEP_S, beginning, (caption) => store.isBefore(caption));
    if (!store.first) return { captions: [], from: found.from }; // they have all gone
    if (store.first.key !== key && this.#shown === shown) return this.#find(shown);
    const { captions, from } = found;
    shown.back = captions.length ? Infinity : from;
    if (!captions.length && from <= beginning) shown.oldest = null; // it has expired
    return found;
  }

  /** Say what has come: the lines themselves are not read out. */
  #tell(store, count, from) {
    const none = isFull(store) ? SEARCH : 'Nothing from before is kept.';
    const found = count ? `${count === 1 ? 'One earlier line' : `${count} earlier lines`}, from ${when(store.first.start_s)} on.` : '';
    const missing = this.button.hidden ? `${found} ${none}` : found || `There are no lines from ${when(from)} on. Ask again for what was said before.`;
    set(this.state, store.first ? missing.trim() : '');
    this.hidden = this.button.hidden && !this.state.textContent;
  }
}

const isFull = ({ size }) => size >= MOST;

customElements.define('earlier-lines', EarlierLines);
