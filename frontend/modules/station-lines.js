// The lines with which a station is shown: the newest, with those since a moment; or those around it alone, if that is long ago.

import { request } from './api.js';
import { lineAt } from './moment.js';
import { said } from './said.js';
import { CaptionStore } from './store.js';

/** The newest lines that are shown: events, of which a line may have several. */
const HISTORY = 120;

/** What was said so long before a moment is shown, too, in seconds. */
const BEFORE_S = 120;

/** Of more lines since a moment, so many are shown, and then not the newest. */
const SINCE = 500;

/** Lines that are shown at most, once they have been asked for. */
const MOST = 5000;

/**
 * @param {string} path of the station's captions
 * @param {number | null} at a Unix time at which something is to be read, if there still is
 * @returns {Promise<CaptionStore>}
 */
export async function linesOf(path, at) {
  const store = new CaptionStore();
  const { captions, next } = await request(`${path}?limit=${HISTORY}`);
  store.fill(captions, next);
  if (at === null || store.first?.start_s <= at) return store;
  const since = await said(path, at - BEFORE_S, store.first ? store.before : Infinity, SINCE);
  if (!lineAt(since, at)) return store;
  if (since.length >= SINCE) {
    const past = new CaptionStore(MOST);
    past.fillPast(since);
    past.isPast = true;
    return past;
  }
  if (store.first) store.fillBefore(since, MOST);
  else store.fillPast(since);
  return store;
}
