// The captions of one source, in order, each in its newest revision; an EventTarget that says what changed.
//
// Events (all CustomEvents):
//   line     detail {line, before, isOld}   a new line; `before` is the key of the line that it stands before, or null;
//                                    `isOld` if it was said before those that were there
//   revised  detail {line}           a line has a newer revision
//   removed  detail {key}            a line has gone
//   cleared                          all of them have
//   status   detail {status}         what is known of the source
//   ended                            nothing more comes
//
// A line is {key, kind: 'caption' | 'gap' | 'missed', …}; keys of captions are their ids, but where these do not tell them
// apart: the server had lost its database, and they have counted from 1 since. Such lines are `isArchived`: they come from
// the archive alone.

/** Start times step back by less, in seconds, unless the server has lost its database. */
const NEAR_S = 10;

export class CaptionStore extends EventTarget {
  #lines = new Map(); // key -> line
  #order = []; // keys, sorted by place
  #limit;
  #begin = -Infinity; // the place of the first line that was read: of what was said before it, a revision alone is no line

  /** @param {number} limit lines kept; the oldest go first */
  constructor(limit = 500) {
    super();
    this.#limit = limit;
    this.last = 0; // the newest event that was applied
    this.status = null;
    this.ended = false;
    this.isPast = false; // whether there is more behind the last line, which does not come by itself
  }

  get lines() {
    return this.#order.map((key) => this.#lines.get(key));
  }

  /** How many lines there are; `lines` makes a list of them. */
  get size() {
    return this.#order.length;
  }

  /** The first line that was said at some time. */
  get first() {
    const key = this.#order.find((each) => this.#lines.get(each).kind !== 'missed');
    return this.#lines.get(key);
  }

  /** Apply a decoded message of the live socket. */
  apply(message) {
    switch (message.type) {
      case 'caption':
        this.last = Math.max(this.last, message.event);
        this.#put(lineOf(message));
        break;
      case 'correction': // of what the log has no longer
        this.renew([message.caption]);
        break;
      case 'missed': {
        this.last = Math.max(this.last, message.after + message.count);
        this.#put({
          key: `missed-${message.after}`, kind: 'missed', place: (this.#newest()?.place ?? 0) + 0.5, revision: 0,
          after: message.after, count: message.count,
        });
        break;
      }
      case 'reset':
        this.clear();
        break;
      case 'status':
        this.status = message;
        this.#tell('status', { status: message });
        break;
      case 'end':
        this.ended = true;
        this.#tell('ended');
        break;
      default: // other messages are about the connection
    }
  }

  /** Captions that were read from the log; `next` is the event behind which the socket is to continue. */
  fill(captions, next = 0) {
    if (captions.length && !this.#order.length) this.#begin = captions[loneCorrections(captions)].id;
    for (const caption of captions) this.#put(lineOf(caption));
    this.last = Math.max(this.last, next);
  }

  /**
   * @param {object[]} captions from before the first line, in their order
   * @param {number} limit lines kept from now on: what has been asked for is not to go soon
   */
  fillBefore(captions, limit) {
    this.#limit = Math.max(this.#limit, limit);
    for (const caption of [...captions].reverse()) {
      if (!this.isBefore(caption)) continue;
      const { place, start_s: start, isArchived } = this.first;
      const line = lineOf(caption);
      const isNumberedAnew = isArchived || (line.place >= place && line.start_s < start - NEAR_S);
      this.#begin = isNumberedAnew ? place - 1 : Math.min(place, line.place);
      this.#put(isNumberedAnew ? { ...line, key: archivedKey(caption), place: this.#begin, isArchived: true } : line, true);
    }
  }

  /** Captions out of the archive, in their order, which may be of several lives: behind all lines, or before what comes. */
  fillPast(captions) {
    let place = this.#newest() ? this.#newest().place + 1 : -captions.length;
    this.#begin = Math.min(this.#begin === -Infinity ? place : this.#begin, place);
    for (const caption of captions) {
      const key = archivedKey(caption);
      if (this.#lines.has(key)) continue;
      this.#put({ ...lineOf(caption), key, place, isArchived: true }, true);
      place += 1;
    }
  }

  /** Newer revisions of lines that are there; whatever else there is of their numbers is left alone. */
  renew(captions) {
    for (const caption of captions) {
      const key = [archivedKey(caption), caption.id].find((each) => this.#lines.has(each));
      const known = this.#lines.get(key);
      if (!known || Math.abs(known.start_s - caption.start_s) >= NEAR_S) continue;
      const { place, isArchived } = known;
      this.#put({ ...lineOf(caption), key, place, isArchived });
    }
  }

  /** A time before which all began that was said before the first line, in seconds. */
  get before() {
    return this.first.start_s + NEAR_S;
  }

  /**
   * Whether a caption is one from before the first line. Those that are near it are told by their numbers: start times step
   * back a little where a source's clock is set anew, and those of provisional lines change.
   */
  isBefore(caption) {
    if (!this.first) return false;
    const { place, start_s: start, isArchived } = this.first;
    if (isArchived) return caption.start_s < start && !this.#isKnown(caption);
    if (caption.start_s < start - NEAR_S) return !this.#isKnown(caption);
    if (caption.start_s >= this.before || this.#isKnown(caption)) return false;
    return caption.id < place || (caption.start_s < start && caption.id < this.#newest().place); // one that is newer comes by itself
  }

  #isKnown(caption) {
    const line = this.#lines.get(caption.id);
    return (line && Math.abs(line.start_s - caption.start_s) < NEAR_S) || this.#lines.has(archivedKey(caption));
  }

  remove(key) {
    if (!this.#lines.delete(key)) return;
    this.#order.splice(this.#order.indexOf(key), 1);
    this.#tell('removed', { key });
  }

  clear() {
    this.#lines.clear();
    this.#order = [];
    this.#begin = -Infinity;
    this.last = 0;
    this.ended = false;
    this.#tell('cleared');
  }

  #newest() {
    return this.#lines.get(this.#order.at(-1));
  }

  #put(line, isOld = false) {
    const known = this.#lines.get(line.key);
    if (known && known.revision >= line.revision) return;
    this.#lines.set(line.key, line);
    if (known) {
      this.#tell('revised', { line });
      return;
    }
    let index = this.#order.length;
    while (index > 0 && this.#lines.get(this.#order[index - 1]).place > line.place) index -= 1;
    if (index === 0 && (this.#order.length >= this.#limit || line.place < this.#begin)) { // older than all that is kept
      this.#lines.delete(line.key);
      return;
    }
    const before = this.#order[index] ?? null;
    this.#order.splice(index, 0, line.key);
    this.#tell('line', { line, before, isOld });
    while (this.#order.length > this.#limit) this.remove(this.#order[0]);
  }

  #tell(type, detail = null) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/**
 * How many of the newest captions of a log stand before all others, with a hole behind them, because they were corrected lately:
 * what stands around them has to be asked for, and they with it.
 */
function loneCorrections(captions) {
  let count = 0;
  for (let n = 0; captions[n].corrected && n + 1 < captions.length; n += 1) {
    if (captions[n + 1].id > captions[n].id + 1) count = n + 1;
  }
  return count;
}

/** The key of a caption that its id does not tell from others. */
const archivedKey = ({ id, start_s: start }) => `${id} ${start}`;

function lineOf(caption) {
  return Object.freeze({
    key: caption.id,
    id: caption.id,
    place: caption.id,
    kind: caption.content === 'gap' ? 'gap' : 'caption',
    revision: caption.revision,
    start_s: caption.start_s,
    end_s: caption.end_s,
    text: caption.text,
    lines: caption.lines ?? [caption.text],
    words: caption.words ?? [],
    final: Boolean(caption.final),
    language: caption.language ?? null,
    reason: caption.reason ?? '',
    corrected: Boolean(caption.corrected),
    isArchived: false,
  });
}
