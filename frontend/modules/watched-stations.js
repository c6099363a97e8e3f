// The list of stations, asked for again and again while somebody looks at it.

import { request } from './api.js';
import { notify } from './dom.js';

/** Time between looks at the list, in milliseconds. */
const REFRESH_MS = 4000;

export class WatchedStations {
  #tell;
  #timer;
  #failure = null; // takes back what was said when the list could not be read

  /** @param {(stations: object[]) => void} tell is called with the list, as GET /stations has it, until `stop` */
  constructor(tell) {
    this.#tell = tell;
    this.#timer = setInterval(() => document.visibilityState === 'visible' && this.refresh(), REFRESH_MS);
    this.refresh();
  }

  async refresh() {
    let stations;
    try {
      ({ stations } = await request('/stations'));
      this.#failure?.();
      this.#failure = null;
    } catch (error) {
      if (this.#timer) this.#failure ??= notify(`The list of stations cannot be read. ${error.message}`);
      return;
    }
    if (this.#timer) this.#tell(stations);
  }

  stop() {
    clearInterval(this.#timer);
    this.#timer = 0;
  }
}
