// A live socket that stays: it reconnects behind the last event seen, so that nothing is lost or repeated.

import { decode, MessageError } from './messages.js';

/** Pauses between attempts, in milliseconds; the last one repeats. */
const PAUSES_MS = [300, 800, 2000, 4000, 8000];

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
    this.#environment.clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  #hear(data) {
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
      this.#become('ended');
      return;
    }
    this.#become('waiting');
    const socket = this.#socket;
    const gone = !opened && !(await this.#environment.exists());
    if (socket !== this.#socket) return; // closed meanwhile
    if (gone) {
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
