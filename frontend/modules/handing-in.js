// Recordings, handed in one after another, and what is said of those that were not taken. Pure.

import { percent } from './times.js';

/**
 * Hand recordings in, in their order. One that is refused does not keep the others from being sent, unless all would be
 * refused alike: for want of the token, or for what was chosen for all of them.
 * @template Item, Job
 * @param {Item[]} items
 * @param {(item: Item, number: number) => Promise<Job>} send throws an ApiError; `number` counts from 1
 * @param {AbortSignal} signal stops what is left
 * @returns {Promise<{taken: Item[], refused: {item: Item, error: Error}[]}>}
 */
export async function handIn(items, send, signal) {
  const taken = [];
  const refused = [];
  for (const [index, item] of items.entries()) {
    if (signal.aborted) break;
    try {
      await send(item, index + 1);
      taken.push(item);
    } catch (error) {
      if (error.name === 'AbortError') break;
      refused.push({ item, error });
      if (error.status === 401 || error.field) break;
    }
  }
  return { taken, refused };
}

/** What is wrong with recordings, in sentences: each reason once, with the names of all that it holds for. */
export function reasons(refused) {
  const names = new Map();
  for (const { item, error } of refused) names.set(error.message, [...(names.get(error.message) ?? []), item.name]);
  return [...names].map(([why, of]) => `${of.join(', ')} ${of.length > 1 ? 'were' : 'was'} not taken. ${why}`);
}

/** How far the sending is, in words; `share` is of the recording that is being sent. */
export function sendingWords({ name, number, all, share }) {
  if (all === 1) return share < 1 ? `Uploading ${percent(share)}` : 'Uploaded. The server is taking it in…';
  return `${number} of ${all}, ${name}, ${share < 1 ? percent(share) : 'is being taken in…'}`;
}
