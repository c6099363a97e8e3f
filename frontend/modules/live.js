// A live socket that reconnects after the last event received, so that no event is lost or repeated.

import { decode, MessageError } from './messages.js';
import { onWaking } from './waking.js';

/** Delays between connection attempts, in milliseconds; the last one repeats. */
const PAUSES_MS = [300, 800, 2000, 4000, 8000];

/** When the page wakes, a socket that has been silent for this long, in milliseconds, is replaced: a new one is cheap. */
const SILENT_MS = 10_000;

/** WebSocket.CONNECTING. */
const CONNECTING = 0;

/**
 * Feeds a CaptionStore from `path`. Dispatches `change` whenever `state` changes:
 * connecting, open, interrupted (the server has lost its database), waiting (to reconnect), ended, gone.
 */
export class LiveSocket extends EventTarget {
  #path;
  #store;
  #environment;
  #socket = null;
  #timer = 0;
  #attempt = 0;
  #lastMessageMs = 0; // when the socket was opened or last received a message
  #stopWaking = null; // removes the listeners for waking

  /**
   * @param {string} path such as /stations/demo/live
   * @param {CaptionStore} store
   * @param {object} environment overrides for tests
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
      now: () => Date.now(), // unlike performance.now(), it advances while a device sleeps
      onWaking,
      /** Whether the source still exists; checked when a socket was refused, since browsers do not tell the reason. */
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
    this.#lastMessageMs = this.#environment.now();
    this.#stopWaking ??= this.#environment.onWaking(() => this.#wake());
    socket.onopen = () => {
      opened = true;
      this.#setState('open');
    };
    socket.onmessage = (event) => {
      if (socket === this.#socket) this.#receive(event.data);
    };
    socket.onclose = () => {
      if (socket === this.#socket) this.#onClosed(opened);
    };
  }

  /** Close the socket for good. */
  close() {
    this.#stopRetrying();
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  /** Phones drop the sockets of hidden pages, sometimes without a close event, so that they seem open but stay silent. */
  #wake() {
    const previous = this.#socket;
    const isActive = this.state !== 'waiting' || previous.readyState === CONNECTING;
    if (isActive && this.#environment.now() - this.#lastMessageMs < SILENT_MS) return;
    this.#environment.clearTimeout(this.#timer);
    this.open();
    previous.close();
  }

  #stopRetrying() {
    this.#environment.clearTimeout(this.#timer);
    this.#stopWaking?.();
    this.#stopWaking = null;
  }

  #receive(data) {
    this.#lastMessageMs = this.#environment.now();
    let message;
    try {
      message = decode(data);
    } catch (error) {
      if (!(error instanceof MessageError)) throw error;
      console.warn('undertext: ignored an invalid message:', error.message);
      return;
    }
    this.#attempt = 0;
    if (message.type === 'interrupted') this.#setState('interrupted');
    else if (message.type === 'resumed') this.#setState('open');
    else if (message.type === 'error') this.error = message.detail;
    this.#store.apply(message);
  }

  async #onClosed(opened) {
    if (this.#store.ended) {
      this.#stopRetrying();
      this.#setState('ended');
      return;
    }
    this.#setState('waiting');
    const socket = this.#socket;
    const gone = !opened && !(await this.#environment.exists());
    if (socket !== this.#socket) return; // closed meanwhile
    if (gone) {
      this.#stopRetrying();
      this.#setState('gone');
      return;
    }
    const pause = PAUSES_MS[Math.min(this.#attempt, PAUSES_MS.length - 1)];
    this.#attempt += 1;
    this.#timer = this.#environment.setTimeout(() => this.open(), pause * (0.7 + 0.6 * this.#environment.random()));
  }

  #setState(state) {
    if (this.state === state) return;
    this.state = state;
    this.dispatchEvent(new Event('change'));
  }
}

/** The ws: or wss: URL of a path on this server. */
export function socketUrl(path, location = globalThis.location) {
  return `${location.protocol === 'https:' ? 'wss:' : 'ws:'}//${location.host}${path}`;
}
