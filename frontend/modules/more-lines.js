// Base of <earlier-lines> and <later-lines>: a button that loads more lines, and a status text.

import { make } from './dom.js';

export class MoreLines extends HTMLElement {
  static label = '';
  #observer = null;

  connectedCallback() {
    this.button ??= this.#makeButton();
    this.state ??= make('div.state', { role: 'status' });
    this.replaceChildren(this.button, this.state);
    // The button is a Tab stop only while it is in view; otherwise Tab would scroll the reader away from the current place.
    this.#observer = new IntersectionObserver((entries) => {
      this.button.tabIndex = entries.at(-1).isIntersecting ? 0 : -1;
    }, { root: this.parentElement });
    this.#observer.observe(this.button);
  }

  disconnectedCallback() {
    this.#observer.disconnect();
  }

  /** Called when the button is pressed. */
  more() {}

  #makeButton() {
    const button = make('button.quiet', { type: 'button', tabIndex: -1, textContent: this.constructor.label });
    button.addEventListener('click', () => this.more());
    return button;
  }
}
