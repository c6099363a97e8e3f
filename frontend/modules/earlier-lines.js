// <earlier-lines>: above a station's lines, the button that loads what was said before the first of them.

import { captionsBefore, oldestBefore } from './caption-history.js';
import { setText } from './dom.js';
import { MoreLines } from './more-lines.js';
import { when } from './times.js';

/** How much is loaded at a time, in seconds. */
const STEP_S = 300;

/** Maximum number of lines once earlier ones are loaded: with more, each key press would be slow. */
const MAX_LINES = 5000;

/** Shown when the list is full. */
const SEARCH = 'Use Search to find anything earlier.';

class EarlierLines extends MoreLines {
  static label = 'Earlier lines';
  #target = null; // the list of lines that this extends

  more() {
    if (!this.#target.isBusy) this.#load(this.#target);
  }

  /**
   * Offer what was said before the lines of a store.
   * @param {string} path of the station's captions
   * @param {CaptionStore} store
   * @param {CaptionList} list that shows the store, with this element in front
   */
  follow(path, store, list) {
    // `oldest` is the oldest caption that is kept, checked when the line `checkedKey` was the first. `emptyFrom` is how far
    // back the time before the first line is known to have no captions.
    const target = { path, store, list, checkedKey: null, isChecking: false, isBusy: false, oldest: null, emptyFrom: Infinity };
    this.#target = target;
    setText(this.state, '');
    store.addEventListener('line', () => this.#update(target));
    for (const type of ['removed', 'cleared']) store.addEventListener(type, () => this.#onRemoved(target));
    this.#update(target);
  }

  /** The first line may be a different one now, so what is known about the time before it no longer holds. */
  #onRemoved(target) {
    if (this.#target !== target) return;
    target.emptyFrom = Infinity;
    target.checkedKey = null;
    if (!target.isBusy) setText(this.state, isFull(target.store) ? SEARCH : '');
    this.#update(target);
  }

  /** Show the button if there are earlier captions. */
  #update(target) {
    if (this.#target !== target) return;
    const { first } = target.store;
    // Even if nothing precedes the first line now, something will once the list is full and drops that line.
    if (first && !target.oldest && !target.isChecking && target.checkedKey !== first.key) this.#findOldest(target, first);
    this.button.hidden = !first || !target.oldest || !target.store.isBefore(target.oldest) || isFull(target.store);
    this.hidden = this.button.hidden && !this.state.textContent;
  }

  async #findOldest(target, first) {
    target.isChecking = true;
    target.checkedKey = first.key;
    try {
      target.oldest = await oldestBefore(target.path, target.store.before);
    } catch {
      target.oldest = { id: -Infinity, start_s: -Infinity }; // unknown: show the button, which reports the error when used
    }
    target.isChecking = false;
    this.#update(target);
  }

  async #load(target) {
    const { store, list } = target;
    target.isBusy = true;
    list.keepPlace(() => setText(this.state, 'Loading earlier lines…'));
    try {
      const { captions, from } = await this.#find(target);
      if (this.#target !== target) return;
      const isFocused = document.activeElement === this.button;
      list.keepPlace(() => {
        const count = store.size;
        if (store.first) store.fillBefore(captions, MAX_LINES);
        this.#update(target);
        this.#showCount(store, store.size - count, from);
      });
      if (isFocused && (captions.length || this.button.hidden)) list.scroller.focus({ preventScroll: true }); // the button is out of view
    } catch (error) {
      if (this.#target === target) setText(this.state, `Could not load earlier lines. ${error.message}`);
    } finally {
      target.isBusy = false;
    }
  }

  /** Captions before the line that is first when the response arrives: a full list drops one line for each new one. */
  async #find(target) {
    const { path, store, oldest: { start_s: beginning } } = target;
    const { key } = store.first;
    const result = await captionsBefore(path, Math.min(store.before, target.emptyFrom), STEP_S, beginning, (caption) => store.isBefore(caption));
    if (!store.first) return { captions: [], from: result.from }; // all lines have been removed
    if (store.first.key !== key && this.#target === target) return this.#find(target);
    const { captions, from } = result;
    target.emptyFrom = captions.length ? Infinity : from;
    if (!captions.length && from <= beginning) target.oldest = null; // it has expired
    return result;
  }

  /** Announce how many lines were loaded; screen readers do not read the lines themselves. */
  #showCount(store, count, from) {
    const none = isFull(store) ? SEARCH : 'No earlier lines are kept.';
    const loaded = count ? `${count === 1 ? '1 earlier line' : `${count} earlier lines`} loaded, back to ${when(store.first.start_s)}.` : '';
    const text = this.button.hidden ? `${loaded} ${none}` : loaded || `No lines back to ${when(from)}. Press again to look further back.`;
    setText(this.state, store.first ? text.trim() : '');
    this.hidden = this.button.hidden && !this.state.textContent;
  }
}

const isFull = ({ size }) => size >= MAX_LINES;

customElements.define('earlier-lines', EarlierLines);
