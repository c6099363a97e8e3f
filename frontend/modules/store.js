// The captions of one source, in order, each in its newest revision; an EventTarget that reports changes.
//
// Events (all CustomEvents):
//   line     detail {line, before, isOld}   a new line; `before` is the key of the line after it, or null; `isOld` if it is
//                                    older than the lines already there
//   revised  detail {line}           a line has a newer revision
//   removed  detail {key}            a line was removed
//   cleared                          all lines were removed
//   status   detail {status}         the status of the source
//   ended                            no more captions will arrive
//
// A line is {key, kind: 'caption' | 'gap' | 'missed', …}. The key of a caption is its id, unless ids are ambiguous because the
// server lost its database and has counted from 1 again. Lines from before that are `isArchived`: only the archive has them.

/** Start times never step back by more than this, in seconds, unless the server has lost its database. */
const NEAR_S = 10;

export class CaptionStore extends EventTarget {
  #lines = new Map(); // key -> line
  #order = []; // keys, sorted by place
  #limit;
  #begin = -Infinity; // place of the first line loaded; revisions of captions before it are ignored

  /** @param {number} limit maximum number of lines; the oldest are dropped */
  constructor(limit = 500) {
    super();
    this.#limit = limit;
    this.last = 0; // number of the newest event applied
    this.status = null;
    this.ended = false;
    this.isPast = false; // whether later lines exist that do not arrive by themselves
  }

  get lines() {
    return this.#order.map((key) => this.#lines.get(key));
  }

  /** The number of lines, without building a list of them. */
  get size() {
    return this.#order.length;
  }

  /** The first line that has a time. */
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
      case 'correction': // of a caption that is no longer in the server's log
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
        this.#emit('status', { status: message });
        break;
      case 'end':
        this.ended = true;
        this.#emit('ended');
        break;
      default: // other messages are about the connection
    }
  }

  /** Add captions loaded from the log; `next` is the event after which the socket should continue. */
  fill(captions, next = 0) {
    if (captions.length && !this.#order.length) this.#begin = captions[loneCorrections(captions)].id;
    for (const caption of captions) this.#put(lineOf(caption));
    this.last = Math.max(this.last, next);
  }

  /**
   * @param {object[]} captions from before the first line, in order
   * @param {number} limit new maximum number of lines, so that what the user asked for is not dropped soon
   */
  fillBefore(captions, limit) {
    this.#limit = Math.max(this.#limit, limit);
    for (const caption of [...captions].reverse()) {
      if (!this.isBefore(caption)) continue;
      const { place, start_s: start, isArchived } = this.first;
      const line = lineOf(caption);
      const isRenumbered = isArchived || (line.place >= place && line.start_s < start - NEAR_S);
      this.#begin = isRenumbered ? place - 1 : Math.min(place, line.place);
      this.#put(isRenumbered ? { ...line, key: archivedKey(caption), place: this.#begin, isArchived: true } : line, true);
    }
  }

  /** Add captions from the archive, in order, which may span database losses: after all lines, or before any that arrive. */
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

  /** Apply newer revisions of existing lines; captions that only share an id with a line are ignored. */
  renew(captions) {
    for (const caption of captions) {
      const key = [archivedKey(caption), caption.id].find((each) => this.#lines.has(each));
      const known = this.#lines.get(key);
      if (!known || Math.abs(known.start_s - caption.start_s) >= NEAR_S) continue;
      const { place, isArchived } = known;
      this.#put({ ...lineOf(caption), key, place, isArchived });
    }
  }

  /** A time before which all captions that precede the first line have begun, in seconds. */
  get before() {
    return this.first.start_s + NEAR_S;
  }

  /**
   * Whether a caption precedes the first line. Captions near it are compared by id: start times step back a little when a
   * source's clock is re-anchored, and those of provisional lines change.
   */
  isBefore(caption) {
    if (!this.first) return false;
    const { place, start_s: start, isArchived } = this.first;
    if (isArchived) return caption.start_s < start && !this.#isKnown(caption);
    if (caption.start_s < start - NEAR_S) return !this.#isKnown(caption);
    if (caption.start_s >= this.before || this.#isKnown(caption)) return false;
    return caption.id < place || (caption.start_s < start && caption.id < this.#newest().place); // newer ones arrive by themselves
  }

  #isKnown(caption) {
    const line = this.#lines.get(caption.id);
    return (line && Math.abs(line.start_s - caption.start_s) < NEAR_S) || this.#lines.has(archivedKey(caption));
  }

  remove(key) {
    if (!this.#lines.delete(key)) return;
    this.#order.splice(this.#order.indexOf(key), 1);
    this.#emit('removed', { key });
  }

  clear() {
    this.#lines.clear();
    this.#order = [];
    this.#begin = -Infinity;
    this.last = 0;
    this.ended = false;
    this.#emit('cleared');
  }

  #newest() {
    return this.#lines.get(this.#order.at(-1));
  }

  #put(line, isOld = false) {
    const known = this.#lines.get(line.key);
    if (known && known.revision >= line.revision) return;
    this.#lines.set(line.key, line);
    if (known) {
      this.#emit('revised', { line });
      return;
    }
    let index = this.#order.length;
    while (index > 0 && this.#lines.get(this.#order[index - 1]).place > line.place) index -= 1;
    if (index === 0 && (this.#order.length >= this.#limit || line.place < this.#begin)) { // older than everything kept
      this.#lines.delete(line.key);
      return;
    }
    const before = this.#order[index] ?? null;
    this.#order.splice(index, 0, line.key);
    this.#emit('line', { line, before, isOld });
    while (this.#order.length > this.#limit) this.remove(this.#order[0]);
  }

  #emit(type, detail = null) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/**
 * How many captions at the start of a log are separated from the rest by a hole. They are there only because they were
 * corrected recently, and are loaded later together with the captions around them.
 */
function loneCorrections(captions) {
  let count = 0;
  for (let n = 0; captions[n].corrected && n + 1 < captions.length; n += 1) {
    if (captions[n + 1].id > captions[n].id + 1) count = n + 1;
  }
  return count;
}

/** The key of a caption whose id is ambiguous. */
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
