// <job-panel>: one recording: its progress, its captions as they come, and the files to take away.

import './caption-list.js';
import { request } from './api.js';
import { describe } from './connection-state.js';
import { make, notify } from './dom.js';
import { languageName } from './languages.js';
import { LiveSocket } from './live.js';
import { CaptionStore } from './store.js';
import { duration, percent } from './times.js';

/** Time between looks at a job that is not settled, in milliseconds. */
const POLL_MS = 1000;

const SETTLED = new Set(['finished', 'failed', 'cancelled']);

const FORMATS = { srt: 'SRT', vtt: 'WebVTT', txt: 'Text', json: 'JSON' };

const WORDS = {
  waiting: 'Waits for its turn',
  connecting: 'Is being opened',
  running: 'Is being captioned',
  finished: 'Captions are complete',
  failed: 'Failed',
  cancelled: 'Cancelled',
};

class JobPanel extends HTMLElement {
  #id = '';
  #socket = null;
  #timer = 0;
  #seen = false; // whether its state has been shown since it was opened

  connectedCallback() {
    if (!this.name) this.#build();
  }

  disconnectedCallback() {
    this.close();
  }

  #build() {
    this.name = make('h2');
    this.facts = make('p.facts');
    this.state = make('p.state', { role: 'status' });
    this.progress = make('progress', { max: 1, 'aria-label': 'Captioned' });
    this.links = make('p.downloads', { 'aria-label': 'Take the captions away', role: 'group' });
    this.remove_ = make('button.quiet', { type: 'button' });
    this.connection = make('p.connection', { role: 'status', hidden: true });
    this.captions = make('caption-list', { 'data-empty': 'Captions appear here as they are made.' });
    this.remove_.addEventListener('click', () => this.#remove());
    this.replaceChildren(make('section.stage', { 'aria-label': 'Recording' },
      make('header', {}, this.name, this.facts, make('div.row', {}, this.state, this.progress), make('div.row', {}, this.links, this.remove_)),
      this.connection, this.captions));
  }

  /** @param {string} id of the job to show */
  open(id) {
    if (!this.name) this.#build();
    if (id === this.#id) return;
    this.close();
    this.#id = id;
    this.#seen = false;
    const store = new CaptionStore(5000);
    this.captions.show(store, false);
    this.#poll();
    this.#socket = new LiveSocket(`/jobs/${encodeURIComponent(id)}/live`, store, { exists: () => this.#exists(id) });
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

  async #poll() {
    clearTimeout(this.#timer);
    const id = this.#id;
    try {
      const job = await request(`/jobs/${encodeURIComponent(id)}`);
      if (id !== this.#id) return;
      if (job.state === 'finished' && !this.#seen) this.captions.fromTop();
      this.#seen = true;
      this.#describe(job);
      if (SETTLED.has(job.state)) return;
    } catch (error) {
      if (id !== this.#id) return;
      if (error.status === 404) {
        notify(error.message);
        this.dispatchEvent(new Event('gone'));
        return;
      }
      this.state.textContent = error.message;
    }
    this.#timer = setTimeout(() => this.#poll(), POLL_MS);
  }

  #describe(job) {
    const finished = job.state === 'finished';
    this.name.textContent = job.filename || job.url;
    const facts = [];
    if (job.duration_s) facts.push(duration(job.duration_s));
    if (job.codec) facts.push(job.codec);
    if (job.tracks > 1) facts.push(`${job.tracks} audio tracks`);
    facts.push(job.language ? languageName(job.language) : job.languages.map(languageName).join(', ') || 'language detected');
    this.facts.textContent = facts.join(' · ');
    const words = WORDS[job.state] ?? job.state;
    const state = job.state === 'running' ? `${words}: ${percent(job.progress)}` : words;
    this.state.textContent = [state, job.error || job.detail].filter(Boolean).join(': ');
    this.state.className = `state ${job.state}`;
    this.progress.hidden = SETTLED.has(job.state);
    this.progress.value = job.progress;
    if (job.state === 'waiting') this.progress.removeAttribute('value');
    this.remove_.textContent = SETTLED.has(job.state) ? 'Remove recording' : 'Cancel';
    this.captions.hint = finished ? 'No speech was found in this recording.' : SETTLED.has(job.state) ? 'There are no captions.' : 'Captions appear here as they are made.';
    this.#describeLinks(job, finished);
  }

  #describeLinks(job, finished) {
    const offered = finished || (job.state === 'running' && job.progress > 0) ? Object.entries(FORMATS) : [];
    const stem = (job.filename || job.id).replace(/\.[^.]*$/, '');
    const state = `${job.id} ${finished} ${offered.length}`;
    if (this.links.dataset.state === state) return; // a link that is replaced loses the focus
    this.links.dataset.state = state;
    this.links.replaceChildren(
      ...(offered.length ? [finished ? 'Take away: ' : 'So far: '] : []),
      ...offered.map(([format, name]) => make('a.download', { href: job.urls[format], download: `${stem}.${format}`, textContent: name })));
  }

  async #remove() {
    try {
      await request(`/jobs/${this.#id}`, { method: 'DELETE' });
      this.dispatchEvent(new Event('gone'));
    } catch (error) {
      notify(`It was not removed. ${error.message}`);
    }
  }

  async #exists(id) {
    try {
      await request(`/jobs/${encodeURIComponent(id)}`);
      return true;
    } catch (error) {
      return error.status !== 404;
    }
  }
}

customElements.define('job-panel', JobPanel);
