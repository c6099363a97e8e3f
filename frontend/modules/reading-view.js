// <reading-view>: live captions of someone else's microphone, with download links.

import './caption-list.js';
import { exists, request } from './api.js';
import { showConnection } from './connection-state.js';
import { correct } from './correcting.js';
import { make, setText } from './dom.js';
import { downloads, filesOf } from './downloads.js';
import { SETTLED } from './job-status.js';
import { lastRecording } from './last-recording.js';
import { LiveSocket } from './live.js';
import { CaptionStore } from './store.js';

const ID = /^[a-z0-9]+$/;

/** Text for the state of a microphone, for readers. */
const STATES = {
  waiting: 'Starting…',
  connecting: 'Starting…',
  running: 'The microphone is on.',
  reconnecting: 'The speaker’s connection was lost and may come back.',
  finished: 'The recording has ended.',
  failed: 'The recording has ended.',
  cancelled: 'The recording has ended.',
};

/** Poll interval for corrections made after the end, in milliseconds. */
const POLL_MS = 10_000;

class ReadingView extends HTMLElement {
  #socket = null;
  #timer = 0;

  connectedCallback() {
    this.state = make('p.state', { role: 'status' });
    this.links = make('p.downloads', { role: 'group', 'aria-label': 'Download captions', hidden: true });
    this.connection = make('p.connection', { role: 'status' });
    this.captions = make('caption-list', { 'data-empty': '' });
    this.replaceChildren(
      make('aside', {},
        make('h1', { textContent: 'Read along' }),
        make('p.lead', { textContent: 'Live captions of someone speaking into a microphone.' }),
        this.links,
        make('p', {}, make('a', { href: '#microphone', textContent: 'Caption your own voice' }))),
      make('section.stage', { 'aria-label': 'Microphone' }, make('h2.visually-hidden', { textContent: 'Captions' }), this.state, this.connection, this.captions));
  }

  disconnectedCallback() {
    this.#leave();
  }

  /** @param {string} id of a microphone in the address */
  set selected(id) {
    this.#leave();
    this.links.hidden = true;
    this.captions.show(new CaptionStore(), true); // clears the captions of another recording
    if (ID.test(id)) this.#follow(id);
    else this.#miss();
  }

  #follow(id) {
    const path = `/microphones/${id}`;
    const store = new CaptionStore(5000);
    store.addEventListener('status', ({ detail: { status } }) => {
      setText(this.state, STATES[status.state] ?? status.state);
      if (SETTLED.has(status.state) && !store.size) this.captions.fromTop(); // it had ended before it was opened
    });
    store.addEventListener('line', () => {
      this.links.hidden = false;
    });
    this.links.replaceChildren('Download: ', ...downloads(filesOf(`${path}/captions`), 'microphone'));
    this.captions.hint = 'Captions will appear here.';
    const isOurs = lastRecording.get()?.id === id; // only the speaker corrects
    this.captions.enableCorrections(isOurs ? (line, text) => correct(`${path}/captions`, line, text, (kept) => store.fill(kept)) : null);
    this.captions.show(store, true);
    this.#socket = new LiveSocket(`${path}/live`, store, { exists: () => exists(`${path}/captions.json?limit=1`) });
    showConnection(this.#socket, this.connection);
    this.#socket.addEventListener('change', ({ target: { state } }) => {
      if (state === 'gone') this.#miss();
      if (state !== 'ended') return;
      setText(this.state, STATES.finished);
      this.#pollLater(`${path}/captions.json`, store);
    });
    this.#socket.open();
  }

  /** Poll for corrections made after the end, when no socket reports them. */
  #pollLater(file, store) {
    const socket = this.#socket;
    this.#timer = setTimeout(async () => {
      try {
        const { captions, next } = await request(`${file}?after=${store.last}`);
        store.fill(captions, next);
      } catch (error) {
        if (error.status === 404) return; // it has expired; other errors may be temporary
      }
      if (socket === this.#socket) this.#pollLater(file, store);
    }, POLL_MS);
  }

  /** Stop following the microphone. */
  #leave() {
    clearTimeout(this.#timer);
    this.#socket?.close();
    this.#socket = null;
  }

  #miss() {
    setText(this.state, '');
    setText(this.connection, '');
    this.captions.hint = 'Recording not found. The address may be wrong, or its captions have expired.';
  }
}

customElements.define('reading-view', ReadingView);
