// What a source said in a time, and the last of what it said before one, as the API has it.

import { request } from './api.js';
import { between } from './downloads.js';

/** Most captions that are taken at once from before a time. */
const MOST = 200;

/** No more is asked for at once, in seconds, however long nobody spoke. */
const LONGEST_S = 3600;

/** So often what lies further back is asked for, where there are no captions: some hours. */
const LOOKS = 12;

/**
 * The final captions and the gaps between two times.
 * @param {string} path of the source's captions, without the ending of a file
 * @param {number} limit the first ones alone, so many at most
 */
export async function said(path, from, to, limit = 0) {
  const { captions } = await request(`${path}.json${between(from, to)}${limit ? `&limit=${limit}` : ''}`);
  return captions.filter(({ final, text, content }) => final && (text || content === 'gap'));
}

/** The first caption that is kept from before a time, if there is one. */
export async function oldestBefore(path, time) {
  const { captions } = await request(`${path}.json${between(0, time)}&limit=1`);
  return captions[0] ?? null;
}

/**
 * The last captions before a time that are wanted. Where nobody spoke, further back: twice as far each time.
 * @param {number} step how far back they are looked for at first, in seconds
 * @param {number} beginning a time before which there are none
 * @param {(caption: object) => boolean} isWanted
 * @param {(path: string, from: number, to: number) => Promise<object[]>} ask as `said` does
 * @returns {Promise<{captions: object[], from: number}>} and the time since when there are no others
 */
export async function saidBefore(path, time, step, beginning, isWanted, ask = said) {
  let from = time;
  let span = step;
  for (let looks = 0; looks < LOOKS && from > beginning; looks += 1) {
    const to = from;
    from -= span;
    const captions = (await ask(path, from, to)).filter(isWanted);
    if (captions.length) return { captions: captions.slice(-MOST), from };
    span = Math.min(2 * span, LONGEST_S);
  }
  return { captions: [], from };
}
