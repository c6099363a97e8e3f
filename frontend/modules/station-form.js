// <station-form>: what is said of a station, to add one or to change one.

import { addressInput, masked } from './address.js';
import { about, request } from './api.js';
import { disable, hush, make } from './dom.js';
import { HotWords } from './hot-words.js';
import { languageSelect } from './languages.js';
import { absolve, blame } from './refusal.js';
import { changes, NEW, taskOf } from './station-fields.js';

const HIDDEN_PASSWORD = 'Its password is not shown. Leave the address as it is to keep both.';

const FROM_FILE = 'This station is one of the file stations.yml. What the file says of it comes back when the server is started again.';

/** Dispatches `saved`, with the station as the server has it now; `left`, when it is not to be changed after all. */
export class StationForm extends HTMLElement {
  #station;

  /** @param {object} station to change, as the API shows it; without one, a station is added */
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
    this.listenUrl = addressInput({ id: id('listen-url'), name: 'listen_url', value: listenUrl ?? '', placeholder: 'the same' });
    this.hotWords = new HotWords(id('hot-words'), 'Hosts and places', hotWords);
    // not `translate`, which is a property that every element has, true or false
    this.translating = make('input', { id: id('task'), name: 'task', type: 'checkbox', checked: task === 'translate' });
    this.refused = make('p.refused', { role: 'alert' });
    this.form = make('form', {},
      ...labelled('Name', this.name),
      ...labelled('Address of the stream', this.url),
      masked(url) ? make('p.facts', { textContent: HIDDEN_PASSWORD }) : null,
      ...labelled('Language', this.language),
      this.#more(),
      this.#station?.from_file ? make('p.facts', { textContent: FROM_FILE }) : null,
      this.refused, this.#buttons());
    this.form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#send();
    });
    this.replaceChildren(this.form);
  }

  /** Have all of it in sight, and its first field focused. */
  lead() {
    this.name.focus({ preventScroll: true });
    this.scrollIntoView({ block: 'nearest' });
  }

  #more() {
    const translate = make('div.check', { hidden: !this.translating.checked },
      this.translating, make('label', { for: this.translating.id, textContent: 'Translate into English' }));
    about().then(({ tasks }) => {
      translate.hidden &&= !tasks.includes('translate');
    }).catch(() => {}); // then it is not offered; whatever is asked next will say that the server is away
    const more = make('details', { open: Boolean(this.listenUrl.value || this.hotWords.words.length || this.translating.checked) },
      make('summary', { textContent: 'More' }),
      ...labelled('Other address to listen at', this.listenUrl),
      ...this.hotWords.parts,
      translate);
    this.listenUrl.addEventListener('invalid', () => {
      more.open = true; // or the browser has nothing to show its complaint at
    });
    return more;
  }

  #buttons() {
    this.submit = make('button.primary', { type: 'submit', textContent: this.#station ? 'Save' : 'Add station' });
    if (!this.#station) return this.submit;
    const leave = make('button', { type: 'button', textContent: 'Cancel' });
    leave.addEventListener('click', () => this.dispatchEvent(new Event('left')));
    return make('div.row', {}, this.submit, leave);
  }

  get #said() {
    return {
      name: this.name.value.trim(),
      url: this.url.value,
      language: this.language.value || null,
      listen_url: this.listenUrl.value || null,
      hot_words: this.hotWords.words,
      task: taskOf(this.#shown, this.translating.checked),
    };
  }

  async #send() {
    hush();
    absolve(this.form);
    this.refused.textContent = '';
    disable(this.submit, true); // pressed twice, it would be sent twice
    try {
      const json = changes(this.#shown, this.#said);
      const station = this.#station
        ? await request(this.#station.urls.self, { method: 'PATCH', json })
        : await request('/stations', { method: 'POST', json });
      if (!this.#station) this.form.reset();
      this.dispatchEvent(new CustomEvent('saved', { detail: { station } }));
    } catch (error) {
      if (!blame(this.form, error)) this.refused.textContent = `The station was not ${this.#station ? 'changed' : 'added'}. ${error.message}`;
    } finally {
      disable(this.submit, false);
    }
  }
}

function labelled(text, control) {
  return [make('label', { for: control.id, textContent: text }), control];
}

customElements.define('station-form', StationForm);
