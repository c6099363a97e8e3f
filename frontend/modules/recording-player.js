// <recording-player>: plays a recording beside its captions, out of a file on this device: the server keeps none.
//
// Dispatches `place`, detail {seconds}, where it is as it plays.

import { make } from './dom.js';

class RecordingPlayer extends HTMLElement {
  #url = '';
  #media = null;
  #captions = null; // of a video, to be shown in it: where they are as WebVTT, and in which language

  connectedCallback() {
    this.input = make('input', { id: 'listen-along', type: 'file', accept: 'audio/*,video/*,.mka,.mkv,.opus,.oga' });
    this.offer = make('p.offer', {},
      this.input, make('label.quiet', { for: 'listen-along', textContent: 'Listen along: open the recording from this device' }));
    this.trouble = make('p.trouble', { role: 'status' });
    this.input.addEventListener('change', () => {
      const [file] = this.input.files;
      if (file) this.play(file);
      this.input.value = '';
    });
    this.replaceChildren(this.offer, this.trouble);
  }

  disconnectedCallback() {
    this.#stop();
  }

  /** @param {File} file of the recording; it is ready to be played, and begins when the reader says so */
  play(file) {
    this.#stop();
    this.#url = URL.createObjectURL(file);
    this.trouble.textContent = '';
    const isVideo = file.type.startsWith('video/');
    this.#media = make(isVideo ? 'video' : 'audio', { controls: true, src: this.#url });
    if (isVideo) this.#media.playsInline = true; // an iPhone would fill its screen with it, captions and all
    this.#media.addEventListener('timeupdate', () => this.#tell());
    this.#media.addEventListener('seeked', () => this.#tell());
    this.#media.addEventListener('error', () => this.#fail(file.name));
    this.offer.hidden = true;
    this.prepend(this.#media);
    this.renewSubtitles();
    this.dispatchEvent(new Event('opened'));
  }

  /** Captions that a video shows in its picture, now that they are complete. */
  subtitle(src, srclang) {
    this.#captions = { src, srclang };
    this.renewSubtitles();
  }

  /** Read them, if there are any yet; and again, when they have been corrected. */
  renewSubtitles() {
    if (!this.#captions || this.#media?.localName !== 'video') return;
    const before = this.#media.querySelector('track');
    const track = make('track', { kind: 'captions', ...this.#captions });
    if (before) before.replaceWith(track);
    else this.#media.append(track);
    track.track.mode = before ? before.track.mode : 'showing'; // the viewer may have switched them off; Safari heeds no `default`
  }

  /** Play from a place on, in seconds. */
  async seek(seconds) {
    if (!this.#media) return;
    this.#media.currentTime = seconds;
    try {
      await this.#media.play();
    } catch {
      // what cannot be played has said so
    }
  }

  pause() {
    this.#media?.pause();
  }

  #tell() {
    if (!this.#media) return; // it was stopped before the browser told how far it had come
    this.dispatchEvent(new CustomEvent('place', { detail: { seconds: this.#media.currentTime } }));
  }

  #fail(name) {
    this.#stop();
    this.offer.hidden = false;
    this.trouble.textContent = `This browser cannot play ${name}.`;
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
