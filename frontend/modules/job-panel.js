// <job-panel>: one recording: its progress, its captions as they arrive, and download links.

import './caption-list.js';
import './recording-player.js';
import { ensureToken, exists, request, token } from './api.js';
import { showConnection } from './connection-state.js';
import { correct } from './correcting.js';
import { make, notify, setText, setTitle } from './dom.js';
import { between, downloads } from './downloads.js';
import { languagesOf, progressOf, SETTLED, stateClass, stateOf } from './job-status.js';
import { LiveSocket } from './live.js';
import { isReached, leaveMoment, lineAt, momentAddress } from './moment.js';
import { CaptionStore } from './store.js';
import { clock, duration } from './times.js';

/** Poll interval of a job that is not settled, in milliseconds. */
const POLL_MS = 1000;

/** Number of lines shown, the newest ones: some hours of speech. With more, each key press would be slow. */
const MAX_LINES = 5000;

/** How often to check whether the requested moment is in the first half of the lines, in dropped lines. */
const CHECK_EVERY = 100;

/** Dispatches `settled` when the job reaches a final state, `missing` if it does not exist, and `removed`. */
class JobPanel extends HTMLElement {
  #id = '';
  #socket = null;
  #timer = 0;
  #store = null;
  #momentS = null; // the moment to go to once its line has arrived, in seconds
  #shownState = ''; // the state last shown; empty just after opening
  #dropped = 0; // lines that are not shown because later ones are

  disconnectedCallback() {
    this.close();
  }

  #build() {
    this.name = make('h2');
    this.facts = make('p.facts');
    this.state = make('span', { role: 'status' });
    this.share = make('span');
    this.stateLine = make('p.state', {}, this.state, this.share);
    this.progress = make('progress', { max: 1, hidden: true, 'aria-label': 'Progress' });
    this.links = make('p.downloads', { 'aria-label': 'Download captions', role: 'group' });
    this.remove_ = make('button.quiet', { type: 'button', hidden: true });
    this.connection = make('p.connection', { role: 'status' });
    this.earlier = make('p.earlier', { hidden: true });
    this.captions = make('caption-list', { 'data-empty': '' });
    this.player = make('recording-player');
    this.captions.addEventListener('editing', () => {
      this.player.pause(); // clicking the line's time resumes it
      if (!token.get()) ensureToken().catch(() => {}); // without one, saving prompts again
    });
    this.captions.enableLinks(({ start_s: start }) => momentAddress(`jobs/${this.#id}`, start));
    this.captions.addEventListener('latest', () => this.#toLatest());
    this.player.addEventListener('opened', () => this.captions.enablePlayback(({ start_s: start }) => this.player.seek(start)));
    this.player.addEventListener('closed', () => this.captions.enablePlayback(null));
    this.player.addEventListener('position', ({ detail: { seconds } }) => this.captions.mark(seconds));
    this.remove_.addEventListener('click', () => this.#remove());
    this.replaceChildren(make('section.stage', { 'aria-label': 'Recording' },
      make('header', {}, this.name, this.facts, make('div.row', {}, this.stateLine, this.progress), make('div.row', {}, this.links, this.remove_)),
      this.player, this.connection, this.earlier, this.captions));
  }

  /**
   * @param {string} id of the job to show
   * @param {File} file the recording itself, if the page has it
   * @param {number | null} at a position whose line is to be shown, in seconds
   */
  open(id, file, at = null) {
    this.#momentS = at;
    if (id === this.#id && this.#isLoaded(at)) {
      if (at === null) this.#clearMoment();
      this.#goToMoment();
      return;
    }
    const own = file ?? (id === this.#id ? this.player.file : null); // one that was opened with "Listen along" stays open
    this.close();
    this.#build(); // a new panel, so that nothing of the previous job is shown until the response arrives
    this.#id = id;
    this.#shownState = '';
    const store = new CaptionStore(MAX_LINES);
    this.#store = store;
    this.#dropped = 0;
    store.addEventListener('removed', () => {
      this.#dropped += 1;
      this.#describeOmitted();
      if (this.#momentS !== null && this.#dropped % CHECK_EVERY === 0) this.#stopAtMoment(store.lines);
    });
    store.addEventListener('cleared', () => {
      this.#dropped = 0;
      this.earlier.hidden = true;
    });
    this.captions.enableCorrections((line, text) => this.#correct(store, line, text));
    this.captions.show(store, false);
    store.addEventListener('line', ({ detail: { line } }) => {
      if (this.#shownState === 'waiting') this.#poll(); // it is running now
      if (this.#momentS !== null && this.#shownState && isReached(line, this.#momentS)) this.#goToMoment();
    });
    store.addEventListener('ended', () => this.#goToMoment());
    if (own) this.player.play(own);
    this.#poll();
    const path = `/jobs/${encodeURIComponent(id)}`;
    this.#socket = new LiveSocket(`${path}/live`, store, { exists: () => exists(path) });
    this.#socket.addEventListener('change', () => this.#socket?.state === 'ended' && this.#poll());
    showConnection(this.#socket, this.connection);
    this.#socket.open();
  }

  /** Stop following the job. */
  close() {
    clearTimeout(this.#timer);
    this.#socket?.close();
    this.#socket = null;
    this.#id = '';
  }

  /** Go to the requested moment if its line has arrived, or report that there is none. */
  #goToMoment() {
    const ended = this.#store.ended || this.#store.isPast;
    if (this.#momentS === null || !this.#shownState || (SETTLED.has(this.#shownState) && !ended)) return; // the rest arrives soon
    const { lines } = this.#store;
    if (!ended && !(lines.length && isReached(lines.at(-1), this.#momentS))) return;
    const line = lineAt(lines, this.#momentS);
    if (line) this.captions.goTo(line);
    else {
      notify(`No caption at ${clock(this.#momentS)}.`);
      if (ended) this.captions.fromTop();
    }
    this.#momentS = null;
  }

  /** Whether the lines around a moment, or without one the newest lines, are loaded or will be. */
  #isLoaded(at) {
    const { lines, isPast } = this.#store;
    if (at === null) return !isPast;
    const isDropped = this.#dropped > 0 && lines.length > 0 && !isReached({ start_s: at }, lines[0].start_s);
    return !isDropped && (!isPast || isReached(lines.at(-1), at));
  }

  /** If the requested moment is long past, load no later lines: its own would be dropped for them. */
  #stopAtMoment(lines) {
    if (!isReached(lines[Math.floor(lines.length / 2)], this.#momentS)) return;
    this.#socket.close();
    this.#store.isPast = true;
    this.#describeOmitted();
    this.#goToMoment();
  }

  #describeOmitted() {
    const { isPast } = this.#store;
    const earlier = this.#dropped === 1 ? '1 earlier line' : `${this.#dropped} earlier lines`;
    const omitted = isPast ? `${earlier} and all lines after ${clock(this.#store.lines.at(-1).start_s)} are` : `${earlier} ${this.#dropped === 1 ? 'is' : 'are'}`;
    setText(this.earlier, `${omitted} not shown here. The downloads contain all lines.`);
    this.earlier.hidden = false;
  }

  /** Leave the moment; if later lines were not loaded, load the newest. */
  #toLatest() {
    if (this.#store.isPast) location.hash = `#file/${this.#id}`;
    else leaveMoment();
  }

  /** Return from the selected line to the initial position. */
  #clearMoment() {
    this.captions.clearChosen();
    if (SETTLED.has(this.#shownState)) this.captions.fromTop();
  }

  async #correct(store, line, text) {
    const id = this.#id;
    const around = between(line.start_s - 1, line.end_s + 1);
    await correct(`/jobs/${id}/captions`, line, text, (captions) => store.fill(captions), around);
    if (id === this.#id) this.player.reloadSubtitles();
  }

  async #poll() {
    clearTimeout(this.#timer);
    const id = this.#id;
    try {
      const job = await request(`/jobs/${encodeURIComponent(id)}`);
      if (id !== this.#id) return;
      const before = this.#shownState;
      this.#shownState = job.state;
      if (SETTLED.has(job.state) && !before && this.#momentS === null && !this.captions.hasChosen) this.captions.fromTop();
      this.#describe(job);
      this.#goToMoment();
      if (job.state === 'finished') this.player.setSubtitles(job.urls.vtt, job.languages[0] ?? '');
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
      setText(this.state, error.message);
      setText(this.share, '');
    }
    this.#timer = setTimeout(() => this.#poll(), POLL_MS);
  }

  #describe(job) {
    setText(this.name, job.filename || job.url);
    setTitle(job.filename || job.url, 'File');
    const facts = [];
    if (job.duration_s) facts.push(duration(job.duration_s));
    if (job.codec) facts.push(job.codec);
    facts.push(job.detail, languagesOf(job), job.task === 'translate' ? 'translated into English' : '');
    setText(this.facts, facts.filter(Boolean).join(' · '));
    setText(this.state, stateOf(job));
    setText(this.share, progressOf(job));
    this.stateLine.className = stateClass(job);
    this.progress.hidden = SETTLED.has(job.state);
    this.progress.value = job.progress;
    if (job.state === 'waiting') this.progress.removeAttribute('value');
    this.remove_.hidden = false;
    setText(this.remove_, SETTLED.has(job.state) ? 'Remove recording' : 'Cancel');
    this.#describePlayer(job);
    this.captions.hint = this.#hint(job);
    this.#describeLinks(job);
  }

  /** Hide the player if there are no captions and will be none. */
  #describePlayer({ state, languages }) {
    this.player.hidden = SETTLED.has(state) && state !== 'finished' && !languages.length;
    if (this.player.hidden) this.player.pause();
  }

  /** Placeholder text; empty if captions exist and are still loading. */
  #hint({ state, languages }) {
    if (languages.length) return '';
    if (!SETTLED.has(state)) return 'Captions will appear here.';
    return state === 'finished' ? 'No captions.' : ''; // of a failure, the state tells more
  }

  /** Offer downloads if there are captions, even if the job failed midway. */
  #describeLinks(job) {
    const finished = job.state === 'finished';
    const hasCaptions = job.languages.length > 0;
    const state = `${job.id} ${finished} ${hasCaptions}`;
    if (this.links.dataset.state === state) return; // replacing the links would lose the focus
    this.links.dataset.state = state;
    const stem = (job.filename || job.id).replace(/\.[^.]*$/, '');
    this.links.replaceChildren(...(hasCaptions ? [finished ? 'Download: ' : 'So far: ', ...downloads(job.urls, stem)] : []));
  }

  async #remove() {
    const question = this.#question();
    if (question && !confirm(question)) return;
    try {
      await request(`/jobs/${this.#id}`, { method: 'DELETE' });
      this.dispatchEvent(new Event('removed'));
    } catch (error) {
      notify(`Could not remove the recording. ${error.message}`);
    }
  }

  /** The question to confirm before captions are deleted; empty if there are none. */
  #question() {
    if (SETTLED.has(this.#shownState)) return `Remove ${this.name.textContent} and its captions?`;
    return this.links.children.length ? `Cancel ${this.name.textContent}? Its captions so far are deleted too.` : '';
  }
}

customElements.define('job-panel', JobPanel);
