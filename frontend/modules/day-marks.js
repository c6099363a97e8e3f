// Date headings in a list of lines: where a new day begins, and above the first line unless it is from today.

import { make } from './dom.js';
import { dateOf, dayOf } from './times.js';

const NEXT = 'nextElementSibling';
const PREVIOUS = 'previousElementSibling';

export class DayMarks {
  #marks = new Map(); // by the line below the heading
  #first = null; // the first line; it may need a heading once a new day begins

  /**
   * A line was added, or its time has changed.
   * @param {number} seconds a Unix time
   */
  note(line, seconds) {
    line.dataset.day = dayOf(seconds);
    this.#look(line);
    this.#look(find(line, NEXT));
    if (this.#first?.isConnected && this.#first !== line && this.#first.dataset.day !== line.dataset.day) this.#look(this.#first);
  }

  /** A line is about to be removed or hidden. */
  remove(line) {
    if (!line.dataset.day) return; // looking for the next line with a day would visit thousands of a recording, where none has one
    const next = find(line, NEXT);
    delete line.dataset.day;
    if (this.#first === line) this.#first = null;
    this.#unmark(line);
    this.#look(next);
  }

  clear() {
    this.#marks.clear();
  }

  #look(line) {
    if (!line) return;
    const { day } = line.dataset;
    const before = find(line, PREVIOUS);
    const isFirst = day !== (before ? before.dataset.day : dayOf(Date.now() / 1000));
    if (!before) this.#first = line;
    if (isFirst) line.before(this.#marks.get(line) ?? this.#make(line, day));
    else this.#unmark(line);
  }

  #unmark(line) {
    this.#marks.get(line)?.remove();
    this.#marks.delete(line);
  }

  #make(line, day) {
    const mark = make('h3.day', {}, make('time', { dateTime: day, textContent: dateOf(day) }));
    this.#marks.set(line, mark);
    return mark;
  }
}

/** The nearest line that has a day. */
function find(line, direction) {
  let at = line[direction];
  while (at && !at.dataset.day) at = at[direction];
  return at;
}
