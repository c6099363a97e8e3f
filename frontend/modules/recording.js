// A recording over sockets that may break: what is said in a break is kept, and sent over the next one.

import { decode } from './messages.js';

/** Pauses between attempts, in milliseconds; the last one repeats. */
const PAUSES_MS = [1000, 2000, 4000, 8000, 15_000];

/** Newest audio that is kept, in seconds: the server keeps about a minute of what waits for it. */
const KEPT_S = 50;

/** A socket that takes nothing of what waits for so long is taken to be broken, in milliseconds. */
const STALLED_MS = 10_000;

/** Code that such a socket is closed with. Without one, a close that arrives late after all would end the recording. */
const STALLED = 4000;

/** So long attempts go on, in milliseconds; the server gives the recording up sooner. */
const PATIENCE_MS = 300_000;

/**
 * A server that answers requests and refuses the socket so often, for a minute, means it. Sooner it may be full of sockets
 * that broke without its knowing, our own among them: it counts each until it was silent for a minute.
 */
const MOST_REFUSALS = 8;

/** Code that a page closes its socket with when it goes: loaded again, it may go on. */
const LEFT = 4001;

/**
 * Sends the frames it is given. Dispatches `change` whenever `state` changes: connecting, recording, away (it tries to
 * connect again), stopping (the last captions are on their way), ended. `why` says in the end why; empty if all is well.
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
  #over = false; // the server has said that nothing more comes
  #kept = []; // {at, pcm}: frames, and how many samples came before
  #samples = 0;
  #waiting = 0; // bytes that waited in the socket after the last frame
  #movedMs = 0;
  #resume; // of a recording that an earlier page began

  /**
   * @param {string} url of the socket
   * @param {() => object} hello what each socket says first
   * @param {(message: object) => void} onmessage hears captions and the like
   * @param {object} environment what tests replace
   * @param {string} resume what an earlier page was told to go on with its recording
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
      /** Whether the server answers other requests; asked when a socket was refused, for browsers do not say why. */
      answers: async () => true,
      /** Why a socket was refused. */
      refusal: async () => 'The server refused the microphone.',
      ...environment,
    };
    this.state = 'connecting';
    this.ready = null; // what the server said of the recording
    this.why = '';
    this.awayMs = 0; // since when it is away
  }

  open() {
    const socket = new this.#environment.WebSocket(this.#url);
    let opened = false;
    let refused = '';
    this.#socket = socket;
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => {
      opened = true;
      socket.send(JSON.stringify({ ...this.#hello(this.ready?.resume ?? this.#resume), ...this.#keeps() }));
    };
    socket.onmessage = ({ data }) => {
      if (socket !== this.#socket) return;
      const message = decode(data);
      if (message.type === 'ready') this.#begin(message);
      else if (message.type === 'error' && message.status !== 408 && message.status < 500) refused = this.#refused(message);
      else this.#onmessage(message);
      this.#over ||= message.type === 'end';
    };
    socket.onclose = () => {
      if (socket === this.#socket) this.#closed(opened, refused);
    };
  }

  /** One frame of s16le at `rate` Hz. */
  send(pcm, rate) {
    this.#kept.push({ at: this.#samples, pcm });
    this.#samples += pcm.byteLength / 2;
    while (this.#samples - this.#kept[0].at > KEPT_S * rate) this.#kept.shift();
    if (this.state !== 'recording' || this.#socket.readyState !== this.#environment.WebSocket.OPEN) return;
    const now = this.#environment.now();
    if (this.#socket.bufferedAmount < this.#waiting || !this.#waiting) this.#movedMs = now;
    if (now - this.#movedMs > STALLED_MS) {
      this.#drop(STALLED);
      this.#closed(true, '');
      return;
    }
    this.#socket.send(pcm);
    this.#waiting = this.#socket.bufferedAmount;
  }

  /** No more is said. */
  stop() {
    if (this.state === 'recording' && this.#socket.readyState === this.#environment.WebSocket.OPEN) {
      this.#socket.send(JSON.stringify({ type: 'stop' }));
      this.#become('stopping');
    } else this.close(this.state === 'away' ? 'What was said since the connection was lost is not captioned.' : '');
  }

  /** End at once; what is captioned so far stays. */
  close(why = '') {
    if (this.state === 'ended') return;
    this.#environment.clearTimeout(this.#timer);
    this.#drop();
    this.#kept = [];
    this.why = why;
    this.#become('ended');
  }

  /** The page goes; the recording may be gone on with. */
  leave() {
    this.#drop(LEFT);
    this.close();
  }

  /** From where the recording is kept, for a socket that goes on with it: if that is early enough, nothing is missing. */
  #keeps() {
    return this.ready ? { kept_from_s: (this.#kept[0]?.at ?? this.#samples) / this.#hello().sample_rate } : {};
  }

  #refused({ status, detail }) {
    if (status === 404 && (this.ready || this.#resume)) return 'The recording ended while the connection was lost. What was said before is kept; start a new one to go on.';
    return detail;
  }

  #begin(ready) {
    this.#attempt = this.#refusals = this.#waiting = 0;
    const from = Math.round((ready.audio_s ?? 0) * this.#hello().sample_rate);
    if (!this.ready) this.#shift(from); // what was said since the microphone is open is behind what an earlier page sent
    this.ready = ready;
    for (const { at, pcm } of this.#kept) {
      if (at + pcm.byteLength / 2 > from) this.#socket.send(at < from ? pcm.slice(2 * (from - at)) : pcm);
    }
    this.#become('recording');
  }

  #shift(samples) {
    this.#samples += samples;
    for (const frame of this.#kept) frame.at += samples;
  }

  async #closed(opened, refused) {
    if (this.#over) return this.close();
    if (this.state === 'stopping') return this.close(refused || 'The connection was lost before the last captions came.');
    if (refused) return this.close(refused);
    if (!this.ready) return this.close(opened ? '' : await this.#environment.refusal());
    const now = this.#environment.now();
    if (this.state !== 'away') {
      this.awayMs = now;
      this.#become('away');
    } else if (now - this.awayMs > PATIENCE_MS) return this.close('The connection did not come back.');
    const socket = this.#socket;
    if (!opened && (await this.#environment.answers())) this.#refusals += 1;
    if (this.state !== 'away' || socket !== this.#socket) return undefined; // stopped meanwhile
    if (this.#refusals >= MOST_REFUSALS) return this.close(await this.#environment.refusal());
    const pause = PAUSES_MS[Math.min(this.#attempt, PAUSES_MS.length - 1)];
    this.#attempt += 1;
    this.#timer = this.#environment.setTimeout(() => this.open(), pause);
    return undefined;
  }

  #drop(code) {
    const socket = this.#socket;
    this.#socket = null;
    socket?.close(code);
  }

  #become(state) {
    if (this.state === state) return;
    this.state = state;
    this.dispatchEvent(new Event('change'));
  }
}
