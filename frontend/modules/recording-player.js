// <recording-player>: plays a recording beside its captions from a file on this device, since the server keeps none.
//
// Dispatches `opened`, `closed` and, during playback, `position`, detail {seconds}.

import { make } from './dom.js';

class RecordingPlayer extends HTMLElement {
  file = null; // the recording that is open
  #url = '';
  #media = null;
  #captions = null; // {src, srclang} of the WebVTT captions shown in a video

  connectedCallback() {
    this.input = make('input', { id: 'listen-along', type: 'file', accept: 'audio/*,video/*,.mka,.mkv,.opus,.oga' });
    this.offer = make('p.offer', {},
      this.input, make('label.quiet', { for: 'listen-along', textContent: 'Listen along: open the recording from this device' }));
    this.error = make('p.trouble', { role: 'status' });
    this.input.addEventListener('change', () => {
      const [file] = this.input.files;
      if (file) this.play(file);
      this.input.value = '';
    });
    this.replaceChildren(this.offer, this.error);
  }

  disconnectedCallback() {
    this.#stop();
  }

  /** Load a recording without starting it. @param {File} file */
  play(file) {
    this.#stop();
    this.file = file;
    this.#url = URL.createObjectURL(file);
    this.error.textContent = '';
    this.#load(file.type.startsWith('video/') ? 'video' : 'audio');
    this.offer.hidden = true;
    this.dispatchEvent(new Event('opened'));
  }

  /** @param {string} tag of the element that plays the file */
  #load(tag) {
    const media = make(tag, { controls: true, src: this.#url });
    if (tag === 'video') media.playsInline = true; // an iPhone would play it full screen and hide the captions
    media.addEventListener('loadedmetadata', () => {
      if (tag === 'video' && !media.videoWidth) this.#playSoundOf(media);
    });
    for (const type of ['timeupdate', 'seeked']) media.addEventListener(type, () => this.#emitPosition());
    media.addEventListener('error', () => media === this.#media && this.#onError(this.file.name));
    this.#media?.remove();
    this.#media = media;
    this.prepend(media);
    this.reloadSubtitles();
  }

  /** Go on with only the sound of a video whose picture the browser cannot decode. */
  #playSoundOf({ currentTime, paused }) {
    this.#load('audio');
    this.#media.currentTime = currentTime;
    if (!paused) this.#media.play().catch(() => {}); // the error event reports it
  }

  /** Set the captions shown in a video, once they are complete. */
  setSubtitles(src, srclang) {
    this.#captions = { src, srclang };
    this.reloadSubtitles();
  }

  /** Load the subtitles, if any; called again after a correction. */
  reloadSubtitles() {
    if (!this.#captions || this.#media?.localName !== 'video') return;
    const previous = this.#media.querySelector('track');
    const track = make('track', { kind: 'captions', ...this.#captions });
    if (previous) previous.replaceWith(track);
    else this.#media.append(track);
    track.track.mode = previous ? previous.track.mode : 'showing'; // the user may have turned them off; Safari ignores `default`
  }

  /** Play from a position, in seconds. */
  async seek(seconds) {
    if (!this.#media) return;
    this.#media.currentTime = seconds;
    try {
      await this.#media.play();
    } catch {
      // the error event reports it
    }
  }

  pause() {
    this.#media?.pause();
  }

  #emitPosition() {
    if (!this.#media) return; // it was stopped before this event was handled
    this.dispatchEvent(new CustomEvent('position', { detail: { seconds: this.#media.currentTime } }));
  }

  #onError(name) {
    this.#stop();
    this.offer.hidden = false;
    this.error.textContent = `This browser cannot play ${name}.`;
    this.dispatchEvent(new Event('closed'));
  }

  #stop() {
    this.#media?.remove();
    this.#media = null;
    if (this.#url) URL.revokeObjectURL(this.#url);
    this.#url = '';
  }
}

customElements.define('recording-player', RecordingPlayer);
