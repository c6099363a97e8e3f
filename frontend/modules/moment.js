// The address of a moment: the page at what a station or a recording said then, #radio/ID?at=UNIX_TIME or #file/ID?at=SECONDS.

/** Lines begin when their addresses say, in seconds: these are rounded. */
const EXACT_S = 0.01;

/** A line is still that of a moment so far from it, in seconds: nobody spoke in between. */
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
 * What an address of the page leads to.
 * @param {string} hash
 * @returns {{name: string, id: string, at: number | null}} the view, what it shows, and at which moment, if at one
 */
export function destination(hash) {
  const [name, ...rest] = hash.slice(1).split('/');
  const path = rest.join('/');
  const [id, query = ''] = Object.values(VIEWS).includes(name) ? path.split('?') : [path];
  const at = new URLSearchParams(query).get('at') ?? '';
  return { name, id: decode(id), at: /^\d+(\.\d+)?$/.test(at) ? Number(at) : null };
}

/** The address is that of the page without a moment. */
export function leaveMoment() {
  if (location.hash.includes('?at=')) history.replaceState(null, '', location.hash.split('?')[0]);
}

/** Whether a line begins at a moment, or behind it: all lines before it are there, if lines come in their order. */
export const isReached = (line, seconds) => line.start_s >= seconds - EXACT_S;

/**
 * The line that is said at a moment, or the nearest: the last that has begun, or else the first behind it.
 * @param {object[]} lines in their order; captions of the API, too
 */
export function lineAt(lines, seconds) {
  const said = lines.filter(({ text }) => text);
  const isNear = (line) => line && line.end_s > seconds - NEAR_S && line.start_s < seconds + NEAR_S;
  const last = said.findLastIndex(({ start_s: start }) => start <= seconds + EXACT_S);
  return [said[last], said[last + 1]].find(isNear) ?? null;
}

function decode(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // malformed: nothing has such an id, and the view will say so
  }
}
