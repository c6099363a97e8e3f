// Names that may be said, as somebody writes them: one a line.

import { make } from './dom.js';
import { linesOf } from './station-fields.js';

/** A field for them. */
export class HotWords {
  #field;

  /** @param {string} id of the field */
  constructor(id) {
    this.#field = make('textarea', { id, name: 'hot_words', rows: 3 });
    this.parts = [
      make('label', { for: id, textContent: 'People and places, one a line' }), this.#field,
      make('p.facts', { textContent: 'Told to models that take such words.' }),
    ];
  }

  get words() {
    return linesOf(this.#field.value);
  }

  set disabled(is) {
    this.#field.disabled = is;
  }
}
