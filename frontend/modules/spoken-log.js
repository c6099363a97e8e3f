// <spoken-log>: what is spoken to screen readers and not shown. What is final goes there: a provisional line would be
// read again with every revision.

import { make } from './dom.js';

/** Lines that are kept. */
const KEPT = 5;

class SpokenLog extends HTMLElement {
  connectedCallback() {
    this.className = 'visually-hidden';
    for (const [name, value] of Object.entries({ role: 'log', 'aria-live': 'polite', 'aria-label': 'New captions' })) {
      this.setAttribute(name, value);
    }
  }

  /** @param {{lang: string}} more of a text that is not the page's own: its language, empty if nobody knows */
  say(text, more = {}) {
    this.append(make('p', { textContent: text, ...more }));
    while (this.childElementCount > KEPT) this.firstElementChild.remove();
  }
}

customElements.define('spoken-log', SpokenLog);
