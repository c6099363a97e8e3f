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
    const isVideo = file.type.startsWith('video/');
    this.#media = make(isVideo ? 'video' : 'audio', { controls: true, src: this.#url });
    if (isVideo) this.#media.playsInline = true; // an iPhone would play it full screen and hide the captions
    this.#media.addEventListener('timeupdate', () => this.#emitPosition());
    this.#media.addEventListener('seeked', () => this.#emitPosition());
    this.#media.addEventListener('error', () => this.#onError(file.name));
    this.offer.hidden = true;
    this.prepend(this.#media);
    this.reloadSubtitles();
    this.dispatchEvent(new Event('opened'));
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
