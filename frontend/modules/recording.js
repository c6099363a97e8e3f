// A microphone recording over a socket that reconnects: audio is buffered while disconnected and sent afterwards.

import { decode } from './messages.js';

/** Delays between connection attempts, in milliseconds; the last one repeats. */
const PAUSES_MS = [1000, 2000, 4000, 8000, 15_000];

/** How much of the newest audio is buffered, in seconds: the server accepts a backlog of about a minute. */
const BUFFER_S = 50;

/** A socket whose send buffer has not shrunk for this long is considered broken, in milliseconds. */
const STALLED_MS = 10_000;

/** Close code for such a socket. With the default code, a late close frame would make the server end the recording. */
const STALLED = 4000;

/** How long to keep reconnecting, in milliseconds; the server gives up sooner. */
const RECONNECT_MS = 300_000;

/**
 * After this many refusals, which take more than a minute, by a server that answers other requests, give up. Earlier, the
 * server may still count broken sockets, including ours, as open: it does so until they have been silent for a minute.
 */
const MAX_REFUSALS = 8;

/** Close code when the page is closed or reloaded: the recording can be resumed. */
const LEFT = 4001;

/**
 * Sends audio frames. Dispatches `change` whenever `state` changes: connecting, recording, away (reconnecting), stopping
 * (waiting for the last captions), ended. When it has ended abnormally, `reason` is a message for the user.
 */
export class Recording extends EventTarget {
  #url;
  #hello;
  #onmessage;
  #environment;
  #socket = null;
  #timer = 0;
  #attempt = 0;
  #refusals = 0;
  #serverEnded = false;
  #buffer = []; // {at, pcm}: frames, and the number of samples before each
  #samples = 0;
  #backlogBytes = 0; // bytes left in the socket's buffer after the last frame
  #lastProgressMs = 0;
  #resume; // resume token of a recording that an earlier page started

  /**
   * @param {string} url of the socket
   * @param {(resume: string) => object} hello creates the first message of each socket
   * @param {(message: object) => void} onmessage receives captions and other messages
   * @param {object} environment overrides for tests
   * @param {string} resume token with which to resume a recording of an earlier page
   */
  constructor(url, hello, onmessage, environment = {}, resume = '') {
    super();
    this.#url = url;
    this.#hello = hello;
    this.#resume = resume;
    this.#onmessage = onmessage;
    this.#environment = {
      WebSocket: globalThis.WebSocket,
      setTimeout: (...args) => globalThis.setTimeout(...args),
      clearTimeout: (...args) => globalThis.clearTimeout(...args),
      now: () => performance.now(),
      /** Whether the server answers other requests; checked when a socket was refused, since browsers do not tell the reason. */
      isServerUp: async () => true,
      /** Why a socket was refused. */
      refusal: async () => 'The server refused the microphone.',
      ...environment,
    };
    this.state = 'connecting';
    this.ready = null; // the server's `ready` message
    this.reason = '';
    this.awayMs = 0; // when the connection was lost
  }

  open() {
    const socket = new this.#environment.WebSocket(this.#url);
    let opened = false;
    let refused = '';
    this.#socket = socket;
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => {
      opened = true;
      socket.send(JSON.stringify({ ...this.#hello(this.ready?.resume ?? this.#resume), ...this.#bufferStart() }));
    };
    socket.onmessage = ({ data }) => {
      if (socket !== this.#socket) return;
      const message = decode(data);
      if (message.type === 'ready') this.#resumeSending(message);
      else if (message.type === 'error' && message.status !== 408 && message.status < 500) refused = this.#rejectionReason(message);
      else this.#onmessage(message);
      this.#serverEnded ||= message.type === 'end';
    };
    socket.onclose = () => {
      if (socket === this.#socket) this.#onClosed(opened, refused);
    };
  }

  /** One frame of s16le at `rate` Hz. */
  send(pcm, rate) {
    this.#buffer.push({ at: this.#samples, pcm });
    this.#samples += pcm.byteLength / 2;
    while (this.#samples - this.#buffer[0].at > BUFFER_S * rate) this.#buffer.shift();
    if (this.state !== 'recording' || this.#socket.readyState !== this.#environment.WebSocket.OPEN) return;
    const now = this.#environment.now();
    if (this.#socket.bufferedAmount < this.#backlogBytes || !this.#backlogBytes) this.#lastProgressMs = now;
    if (now - this.#lastProgressMs > STALLED_MS) {
      this.#closeSocket(STALLED);
      this.#onClosed(true, '');
      return;
    }
    this.#socket.send(pcm);
    this.#backlogBytes = this.#socket.bufferedAmount;
  }

  /** Stop recording and wait for the last captions. */
  stop() {
    if (this.state === 'recording' && this.#socket.readyState === this.#environment.WebSocket.OPEN) {
      this.#socket.send(JSON.stringify({ type: 'stop' }));
      this.#setState('stopping');
    } else this.close(this.state === 'away' ? 'Anything said since the connection was lost was not captioned.' : '');
  }

  /** End at once; existing captions are kept. */
  close(reason = '') {
    if (this.state === 'ended') return;
    this.#environment.clearTimeout(this.#timer);
    this.#closeSocket();
    this.#buffer = [];
    this.reason = reason;
    this.#setState('ended');
  }

  /** The page is being unloaded; the recording can be resumed. */
  leave() {
    this.#closeSocket(LEFT);
    this.close();
  }

  /** Where the buffer starts, sent when resuming so that the server can tell whether audio is missing. */
  #bufferStart() {
    return this.ready ? { kept_from_s: (this.#buffer[0]?.at ?? this.#samples) / this.#hello().sample_rate } : {};
  }

  #rejectionReason({ status, detail }) {
    if (status === 404 && (this.ready || this.#resume)) return 'The recording ended while the connection was lost. Its captions are kept. Start a new recording to continue.';
    return detail;
  }

  #resumeSending(ready) {
    this.#attempt = this.#refusals = this.#backlogBytes = 0;
    const from = Math.round((ready.audio_s ?? 0) * this.#hello().sample_rate);
    if (!this.ready) this.#shiftBuffer(from); // audio recorded by this page follows that of the earlier page
    this.ready = ready;
    for (const { at, pcm } of this.#buffer) {
      if (at + pcm.byteLength / 2 > from) this.#socket.send(at < from ? pcm.slice(2 * (from - at)) : pcm);
    }
    this.#setState('recording');
  }

  #shiftBuffer(samples) {
    this.#samples += samples;
    for (const frame of this.#buffer) frame.at += samples;
  }

  async #onClosed(opened, refused) {
    if (this.#serverEnded) return this.close();
    if (this.state === 'stopping') return this.close(refused || 'The connection was lost before the last captions arrived.');
    if (refused) return this.close(refused);
    if (!this.ready) return this.close(opened ? '' : await this.#environment.refusal());
    const now = this.#environment.now();
    if (this.state !== 'away') {
      this.awayMs = now;
      this.#setState('away');
    } else if (now - this.awayMs > RECONNECT_MS) return this.close('The connection could not be restored.');
    const socket = this.#socket;
    if (!opened && (await this.#environment.isServerUp())) this.#refusals += 1;
    if (this.state !== 'away' || socket !== this.#socket) return undefined; // stopped meanwhile
    if (this.#refusals >= MAX_REFUSALS) return this.close(await this.#environment.refusal());
    const pause = PAUSES_MS[Math.min(this.#attempt, PAUSES_MS.length - 1)];
    this.#attempt += 1;
    this.#timer = this.#environment.setTimeout(() => this.open(), pause);
    return undefined;
  }

  #closeSocket(code) {
    const socket = this.#socket;
    this.#socket = null;
    socket?.close(code);
  }

  #setState(state) {
    if (this.state === state) return;
    this.state = state;
    this.dispatchEvent(new Event('change'));
  }
}
