// What a job is and does, in words.

import { sentence } from './api.js';
import { languageName } from './languages.js';
import { percent } from './times.js';

const STATES = {
  waiting: 'Waits for its turn',
  connecting: 'Is being opened',
  running: 'Is being captioned',
  finished: 'Captions are complete',
  failed: 'Failed',
  cancelled: 'Cancelled',
};

/** States that nothing follows. */
export const SETTLED = new Set(['finished', 'failed', 'cancelled']);

/** Its state, with what is wrong; captions of what is not whole, or that there are none of, are not called complete. */
export function stateOf({ state, error, warning }) {
  const wrong = error || warning;
  let words = STATES[state] ?? state;
  if (state === 'finished' && warning) words = 'Finished';
  return wrong ? `${words}. ${sentence(wrong)}` : words;
}

/** How far it is, to stand behind its state: apart from it, so that screen readers do not read each step out. */
export function shareOf({ state, progress, warning }) {
  return state === 'running' ? `${warning ? '' : ':'} ${percent(progress)}` : '';
}

/** The class of an element that says its state. */
export function stateClass({ state, warning }) {
  return `state ${state === 'finished' && warning ? 'warned' : state}`;
}

/** The language that it is in: the one that was asked for, or those that were heard; empty while none was. */
export function languagesOf({ language, languages }) {
  if (language) return languageName(language);
  return languages.length ? `${languages.map(languageName).join(', ')} (detected)` : '';
}
