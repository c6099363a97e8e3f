// <in-context>: what was said around a caption that was found, opened where it stands, and files of it to take away.

import { heardFor } from './again-player.js';
import { request } from './api.js';
import { make } from './dom.js';
import { pieces } from './doubt.js';
import { between, downloads, filesOf } from './downloads.js';
import { marked } from './found.js';
import { lost } from './gaps.js';
import { RovingTabindex } from './roving-tabindex.js';
import { said } from './said.js';
import { isChosen, lead, TIME_BUTTON } from './time-button.js';
import { clock, duration, stamp, timeOfDay } from './times.js';

/** So much is shown before a caption and behind it, and added at a time, in seconds. */
const STEP_S = 120;

class InContext extends HTMLElement {
  #found = null;
  #shown = new Map(); // line by caption, in their order
  #step = STEP_S; // longer behind a step without captions
  #busy = false;
  #audio = ''; // where a station's audio is
  #heardFrom = Infinity; // what was said since this Unix time can be heard again

  /** @param {object} found as the search answers it */
  set found(found) {
    this.#found = found;
  }

  connectedCallback() {
    this.earlier = make('button', { type: 'button', textContent: 'Earlier' });
    this.later = make('button', { type: 'button', textContent: 'Later' });
    this.lines = make('div.lines', { tabIndex: 0, role: 'group', hidden: true, 'aria-label': 'Captions around it' });
    this.roving = new RovingTabindex(this.lines, TIME_BUTTON);
    this.again = make('again-player', { 'data-back': 'Stop' });
    this.again.addEventListener('place', ({ detail: { seconds } }) => this.#hear(seconds));
    this.again.addEventListener('over', () => this.#hear(-1));
    for (const type of ['back', 'left']) this.again.addEventListener(type, () => this.lines.focus({ preventScroll: true }));
    this.state = make('p.state', { role: 'status' });
    this.links = make('p.downloads', { role: 'group', 'aria-label': 'Take these captions away' });
    this.around = make('div.row', { hidden: true }, this.earlier, this.later);
    this.details = make('details', {}, make('summary', { textContent: 'In context' }), this.again, this.lines, this.around, this.state, this.links);
    this.replaceChildren(this.details);
    this.details.addEventListener('toggle', () => {
      if (this.details.open) this.#unfold();
      else this.again.stop();
    });
    for (const type of ['click', 'keydown']) this.lines.addEventListener(type, (event) => this.#chosen(event));
    this.earlier.addEventListener('click', () => this.#more(-1));
    this.later.addEventListener('click', () => this.#more(1));
  }

  /** Have all of it in sight: of the last that was found, it opens below the edge. Who has gone on meanwhile is left there. */
  async #unfold() {
    if (!this.#shown.size) await this.#open();
    const { top, bottom } = this.details.firstElementChild.getBoundingClientRect();
    if (this.details.open && bottom > 0 && top < innerHeight) this.details.scrollIntoView({ block: 'nearest' });
  }

  async #open() {
    const { start_s: start, end_s: end } = this.#found;
    if (this.#isStation) await this.#tune();
    if (!(await this.#add(start - STEP_S, end + STEP_S))) return;
    const line = this.lines.querySelector('[aria-current]');
    if (line) this.#scroll(line, 0.5);
    this.roving.prefer(line);
  }

  /** What was said lately can be heard again. */
  async #tune() {
    try {
      const station = await request(`/${this.#found.source}`);
      this.#audio = station.urls.audio;
      const kept = heardFor(station, station.status);
      this.#heardFrom = kept ? Date.now() / 1000 - kept : Infinity;
    } catch {
      // it is read, then
    }
  }

  #chosen(event) {
    if (!isChosen(event)) return;
    event.preventDefault();
    this.again.play(this.#audio, Number(event.target.dataset.start));
  }

  /** Mark the line that is heard; none, before all of them. */
  #hear(seconds) {
    const heard = [...this.#shown.values()].findLast(({ caption }) => caption.start_s <= seconds)?.line;
    for (const line of this.lines.children) line.classList.toggle('heard', line === heard);
  }

  /** @param {number} way -1 for what was said before, 1 for what was said after */
  async #more(way) {
    const lines = [...this.lines.children];
    const { start, end } = this.#time();
    const begins = way < 0 && start <= this.#step; // Unix times are far from that
    const added = begins && start <= 0 ? 0 : await (way < 0 ? this.#add(start - this.#step, start) : this.#add(end, end + this.#step));
    if (added) this.#scroll(way < 0 ? lines[0] : lines.at(-1), way < 0 ? 1 : 0); // where the reader was
    else if (added === 0 && begins) this.state.textContent = 'That is where the recording begins.';
    else if (added === 0) {
      this.state.textContent = `There are no captions from the ${duration(this.#step)} ${way < 0 ? 'before' : 'after'}.`;
      this.#step *= 2;
    }
  }

  /** Show the captions between two times; how many of them are new, or null if they cannot be read. */
  async #add(from, to) {
    if (this.#busy) return null;
    this.#busy = true;
    try {
      const fresh = (await said(this.#path, from, to)).filter((caption) => !this.#shown.has(keyOf(caption)));
      const before = this.#shown.size && fresh.length && fresh[0].start_s < this.#time().start;
      const lines = fresh.map((caption) => [keyOf(caption), { caption, line: this.#line(caption) }]);
      this.#shown = new Map(before ? [...lines, ...this.#shown] : [...this.#shown, ...lines]);
      this.roving.changeAll(() => this.lines[before ? 'prepend' : 'append'](...lines.map(([, { line }]) => line)));
      this.#describe();
      if (fresh.length) this.#step = STEP_S;
      return fresh.length;
    } catch (error) {
      this.state.textContent = error.message;
      return null;
    } finally {
      this.#busy = false;
    }
  }

  #describe() {
    this.lines.hidden = this.around.hidden = !this.#shown.size;
    if (!this.#shown.size) {
      this.state.textContent = 'It is no longer kept.';
      return;
    }
    const { start, end } = this.#time();
    this.state.textContent = `From ${this.#clock(start)} to ${this.#clock(end)}.`;
    const stem = `${this.#found.name.replace(/\.[^.]*$/, '')} ${this.#isStation ? stamp(start) : clock(start).replaceAll(':', '.')}`;
    this.links.replaceChildren('Take away: ', ...downloads(filesOf(this.#path, between(start, end)), stem));
  }

  #line(caption) {
    const { id, start_s: start, marks } = this.#found;
    const isFound = caption.id === id && caption.start_s === start;
    const time = make('time', { textContent: this.#clock(caption.start_s), 'data-start': String(caption.start_s) });
    lead(time, caption.start_s >= this.#heardFrom);
    const line = make(caption.content === 'gap' ? 'p.gap' : 'p.caption', {}, time);
    if (isFound) line.setAttribute('aria-current', 'true');
    const parts = isFound
      ? marked(caption.text, marks).map(([part, isMarked]) => (isMarked ? make('mark', { textContent: part }) : part))
      : pieces(caption.text, caption.words).map(({ text, doubtful }) => (doubtful ? make('span.doubtful', { textContent: text }) : text));
    line.append(caption.content === 'gap' ? make('span.text', { textContent: lost(caption) }) : make('span.text', { lang: caption.language ?? '' }, ...parts));
    return line;
  }

  /** From when to when what is shown was said. */
  #time() {
    const captions = [...this.#shown.values()].map(({ caption }) => caption);
    return { start: captions[0].start_s, end: captions.at(-1).end_s };
  }

  /** Put a line at a place of the box: 0 is its top, 1 its bottom. */
  #scroll(line, place) {
    const box = this.lines.getBoundingClientRect();
    const { top, height } = line.getBoundingClientRect();
    this.lines.scrollTop += top - box.top - place * (box.height - height);
  }

  get #path() {
    return `/${this.#found.source}/captions`;
  }

  get #isStation() {
    return this.#found.source.startsWith('stations/');
  }

  #clock(seconds) {
    return this.#isStation ? timeOfDay(seconds) : clock(seconds);
  }
}

const keyOf = ({ id, start_s: start }) => `${id} ${start}`;

customElements.define('in-context', InContext);
