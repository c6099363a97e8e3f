// <caption-list>: shows the lines of a CaptionStore and follows the newest one unless the reader has scrolled away.

import './spoken-log.js';
import { showActivity } from './activity.js';
import { DayMarks } from './day-marks.js';
import { make } from './dom.js';
import { LineControls } from './line-controls.js';
import { isWithdrawn, writeText } from './line-text.js';
import { onUserScroll } from './user-scrolling.js';
import { ReadingPlace } from './reading-place.js';
import { clock, timeOfDay } from './times.js';
import { WakeLock } from './wake-lock.js';

/** Maximum distance from the end, in pixels, at which the reader is following. */
const NEAR_PX = 80;

/** Reading a phone involves no touches, so its screen is kept on for this long after each new line, in milliseconds. */
const READING_MS = 300_000;

/** Dispatches `latest` when the reader asks for the newest line, which the store may not have. */
export class CaptionList extends HTMLElement {
  scroller = make('div.lines', { role: 'group', tabIndex: 0, hidden: true, 'aria-label': 'Captions' });
  front = null; // an element before the lines that scrolls with them
  back = null; // an element after the lines
  #store = null;
  #listeners = null;
  #elements = new Map();
  #following = true;
  #followedPx = 0; // scrollTop when last scrolled to the latest line
  #target = ''; // 'top' or 'line' after going there, until the user scrolls
  #place = new ReadingPlace(this.scroller); // the reading position while not following
  /** Make a change above the current line without moving that line. */
  keepPlace = (change) => this.#place.keep(change);
  #windowWidth = 0; // at the last resize, in pixels
  #listWidth = 0; // at the last resize, in pixels
  #resized = null;
  #frame = 0; // the pending animation frame
  #time = clock;
  #marked = null; // the highlighted line: chosen, or being played
  #controls = new LineControls(this.scroller, this.#elements, (element) => this.#mark(element));
  #screen = new WakeLock();
  #days = new DayMarks(); // used if lines have a time of day

  constructor() {
    super();
    this.scroller.addEventListener('scroll', () => this.#scrolled());
    onUserScroll(this.scroller, () => this.#target = '');
  }

  connectedCallback() {
    this.empty = make('p.empty', { textContent: this.dataset.empty ?? 'No captions yet.' });
    this.spoken = make('spoken-log');
    this.latest = make('button.latest', { type: 'button', hidden: true, textContent: 'Latest line ↓' });
    this.latest.addEventListener('click', () => this.toLatest());
    this.now = make('p.now', { role: 'status' });
    this.replaceChildren(this.empty, this.scroller, this.now, this.latest, this.spoken);
    this.#resized = new ResizeObserver(() => this.#resize());
    this.#resized.observe(this.scroller);
    if (this.#store) this.show(this.#store, this.#time === timeOfDay);
  }

  disconnectedCallback() {
    this.#listeners?.abort();
    this.#resized.disconnect();
    this.#screen.release();
  }

  /**
   * @param {CaptionStore} store
   * @param {boolean} isUnixTime whether its times are Unix times
   */
  show(store, isUnixTime) {
    this.#store = store;
    this.#time = isUnixTime ? timeOfDay : clock;
    this.#controls.store = store;
    this.#controls.time = this.#time;
    this.#listeners?.abort();
    this.#listeners = new AbortController();
    const on = (type, handle) => store.addEventListener(type, (event) => handle(event.detail), { signal: this.#listeners.signal });
    on('line', ({ line, before, isOld }) => {
      this.#add(line, before, isOld);
      if (!isOld && matchMedia('(pointer: coarse)').matches) this.#screen.holdFor(READING_MS);
    });
    on('revised', ({ line }) => this.#revise(line));
    on('removed', ({ key }) => this.#remove(key));
    on('cleared', () => this.#clear());
    on('ended', () => this.#update());
    this.#clear();
    for (const line of store.lines) this.#add(line, null, true);
  }

  /** Start reading at the first line instead of following the newest. */
  fromTop() {
    this.#following = false;
    this.scroller.scrollTop = 0;
    this.#target = 'top';
    this.#place.note();
    this.#follow();
  }

  /**
   * Make the times of lines buttons that play them.
   * @param {((line: object) => void) | null} play
   * @param {(line: object) => boolean} isPlayable
   */
  enablePlayback(play, isPlayable = () => true) {
    this.#controls.enablePlayback(play, isPlayable);
    if (!play) this.mark(-1);
  }

  /**
   * Make the times of final lines that cannot be played links to themselves, which also set the page's address.
   * @param {(line: object) => string} address
   */
  enableLinks(address) {
    this.#controls.enableLinks(address);
  }

  /**
   * Allow final lines to be corrected; null disables it.
   * @param {((line: object, text: string) => Promise<void>) | null} save stores the corrected text of a line
   */
  enableCorrections(save) {
    this.#controls.enableCorrections(save);
  }

  /** Select a line, scroll to it and focus it. */
  goTo(line) {
    const element = this.#elements.get(line.key);
    this.#controls.choose(line);
    this.#mark(null); // the line marked before may be out of view
    this.#mark(element);
    element.scrollIntoView({ block: 'nearest' }); // the list itself may be partly out of view
    this.#target = 'line';
    element.tabIndex = -1;
    element.focus({ preventScroll: true }); // screen readers read it, and Tab continues from there
  }

  /** Highlight the line at a playback position, and keep it in view unless the reader has scrolled away from it. */
  mark(seconds) {
    const line = this.#store?.lines.findLast(({ kind, text, start_s: start }) => kind === 'caption' && text && start <= seconds);
    this.#mark(line ? this.#elements.get(line.key) : null);
  }

  #mark(element) {
    const previous = this.#marked;
    if (element === previous) return;
    previous?.removeAttribute('aria-current');
    element?.setAttribute('aria-current', 'true');
    this.#marked = element;
    this.#controls.roving.prefer(element);
    if (!element || this.#controls.isEditing) return;
    this.#following = false; // following would scroll away from it
    const { top, bottom, height } = this.scroller.getBoundingClientRect();
    const place = element.getBoundingClientRect();
    if ((!previous || this.#place.isInView(previous)) && (place.top < top || place.bottom > bottom)) this.scroller.scrollTop += place.top - top - height / 3;
    this.#place.note();
  }

  /** Playback has ended: stay at this position, and follow the newest line if it is near. */
  endPlayback() {
    this.mark(-1);
    this.#scrolled();
  }

  /** Go to the newest line and follow it. */
  toLatest() {
    this.clearChosen();
    this.scroller.focus({ preventScroll: true });
    this.dispatchEvent(new Event('latest'));
  }

  /** Deselect the chosen line, if any, and follow the newest again. */
  clearChosen() {
    this.#controls.clearChosen();
    this.#mark(null);
    this.#target = '';
    this.#following = !this.#store?.isPast;
    this.#follow();
  }

  get hasChosen() {
    return this.#controls.hasChosen;
  }

  /** Placeholder text while there are no lines; empty while that is unknown. */
  set hint(text) {
    this.empty.textContent = text;
    this.empty.hidden = !text || this.#elements.size > 0;
  }

  /** The current activity as in a status: speech, music or silence. Shown below the newest line. */
  set activity(name) {
    showActivity(this.now, name);
  }

  #add(line, before, old = false) {
    const element = make('p', { 'data-key': String(line.key) }, make('time'), make('span.text'));
    this.#elements.set(line.key, element);
    this.#write(element, line, old);
    this.#controls.roving.change(element, () => this.scroller.insertBefore(element, before === null ? this.back : this.#elements.get(before)));
    this.#markDay(element, line);
    this.#update();
  }

  #revise(line) {
    const element = this.#elements.get(line.key);
    this.#controls.roving.change(element, () => this.#write(element, line));
    this.#markDay(element, line);
    this.#update();
  }

  #markDay(element, line) {
    if (this.#time !== timeOfDay || line.kind === 'missed') return;
    if (isWithdrawn(line)) this.#days.remove(element);
    else this.#days.note(element, line.start_s);
  }

  #write(element, line, old = false) {
    const [time, text] = element.children;
    const provisional = line.kind === 'caption' && !line.final;
    element.className = provisional ? 'provisional' : line.kind;
    element.hidden = isWithdrawn(line) && !('edited' in element.dataset); // keep a withdrawn line while the user is editing it
    writeText(text, line);
    if (line.kind === 'missed') return;
    time.textContent = this.#time(line.start_s);
    if (line.final && !old) {
      if (line.kind === 'gap') this.spoken.announce(text.textContent);
      else if (line.text) this.spoken.announce(line.text, { lang: text.lang });
    }
    this.#controls.update(element, line);
  }

  #remove(key) {
    const element = this.#elements.get(key);
    this.#days.remove(element);
    this.#controls.roving.change(element, () => element.remove());
    this.#elements.delete(key);
    this.#update();
  }

  #clear() {
    this.#controls.clearChosen();
    this.#controls.roving.clear();
    this.#days.clear();
    this.#elements.clear();
    this.#marked = null;
    this.scroller.replaceChildren(...[this.front, this.back].filter(Boolean));
    this.spoken.replaceChildren();
    this.#following = !this.#store?.isPast;
    this.#target = '';
    this.#update();
  }

  #update() {
    this.empty.hidden = !this.empty.textContent || this.#elements.size > 0;
    this.scroller.hidden = this.#elements.size === 0 && document.activeElement !== this.scroller; // keep the focus, as lines may arrive again
    this.#frame ||= requestAnimationFrame(() => { // scroll once per frame, not once per line
      this.#frame = 0;
      this.#follow();
    });
  }

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight, clientWidth } = this.scroller;
    if (clientWidth !== this.#listWidth) return; // Firefox dispatches `scroll` before the resize is observed
    // Not following any more only if the user scrolled back: new lines, or earlier ones that became shorter, do not count.
    // A line that the user was taken to may be near the end, or moved there by new lines: that does not start following.
    const isNear = !this.#target && scrollHeight - scrollTop - clientHeight < NEAR_PX;
    this.#following = !this.#store?.isPast && (isNear || (this.#following && scrollTop > this.#followedPx - NEAR_PX));
    this.#offerLatest();
    this.#place.note();
  }

  /** Lines rewrap when the width changes; keep the same lines in view. */
  #resize() {
    this.#listWidth = this.scroller.clientWidth;
    if (!this.#following) this.#place.restore();
    this.#follow();
    if (this.#windowWidth && this.#windowWidth !== innerWidth) this.scroller.scrollIntoView({ block: 'nearest' }); // in the narrow layout, the list may have moved out of view
    this.#windowWidth = innerWidth;
  }

  #follow() {
    if (this.#following && !this.#controls.isEditing) {
      this.scroller.scrollTop = this.scroller.scrollHeight;
      this.#followedPx = this.scroller.scrollTop;
    } else if (this.#target === 'top' && !this.#marked) this.#controls.roving.prefer(this.scroller.querySelector('p:not([hidden])')); // for Tab
    this.#offerLatest();
  }

  /** Offer to go to the latest line, but not if the source has ended. */
  #offerLatest() {
    const { scrollHeight, clientHeight } = this.scroller;
    const isUseless = this.#following || this.#store?.ended || scrollHeight <= clientHeight;
    this.latest.hidden = isUseless && !this.#store?.isPast;
  }
}

customElements.define('caption-list', CaptionList);
