// Download links for captions.

import { make } from './dom.js';

const FORMATS = { srt: 'SRT', vtt: 'WebVTT', txt: 'Text', json: 'JSON' };

/** The URL of the captions at `path` in each format, restricted by a query. */
export function filesOf(path, query = '') {
  return Object.fromEntries(Object.keys(FORMATS).map((format) => [format, `${path}.${format}${query}`]));
}

/** The query for captions between two times, in seconds; `to` may be Infinity. */
export const between = (from, to) => `?from=${Math.max(0, from).toFixed(3)}${to === Infinity ? '' : `&to=${to.toFixed(3)}`}`;

/**
 * A download link for each format.
 * @param {Record<string, string>} urls by format
 * @param {string} stem of the file names
 */
export function downloads(urls, stem) {
  return Object.entries(FORMATS).map(([format, name]) =>
    make('a.download', { href: urls[format], download: `${stem}.${format}`, textContent: name }));
}
