// <file-view>: hand in a recording, watch it being captioned, take the captions away.

import './job-list.js';
import './job-panel.js';
import { addressInput } from './address.js';
import { about, request, upload } from './api.js';
import { hush, make, notify } from './dom.js';
import { languageSelect } from './languages.js';
import { absolve, blame } from './refusal.js';
import { percent, size } from './times.js';

/** Ids have no other characters; a dot or a slash would ask the server for something else. */
const ID = /^[\w-]+$/;

class FileView extends HTMLElement {
  #sending = null;

  connectedCallback() {
    this.input = make('input', { id: 'recording', name: 'file', type: 'file', accept: 'audio/*,video/*,.mp3,.m4a,.ogg,.opus,.flac,.wav,.mkv,.mov' });
    this.chosen = make('p.chosen', { textContent: 'or drop one here' });
    this.address = addressInput({ id: 'recording-url' });
    this.language = languageSelect('file-language');
    this.progress = make('progress', { max: 1, value: 0, 'aria-label': 'Upload' });
    this.progressText = make('span');
    this.cancel = make('button', { type: 'button', textContent: 'Cancel' });
    this.sending = make('div.sending', { hidden: true }, this.progressText, this.progress, this.cancel);
    this.submit = make('button.primary', { type: 'submit', textContent: 'Caption it' });
    this.form = make('form.hand-in', {},
      make('div.drop', {}, make('label.pick', { for: 'recording', textContent: 'Choose a recording' }), this.input, this.chosen),
      make('div', {}, make('label', { for: 'recording-url', textContent: 'or the address of one' }), this.address),
      make('div.row', {}, make('div', {}, make('label', { for: 'file-language', textContent: 'Language spoken' }), this.language), this.submit),
      this.sending);
    this.earlier = make('job-list');
    this.panel = make('job-panel', { hidden: true });
    this.nothing = make('section.stage', { 'aria-label': 'Recording' },
      make('p.empty', { textContent: 'The captions of your recording appear here, and files to take away.' }));
    this.replaceChildren(
      make('aside', {},
        make('h1', { textContent: 'Caption a recording' }),
        make('p.lead', { textContent: 'Any sound or video file. It stays on this server.' }),
        this.form, this.earlier),
      this.panel, this.nothing);
    this.#listen();
  }

  disconnectedCallback() {
    this.#sending?.abort();
  }

  /** @param {string} id of a job in the address */
  set selected(id) {
    if (ID.test(id)) this.#open(id);
    else if (id) this.#showMissing();
    else this.#showNothing();
    this.earlier.current = id;
  }

  #open(id) {
    this.nothing.hidden = true;
    this.panel.hidden = false;
    this.panel.open(id);
    this.panel.firstElementChild.scrollIntoView({ block: 'start' }); // on a telephone it lies far below the list
  }

  #showMissing() {
    this.#showNothing();
    notify('There is no such recording: it was removed, or has expired. You can hand in another.');
  }

  #showNothing() {
    this.panel.close();
    this.panel.hidden = true;
    this.nothing.hidden = false;
  }

  #listen() {
    const drop = this.form.firstElementChild;
    this.input.addEventListener('change', () => this.#choose());
    for (const type of ['dragover', 'dragleave', 'drop']) {
      drop.addEventListener(type, (event) => {
        event.preventDefault();
        drop.classList.toggle('over', type === 'dragover');
        if (type === 'drop' && event.dataTransfer.files.length) {
          this.input.files = event.dataTransfer.files;
          this.#choose();
        }
      });
    }
    this.address.addEventListener('input', () => {
      this.input.value = ''; // one or the other
      this.#choose();
    });
    this.form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#send();
    });
    this.cancel.addEventListener('click', () => this.#sending?.abort());
    this.panel.addEventListener('settled', () => this.earlier.refresh());
    this.panel.addEventListener('missing', () => this.#showMissing());
    this.panel.addEventListener('removed', () => {
      location.hash = '#file';
    });
  }

  async #choose() {
    hush();
    const [file] = this.input.files;
    this.chosen.textContent = file ? `${file.name} · ${size(file.size)}` : 'or drop one here';
    if (!file) return;
    this.address.value = '';
    const refused = await refusal(file);
    if (refused) notify(refused);
  }

  async #send() {
    hush();
    absolve(this.form);
    const [file] = this.input.files;
    if (!file && !this.address.value) {
      notify('Choose a recording first, or give the address of one.');
      this.input.focus();
      return;
    }
    const refused = file ? await refusal(file) : '';
    if (refused) {
      notify(refused);
      return;
    }
    this.#sending = new AbortController();
    this.submit.disabled = true;
    try {
      const job = await (file ? this.#upload(file) : this.#handIn(this.address.value));
      this.form.reset();
      this.chosen.textContent = 'or drop one here';
      location.hash = `#file/${job.id}`;
    } catch (error) {
      if (error.name !== 'AbortError' && !blame(this.form, error)) notify(`The recording was not taken. ${error.message}`);
    } finally {
      this.#sending = null;
      this.sending.hidden = true;
      this.submit.disabled = false;
    }
  }

  #upload(file) {
    const form = new FormData();
    form.append('language', this.language.value); // before the file, so that it has arrived when the file has
    form.append('file', file);
    this.#progress(0);
    return upload('/jobs', form, (share) => this.#progress(share), this.#sending.signal);
  }

  #handIn(url) {
    return request('/jobs', { method: 'POST', json: { url, language: this.language.value || null }, signal: this.#sending.signal });
  }

  #progress(share) {
    this.sending.hidden = false;
    this.progress.value = share;
    this.progressText.textContent = share < 1 ? `Uploading ${percent(share)}` : 'Uploaded. The server is taking it in…';
  }
}

/** Why a file need not be sent at all; empty if it may be. */
async function refusal(file) {
  if (!file.size) return `${file.name} is empty.`;
  try {
    const { max_upload_bytes: most } = await about();
    return file.size > most ? `${file.name} has ${size(file.size)}; this server takes up to ${size(most)}.` : '';
  } catch {
    return ''; // the upload itself will say that the server is away
  }
}

customElements.define('file-view', FileView);
