// <service-state>: reports while nothing can be captioned because no transcriber is running.

import { about, refreshAbout } from './api.js';
import { setText } from './dom.js';

/** Poll interval, in milliseconds. */
const REFRESH_MS = 10_000;

const NO_TRANSCRIBER = 'No transcriber is running: nothing is captioned until one starts.';

class ServiceState extends HTMLElement {
  #timer;
  #isPending = false;
  #onChange = () => this.#refresh();

  connectedCallback() {
    this.setAttribute('role', 'status');
    document.addEventListener('visibilitychange', this.#onChange);
    this.#timer = setInterval(this.#onChange, REFRESH_MS);
    this.#show(about()); // the views request the same
  }

  disconnectedCallback() {
    document.removeEventListener('visibilitychange', this.#onChange);
    clearInterval(this.#timer);
  }

  async #refresh() {
    if (document.visibilityState !== 'visible' || this.#isPending) return;
    this.#isPending = true;
    await this.#show(refreshAbout());
    this.#isPending = false;
  }

  async #show(answer) {
    const { transcribers } = await answer.catch(() => ({})); // the view reports that the server is down
    setText(this, transcribers === 0 ? NO_TRANSCRIBER : '');
  }
}

customElements.define('service-state', ServiceState);
