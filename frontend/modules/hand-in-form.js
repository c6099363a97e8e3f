// <hand-in-form>: choose recordings, or the address of one, and hand them in.

import { addressInput } from './address.js';
import { about, request, upload } from './api.js';
import { disable, hush, make, notify } from './dom.js';
import { handIn, reasons, sendingWords } from './handing-in.js';
import { JobChoices } from './job-choices.js';
import { absolve, blame } from './refusal.js';
import { size } from './times.js';

const NONE_CHOSEN = 'or drop them here';

/** Dispatches `taken` for each recording that has become a job, with `{job, several}`: whether others come with it. */
class HandInForm extends HTMLElement {
  #sending = null;
  #warn = (event) => event.preventDefault(); // a browser asks in its own words whether the tab may be closed

  connectedCallback() {
    this.input = make('input', {
      id: 'recording', name: 'file', type: 'file', multiple: true, accept: 'audio/*,video/*,.mp3,.m4a,.ogg,.opus,.flac,.wav,.mkv,.mov',
    });
    this.chosen = make('p.chosen', { textContent: NONE_CHOSEN });
    this.drop = make('div.drop', {}, make('label.pick', { for: 'recording', textContent: 'Choose recordings' }), this.input, this.chosen);
    this.address = addressInput({ id: 'recording-url' });
    this.choices = new JobChoices();
    this.submit = make('button.primary', { type: 'submit', textContent: 'Caption it' });
    this.progress = make('progress', { max: 1, value: 0, 'aria-label': 'Upload' });
    this.progressText = make('span');
    this.cancel = make('button', { type: 'button', textContent: 'Cancel' });
    this.sending = make('div.sending', { hidden: true }, this.progressText, this.progress, this.cancel);
    this.outcome = make('p.facts', { role: 'status' });
    this.form = make('form.hand-in', {},
      this.drop,
      make('div', {}, make('label', { for: 'recording-url', textContent: 'or the address of one' }), this.address),
      this.choices.language, this.choices.translate, this.choices.more, this.submit, this.sending, this.outcome);
    this.replaceChildren(this.form);
    this.#listen();
  }

  disconnectedCallback() {
    this.#sending?.abort();
  }

  #listen() {
    this.input.addEventListener('change', () => this.#choose());
    for (const type of ['dragover', 'dragleave', 'drop']) {
      this.drop.addEventListener(type, (event) => {
        event.preventDefault();
        this.drop.classList.toggle('over', type === 'dragover');
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
      if (this.input.files.length || this.address.value) this.#send();
      else {
        notify('Choose a recording first, or give the address of one.');
        this.input.focus();
      }
    });
    this.cancel.addEventListener('click', () => this.#sending?.abort());
  }

  async #choose() {
    hush();
    this.outcome.textContent = '';
    const files = [...this.input.files];
    this.#describe(files);
    if (!files.length) return;
    this.address.value = '';
    const wrong = (await unfit(files)).map(({ why }) => why);
    if (wrong.length) notify(wrong.join(' '));
  }

  #describe(files) {
    const [first] = files;
    const bytes = size(files.reduce((sum, file) => sum + file.size, 0));
    if (!first) this.chosen.textContent = NONE_CHOSEN;
    else this.chosen.textContent = `${files.length > 1 ? `${files.length} recordings` : first.name} · ${bytes}`;
    this.submit.textContent = files.length > 1 ? 'Caption them' : 'Caption it';
  }

  async #send() {
    hush();
    absolve(this.form);
    this.outcome.textContent = '';
    disable(this.submit, true);
    this.#sending = new AbortController();
    addEventListener('beforeunload', this.#warn);
    const files = [...this.input.files];
    const choices = this.choices.values;
    try {
      const wrong = await unfit(files);
      const fit = files.length ? files.filter((file) => !wrong.some((one) => one.file === file)) : [byAddress(this.address.value)];
      const send = (item, number) => this.#handIn(item, choices, { number, all: fit.length, several: files.length > 1 });
      const { taken, refused } = await handIn(fit, send, this.#sending.signal);
      this.#forget(taken);
      this.#tell(files, taken, wrong, refused);
    } finally {
      removeEventListener('beforeunload', this.#warn);
      this.#sending = null;
      this.sending.hidden = true;
      disable(this.submit, false);
    }
  }

  async #handIn(item, choices, { number, all, several }) {
    const { signal } = this.#sending;
    const show = (share) => this.#progress({ name: item.name, number, all, share });
    let job;
    if (item.url) job = await request('/jobs', { method: 'POST', json: { url: item.url, ...choices }, signal });
    else {
      const form = new FormData();
      for (const [name, value] of Object.entries(choices)) form.append(name, value); // they have arrived when the file has
      form.append('file', item);
      show(0);
      job = await upload('/jobs', form, show, signal);
    }
    this.dispatchEvent(new CustomEvent('taken', { detail: { job, file: item.url ? null : item, several } }));
  }

  #progress(state) {
    this.progress.value = state.share;
    this.progressText.textContent = sendingWords(state);
    if (!this.sending.hidden) return;
    this.sending.hidden = false;
    this.sending.scrollIntoView({ block: 'nearest' }); // on a telephone it lies below the screen
  }

  /** What was not taken stays chosen, as does what was chosen meanwhile. */
  #forget(taken) {
    if (!taken.length) return;
    const left = [...this.input.files].filter((file) => !taken.includes(file));
    if (!left.length) this.form.reset();
    const rest = new DataTransfer();
    for (const file of left) rest.items.add(file);
    this.input.files = rest.files;
    this.#describe(left);
  }

  #tell(files, taken, wrong, refused) {
    const blamed = refused.filter(({ error }) => !blame(this.form, error));
    const sentences = [...wrong.map(({ why }) => why), ...reasons(blamed)];
    if (sentences.length) notify(sentences.join(' '));
    const left = files.length - taken.length;
    if (files.length > 1) this.outcome.textContent = `${taken.length} of ${files.length} recordings are handed in.`;
    if (left && !this.isConnected) notify(`${left} of ${files.length} recordings were not handed in, because you left this view.`);
  }
}

const byAddress = (url) => ({ name: url, url });

/** Files that need not be sent at all, each with why. */
async function unfit(files) {
  let most = Infinity;
  try {
    most = (await about()).max_upload_bytes;
  } catch {
    // the upload itself will say that the server is away
  }
  return files.flatMap((file) => {
    if (!file.size) return { file, why: `${file.name} is empty (0 bytes): save it anew.` };
    return file.size > most ? { file, why: `${file.name} has ${size(file.size)}; this server takes up to ${size(most)}.` } : [];
  });
}

customElements.define('hand-in-form', HandInForm);
