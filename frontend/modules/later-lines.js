// <later-lines>: below a station's older lines, the button that loads what was said after the last of them.

import { captionsBetween } from './caption-history.js';
import { disable, setText } from './dom.js';
import { MoreLines } from './more-lines.js';
import { when } from './times.js';

/** How many lines are loaded at a time. */
const STEP = 100;

class LaterLines extends MoreLines {
  static label = 'Later lines';
  #target = null; // the list of lines that this extends

  more() {
    this.#load(this.#target);
  }

  /**
   * @param {string} path of the station's captions
   * @param {CaptionStore} store
   * @param {CaptionList} list that shows the store, with this element at the end
   */
  follow(path, store, list) {
    this.#target = { path, store, list };
    setText(this.state, '');
    this.hidden = !store.isPast;
  }

  async #load(target) {
    const { path, store, list } = target;
    const isFocused = document.activeElement === this.button;
    disable(this.button, true);
    try {
      const { start_s: start } = store.lines.at(-1);
      const captions = await captionsBetween(path, start, Infinity, STEP);
      if (this.#target !== target) return;
      const before = store.lines.at(-1);
      list.keepPlace(() => store.fillPast(captions)); // a full list drops as many lines from its start
      const after = store.lines.at(-1);
      setText(this.state, after === before ? 'No later lines yet. Press “Latest line” to return to the live captions.' : `Later lines loaded, up to ${when(after.start_s)}.`);
      if (isFocused && after !== before) list.scroller.focus({ preventScroll: true }); // the button is out of view
    } catch (error) {
      if (this.#target === target) setText(this.state, `Could not load later lines. ${error.message}`);
    } finally {
      disable(this.button, false);
    }
  }
}

customElements.define('later-lines', LaterLines);
