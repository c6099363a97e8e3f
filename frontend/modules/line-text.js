// What a line of a CaptionStore says, written where it stands.

import { make } from './dom.js';
import { pieces } from './doubt.js';
import { lost } from './gaps.js';

/** Whether the words of a caption were not there. */
export const isWithdrawn = ({ kind, text }) => kind === 'caption' && !text;

/**
 * @param {HTMLElement} text
 * @param {object} line
 */
export function writeText(text, line) {
  if (line.kind === 'missed') text.textContent = line.count === 1 ? 'One line was missed' : `${line.count} lines were missed`;
  else if (line.kind === 'gap') text.textContent = lost(line);
  else {
    const parts = pieces(line.lines.join('\n'), line.words);
    text.replaceChildren(...parts.map((part) => (part.doubtful ? make('span.doubtful', { textContent: part.text }) : part.text)));
    text.lang = line.language ?? ''; // one that nobody knows is not the page's
  }
}
