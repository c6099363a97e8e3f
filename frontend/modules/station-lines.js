// The lines shown when a station is opened: the newest ones and all since a given moment, or only those around a moment that
// is long past.

import { request } from './api.js';
import { captionsBetween } from './caption-history.js';
import { lineAt } from './moment.js';
import { CaptionStore } from './store.js';

/** Number of caption events to load; a line may have several events. */
const HISTORY = 120;

/** Lines from this long before the moment are shown too, in seconds. */
const BEFORE_S = 120;

/** If there are this many lines since the moment, only the first ones are shown, without the newest. */
const MAX_SINCE = 500;

/** Maximum number of lines once more are loaded. */
const MAX_LINES = 5000;

/**
 * @param {string} path of the station's captions
 * @param {number | null} at Unix time to show, if captions of it are still kept
 * @returns {Promise<CaptionStore>}
 */
export async function loadLines(path, at) {
  const store = new CaptionStore();
  const { captions, next } = await request(`${path}?limit=${HISTORY}`);
  store.fill(captions, next);
  if (at === null || store.first?.start_s <= at) return store;
  const since = await captionsBetween(path, at - BEFORE_S, store.first ? store.before : Infinity, MAX_SINCE);
  if (!lineAt(since, at)) return store;
  if (since.length >= MAX_SINCE) {
    const past = new CaptionStore(MAX_LINES);
    past.fillPast(since);
    past.isPast = true;
    return past;
  }
  if (store.first) store.fillBefore(since, MAX_LINES);
  else store.fillPast(since);
  return store;
}
