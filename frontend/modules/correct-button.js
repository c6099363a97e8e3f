// The button beside a line that opens it to be corrected, and tells whether it has been.

import { make, set } from './dom.js';

export const correctButton = () => make('button.correct.quiet', { type: 'button', tabIndex: -1 });

/**
 * @param {object} line of a CaptionStore
 * @param {string} time at which it was said, as readers see it
 */
export function describeButton(button, line, time) {
  const word = line.corrected ? 'Corrected' : 'Correct';
  set(button, word);
  button.setAttribute('aria-label', `${word}: line at ${time}`);
  button.classList.toggle('done', line.corrected);
  button.hidden = line.kind !== 'caption' || !line.final;
}
