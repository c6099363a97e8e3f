// <line-editor>: edits the text of a line. Enter saves it, even unchanged, to confirm it; Escape cancels.

import { disable, make, setText } from './dom.js';

/** Maximum length of a caption in the API, in characters. */
const MAX_LENGTH = 500;

/** Dispatches `editing`, which bubbles, when it opens, and `closed` when it was saved or cancelled. */
export class LineEditor extends HTMLElement {
  #line; // as the user has seen it
  #newest;
  #save;

  /**
   * @param {() => object} newest returns the line's newest revision in the CaptionStore
   * @param {(line: object, text: string) => Promise<void>} save stores the text; rejects with an ApiError if it is refused
   */
  constructor(newest, save) {
    super();
    this.#line = newest();
    this.#newest = newest;
    this.#save = save;
  }

  connectedCallback() {
    this.field = make('textarea', {
      rows: 2, maxLength: MAX_LENGTH, value: this.#line.text, lang: this.#line.language ?? '', spellcheck: true, 'aria-label': 'Caption text',
    });
    this.saveButton = make('button', { type: 'button' });
    this.field.addEventListener('input', () => this.#describe());
    this.#describe();
    const cancel = make('button.quiet', { type: 'button', textContent: 'Discard changes' });
    this.error = make('div.refused', { role: 'alert' });
    this.saveButton.addEventListener('click', () => this.#submit());
    cancel.addEventListener('click', () => this.#close());
    this.addEventListener('keydown', (event) => this.#handleKey(event));
    this.replaceChildren(this.field, make('div.row', {}, this.saveButton, cancel), this.error);
    this.field.focus();
    this.#scrollIntoView();
    addEventListener('beforeunload', this.#onBeforeUnload);
    this.dispatchEvent(new Event('editing', { bubbles: true }));
  }

  disconnectedCallback() {
    removeEventListener('beforeunload', this.#onBeforeUnload);
  }

  get #text() {
    return this.field.value.trim();
  }

  /** Whether saving would confirm an unchanged text as correct. */
  get #confirms() {
    return !this.#line.corrected && this.#text === this.#line.text;
  }

  #describe() {
    setText(this.saveButton, this.#confirms ? 'Mark as correct' : 'Save');
  }

  /** The browser asks before it closes or reloads the page if there are unsaved changes. */
  #onBeforeUnload = (event) => {
    if (this.#text !== this.#line.text) event.preventDefault();
  };

  /** Scroll all of the editor into view, including the buttons below the field. */
  #scrollIntoView() {
    this.scrollIntoView({ block: 'nearest' });
  }

  #handleKey(event) {
    if (event.isComposing || event.keyCode === 229) return; // Enter confirms an IME composition; on the last key press, Safari sets only keyCode
    if (event.key === 'Escape') this.#close();
    else if (event.key === 'Enter' && event.target === this.field && !event.shiftKey) this.#submit();
    else return;
    event.preventDefault();
  }

  async #submit() {
    const text = this.#text;
    if (this.saveButton.disabled) return;
    if (text !== this.#line.text || this.#confirms) {
      if (!text && !confirm('Remove this line?')) return;
      disable(this.saveButton, true);
      this.field.readOnly = true; // anything typed while saving would be lost
      this.error.textContent = '';
      try {
        await this.#save(this.#line, text);
      } catch (error) {
        this.error.textContent = `Not saved. ${error.message}`;
        this.#scrollIntoView();
        if (error.field === 'revision') this.#line = this.#newest(); // the user has been warned: saving again replaces the newer text
        this.#describe();
        return;
      } finally {
        disable(this.saveButton, false);
        this.field.readOnly = false;
      }
    }
    this.#close();
  }

  #close() {
    this.dispatchEvent(new Event('closed'));
  }
}

customElements.define('line-editor', LineEditor);
