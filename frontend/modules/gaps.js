// Descriptions of gaps in the captions. Pure.

import { duration } from './times.js';

const REASONS = {
  shed: 'too late to be transcribed',
  overflow: 'the queue was full',
  language: 'the model does not support the language',
  task: 'the model cannot translate',
  failed: 'transcription failed',
  lost: 'it never arrived',
  away: 'nothing received from the source',
};

/** The length of a gap and its reason. */
export function describeGap({ start_s: start, end_s: end, reason }) {
  const why = REASONS[reason] ?? reason;
  return `${duration(end - start)} of audio lost${why ? ` (${why})` : ''}`;
}
