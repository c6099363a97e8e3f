// <station-form>: what listeners know of a station: to add one, or to change one. Dispatches `saved`, detail {station}.

import { addressInput, masked } from './address.js';
import { request } from './api.js';
import { hush, make, notify } from './dom.js';
import { languageSelect } from './languages.js';
import { absolve, blame } from './refusal.js';

class StationForm extends HTMLElement {
  #station = null;

  /** @param {object} station that is changed; without one, a new one is added */
  set station(station) {
    this.#station = station;
    if (this.isConnected) this.connectedCallback();
  }

  connectedCallback() {
    const station = this.#station;
    const prefix = station ? 'changed' : 'station';
    // An address whose password the server hides cannot be sent back: it stays unless another is typed.
    const isHidden = masked(station?.url ?? '');
    this.name = make('input', { id: `${prefix}-name`, name: 'name', required: true, maxLength: 200, value: station?.name ?? '' });
    this.url = addressInput({ id: `${prefix}-url`, required: !isHidden, value: isHidden ? '' : station?.url ?? '' });
    if (isHidden) this.url.placeholder = `${station.url} stays`;
    this.language = languageSelect(`${prefix}-language`, station?.language ?? '');
    this.form = make('form', {},
      make('label', { for: this.name.id, textContent: 'Name' }), this.name,
      make('label', { for: this.url.id, textContent: 'Address of the stream' }), this.url,
      make('label', { for: this.language.id, textContent: 'Language' }), this.language,
      make('button.primary', { type: 'submit', textContent: station ? 'Change station' : 'Add station' }));
    this.form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#save();
    });
    this.replaceChildren(this.form);
  }

  async #save() {
    const before = this.#station;
    hush();
    absolve(this.form);
    const wanted = { name: this.name.value, url: this.url.value, language: this.language.value || null };
    if (before && !wanted.url) delete wanted.url;
    try {
      const station = before ? await this.#change(before, wanted) : await request('/stations', { method: 'POST', json: wanted });
      if (!before) this.form.reset();
      this.dispatchEvent(new CustomEvent('saved', { detail: { station } }));
    } catch (error) {
      if (!blame(this.form, error)) notify(`The station was not ${before ? 'changed' : 'added'}. ${error.message}`);
    }
  }

  /** Send what differs alone: somebody else may have changed the rest meanwhile. */
  async #change(before, wanted) {
    const changes = Object.entries(wanted).filter(([name, value]) => value !== before[name]);
    if (!changes.length) return before;
    return request(before.urls.self, { method: 'PATCH', json: Object.fromEntries(changes) });
  }
}

customElements.define('station-form', StationForm);
