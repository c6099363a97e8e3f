// A checkbox "Translate into English", offered only if a model on air can.

import { about } from './api.js';
import { make } from './dom.js';

export class TranslateBox {
  #input;

  /** @param {boolean} checked initially; a checked box is shown in any case */
  constructor(id, checked = false) {
    this.#input = make('input', { id, name: 'task', type: 'checkbox', checked });
    this.element = make('div.check', { hidden: !checked }, this.#input, make('label', { for: id, textContent: 'Translate into English' }));
    about().then(({ tasks }) => {
      this.element.hidden &&= !tasks.includes('translate');
    }).catch(() => {}); // then it is not offered; the next request will report that the server is down
  }

  get checked() {
    return this.#input.checked;
  }

  set disabled(isDisabled) {
    this.#input.disabled = isDisabled;
  }
}
