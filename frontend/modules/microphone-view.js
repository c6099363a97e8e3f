// <microphone-view>: captions of the user's own microphone, or of what their computer plays.

import './caption-list.js';
import { checkToken, request, sentence, token, tokenPrompt } from './api.js';
import { correct } from './correcting.js';
import { clearNotice, disable, make, notify, setText } from './dom.js';
import { downloads } from './downloads.js';
import { HotWords } from './hot-words.js';
import { languageSelect } from './languages.js';
import { lastRecording } from './last-recording.js';
import { socketUrl } from './live.js';
import { Recorder } from './recorder.js';
import { Recording } from './recording.js';
import { readingLinks } from './share-links.js';
import { SoundSelect } from './sound-source.js';
import { CaptionStore } from './store.js';
import { clock, duration, when } from './times.js';
import { TranslateBox } from './translate-box.js';
import { WakeLock } from './wake-lock.js';

const IDLE = 'Nothing is sent until you start.';

class MicrophoneView extends HTMLElement {
  #recorder = null;
  #source = null; // what is recorded
  #recording = null;
  #startedMs = 0;
  #id = ''; // id of the recording whose captions are shown
  #wakeLock = new WakeLock();
  #onBeforeUnload = (event) => event.preventDefault();
  #onPageHide = () => this.#recording?.leave();

  /** Whether removing this view would end a recording. */
  get busy() {
    return Boolean(this.#recording);
  }

  connectedCallback() {
    const { sound, language, hotWords, translate } = lastRecording.get()?.choices ?? {};
    this.sound = new SoundSelect(sound);
    this.language = languageSelect('microphone-language', language);
    this.hotWords = new HotWords('microphone-hot-words', hotWords);
    // not `translate`, which is a boolean property of every element
    this.translateBox = new TranslateBox('microphone-task', translate);
    this.button = make('button.primary.record', { type: 'button', textContent: 'Start' });
    this.meter = make('meter', { min: 0, max: 1, low: 0.05, high: 0.9, optimum: 0.4, value: 0, 'aria-label': 'Sound level' });
    this.state = make('span', { role: 'status', textContent: IDLE });
    this.time = make('span', { role: 'timer' }); // separate, so that screen readers do not announce every second
    this.links = make('p.downloads', { 'aria-label': 'Download captions', role: 'group', hidden: true });
    this.readers = make('p.downloads', { 'aria-label': 'Share captions', role: 'group', hidden: true });
    this.last = make('p', { hidden: true });
    this.captions = make('caption-list', { 'data-empty': 'What is said appears here.' });
    this.stage = make('section.stage', { 'aria-label': 'Captions' }, this.captions);
    this.button.addEventListener('click', () => (this.#recorder ? this.#stop() : this.#start()));
    this.replaceChildren(
      make('aside', {},
        make('h1', { textContent: 'Caption live sound' }),
        make('p.lead', { textContent: 'Audio is sent to this server and to no other service. It is not kept.' }),
        this.sound.element,
        make('div.row', {}, make('div', {}, make('label', { for: 'microphone-language', textContent: 'Spoken language' }), this.language), this.button),
        make('details', { open: Boolean(hotWords?.length || translate) }, make('summary', { textContent: 'More options' }), ...this.hotWords.parts, this.translateBox.element),
        this.meter, make('p.state', {}, this.state, this.time), this.last, this.links, this.readers),
      this.stage);
    addEventListener('pagehide', this.#onPageHide);
    this.sound.start();
    this.#offerLast();
  }

  disconnectedCallback() {
    removeEventListener('pagehide', this.#onPageHide);
    this.sound.stop();
    this.#recorder?.stop();
    this.#recording?.close();
  }

  set selected(_) {} // has no sub-views

  /** @param {object} last the recording to resume; null starts a new one */
  async #start(last = null) {
    clearNotice();
    this.last.hidden = true;
    disable(this.button, true);
    this.#disableChoices(true);
    this.#source = this.sound.chosen;
    this.#setStatus(this.#source.opening);
    const recorder = new Recorder();
    try {
      await recorder.open(await this.#source.open());
    } catch (error) {
      notify(this.#source.explain(error));
      this.#setIdle(IDLE);
      return;
    }
    if (!this.isConnected) {
      recorder.stop();
      return;
    }
    this.#recorder = recorder;
    this.sound.refresh();
    const store = new CaptionStore(2000);
    let lastDetail = '';
    store.addEventListener('status', ({ detail: { status } }) => {
      if (status.state === 'failed') notify(`The recording was refused. ${sentence(status.detail || 'No reason given')}`);
      else if (status.state === 'running' && status.detail && status.detail !== lastDetail) notify(sentence(status.detail));
      lastDetail = status.detail;
    });
    this.captions.enableCorrections((line, text) => correct(`/microphones/${this.#id}/captions`, line, text, (kept) => store.fill(kept)));
    this.captions.show(store, true);
    store.addEventListener('line', () => this.stage.scrollIntoView({ block: 'end' }), { once: true }); // on a phone it is below the controls
    this.#connect(recorder, store, last);
  }

  #connect(recorder, store, last) {
    const { language, hotWords, translate } = this.#choices;
    const settings = {
      sample_rate: recorder.sampleRate, language: language || null, hot_words: hotWords, task: translate ? 'translate' : null,
    };
    const hello = (resume) => ({ ...settings, ...(resume ? { resume, after: store.last } : {}) });
    const receive = (message) => {
      if (message.type === 'error') notify(sentence(message.detail));
      else store.apply(message);
    };
    const recording = new Recording(socketUrl('/microphone') + token.query(), hello, receive, {
      isServerUp: () => fetch('/readyz').then((response) => response.ok, () => false),
      refusal: () => this.#rejectionReason(),
    }, last?.resume);
    this.#recording = recording;
    this.#setRecording(true);
    recording.addEventListener('change', () => this.#onStateChange(recorder, recording));
    recorder.onframe = (pcm, level) => {
      recording.send(pcm, recorder.sampleRate);
      this.meter.value = level;
      this.#showState(recording);
    };
    recorder.onmutechange = () => {
      this.meter.value = 0;
      this.#showState(recording);
    };
    recorder.onend = () => {
      if (this.#source.ended) notify(this.#source.ended);
      this.#stop();
    };
    this.#setStatus('Connecting…');
    this.#startedMs = last ? 1000 * last.begun : Date.now();
    recording.open();
  }

  #onStateChange(recorder, recording) {
    if (recording.state === 'recording') {
      this.#showLinks(recording.ready);
      disable(this.button, false);
      this.button.textContent = 'Stop';
      this.button.classList.add('on');
    }
    if (recording.state === 'ended') {
      recorder.stop();
      if (this.#recording !== recording) return;
      this.#recorder = this.#recording = null;
      this.#setRecording(false);
      if (recording.ready) this.readers.replaceChildren(...readingLinks(recording.ready.id, true));
      this.#setIdle(recording.ready ? 'Stopped.' : IDLE);
      if (recording.reason) notify(sentence(recording.reason));
    } else this.#showState(recording);
  }

  #showState({ state, awayMs }) {
    const seconds = Math.floor((performance.now() - awayMs) / 1000);
    if (state === 'recording' && this.#recorder?.isMuted) this.#setStatus(this.#source.muted);
    else if (state === 'recording') this.#setStatus('Listening', ` ${clock((Date.now() - this.#startedMs) / 1000)}`);
    else if (state === 'away') this.#setStatus('Connection lost, reconnecting…', ` (${duration(seconds)})`);
    else if (state === 'stopping') this.#setStatus('Waiting for the last captions…');
  }

  #setStatus(text, time = '') {
    setText(this.state, text);
    setText(this.time, time);
  }

  #stop() {
    this.#recorder?.stop();
    this.#recorder = null;
    disable(this.button, true);
    this.meter.value = 0;
    this.#recording?.stop();
  }

  /** Show links to the captions so far; they stay after the end and during an interruption. */
  #showLinks({ id, resume, urls }) {
    this.#id = id;
    lastRecording.keep({ id, begun: this.#startedMs / 1000, resume, choices: this.#choices });
    this.links.replaceChildren('Download: ', ...downloads(urls, 'microphone'));
    this.readers.replaceChildren(...readingLinks(id));
    this.links.hidden = this.readers.hidden = false;
  }

  /** While recording, closing the page asks first, the screen stays on, and the navigation shows that the microphone is on. */
  #setRecording(on) {
    if (on) this.#wakeLock.hold();
    else this.#wakeLock.release();
    if (on) addEventListener('beforeunload', this.#onBeforeUnload);
    else removeEventListener('beforeunload', this.#onBeforeUnload);
    document.dispatchEvent(new CustomEvent('recording', { detail: on }));
  }

  /** Offer to read the last recording if it still exists, and to resume it if it has not ended. */
  async #offerLast() {
    const last = lastRecording.get();
    if (!last) return;
    let state;
    try {
      ({ state } = await request(`/microphones/${last.id}/captions.json?limit=1`));
    } catch {
      return; // it has expired, or the server is down, which the next request will report
    }
    if (this.#source) return; // a recording was started meanwhile
    const resume = make('button.download', { type: 'button', hidden: state === 'finished' || state === 'failed', textContent: 'Resume' });
    resume.addEventListener('click', () => this.#start(last));
    this.last.replaceChildren(make('a', { href: `#microphone/${last.id}`, textContent: 'Your last recording' }), `, ${when(last.begun)} `, resume);
    this.last.hidden = false;
  }

  /** Why a socket was refused. Browsers do not report it, so find out with other requests. */
  async #rejectionReason() {
    try {
      await checkToken({ promptForToken: false }); // a microphone needs the token too
      await request('/readyz');
      return 'The server refused the microphone: too many are open, or it is restarting. Try again.';
    } catch (error) {
      if (error.status !== 401) return error.message;
      return (await tokenPrompt.ask()) ? 'Token saved. Start again.' : 'This server requires a token.';
    }
  }

  get #choices() {
    return { sound: this.sound.value, language: this.language.value, hotWords: this.hotWords.words, translate: this.translateBox.checked };
  }

  /** The choices apply from the next start on. */
  #disableChoices(areDisabled) {
    for (const choice of [this.sound, this.language, this.hotWords, this.translateBox]) choice.disabled = areDisabled;
  }

  #setIdle(text) {
    disable(this.button, false);
    this.button.textContent = 'Start';
    this.button.classList.remove('on');
    this.#disableChoices(false);
    this.meter.value = 0;
    this.#setStatus(text);
  }
}

customElements.define('microphone-view', MicrophoneView);
