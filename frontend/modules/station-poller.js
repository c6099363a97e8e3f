// Polls the list of stations while the page is visible.

import { request } from './api.js';
import { notify } from './dom.js';

/** Poll interval, in milliseconds. */
const REFRESH_MS = 4000;

export class StationPoller {
  #onStations;
  #timer;
  #dismissFailure = null; // removes the error message once the list can be read again

  /** @param {(stations: object[]) => void} onStations called with the list as returned by GET /stations, until `stop` */
  constructor(onStations) {
    this.#onStations = onStations;
    this.#timer = setInterval(() => document.visibilityState === 'visible' && this.refresh(), REFRESH_MS);
    this.refresh();
  }

  async refresh() {
    let stations;
    try {
      ({ stations } = await request('/stations'));
      this.#dismissFailure?.();
      this.#dismissFailure = null;
    } catch (error) {
      if (this.#timer) this.#dismissFailure ??= notify(`Could not load the list of stations. ${error.message}`);
      return;
    }
    if (this.#timer) this.#onStations(stations);
  }

  stop() {
    clearInterval(this.#timer);
    this.#timer = 0;
  }
}
