// <service-state>: reports while nothing can be captioned because no transcriber is running.

import { about, request } from './api.js';
import { setText } from './dom.js';

/** Poll interval, in milliseconds. */
const REFRESH_MS = 10_000;

const NO_TRANSCRIBER = 'No transcriber is running: nothing is captioned until one starts.';

class ServiceState extends HTMLElement {
  #timer;

  connectedCallback() {
    this.setAttribute('role', 'status');
    this.#timer = setInterval(() => document.visibilityState === 'visible' && this.#show(request('/about')), REFRESH_MS);
    this.#show(about()); // the views request the same
  }

  disconnectedCallback() {
    clearInterval(this.#timer);
  }

  async #show(answer) {
    const { transcribers } = await answer.catch(() => ({})); // the view reports that the server is down
    setText(this, transcribers === 0 ? NO_TRANSCRIBER : '');
  }
}

customElements.define('service-state', ServiceState);
