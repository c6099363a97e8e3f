// Addresses of a moment in a station or a recording: #radio/ID?at=UNIX_TIME or #file/ID?at=SECONDS.

/** Tolerance when comparing a line's start with an address, in seconds: addresses are rounded. */
const EXACT_S = 0.01;

/** A line may be this far from a moment, in seconds, if nobody spoke in between. */
const NEAR_S = 60;

const VIEWS = { stations: 'radio', jobs: 'file' };

/**
 * @param {string} source such as stations/demo
 * @param {number} seconds on the source's clock
 */
export function momentAddress(source, seconds) {
  const [kind, id] = source.split('/');
  return `#${VIEWS[kind]}/${encodeURIComponent(id)}?at=${Number(seconds.toFixed(3))}`;
}

/**
 * Parse an address of the page.
 * @param {string} hash
 * @returns {{name: string, id: string, at: number | null}} the view, the id of what it shows, and the moment, if any
 */
export function destination(hash) {
  const [name, ...rest] = hash.slice(1).split('/');
  const path = rest.join('/');
  const [id, query = ''] = Object.values(VIEWS).includes(name) ? path.split('?') : [path];
  const at = new URLSearchParams(query).get('at') ?? '';
  return { name, id: decode(id), at: /^\d+(\.\d+)?$/.test(at) ? Number(at) : null };
}

/** Remove the moment from the page's address. */
export function leaveMoment() {
  if (location.hash.includes('?at=')) history.replaceState(null, '', location.hash.split('?')[0]);
}

/** Whether a line begins at or after a moment. If lines arrive in order, all lines before the moment have then arrived. */
export const isReached = (line, seconds) => line.start_s >= seconds - EXACT_S;

/**
 * The line at a moment, or the nearest: the last one that has begun, or else the first one after it.
 * @param {object[]} lines in order; may also be captions of the API
 */
export function lineAt(lines, seconds) {
  const spoken = lines.filter(({ text }) => text);
  const isNear = (line) => line && line.end_s > seconds - NEAR_S && line.start_s < seconds + NEAR_S;
  const last = spoken.findLastIndex(({ start_s: start }) => start <= seconds + EXACT_S);
  return [spoken[last], spoken[last + 1]].find(isNear) ?? null;
}

function decode(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // malformed: the view will report that there is no such id
  }
}
