// <replay-player>: replays a station's recent audio, starting at a line.
//
// Dispatches `position`, detail {seconds}, the Unix time being played; `stopped`; `back`, when the user asks to return to the
// live captions; and `escaped`, when Escape has hidden the player while it had the focus.

import { hasPassword } from './address.js';
import { toApiError } from './api.js';
import { make, notify } from './dom.js';

/** Playback starts this long before a line, in seconds: the accuracy of word times. */
const LEAD_S = 0.2;

/** How much audio is fetched at a time, in seconds. */
const PIECE_S = 60;

/**
 * How long a station's audio can be replayed by everyone, in seconds. 0 for a station with a password: its audio requires
 * the token, which an <audio> element cannot send.
 */
export function replayableS({ url }, { audio_kept_s: kept = 0 }) {
  return hasPassword(url) ? 0 : kept;
}

class ReplayPlayer extends HTMLElement {
  #path = '';
  #from = 0; // Unix time of the start of the current piece
  #isContinuing = false; // whether a piece has played, so that the next one follows it
  #onKeydown = (event) => this.#handleKey(event);

  connectedCallback() {
    this.audio = make('audio', { controls: true, 'aria-label': 'Replay' });
    this.back = make('button.quiet', { type: 'button', textContent: 'Back to live' });
    this.hidden = true;
    this.replaceChildren(this.audio, this.back);
    for (const type of ['timeupdate', 'seeked']) this.audio.addEventListener(type, () => this.#emitPosition());
    // After seeking, browsers overestimate the duration.
    this.audio.addEventListener('ended', () => this.#load(this.#from + Math.min(this.audio.duration, PIECE_S)));
    this.audio.addEventListener('error', () => this.audio.getAttribute('src') && this.#onError());
    document.addEventListener('keydown', this.#onKeydown);
    this.back.addEventListener('click', () => {
      this.stop();
      this.dispatchEvent(new Event('back'));
    });
  }

  disconnectedCallback() {
    document.removeEventListener('keydown', this.#onKeydown);
    this.stop();
  }

  /**
   * @param {string} path of the station's audio
   * @param {number} seconds the Unix time of a line
   */
  play(path, seconds) {
    this.#path = path;
    this.#isContinuing = false;
    this.hidden = false;
    this.#load(seconds - LEAD_S);
  }

  stop() {
    if (this.hidden) return;
    this.hidden = true;
    this.audio.pause();
    this.audio.removeAttribute('src');
    this.audio.load();
    this.dispatchEvent(new Event('stopped'));
  }

  /** Escape stops the replay, unless an editor, a dialog or a field uses it. */
  #handleKey(event) {
    if (event.key !== 'Escape' || this.hidden || event.defaultPrevented || document.querySelector('line-editor, dialog[open]')) return;
    if (event.isComposing || event.target.matches('input, textarea, select')) return; // these use Escape themselves
    const isFocused = this.contains(document.activeElement);
    this.stop();
    if (isFocused) this.dispatchEvent(new Event('escaped'));
  }

  async #load(from) {
    this.#from = from;
    this.audio.src = `${this.#path}?from=${from.toFixed(6)}&to=${(from + PIECE_S).toFixed(6)}`;
    try {
      await this.audio.play();
      this.#isContinuing = true;
    } catch {
      // the error event reports it
    }
  }

  #emitPosition() {
    if (!this.hidden) this.dispatchEvent(new CustomEvent('position', { detail: { seconds: this.#from + this.audio.currentTime + LEAD_S } }));
  }

  /** An error on a following piece means that the replay has caught up; on the first piece, report the reason. */
  async #onError() {
    const { src } = this.audio;
    const hasCaughtUp = this.#isContinuing;
    this.stop();
    if (hasCaughtUp) return;
    try {
      const response = await fetch(src);
      if (response.status === 404) notify('This audio is no longer available.');
      else notify(response.ok ? 'This browser cannot play this audio.' : toApiError(response.status, await response.text()).message);
    } catch {
      notify('The server is not responding. Is it still running?');
    }
  }
}

customElements.define('replay-player', ReplayPlayer);
