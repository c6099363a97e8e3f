// <caption-list>: the lines of a CaptionStore, following the newest one unless the reader has scrolled away.

import './spoken-log.js';
import { sayActivity } from './activity.js';
import { DayMarks } from './day-marks.js';
import { make } from './dom.js';
import { LineControls } from './line-controls.js';
import { isWithdrawn, writeText } from './line-text.js';
import { onOwnScrolling } from './own-scrolling.js';
import { ReadingPlace } from './reading-place.js';
import { clock, timeOfDay } from './times.js';
import { WakeLock } from './wake-lock.js';

/** Distance from the end, in pixels, at which the reader still counts as following. */
const NEAR_PX = 80;

/** Who reads a telephone touches nothing; its screen stays on for so long behind the last line that came, in milliseconds. */
const READING_MS = 300_000;

/** Dispatches `latest`, when the reader leaves the line that was chosen for the newest, which may not be among the store's. */
export class CaptionList extends HTMLElement {
  scroller = make('div.lines', { role: 'group', tabIndex: 0, hidden: true, 'aria-label': 'Captions' });
  front = null; // what stands in front of the lines, and is scrolled with them
  back = null; // and what stands behind them
  #store = null;
  #listening = null;
  #elements = new Map();
  #following = true;
  #followed = 0; // where the scroller was put last, in pixels, to show the latest line
  #cameFor = ''; // what the reader was shown, the top or a line, until he scrolls himself
  #place = new ReadingPlace(this.scroller); // of the reader who does not follow
  /** Have the line that the reader is at stay where it is, whatever comes above it. */
  keepPlace = (change) => this.#place.keep(change);
  #width = 0; // of the window when it was last looked at
  #breadth = 0; // of the lines when they were last broken, in pixels
  #resized = null;
  #frame = 0; // in which what has come is laid out
  #time = clock;
  #marked = null; // the line that is said where a recording is played
  #controls = new LineControls(this.scroller, this.#elements, (element) => this.#mark(element));
  #screen = new WakeLock();
  #days = new DayMarks(); // among lines that have a time of day

  constructor() {
    super();
    this.scroller.addEventListener('scroll', () => this.#scrolled());
    onOwnScrolling(this.scroller, () => this.#cameFor = '');
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
    this.#listening?.abort();
    this.#resized.disconnect();
    this.#screen.release();
  }

  /**
   * @param {CaptionStore} store
   * @param {boolean} wall whether its times are Unix times
   */
  show(store, wall) {
    this.#store = store;
    this.#time = wall ? timeOfDay : clock;
    this.#controls.store = store;
    this.#controls.time = this.#time;
    this.#listening?.abort();
    this.#listening = new AbortController();
    const on = (type, hear) => store.addEventListener(type, (event) => hear(event.detail), { signal: this.#listening.signal });
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

  /** Read from the first line on, instead of following the newest. */
  fromTop() {
    this.#following = false;
    this.scroller.scrollTop = 0;
    this.#cameFor = 'top';
    this.#place.note();
    this.#follow();
  }

  /**
   * Have the time of each line lead somewhere.
   * @param {((line: object) => void) | null} go
   * @param {(line: object) => boolean} leads whether that of a line does
   */
  lead(go, leads = () => true) {
    this.#controls.play(go, leads);
    if (!go) this.mark(-1);
  }

  /**
   * Have final lines that lead to no sound lead to their address, which the page has then.
   * @param {(line: object) => string} address
   */
  link(address) {
    this.#controls.link(address);
  }

  /**
   * Have final lines corrected.
   * @param {((line: object, text: string) => Promise<void>) | null} save keeps another text of a line
   */
  correct(save) {
    this.#controls.correct(save);
  }

  /** Show a line to whoever came for it. */
  arrive(line) {
    const element = this.#elements.get(line.key);
    this.#controls.choose(line);
    this.#mark(null); // which may be out of sight
    this.#mark(element);
    element.scrollIntoView({ block: 'nearest' }); // the list itself may not be all in sight
    this.#cameFor = 'line';
    element.tabIndex = -1;
    element.focus({ preventScroll: true }); // it is read out, and Tab goes on from there
  }

  /** Mark the line that is said at a time, and keep it in view, unless the reader has scrolled away from it. */
  mark(seconds) {
    const line = this.#store?.lines.findLast(({ kind, text, start_s: start }) => kind === 'caption' && text && start <= seconds);
    this.#mark(line ? this.#elements.get(line.key) : null);
  }

  #mark(element) {
    const before = this.#marked;
    if (element === before) return;
    before?.removeAttribute('aria-current');
    element?.setAttribute('aria-current', 'true');
    this.#marked = element;
    this.#controls.roving.prefer(element);
    if (!element || this.#controls.isEditing) return;
    this.#following = false; // the newest line would come between
    const { top, bottom, height } = this.scroller.getBoundingClientRect();
    const place = element.getBoundingClientRect();
    if ((!before || this.#place.sees(before)) && (place.top < top || place.bottom > bottom)) this.scroller.scrollTop += place.top - top - height / 3;
    this.#place.note();
  }

  /** Nothing is played any more: the reader stays there, and follows the newest line where that is near. */
  release() {
    this.mark(-1);
    this.#scrolled();
  }

  /** Go to the newest line, and follow it. */
  toLatest() {
    this.leave();
    this.scroller.focus({ preventScroll: true });
    this.dispatchEvent(new Event('latest'));
  }

  /** Leave the line that was chosen, if one was, and follow the newest again. */
  leave() {
    this.#controls.leave();
    this.#mark(null);
    this.#cameFor = '';
    this.#following = !this.#store?.isPast;
    this.#follow();
  }

  get hasChosen() {
    return this.#controls.hasChosen;
  }

  /** What stands there while there is no line; nothing, if that is not known yet. */
  set hint(text) {
    this.empty.textContent = text;
    this.empty.hidden = !text || this.#elements.size > 0;
  }

  /** What is heard now, as a status says it: speech, music or silence. It stands below the newest line, not among them. */
  set activity(name) {
    sayActivity(this.now, name);
  }

  #add(line, before, old = false) {
    const element = make('p', { 'data-key': String(line.key) }, make('time'), make('span.text'));
    this.#elements.set(line.key, element);
    this.#write(element, line, old);
    this.#controls.roving.change(element, () => this.scroller.insertBefore(element, before === null ? this.back : this.#elements.get(before)));
    this.#date(element, line);
    this.#update();
  }

  #revise(line) {
    const element = this.#elements.get(line.key);
    this.#controls.roving.change(element, () => this.#write(element, line));
    this.#date(element, line);
    this.#update();
  }

  #date(element, line) {
    if (this.#time !== timeOfDay || line.kind === 'missed') return;
    if (isWithdrawn(line)) this.#days.remove(element);
    else this.#days.note(element, line.start_s);
  }

  #write(element, line, old = false) {
    const [time, text] = element.children;
    const provisional = line.kind === 'caption' && !line.final;
    element.className = provisional ? 'provisional' : line.kind;
    element.hidden = isWithdrawn(line) && !('edited' in element.dataset); // what is written there is not taken away by others
    writeText(text, line);
    if (line.kind === 'missed') return;
    time.textContent = this.#time(line.start_s);
    if (line.final && !old) {
      if (line.kind === 'gap') this.spoken.say(text.textContent);
      else if (line.text) this.spoken.say(line.text, { lang: text.lang });
    }
    this.#controls.offer(element, line);
  }

  #remove(key) {
    const element = this.#elements.get(key);
    this.#days.remove(element);
    this.#controls.roving.change(element, () => element.remove());
    this.#elements.delete(key);
    this.#update();
  }

  #clear() {
    this.#controls.leave();
    this.#controls.roving.clear();
    this.#days.clear();
    this.#elements.clear();
    this.#marked = null;
    this.scroller.replaceChildren(...[this.front, this.back].filter(Boolean));
    this.spoken.replaceChildren();
    this.#following = !this.#store?.isPast;
    this.#cameFor = '';
    this.#update();
  }

  #update() {
    this.empty.hidden = !this.empty.textContent || this.#elements.size > 0;
    this.scroller.hidden = this.#elements.size === 0 && document.activeElement !== this.scroller; // lines may come again
    this.#frame ||= requestAnimationFrame(() => { // a long replay is laid out once, not once a line
      this.#frame = 0;
      this.#follow();
    });
  }

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight, clientWidth } = this.scroller;
    if (clientWidth !== this.#breadth) return; // Firefox tells of a scroll before it tells of a width
    // Lines that came since the last one was scrolled to are not the reader's going back; nor is one that became shorter before.
    // And what he came for may be near the end, and be moved by what comes: that is not his going there.
    const isNear = !this.#cameFor && scrollHeight - scrollTop - clientHeight < NEAR_PX;
    this.#following = !this.#store?.isPast && (isNear || (this.#following && scrollTop > this.#followed - NEAR_PX));
    this.#offerLatest();
    this.#place.note();
  }

  /** Lines are broken anew where the page becomes narrower or wider: the reader is to find what was in view there still. */
  #resize() {
    this.#breadth = this.scroller.clientWidth;
    if (!this.#following) this.#place.restore();
    this.#follow();
    if (this.#width && this.#width !== innerWidth) this.scroller.scrollIntoView({ block: 'nearest' }); // a narrow page is a long one
    this.#width = innerWidth;
  }

  #follow() {
    if (this.#following && !this.#controls.isEditing) {
      this.scroller.scrollTop = this.scroller.scrollHeight;
      this.#followed = this.scroller.scrollTop;
    } else if (this.#cameFor === 'top' && !this.#marked) this.#controls.roving.prefer(this.scroller.querySelector('p:not([hidden])')); // for Tab
    this.#offerLatest();
  }

  /** Of what has ended, no line is the latest. */
  #offerLatest() {
    const { scrollHeight, clientHeight } = this.scroller;
    const isThere = this.#following || this.#store?.ended || scrollHeight <= clientHeight;
    this.latest.hidden = isThere && !this.#store?.isPast;
  }
}

customElements.define('caption-list', CaptionList);
