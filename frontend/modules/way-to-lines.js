// What stands in front of a station's lines, or behind them: a button that leads to others, and what is told of them.

import { make } from './dom.js';

export class WayToLines extends HTMLElement {
  static label = '';
  #sight = null;

  connectedCallback() {
    this.button ??= this.#makeButton();
    this.state ??= make('div.state', { role: 'status' });
    this.replaceChildren(this.button, this.state);
    // Tab goes to it while it is in sight. Else it would scroll a reader away who is elsewhere: Home or End does, and Tab then.
    this.#sight = new IntersectionObserver((looks) => {
      this.button.tabIndex = looks.at(-1).isIntersecting ? 0 : -1;
    }, { root: this.parentElement });
    this.#sight.observe(this.button);
  }

  disconnectedCallback() {
    this.#sight.disconnect();
  }

  /** The button was pressed. */
  more() {}

  #makeButton() {
    const button = make('button.quiet', { type: 'button', tabIndex: -1, textContent: this.constructor.label });
    button.addEventListener('click', () => this.more());
    return button;
  }
}
