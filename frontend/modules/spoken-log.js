// <spoken-log>: a visually hidden live region for screen readers. Only final lines are added: provisional ones would be read
// again with every revision.

import { make } from './dom.js';

/** Number of lines kept. */
const KEPT = 5;

class SpokenLog extends HTMLElement {
  connectedCallback() {
    this.className = 'visually-hidden';
    for (const [name, value] of Object.entries({ role: 'log', 'aria-live': 'polite', 'aria-label': 'New captions' })) {
      this.setAttribute(name, value);
    }
  }

  /** @param {{lang: string}} more for captions: their language, empty if unknown */
  announce(text, more = {}) {
    this.append(make('p', { textContent: text, ...more }));
    while (this.childElementCount > KEPT) this.firstElementChild.remove();
  }
}

customElements.define('spoken-log', SpokenLog);
