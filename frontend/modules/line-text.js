// Renders the text of a line of a CaptionStore.

import { make } from './dom.js';
import { pieces } from './doubt.js';
import { describeGap } from './gaps.js';

/** Whether a caption was withdrawn: its text is empty. */
export const isWithdrawn = ({ kind, text }) => kind === 'caption' && !text;

/**
 * @param {HTMLElement} text
 * @param {object} line
 */
export function writeText(text, line) {
  if (line.kind === 'missed') text.textContent = line.count === 1 ? '1 line was missed' : `${line.count} lines were missed`;
  else if (line.kind === 'gap') text.textContent = describeGap(line);
  else {
    const parts = pieces(line.lines.join('\n'), line.words);
    text.replaceChildren(...parts.map((part) => (part.doubtful ? make('span.doubtful', { textContent: part.text }) : part.text)));
    text.lang = line.language ?? ''; // if unknown, it must not inherit the page's
  }
}
