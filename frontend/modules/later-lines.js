// <later-lines>: behind a station's lines of some time ago, the way to what it said after the last of them.

import { disable, set } from './dom.js';
import { said } from './said.js';
import { when } from './times.js';
import { WayToLines } from './way-to-lines.js';

/** So many lines are added at a time. */
const STEP = 100;

class LaterLines extends WayToLines {
  static label = 'Later lines';
  #shown = null; // what it stands behind

  more() {
    this.#more(this.#shown);
  }

  /**
   * @param {string} path of the station's captions
   * @param {CaptionStore} store
   * @param {CaptionList} list that shows it, with this behind
   */
  follow(path, store, list) {
    this.#shown = { path, store, list };
    set(this.state, '');
    this.hidden = !store.isPast;
  }

  async #more(shown) {
    const { path, store, list } = shown;
    const isFocused = document.activeElement === this.button;
    disable(this.button, true);
    try {
      const { start_s: start } = store.lines.at(-1);
      const captions = await said(path, start, Infinity, STEP);
      if (this.#shown !== shown) return;
      const before = store.lines.at(-1);
      list.keepPlace(() => store.fillPast(captions)); // a full list drops as many of its first lines
      const after = store.lines.at(-1);
      set(this.state, after === before ? 'That is all so far. “Latest line” leads to what is being said.' : `Later lines, until ${when(after.start_s)}.`);
      if (isFocused && after !== before) list.scroller.focus({ preventScroll: true }); // the button is out of sight
    } catch (error) {
      if (this.#shown === shown) set(this.state, `Later lines cannot be read. ${error.message}`);
    } finally {
      disable(this.button, false);
    }
  }
}

customElements.define('later-lines', LaterLines);
