// The button beside a line that opens its editor and shows whether the line has been corrected.

import { make, setText } from './dom.js';

export const correctButton = () => make('button.correct.quiet', { type: 'button', tabIndex: -1 });

/**
 * @param {object} line of a CaptionStore
 * @param {string} time of the line, as shown
 */
export function describeButton(button, line, time) {
  const label = line.corrected ? 'Corrected' : 'Correct';
  setText(button, label);
  button.setAttribute('aria-label', `${label}: line at ${time}`);
  button.classList.toggle('done', line.corrected);
  button.hidden = line.kind !== 'caption' || !line.final;
}
