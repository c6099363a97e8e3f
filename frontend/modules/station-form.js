// <station-form>: adds or changes a station.

import { addressInput, masked } from './address.js';
import { request } from './api.js';
import { clearNotice, disable, make } from './dom.js';
import { HotWords } from './hot-words.js';
import { languageSelect } from './languages.js';
import { clearFieldErrors, showFieldError } from './field-errors.js';
import { changedFields, NEW, taskOf } from './station-fields.js';
import { TranslateBox } from './translate-box.js';

const HIDDEN_PASSWORD = 'The password is not shown. Leave the address unchanged to keep it.';

const FROM_FILE = 'This station is defined in stations.yml. The values in that file are restored when the server restarts.';

/** Dispatches `saved`, detail {station}, and `cancelled`. */
export class StationForm extends HTMLElement {
  #station;

  /** @param {object} station to change, as returned by the API; null to add one */
  constructor(station = null) {
    super();
    this.#station = station;
  }

  get #shown() {
    return this.#station ?? NEW;
  }

  connectedCallback() {
    const { name, url, language, listen_url: listenUrl, hot_words: hotWords, task } = this.#shown;
    const id = (field) => `${this.#station ? 'changed' : 'station'}-${field}`;
    this.name = make('input', { id: id('name'), name: 'name', required: true, maxLength: 200, value: name });
    this.url = addressInput({ id: id('url'), required: true, value: url });
    this.language = languageSelect(id('language'), language ?? '');
    this.listenUrl = addressInput({ id: id('listen-url'), name: 'listen_url', value: listenUrl ?? '', placeholder: 'same as the stream' });
    this.hotWords = new HotWords(id('hot-words'), hotWords);
    // not `translate`, which is a boolean property of every element
    this.translateBox = new TranslateBox(id('task'), task === 'translate');
    this.error = make('p.refused', { role: 'alert' });
    this.form = make('form', {},
      ...labelled('Name', this.name),
      ...labelled('Address of the stream', this.url),
      masked(url) ? make('p.facts', { textContent: HIDDEN_PASSWORD }) : null,
      ...labelled('Language', this.language),
      this.#more(),
      this.#station?.from_file ? make('p.facts', { textContent: FROM_FILE }) : null,
      this.error, this.#buttons());
    this.form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#send();
    });
    this.replaceChildren(this.form);
  }

  /** Scroll the whole form into view and focus its first field. */
  reveal() {
    this.name.focus({ preventScroll: true });
    this.scrollIntoView({ block: 'nearest' });
  }

  #more() {
    const more = make('details', { open: Boolean(this.listenUrl.value || this.hotWords.words.length || this.translateBox.checked) },
      make('summary', { textContent: 'More options' }),
      ...labelled('Address for listening', this.listenUrl),
      ...this.hotWords.parts,
      this.translateBox.element);
    this.listenUrl.addEventListener('invalid', () => {
      more.open = true; // otherwise the browser cannot show its validation message
    });
    return more;
  }

  #buttons() {
    this.submit = make('button.primary', { type: 'submit', textContent: this.#station ? 'Save' : 'Add station' });
    if (!this.#station) return this.submit;
    const cancel = make('button', { type: 'button', textContent: 'Cancel' });
    cancel.addEventListener('click', () => this.dispatchEvent(new Event('cancelled')));
    return make('div.row', {}, this.submit, cancel);
  }

  get #values() {
    return {
      name: this.name.value.trim(),
      url: this.url.value,
      language: this.language.value || null,
      listen_url: this.listenUrl.value || null,
      hot_words: this.hotWords.words,
      task: taskOf(this.#shown, this.translateBox.checked),
    };
  }

  async #send() {
    clearNotice();
    clearFieldErrors(this.form);
    this.error.textContent = '';
    disable(this.submit, true); // prevents a double submission
    try {
      const json = changedFields(this.#shown, this.#values);
      const station = this.#station
        ? await request(this.#station.urls.self, { method: 'PATCH', json })
        : await request('/stations', { method: 'POST', json });
      if (!this.#station) this.form.reset();
      this.dispatchEvent(new CustomEvent('saved', { detail: { station } }));
    } catch (error) {
      if (!showFieldError(this.form, error)) this.error.textContent = `Could not ${this.#station ? 'change' : 'add'} the station. ${error.message}`;
    } finally {
      disable(this.submit, false);
    }
  }
}

function labelled(text, control) {
  return [make('label', { for: control.id, textContent: text }), control];
}

customElements.define('station-form', StationForm);
