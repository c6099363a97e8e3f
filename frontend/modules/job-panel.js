// <job-panel>: one recording: its progress, its captions as they come, and the files to take away.

import './caption-list.js';
import './recording-player.js';
import { admit, exists, request, token } from './api.js';
import { describe } from './connection-state.js';
import { correct } from './correcting.js';
import { entitle, make, notify, set } from './dom.js';
import { between, downloads } from './downloads.js';
import { languagesOf, SETTLED, shareOf, stateClass, stateOf } from './job-words.js';
import { LiveSocket } from './live.js';
import { isReached, leaveMoment, lineAt, momentAddress } from './moment.js';
import { CaptionStore } from './store.js';
import { clock, duration } from './times.js';

/** Time between looks at a job that is not settled, in milliseconds. */
const POLL_MS = 1000;

/** Lines that are shown at most, the newest: some hours of speech. Of more, each key that is pressed would be slow. */
const SHOWN = 5000;

/** Dispatches `settled` when a job that was followed has come to its end, `missing` if there is none, `removed`. */
class JobPanel extends HTMLElement {
  #id = '';
  #socket = null;
  #timer = 0;
  #store = null;
  #sought = null; // the moment that is to be shown, and is not yet, in seconds
  #shown = ''; // its state as it was last shown; empty when it has just been opened

  disconnectedCallback() {
    this.close();
  }

  #build() {
    this.name = make('h2');
    this.facts = make('p.facts');
    this.state = make('span', { role: 'status' });
    this.share = make('span');
    this.stateLine = make('p.state', {}, this.state, this.share);
    this.progress = make('progress', { max: 1, hidden: true, 'aria-label': 'Captioned' });
    this.links = make('p.downloads', { 'aria-label': 'Take the captions away', role: 'group' });
    this.remove_ = make('button.quiet', { type: 'button', hidden: true });
    this.connection = make('p.connection', { role: 'status' });
    this.earlier = make('p.earlier', { hidden: true });
    this.captions = make('caption-list', { 'data-empty': '' });
    this.player = make('recording-player');
    this.captions.addEventListener('editing', () => {
      this.player.pause(); // the line's time plays it again
      if (!token.get()) admit().catch(() => {}); // who has none is asked again when it is saved
    });
    this.captions.link(({ start_s: start }) => momentAddress(`jobs/${this.#id}`, start));
    this.captions.addEventListener('latest', leaveMoment);
    this.player.addEventListener('opened', () => this.captions.lead(({ start_s: start }) => this.player.seek(start)));
    this.player.addEventListener('closed', () => this.captions.lead(null));
    this.player.addEventListener('place', ({ detail: { seconds } }) => this.captions.mark(seconds));
    this.remove_.addEventListener('click', () => this.#remove());
    this.replaceChildren(make('section.stage', { 'aria-label': 'Recording' },
      make('header', {}, this.name, this.facts, make('div.row', {}, this.stateLine, this.progress), make('div.row', {}, this.links, this.remove_)),
      this.player, this.connection, this.earlier, this.captions));
  }

  /**
   * @param {string} id of the job to show
   * @param {File} file of the recording, if the page has it
   * @param {number | null} at a moment in it, in seconds, whose line is to be shown
   */
  open(id, file, at = null) {
    this.#sought = at;
    if (id === this.#id) {
      if (at === null) this.#leave();
      this.#seek();
      return;
    }
    this.close();
    this.#build(); // nothing of the job before may stand there until the answer comes
    this.#id = id;
    this.#shown = '';
    const store = new CaptionStore(SHOWN);
    this.#store = store;
    let gone = 0;
    store.addEventListener('removed', () => {
      gone += 1;
      set(this.earlier, `${gone === 1 ? 'One earlier line is' : `${gone} earlier lines are`} not shown here. The files to take away have all.`);
      this.earlier.hidden = false;
    });
    this.captions.correct((line, text) => this.#correct(store, line, text));
    this.captions.show(store, false);
    store.addEventListener('line', ({ detail: { line } }) => {
      if (this.#shown === 'waiting') this.#poll(); // it waits no longer
      if (this.#sought !== null && this.#shown && isReached(line, this.#sought)) this.#seek();
    });
    store.addEventListener('ended', () => this.#seek());
    if (file) this.player.play(file);
    this.#poll();
    const path = `/jobs/${encodeURIComponent(id)}`;
    this.#socket = new LiveSocket(`${path}/live`, store, { exists: () => exists(path) });
    this.#socket.addEventListener('change', () => this.#socket?.state === 'ended' && this.#poll());
    describe(this.#socket, this.connection);
    this.#socket.open();
  }

  /** Stop following it. */
  close() {
    clearTimeout(this.#timer);
    this.#socket?.close();
    this.#socket = null;
    this.#id = '';
  }

  /** Show the line of the moment that was asked for, if it has come, or say that none will. */
  #seek() {
    const { ended } = this.#store;
    if (this.#sought === null || !this.#shown || (SETTLED.has(this.#shown) && !ended)) return; // soon all is there
    const { lines } = this.#store;
    if (!ended && !(lines.length && isReached(lines.at(-1), this.#sought))) return;
    const line = lineAt(lines, this.#sought);
    if (line) this.captions.arrive(line);
    else {
      notify(`There is no line at ${clock(this.#sought)}.`);
      if (ended) this.captions.fromTop();
    }
    this.#sought = null;
  }

  /** From a line that was chosen to where the recording is read as it is opened. */
  #leave() {
    this.captions.leave();
    if (SETTLED.has(this.#shown)) this.captions.fromTop();
  }

  async #correct(store, line, text) {
    const id = this.#id;
    const around = between(line.start_s - 1, line.end_s + 1);
    await correct(`/jobs/${id}/captions`, line, text, (captions) => store.fill(captions), around);
    if (id === this.#id) this.player.renewSubtitles();
  }

  async #poll() {
    clearTimeout(this.#timer);
    const id = this.#id;
    try {
      const job = await request(`/jobs/${encodeURIComponent(id)}`);
      if (id !== this.#id) return;
      const before = this.#shown;
      this.#shown = job.state;
      if (SETTLED.has(job.state) && !before && this.#sought === null && !this.captions.hasChosen) this.captions.fromTop();
      this.#describe(job);
      this.#seek();
      if (job.state === 'finished') this.player.subtitle(job.urls.vtt, job.languages[0] ?? '');
      if (SETTLED.has(job.state)) {
        if (before && before !== job.state) this.dispatchEvent(new Event('settled'));
        return;
      }
    } catch (error) {
      if (id !== this.#id) return;
      if (error.status === 404) {
        this.dispatchEvent(new Event('missing'));
        return;
      }
      set(this.state, error.message);
      set(this.share, '');
    }
    this.#timer = setTimeout(() => this.#poll(), POLL_MS);
  }

  #describe(job) {
    set(this.name, job.filename || job.url);
    entitle(job.filename || job.url, 'File');
    const facts = [];
    if (job.duration_s) facts.push(duration(job.duration_s));
    if (job.codec) facts.push(job.codec);
    facts.push(job.detail, languagesOf(job), job.task === 'translate' ? 'translated into English' : '');
    set(this.facts, facts.filter(Boolean).join(' · '));
    set(this.state, stateOf(job));
    set(this.share, shareOf(job));
    this.stateLine.className = stateClass(job);
    this.progress.hidden = SETTLED.has(job.state);
    this.progress.value = job.progress;
    if (job.state === 'waiting') this.progress.removeAttribute('value');
    this.remove_.hidden = false;
    set(this.remove_, SETTLED.has(job.state) ? 'Remove recording' : 'Cancel');
    this.#describePlayer(job);
    this.captions.hint = this.#hint(job);
    this.#describeLinks(job);
  }

  /** There is nothing to listen along with, if there are no captions, nor will be. */
  #describePlayer({ state, languages }) {
    this.player.hidden = SETTLED.has(state) && state !== 'finished' && !languages.length;
    if (this.player.hidden) this.player.pause();
  }

  /** What stands in the place of captions; nothing while those that there are come. */
  #hint({ state, languages }) {
    if (languages.length) return '';
    if (!SETTLED.has(state)) return 'Captions appear here as they are made.';
    return 'There are no captions.';
  }

  /** Files are offered that have something in them: of a recording that failed midway, too. */
  #describeLinks(job) {
    const finished = job.state === 'finished';
    const offered = job.languages.length > 0;
    const state = `${job.id} ${finished} ${offered}`;
    if (this.links.dataset.state === state) return; // a link that is replaced loses the focus
    this.links.dataset.state = state;
    const stem = (job.filename || job.id).replace(/\.[^.]*$/, '');
    this.links.replaceChildren(...(offered ? [finished ? 'Take away: ' : 'So far: ', ...downloads(job.urls, stem)] : []));
  }

  async #remove() {
    const question = this.#question();
    if (question && !confirm(question)) return;
    try {
      await request(`/jobs/${this.#id}`, { method: 'DELETE' });
      this.dispatchEvent(new Event('removed'));
    } catch (error) {
      notify(`It was not removed. ${error.message}`);
    }
  }

  /** What is asked before captions go; empty, if there are none. */
  #question() {
    if (SETTLED.has(this.#shown)) return `Remove ${this.name.textContent} and its captions?`;
    return this.links.children.length ? `Cancel ${this.name.textContent}? Its captions so far go, too.` : '';
  }
}

customElements.define('job-panel', JobPanel);
