// Captions as files to take away.

import { make } from './dom.js';

const FORMATS = { srt: 'SRT', vtt: 'WebVTT', txt: 'Text', json: 'JSON' };

/** Where each format of the captions at `path` is, or of those that a query asks for. */
export function filesOf(path, query = '') {
  return Object.fromEntries(Object.keys(FORMATS).map((format) => [format, `${path}.${format}${query}`]));
}

/** The query for the captions between two times, in seconds; or from one on. */
export const between = (from, to) => `?from=${Math.max(0, from).toFixed(3)}${to === Infinity ? '' : `&to=${to.toFixed(3)}`}`;

/**
 * A link to each format of a source's captions.
 * @param {Record<string, string>} urls where they are, by format
 * @param {string} stem of the files' names
 */
export function downloads(urls, stem) {
  return Object.entries(FORMATS).map(([format, name]) =>
    make('a.download', { href: urls[format], download: `${stem}.${format}`, textContent: name }));
}
