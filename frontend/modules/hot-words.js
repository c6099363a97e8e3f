// Names that may be said, as somebody writes them: one a line.

import { make } from './dom.js';
import { linesOf } from './station-fields.js';

/** A field for them. */
export class HotWords {
  #field;

  /**
   * @param {string} id of the field
   * @param {string} whose names they are
   * @param {string[]} words that stand there at first
   */
  constructor(id, whose = 'People and places', words = []) {
    this.#field = make('textarea', { id, name: 'hot_words', rows: 3, value: words.join('\n') });
    this.parts = [
      make('label', { for: id, textContent: `${whose}, one a line` }), this.#field,
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
