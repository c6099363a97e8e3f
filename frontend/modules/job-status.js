// Text for the state of a job.

import { sentence } from './api.js';
import { languageName } from './languages.js';
import { percent } from './times.js';

const STATES = {
  waiting: 'Waiting',
  connecting: 'Opening',
  running: 'Captioning',
  finished: 'Captions complete',
  failed: 'Failed',
  cancelled: 'Cancelled',
};

/** Final states. */
export const SETTLED = new Set(['finished', 'failed', 'cancelled']);

/** The state, with any error or warning. With a warning, captions may be partial or missing, so they are not "complete". */
export function stateOf({ state, error, warning }) {
  const problem = error || warning;
  let text = STATES[state] ?? state;
  if (state === 'finished' && warning) text = 'Finished';
  return problem ? `${text}. ${sentence(problem)}` : text;
}

/** The progress, shown after the state in an element of its own so that screen readers do not announce every step. */
export function progressOf({ state, progress, warning }) {
  return state === 'running' ? `${warning ? '' : ':'} ${percent(progress)}` : '';
}

/** The class of an element that shows the state. */
export function stateClass({ state, warning }) {
  return `state ${state === 'finished' && warning ? 'warned' : state}`;
}

/** The requested language, or the detected ones; empty while none has been detected. */
export function languagesOf({ language, languages }) {
  if (language) return languageName(language);
  return languages.length ? `${languages.map(languageName).join(', ')} (detected)` : '';
}
