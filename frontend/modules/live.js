// A live socket that stays: it reconnects behind the last event seen, so that nothing is lost or repeated.

import { decode, MessageError } from './messages.js';
import { onWaking } from './waking.js';

/** Pauses between attempts, in milliseconds; the last one repeats. */
const PAUSES_MS = [300, 800, 2000, 4000, 8000];

/** A socket that has said nothing for so long, in milliseconds, is not trusted by a page that wakes: another one costs little. */
const SILENT_MS = 10_000;

/** The `readyState` of a socket that is not open yet. */
const CONNECTING = 0;

/**
 * Feeds a CaptionStore from `path`. Dispatches `change` whenever `state` changes:
 * connecting, open, interrupted (the server has lost its database), waiting (to try again), ended, gone.
 */
export class LiveSocket extends EventTarget {
  #path;
  #store;
  #environment;
  #socket = null;
  #timer = 0;
  #attempt = 0;
  #heardMs = 0; // when the socket was opened, or said something last
  #sleep = null; // stops hearing that the page wakes

  /**
   * @param {string} path such as /stations/demo/live
   * @param {CaptionStore} store
   * @param {object} environment what tests replace
   */
  constructor(path, store, environment = {}) {
    super();
    this.#path = path;
    this.#store = store;
    this.#environment = {
      WebSocket: globalThis.WebSocket,
      location: globalThis.location,
      setTimeout: (...args) => globalThis.setTimeout(...args),
      clearTimeout: (...args) => globalThis.clearTimeout(...args),
      random: Math.random,
      now: () => Date.now(), // that goes on while a device sleeps
      onWaking,
      /** Whether the source still exists; asked when a socket was refused, for browsers do not say why. */
      exists: async () => true,
      ...environment,
    };
    this.state = 'connecting';
    this.error = '';
  }

  open() {
    const socket = new this.#environment.WebSocket(
      `${socketUrl(this.#path, this.#environment.location)}?after=${this.#store.last}`,
    );
    let opened = false;
    this.#socket = socket;
    this.#heardMs = this.#environment.now();
    this.#sleep ??= this.#environment.onWaking(() => this.#wake());
    socket.onopen = () => {
      opened = true;
      this.#become('open');
    };
    socket.onmessage = (event) => {
      if (socket === this.#socket) this.#hear(event.data);
    };
    socket.onclose = () => {
      if (socket === this.#socket) this.#closed(opened);
    };
  }

  /** Ends it for good. */
  close() {
    this.#rest();
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  /** Telephones break the sockets of pages that nobody looks at, and some never say so: they would seem open, and be silent. */
  #wake() {
    const before = this.#socket;
    const isTried = this.state !== 'waiting' || before.readyState === CONNECTING;
    if (isTried && this.#environment.now() - this.#heardMs < SILENT_MS) return;
    this.#environment.clearTimeout(this.#timer);
    this.open();
    before.close();
  }

  /** Nothing is tried again. */
  #rest() {
    this.#environment.clearTimeout(this.#timer);
    this.#sleep?.();
    this.#sleep = null;
  }

  #hear(data) {
    this.#heardMs = this.#environment.now();
    let message;
    try {
      message = decode(data);
    } catch (error) {
      if (!(error instanceof MessageError)) throw error;
      console.warn('undertext: a message was not understood:', error.message);
      return;
    }
    this.#attempt = 0;
    if (message.type === 'interrupted') this.#become('interrupted');
    else if (message.type === 'resumed') this.#become('open');
    else if (message.type === 'error') this.error = message.detail;
    this.#store.apply(message);
  }

  async #closed(opened) {
    if (this.#store.ended) {
      this.#rest();
      this.#become('ended');
      return;
    }
    this.#become('waiting');
    const socket = this.#socket;
    const gone = !opened && !(await this.#environment.exists());
    if (socket !== this.#socket) return; // closed meanwhile
    if (gone) {
      this.#rest();
      this.#become('gone');
      return;
    }
    const pause = PAUSES_MS[Math.min(this.#attempt, PAUSES_MS.length - 1)];
    this.#attempt += 1;
    this.#timer = this.#environment.setTimeout(() => this.open(), pause * (0.7 + 0.6 * this.#environment.random()));
  }

  #become(state) {
    if (this.state === state) return;
    this.state = state;
    this.dispatchEvent(new Event('change'));
  }
}

/** The ws: or wss: address of a path of this server. */
export function socketUrl(path, location = globalThis.location) {
  return `${location.protocol === 'https:' ? 'wss:' : 'ws:'}//${location.host}${path}`;
}
