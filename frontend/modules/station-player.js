// <station-player>: plays a station directly from its stream.

import { masked } from './address.js';
import { make } from './dom.js';

export class StationPlayer extends HTMLElement {
  #url = '';
  #hasFixedVolume = false; // whether the page cannot set the volume

  constructor() {
    super();
    this.button = make('button.primary.play', { type: 'button' });
    this.audio = make('audio', { preload: 'none' });
    this.volume = make('input', { type: 'range', min: '0', max: '1', step: '0.05', value: '1', 'aria-label': 'Volume' });
    this.audio.volume = 0.5;
    this.#hasFixedVolume = this.audio.volume === 1; // iPads only have volume keys
    this.audio.volume = 1;
    this.trouble = make('p.trouble', { role: 'status' });
    this.button.addEventListener('click', () => (this.audio.paused ? this.#play() : this.stop()));
    this.volume.addEventListener('input', () => {
      this.audio.volume = Number(this.volume.value);
    });
    for (const type of ['playing', 'waiting', 'pause', 'error', 'emptied']) this.audio.addEventListener(type, () => this.#describe(type));
  }

  connectedCallback() {
    this.replaceChildren(this.button, this.volume, this.audio, this.trouble);
    this.#describe('pause');
  }

  disconnectedCallback() {
    this.stop();
  }

  /** Select a station without playing it. @param {object} station */
  tune(station) {
    this.stop();
    this.#url = station.listen_url || station.url;
    const locked = masked(this.#url);
    this.button.hidden = locked;
    this.volume.hidden = locked || this.#hasFixedVolume;
    this.trouble.textContent = locked ? 'This station requires a password and cannot be played here. Captions are not affected.' : '';
  }

  /** Stop playing and loading: a paused stream would keep buffering, and resume with a delay. */
  stop() {
    this.audio.pause();
    this.audio.removeAttribute('src');
    this.audio.load();
  }

  async #play() {
    this.trouble.textContent = '';
    this.audio.src = this.#url;
    try {
      await this.audio.play();
    } catch (error) {
      if (error.name !== 'AbortError') this.#fail();
    }
  }

  #fail() {
    const playlist = /\.(m3u8?|pls)([?#]|$)/i.test(this.#url);
    this.trouble.textContent = playlist
      ? 'Your browser cannot play this kind of stream. Captions are not affected.'
      : 'The station cannot be played here. Captions are not affected.';
  }

  #describe(type) {
    if (type === 'error' && this.audio.getAttribute('src')) this.#fail();
    const labels = { playing: 'Stop', waiting: 'Loading…' };
    this.button.textContent = labels[type] ?? 'Listen';
    this.button.classList.toggle('on', type === 'playing');
  }
}

customElements.define('station-player', StationPlayer);
