// Submits recordings one after another, and describes those that were refused. Pure.

import { percent } from './times.js';

/**
 * Submit recordings in order. If one is refused, the others are still sent, unless they would all be refused for the same
 * reason: a missing token, or an invalid option that applies to all of them.
 * @template Item, Job
 * @param {Item[]} items
 * @param {(item: Item, number: number) => Promise<Job>} send throws an ApiError; `number` counts from 1
 * @param {AbortSignal} signal cancels the remaining ones
 * @returns {Promise<{accepted: Item[], refused: {item: Item, error: Error}[]}>}
 */
export async function submitAll(items, send, signal) {
  const accepted = [];
  const refused = [];
  for (const [index, item] of items.entries()) {
    if (signal.aborted) break;
    try {
      await send(item, index + 1);
      accepted.push(item);
    } catch (error) {
      if (error.name === 'AbortError') break;
      refused.push({ item, error });
      if (error.status === 401 || error.field) break;
    }
  }
  return { accepted, refused };
}

/** Error messages: each reason once, with the names of all recordings it applies to. */
export function refusalMessages(refused) {
  const names = new Map();
  for (const { item, error } of refused) names.set(error.message, [...(names.get(error.message) ?? []), item.name]);
  return [...names].map(([reason, of]) => `${of.join(', ')} ${of.length > 1 ? 'were' : 'was'} not accepted. ${reason}`);
}

/** Upload progress as text; `share` is that of the current recording. */
export function uploadStatus({ name, number, all, share }) {
  if (all === 1) return share < 1 ? `Uploading ${percent(share)}` : 'Uploaded. The server is processing it…';
  return `${number} of ${all}: ${name}, ${share < 1 ? percent(share) : 'processing…'}`;
}
