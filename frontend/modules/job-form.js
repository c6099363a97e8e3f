// <job-form>: choose recordings, or enter the address of one, and submit them.

import { addressInput } from './address.js';
import { about, request, upload } from './api.js';
import { clearNotice, disable, make, notify } from './dom.js';
import { refusalMessages, submitAll, uploadStatus } from './submission.js';
import { JobChoices } from './job-choices.js';
import { clearFieldErrors, showFieldError } from './field-errors.js';
import { size } from './times.js';

const NONE_SELECTED = 'or drop them here';

/** Dispatches `submitted` for each recording that became a job, detail {job, file, several}: whether it is one of several. */
class JobForm extends HTMLElement {
  #abort = null;
  #onBeforeUnload = (event) => event.preventDefault(); // the browser asks before it closes the tab

  connectedCallback() {
    this.input = make('input', {
      id: 'recording', name: 'file', type: 'file', multiple: true, accept: 'audio/*,video/*,.mp3,.m4a,.ogg,.opus,.flac,.wav,.mkv,.mov',
    });
    this.chosen = make('p.chosen', { textContent: NONE_SELECTED });
    this.drop = make('div.drop', {}, make('label.pick', { for: 'recording', textContent: 'Choose recordings' }), this.input, this.chosen);
    this.address = addressInput({ id: 'recording-url' });
    this.choices = new JobChoices();
    this.submit = make('button.primary', { type: 'submit', textContent: 'Caption it' });
    this.progress = make('progress', { max: 1, value: 0, 'aria-label': 'Upload' });
    this.progressText = make('span');
    this.cancel = make('button', { type: 'button', textContent: 'Cancel' });
    this.sending = make('div.sending', { hidden: true }, this.progressText, this.progress, this.cancel);
    this.outcome = make('p.facts', { role: 'status' });
    this.form = make('form.job-form', {},
      this.drop,
      make('div', {}, make('label', { for: 'recording-url', textContent: 'or enter an address' }), this.address),
      this.choices.language, this.choices.translate, this.choices.more, this.submit, this.sending, this.outcome);
    this.replaceChildren(this.form);
    this.#listen();
  }

  disconnectedCallback() {
    this.#abort?.abort();
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
        notify('Choose a recording or enter its address.');
        this.input.focus();
      }
    });
    this.cancel.addEventListener('click', () => this.#abort?.abort());
  }

  async #choose() {
    clearNotice();
    this.outcome.textContent = '';
    const files = [...this.input.files];
    this.#describe(files);
    if (!files.length) return;
    this.address.value = '';
    const problems = (await unusable(files)).map(({ reason }) => reason);
    if (problems.length) notify(problems.join(' '));
  }

  #describe(files) {
    const [first] = files;
    const bytes = size(files.reduce((sum, file) => sum + file.size, 0));
    if (!first) this.chosen.textContent = NONE_SELECTED;
    else this.chosen.textContent = `${files.length > 1 ? `${files.length} recordings` : first.name} · ${bytes}`;
    this.submit.textContent = files.length > 1 ? 'Caption them' : 'Caption it';
  }

  async #send() {
    clearNotice();
    clearFieldErrors(this.form);
    this.outcome.textContent = '';
    disable(this.submit, true);
    this.#abort = new AbortController();
    addEventListener('beforeunload', this.#onBeforeUnload);
    const files = [...this.input.files];
    const choices = this.choices.values;
    try {
      const problems = await unusable(files);
      const items = files.length ? files.filter((file) => !problems.some((each) => each.file === file)) : [fromUrl(this.address.value)];
      const send = (item, number) => this.#submitOne(item, choices, { number, all: items.length, several: files.length > 1 });
      const { accepted, refused } = await submitAll(items, send, this.#abort.signal);
      this.#deselect(accepted);
      this.#showOutcome(files, accepted, problems, refused);
    } finally {
      removeEventListener('beforeunload', this.#onBeforeUnload);
      this.#abort = null;
      this.sending.hidden = true;
      disable(this.submit, false);
    }
  }

  async #submitOne(item, choices, { number, all, several }) {
    const { signal } = this.#abort;
    const show = (share) => this.#progress({ name: item.name, number, all, share });
    let job;
    if (item.url) job = await request('/jobs', { method: 'POST', json: { url: item.url, ...choices }, signal });
    else {
      const form = new FormData();
      for (const [name, value] of Object.entries(choices)) form.append(name, value); // before the file, so that the server has them first
      form.append('file', item);
      show(0);
      job = await upload('/jobs', form, show, signal);
    }
    this.dispatchEvent(new CustomEvent('submitted', { detail: { job, file: item.url ? null : item, several } }));
  }

  #progress(state) {
    this.progress.value = state.share;
    this.progressText.textContent = uploadStatus(state);
    if (!this.sending.hidden) return;
    this.sending.hidden = false;
    this.sending.scrollIntoView({ block: 'nearest' }); // on a phone it is below the screen
  }

  /** Deselect accepted files. Refused files, and files selected meanwhile, stay selected. */
  #deselect(accepted) {
    if (!accepted.length) return;
    const left = [...this.input.files].filter((file) => !accepted.includes(file));
    if (!left.length) this.form.reset();
    const rest = new DataTransfer();
    for (const file of left) rest.items.add(file);
    this.input.files = rest.files;
    this.#describe(left);
  }

  #showOutcome(files, accepted, problems, refused) {
    const otherErrors = refused.filter(({ error }) => !showFieldError(this.form, error));
    const messages = [...problems.map(({ reason }) => reason), ...refusalMessages(otherErrors)];
    if (messages.length) notify(messages.join(' '));
    const left = files.length - accepted.length;
    if (files.length > 1) this.outcome.textContent = `${accepted.length} of ${files.length} recordings submitted.`;
    if (left && !this.isConnected) notify(`${left} of ${files.length} recordings were not submitted because you left this view.`);
  }
}

const fromUrl = (url) => ({ name: url, url });

/** Files that the server would refuse, each with the reason. */
async function unusable(files) {
  let maxBytes = Infinity;
  try {
    maxBytes = (await about()).max_upload_bytes;
  } catch {
    // the upload itself will report that the server is down
  }
  return files.flatMap((file) => {
    if (!file.size) return { file, reason: `${file.name} is empty (0 bytes). Save it again.` };
    return file.size > maxBytes ? { file, reason: `${file.name} is ${size(file.size)}; this server accepts up to ${size(maxBytes)}.` } : [];
  });
}

customElements.define('job-form', JobForm);
