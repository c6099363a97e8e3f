// Final captions of a source within a time range, or the last ones before a time, fetched from the API.

import { request } from './api.js';
import { between } from './downloads.js';

/** Maximum number of captions returned by captionsBefore. */
const MAX_CAPTIONS = 200;

/** Longest range of one request, in seconds. */
const MAX_SPAN_S = 3600;

/** Maximum number of requests while looking further back for captions: covers some hours. */
const MAX_REQUESTS = 12;

/**
 * The final captions and the gaps between two times.
 * @param {string} path of the source's captions, without a file extension
 * @param {number} limit return only the first `limit`; 0 for no limit
 */
export async function captionsBetween(path, from, to, limit = 0) {
  const { captions } = await request(`${path}.json${between(from, to)}${limit ? `&limit=${limit}` : ''}`);
  return captions.filter(({ final, text, content }) => final && (text || content === 'gap'));
}

/** The oldest caption kept from before a time, or null. */
export async function oldestBefore(path, time) {
  const { captions } = await request(`${path}.json${between(0, time)}&limit=1`);
  return captions[0] ?? null;
}

/**
 * The last wanted captions before a time. If a range has none, looks further back, doubling the range each time.
 * @param {number} step length of the first range, in seconds
 * @param {number} beginning time before which there are no captions
 * @param {(caption: object) => boolean} isWanted
 * @param {(path: string, from: number, to: number) => Promise<object[]>} fetchRange for tests
 * @returns {Promise<{captions: object[], from: number}>} `from` is the start of the range searched
 */
export async function captionsBefore(path, time, step, beginning, isWanted, fetchRange = captionsBetween) {
  let from = time;
  let span = step;
  for (let requests = 0; requests < MAX_REQUESTS && from > beginning; requests += 1) {
    const to = from;
    from -= span;
    const captions = (await fetchRange(path, from, to)).filter(isWanted);
    if (captions.length) return { captions: captions.slice(-MAX_CAPTIONS), from };
    span = Math.min(2 * span, MAX_SPAN_S);
  }
  return { captions: [], from };
}
