// <again-player>: what a station said lately, heard again from a line on, with what follows it.
//
// Dispatches `place`, detail {seconds}, the Unix time that is heard; `over`; `back`, where that was asked for; and `left`, where
// the focus was in it that Escape has hidden.

import { hasPassword } from './address.js';
import { refusal } from './api.js';
import { make, notify } from './dom.js';

/** Heard before a line, in seconds: the times of words are that exact. */
const LEAD_S = 0.2;

/** So much is fetched at once, in seconds. */
const PIECE_S = 60;

/** For how long what a station says can be heard again by all who read it, in seconds: no player can send a token. */
export function heardFor({ url }, { audio_kept_s: kept = 0 }) {
  return hasPassword(url) ? 0 : kept;
}

class AgainPlayer extends HTMLElement {
  #path = '';
  #from = 0; // the Unix time at which what is played began
  #goes = false; // whether a piece has been heard, and the next one follows
  #hear = (event) => this.#pressed(event);

  connectedCallback() {
    this.audio = make('audio', { controls: true, 'aria-label': 'What was said, again' });
    this.back = make('button.quiet', { type: 'button', textContent: 'Back to now' });
    this.hidden = true;
    this.replaceChildren(this.audio, this.back);
    for (const type of ['timeupdate', 'seeked']) this.audio.addEventListener(type, () => this.#tell());
    // A browser that was told to seek guesses the length anew, and too long.
    this.audio.addEventListener('ended', () => this.#go(this.#from + Math.min(this.audio.duration, PIECE_S)));
    this.audio.addEventListener('error', () => this.audio.getAttribute('src') && this.#fail());
    document.addEventListener('keydown', this.#hear);
    this.back.addEventListener('click', () => {
      this.stop();
      this.dispatchEvent(new Event('back'));
    });
  }

  disconnectedCallback() {
    document.removeEventListener('keydown', this.#hear);
    this.stop();
  }

  /**
   * @param {string} path where the station's audio is
   * @param {number} seconds the Unix time of a line
   */
  play(path, seconds) {
    this.#path = path;
    this.#goes = false;
    this.hidden = false;
    this.#go(seconds - LEAD_S);
  }

  stop() {
    if (this.hidden) return;
    this.hidden = true;
    this.audio.pause();
    this.audio.removeAttribute('src');
    this.audio.load();
    this.dispatchEvent(new Event('over'));
  }

  /** Escape stops it, unless there is something that Escape leaves. */
  #pressed(event) {
    if (event.key !== 'Escape' || this.hidden || event.defaultPrevented || document.querySelector('line-editor, dialog[open]')) return;
    if (event.isComposing || event.target.matches('input, textarea, select')) return; // it means these
    const isFocused = this.contains(document.activeElement);
    this.stop();
    if (isFocused) this.dispatchEvent(new Event('left'));
  }

  async #go(from) {
    this.#from = from;
    this.audio.src = `${this.#path}?from=${from.toFixed(6)}&to=${(from + PIECE_S).toFixed(6)}`;
    try {
      await this.audio.play();
      this.#goes = true;
    } catch {
      // what cannot be played has said so
    }
  }

  #tell() {
    if (!this.hidden) this.dispatchEvent(new CustomEvent('place', { detail: { seconds: this.#from + this.audio.currentTime + LEAD_S } }));
  }

  /** Of what was being heard, nothing more is there yet; of a line that was chosen, one is told why. */
  async #fail() {
    const { src } = this.audio;
    const isOver = this.#goes;
    this.stop();
    if (isOver) return;
    try {
      const answer = await fetch(src);
      if (answer.status === 404) notify('What was said then cannot be heard any more.');
      else notify(answer.ok ? 'This browser cannot play it.' : refusal(answer.status, await answer.text()).message);
    } catch {
      notify('The server does not answer. Is it still running?');
    }
  }
}

customElements.define('again-player', AgainPlayer);
