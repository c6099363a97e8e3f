// A field for names that are likely to be said, one per line.

import { make } from './dom.js';
import { linesOf } from './station-fields.js';

export class HotWords {
  #field;

  /**
   * @param {string} id of the field
   * @param {string[]} words shown initially
   */
  constructor(id, words = []) {
    this.#field = make('textarea', { id, name: 'hot_words', rows: 3, value: words.join('\n') });
    this.parts = [
      make('label', { for: id, textContent: 'People and places, one per line' }), this.#field,
      make('p.facts', { textContent: 'Used by models that accept prompts.' }),
    ];
  }

  get words() {
    return linesOf(this.#field.value);
  }

  set disabled(isDisabled) {
    this.#field.disabled = isDisabled;
  }
}
