// <file-view>: hand in a recording, watch it being captioned, take the captions away.

import './job-panel.js';
import { about, request, upload } from './api.js';
import { make, notify } from './dom.js';
import { languageSelect } from './languages.js';
import { percent, size } from './times.js';

class FileView extends HTMLElement {
  #selected = '';
  #sending = null;

  connectedCallback() {
    this.input = make('input', { id: 'recording', name: 'file', type: 'file', accept: 'audio/*,video/*,.mp3,.m4a,.ogg,.opus,.flac,.wav,.mkv,.mov' });
    this.chosen = make('p.chosen', { textContent: 'or drop one here' });
    this.language = languageSelect('file-language');
    this.progress = make('progress', { max: 1, value: 0, 'aria-label': 'Upload' });
    this.progressText = make('span');
    this.cancel = make('button', { type: 'button', textContent: 'Cancel' });
    this.sending = make('div.sending', { hidden: true }, this.progressText, this.progress, this.cancel);
    this.submit = make('button.primary', { type: 'submit', textContent: 'Caption it' });
    this.form = make('form.hand-in', {},
      make('div.drop', {}, make('label.pick', { for: 'recording', textContent: 'Choose a recording' }), this.input, this.chosen),
      make('div.row', {}, make('div', {}, make('label', { for: 'file-language', textContent: 'Language spoken' }), this.language), this.submit),
      this.sending);
    this.list = make('ul');
    this.earlier = make('details.earlier', { hidden: true }, make('summary', { textContent: 'Earlier recordings' }), this.list);
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
    this.#showEarlier();
    if (this.#selected) this.panel.open(this.#selected);
  }

  disconnectedCallback() {
    this.#sending?.abort();
  }

  /** @param {string} id of a job in the address */
  set selected(id) {
    this.#selected = id;
    this.panel.hidden = !id;
    this.nothing.hidden = Boolean(id);
    if (id) this.panel.open(id);
    else this.panel.close();
    if (this.list) this.#showEarlier();
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
    this.form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#send();
    });
    this.cancel.addEventListener('click', () => this.#sending?.abort());
    this.panel.addEventListener('gone', () => {
      location.hash = '#file';
    });
  }

  async #choose() {
    const [file] = this.input.files;
    this.chosen.textContent = file ? `${file.name} · ${size(file.size)}` : 'or drop one here';
    const refused = file ? await refusal(file) : '';
    if (refused) notify(refused);
  }

  async #send() {
    const [file] = this.input.files;
    if (!file) {
      notify('Choose a recording first.');
      this.input.focus();
      return;
    }
    const refused = await refusal(file);
    if (refused) {
      notify(refused);
      return;
    }
    const form = new FormData();
    form.append('language', this.language.value); // before the file, so that it has arrived when the file has
    form.append('file', file);
    this.#sending = new AbortController();
    this.#progress(0);
    try {
      const job = await upload('/jobs', form, (share) => this.#progress(share), this.#sending.signal);
      this.form.reset();
      this.chosen.textContent = 'or drop one here';
      location.hash = `#file/${job.id}`;
    } catch (error) {
      if (error.name !== 'AbortError') notify(`The recording was not taken. ${error.message}`);
    } finally {
      this.#sending = null;
      this.sending.hidden = true;
      this.submit.disabled = false;
    }
  }

  #progress(share) {
    this.sending.hidden = false;
    this.submit.disabled = true;
    this.progress.value = share;
    this.progressText.textContent = share < 1 ? `Uploading ${percent(share)}` : 'Uploaded. The server is taking it in…';
  }

  async #showEarlier() {
    try {
      const { jobs } = await request('/jobs?limit=20');
      this.list.replaceChildren(...jobs.map((job) => make('li', {}, make(
        'a', { href: `#file/${job.id}`, ...(job.id === this.#selected ? { 'aria-current': 'true' } : {}) },
        make('strong', { textContent: job.filename || job.url || job.id }),
        make('span.state', { textContent: job.state === 'running' ? `captioned ${percent(job.progress)}` : job.state })))));
      this.earlier.hidden = jobs.length === 0;
    } catch (error) {
      notify(`Earlier recordings cannot be listed. ${error.message}`);
    }
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
