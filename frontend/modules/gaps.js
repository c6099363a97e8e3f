// What is told of lost sound. Pure.

import { duration } from './times.js';

const REASONS = {
  shed: 'too late to be transcribed',
  overflow: 'the queue was full',
  language: 'the model does not know its language',
  task: 'the model cannot translate',
  failed: 'it could not be transcribed',
  lost: 'it never arrived',
  away: 'nothing came from the source',
};

/** How long a gap is, and why. */
export function lost({ start_s: start, end_s: end, reason }) {
  const why = REASONS[reason] ?? reason;
  return `${duration(end - start)} of sound lost${why ? ` (${why})` : ''}`;
}
