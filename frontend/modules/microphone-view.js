// <microphone-view>: speak and read.

import './caption-list.js';
import { check, gate, request, sentence, token } from './api.js';
import { correct } from './correcting.js';
import { disable, hush, make, notify, set } from './dom.js';
import { downloads } from './downloads.js';
import { readingLinks } from './elsewhere.js';
import { HotWords } from './hot-words.js';
import { languageSelect } from './languages.js';
import { lastRecording } from './last-recording.js';
import { explain, Recorder } from './recorder.js';
import { Recording } from './recording.js';
import { socketUrl } from './live.js';
import { CaptionStore } from './store.js';
import { clock, duration, when } from './times.js';
import { WakeLock } from './wake-lock.js';

class MicrophoneView extends HTMLElement {
  #recorder = null;
  #recording = null;
  #begun = 0;
  #id = ''; // of the recording whose captions are shown
  #wakeLock = new WakeLock();
  #warn = (event) => event.preventDefault();
  #leave = () => this.#recording?.leave();

  /** Whether something would be lost with this view. */
  get busy() {
    return Boolean(this.#recording);
  }

  connectedCallback() {
    this.language = languageSelect('microphone-language');
    this.hotWords = new HotWords('microphone-hot-words');
    this.button = make('button.primary.record', { type: 'button', textContent: 'Start' });
    this.meter = make('meter', { min: 0, max: 1, low: 0.05, high: 0.9, optimum: 0.4, value: 0, 'aria-label': 'Sound level' });
    this.state = make('span', { role: 'status', textContent: 'Nothing is sent before you start.' });
    this.time = make('span', { role: 'timer' }); // apart: screen readers would read each second out
    this.links = make('p.downloads', { 'aria-label': 'Take the captions away', role: 'group', hidden: true });
    this.readers = make('p.downloads', { 'aria-label': 'Show the captions to others', role: 'group', hidden: true });
    this.last = make('p', { hidden: true });
    this.captions = make('caption-list', { 'data-empty': 'What you say appears here.' });
    this.stage = make('section.stage', { 'aria-label': 'Captions of your voice' }, this.captions);
    this.button.addEventListener('click', () => (this.#recorder ? this.#stop() : this.#start()));
    this.replaceChildren(
      make('aside', {},
        make('h1', { textContent: 'Caption your voice' }),
        make('p.lead', { textContent: 'Sound goes from your microphone to this server and nowhere else.' }),
        make('div.row', {}, make('div', {}, make('label', { for: 'microphone-language', textContent: 'Language spoken' }), this.language), this.button),
        make('details', {}, make('summary', { textContent: 'More' }), ...this.hotWords.parts),
        this.meter, make('p.state', {}, this.state, this.time), this.last, this.links, this.readers),
      this.stage);
    addEventListener('pagehide', this.#leave);
    this.#remember();
  }

  disconnectedCallback() {
    removeEventListener('pagehide', this.#leave);
    this.#recorder?.stop();
    this.#recording?.close();
  }

  set selected(_) {} // it has one view only

  /** @param {object} last recording, to go on with it; without one, another is begun */
  async #start(last = null) {
    hush();
    this.last.hidden = true;
    disable(this.button, true);
    this.#say('Waiting for the microphone…');
    const recorder = new Recorder();
    try {
      await recorder.open();
    } catch (error) {
      notify(explain(error));
      this.#idle('Nothing is sent before you start.');
      return;
    }
    if (!this.isConnected) {
      recorder.stop();
      return;
    }
    this.#recorder = recorder;
    const store = new CaptionStore(2000);
    let told = '';
    store.addEventListener('status', ({ detail: { status } }) => {
      if (status.state === 'failed') notify(`The microphone was refused. ${sentence(status.detail || 'No reason was given')}`);
      else if (status.state === 'running' && status.detail && status.detail !== told) notify(sentence(status.detail));
      told = status.detail;
    });
    this.captions.correct((line, text) => correct(`/microphones/${this.#id}/captions`, line, text, (kept) => store.fill(kept)));
    this.captions.show(store, true);
    store.addEventListener('line', () => this.stage.scrollIntoView({ block: 'end' }), { once: true }); // on a telephone it lies below
    this.#connect(recorder, store, last);
  }

  #connect(recorder, store, last) {
    const told = { sample_rate: recorder.sampleRate, language: this.language.value || null, hot_words: this.hotWords.words };
    const hello = (resume) => ({ ...told, ...(resume ? { resume, after: store.last } : {}) });
    const hear = (message) => {
      if (message.type === 'error') notify(sentence(message.detail));
      else store.apply(message);
    };
    const recording = new Recording(socketUrl('/microphone') + token.query(), hello, hear, {
      answers: () => fetch('/readyz').then((answer) => answer.ok, () => false),
      refusal: () => this.#refusal(),
    }, last?.resume);
    this.#recording = recording;
    this.#hold(true);
    recording.addEventListener('change', () => this.#changed(recorder, recording));
    recorder.onframe = (pcm, level) => {
      recording.send(pcm, recorder.sampleRate);
      this.meter.value = level;
      this.#tell(recording);
    };
    recorder.onstill = () => {
      this.meter.value = 0;
      this.#tell(recording);
    };
    recorder.onend = () => {
      notify('The microphone has gone: it was unplugged, or its permission withdrawn.');
      this.#stop();
    };
    this.#say('Connecting…');
    this.#begun = last ? 1000 * last.begun : Date.now();
    recording.open();
  }

  #changed(recorder, recording) {
    if (recording.state === 'recording') {
      this.#offer(recording.ready);
      disable(this.button, false);
      this.button.textContent = 'Stop';
      this.button.classList.add('on');
      this.language.disabled = this.hotWords.disabled = true;
    }
    if (recording.state === 'ended') {
      recorder.stop();
      if (this.#recording !== recording) return;
      this.#recorder = this.#recording = null;
      this.#hold(false);
      if (recording.ready) this.readers.replaceChildren(...readingLinks(recording.ready.id, true));
      this.#idle(recording.ready ? 'Stopped.' : 'Nothing is sent before you start.');
      if (recording.why) notify(sentence(recording.why));
    } else this.#tell(recording);
  }

  #tell({ state, awayMs }) {
    const seconds = Math.floor((performance.now() - awayMs) / 1000);
    if (state === 'recording' && this.#recorder?.isStill) this.#say('Nothing is heard: the microphone is muted, or a call has it.');
    else if (state === 'recording') this.#say('Recording', ` ${clock((Date.now() - this.#begun) / 1000)}`);
    else if (state === 'away') this.#say('Connection lost, reconnecting…', ` (${duration(seconds)})`);
    else if (state === 'stopping') this.#say('The last words are on their way…');
  }

  #say(words, time = '') {
    set(this.state, words);
    set(this.time, time);
  }

  #stop() {
    this.#recorder?.stop();
    this.#recorder = null;
    disable(this.button, true);
    this.meter.value = 0;
    this.#recording?.stop();
  }

  /** Links to what is captioned so far, also after the end or a break. */
  #offer({ id, resume, urls }) {
    this.#id = id;
    lastRecording.keep({ id, begun: this.#begun / 1000, resume });
    this.links.replaceChildren('Take away: ', ...downloads(urls, 'microphone'));
    this.readers.replaceChildren(...readingLinks(id));
    this.links.hidden = this.readers.hidden = false;
  }

  /** While a microphone is open, its page is not left by mistake, the screen stays on, and the other views say that it is open. */
  #hold(on) {
    if (on) this.#wakeLock.hold();
    else this.#wakeLock.release();
    if (on) addEventListener('beforeunload', this.#warn);
    else removeEventListener('beforeunload', this.#warn);
    document.dispatchEvent(new CustomEvent('recording', { detail: on }));
  }

  /** Offer to read the last recording, if there still is one, and to go on with it, if it is open. */
  async #remember() {
    const last = lastRecording.get();
    if (!last) return;
    let state;
    try {
      ({ state } = await request(`/microphones/${last.id}/captions.json?limit=1`));
    } catch {
      return; // it has expired, or whatever is asked next will say that the server is away
    }
    if (this.#recorder) return;
    const goOn = make('button.download', { type: 'button', hidden: state === 'finished' || state === 'failed', textContent: 'Go on with it' });
    goOn.addEventListener('click', () => this.#start(last));
    this.last.replaceChildren(make('a', { href: `#microphone/${last.id}`, textContent: 'Your last recording' }), `, ${when(last.begun)} `, goOn);
    this.last.hidden = false;
  }

  /** Why a socket was refused: browsers do not say, so the server is asked in another way. */
  async #refusal() {
    try {
      await check({ asks: false }); // a microphone needs the token as well
      await request('/readyz');
      return 'The server refused the microphone: too many are open, or it is restarting. Try again.';
    } catch (error) {
      if (error.status !== 401) return error.message;
      return (await gate.ask()) ? 'The token is kept. Start again.' : 'This server asks for a token.';
    }
  }

  #idle(words) {
    disable(this.button, false);
    this.button.textContent = 'Start';
    this.button.classList.remove('on');
    this.language.disabled = this.hotWords.disabled = false;
    this.meter.value = 0;
    this.#say(words);
  }
}

customElements.define('microphone-view', MicrophoneView);
