// <line-editor>: the text of a line while it is corrected. Enter keeps it, as it is, too; Escape leaves it as it was.

import { disable, make, set } from './dom.js';

/** Longest text of a caption, in characters, as the API has it. */
const LONGEST = 500;

/** Dispatches `editing`, which bubbles, when it is opened; `closed`, when the text is kept, or left as it was. */
export class LineEditor extends HTMLElement {
  #line; // as it is known to whoever corrects it
  #newest;
  #save;

  /**
   * @param {() => object} newest what a CaptionStore has of the line
   * @param {(line: object, text: string) => Promise<void>} save keeps another text of a line; an ApiError says why it is not kept
   */
  constructor(newest, save) {
    super();
    this.#line = newest();
    this.#newest = newest;
    this.#save = save;
  }

  connectedCallback() {
    this.field = make('textarea', {
      rows: 2, maxLength: LONGEST, value: this.#line.text, lang: this.#line.language ?? '', spellcheck: true, 'aria-label': 'What is said',
    });
    this.keep = make('button', { type: 'button' });
    this.field.addEventListener('input', () => this.#describe());
    this.#describe();
    const leave = make('button.quiet', { type: 'button', textContent: 'Leave as it was' });
    this.refused = make('div.refused', { role: 'alert' });
    this.keep.addEventListener('click', () => this.#keep());
    leave.addEventListener('click', () => this.#close());
    this.addEventListener('keydown', (event) => this.#pressed(event));
    this.replaceChildren(this.field, make('div.row', {}, this.keep, leave), this.refused);
    this.field.focus();
    this.#show();
    addEventListener('beforeunload', this.#leaving);
    this.dispatchEvent(new Event('editing', { bubbles: true }));
  }

  disconnectedCallback() {
    removeEventListener('beforeunload', this.#leaving);
  }

  get #text() {
    return this.field.value.trim();
  }

  /** Whether a text that is as it was heard is to be kept, as one that somebody has read. */
  get #confirms() {
    return !this.#line.corrected && this.#text === this.#line.text;
  }

  #describe() {
    set(this.keep, this.#confirms ? 'It is right' : 'Save');
  }

  /** The browser asks before it closes or reloads the page, while something is not saved. */
  #leaving = (event) => {
    if (this.#text !== this.#line.text) event.preventDefault();
  };

  /** Have all of it in sight: what is below the field, too. */
  #show() {
    this.scrollIntoView({ block: 'nearest' });
  }

  #pressed(event) {
    if (event.isComposing || event.keyCode === 229) return; // Enter chooses a character then; of the last one Safari says the second alone
    if (event.key === 'Escape') this.#close();
    else if (event.key === 'Enter' && event.target === this.field && !event.shiftKey) this.#keep();
    else return;
    event.preventDefault();
  }

  async #keep() {
    const text = this.#text;
    if (this.keep.disabled) return;
    if (text !== this.#line.text || this.#confirms) {
      if (!text && !confirm('Take this line away?')) return;
      disable(this.keep, true);
      this.field.readOnly = true; // what is typed meanwhile would go with the field
      this.refused.textContent = '';
      try {
        await this.#save(this.#line, text);
      } catch (error) {
        this.refused.textContent = `It is not saved. ${error.message}`;
        this.#show();
        if (error.field === 'revision') this.#line = this.#newest(); // that has been told: saved again, it is replaced
        this.#describe();
        return;
      } finally {
        disable(this.keep, false);
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
