// <later-lines>: behind a station's lines of some time ago, the way to what it said after the last of them.

import { disable, set } from './dom.js';
import { said } from './said.js';
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
   */
  follow(path, store) {
    this.#shown = { path, store };
    set(this.state, '');
    this.hidden = !store.isPast;
  }

  async #more(shown) {
    const { path, store } = shown;
    disable(this.button, true);
    try {
      const { start_s: start } = store.lines.at(-1);
      const captions = await said(path, start, Infinity, STEP);
      if (this.#shown !== shown) return;
      const count = store.size;
      store.fillPast(captions);
      set(this.state, store.size > count ? '' : 'That is all so far. “Latest line” leads to what is being said.');
    } catch (error) {
      if (this.#shown === shown) set(this.state, `Later lines cannot be read. ${error.message}`);
    } finally {
      disable(this.button, false);
    }
  }
}

customElements.define('later-lines', LaterLines);
