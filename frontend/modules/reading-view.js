// <reading-view>: what somebody else says into a microphone, to read along or to take away.

import './caption-list.js';
import { exists, request } from './api.js';
import { describe } from './connection-state.js';
import { correct } from './correcting.js';
import { make, set } from './dom.js';
import { downloads, filesOf } from './downloads.js';
import { SETTLED } from './job-words.js';
import { lastRecording } from './last-recording.js';
import { LiveSocket } from './live.js';
import { CaptionStore } from './store.js';

const ID = /^[a-z0-9]+$/;

/** What a microphone does, for those who read. */
const STATES = {
  waiting: 'It goes on in a moment.',
  connecting: 'It goes on in a moment.',
  running: 'The microphone is open.',
  reconnecting: 'The speaker’s connection is lost; it may come back.',
  finished: 'It is over.',
  failed: 'It is over.',
  cancelled: 'It is over.',
};

/** Time between looks at what is corrected after the end, in milliseconds. */
const LOOK_MS = 10_000;

class ReadingView extends HTMLElement {
  #socket = null;
  #timer = 0;

  connectedCallback() {
    this.state = make('p.state', { role: 'status' });
    this.links = make('p.downloads', { role: 'group', 'aria-label': 'Take the captions away', hidden: true });
    this.connection = make('p.connection', { role: 'status' });
    this.captions = make('caption-list', { 'data-empty': '' });
    this.replaceChildren(
      make('aside', {},
        make('h1', { textContent: 'Read along' }),
        make('p.lead', { textContent: 'What is said into a microphone appears here as it is said.' }),
        this.links,
        make('p', {}, make('a', { href: '#microphone', textContent: 'Caption your own voice' }))),
      make('section.stage', { 'aria-label': 'Captions of a voice' }, make('h2.visually-hidden', { textContent: 'Captions' }), this.state, this.connection, this.captions));
  }

  disconnectedCallback() {
    this.#leave();
  }

  /** @param {string} id of a microphone in the address */
  set selected(id) {
    this.#leave();
    this.links.hidden = true;
    this.captions.show(new CaptionStore(), true); // what stands there is another recording's
    if (ID.test(id)) this.#follow(id);
    else this.#miss();
  }

  #follow(id) {
    const path = `/microphones/${id}`;
    const store = new CaptionStore(5000);
    store.addEventListener('status', ({ detail: { status } }) => {
      set(this.state, STATES[status.state] ?? status.state);
      if (SETTLED.has(status.state) && !store.size) this.captions.fromTop(); // it was over before it was opened
    });
    store.addEventListener('line', () => {
      this.links.hidden = false;
    });
    this.links.replaceChildren('Take away: ', ...downloads(filesOf(`${path}/captions`), 'microphone'));
    this.captions.hint = 'Captions appear here as they are made.';
    const isOurs = lastRecording.get()?.id === id; // whoever spoke knows what was said
    this.captions.correct(isOurs ? (line, text) => correct(`${path}/captions`, line, text, (kept) => store.fill(kept)) : null);
    this.captions.show(store, true);
    this.#socket = new LiveSocket(`${path}/live`, store, { exists: () => exists(`${path}/captions.json?limit=1`) });
    describe(this.#socket, this.connection);
    this.#socket.addEventListener('change', ({ target: { state } }) => {
      if (state === 'gone') this.#miss();
      if (state !== 'ended') return;
      set(this.state, STATES.finished);
      this.#lookLater(`${path}/captions.json`, store);
    });
    this.#socket.open();
  }

  /** What the speaker corrects after the end, no socket tells. */
  #lookLater(file, store) {
    const socket = this.#socket;
    this.#timer = setTimeout(async () => {
      try {
        const { captions, next } = await request(`${file}?after=${store.last}`);
        store.fill(captions, next);
      } catch (error) {
        if (error.status === 404) return; // it has expired; all else may pass
      }
      if (socket === this.#socket) this.#lookLater(file, store);
    }, LOOK_MS);
  }

  /** Stop following it. */
  #leave() {
    clearTimeout(this.#timer);
    this.#socket?.close();
    this.#socket = null;
  }

  #miss() {
    set(this.state, '');
    set(this.connection, '');
    this.captions.hint = 'There is no such recording. The address may be wrong, or its captions have expired.';
  }
}

customElements.define('reading-view', ReadingView);
