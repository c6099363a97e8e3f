// The overlay: only the newest lines of one source, to show over a picture or embed in another page.
//
// overlay.html?source=stations/ID, or microphones/ID; OPTIONS lists further parameters.

import './service-state.js';
import { exists, request } from './api.js';
import { showConnection } from './connection-state.js';
import { make } from './dom.js';
import { LiveSocket } from './live.js';
import { Rolling } from './rolling.js';
import { CaptionStore } from './store.js';

/** Query parameters: minimum, maximum and default. */
const OPTIONS = {
  lines: [1, 8, 2], // number of lines shown
  size: [1, 20, 4.2], // font size in percent of the width
  seconds: [1, 600, 8], // the last line disappears after this time without a new one
};

const SOURCE = /^(stations|microphones)\/[a-z0-9-]+$/;

/** Number of captions kept, of which the newest are shown or waiting. */
const KEPT = 20;

/** A line that does not change or become final for this long, in seconds, disappears: the source is no longer captioned. */
const UNFINISHED_S = 20;

/** Retry delay while the server is unreachable, in milliseconds. */
const RETRY_MS = 3000;

const screen = document.getElementById('captions');
const connection = make('p', { role: 'status', textContent: 'Connecting…' });
const query = new URLSearchParams(location.search);

function option(name) {
  const [min, max, fallback] = OPTIONS[name];
  const value = Number(query.get(name) || fallback);
  return value >= min && value <= max ? value : fallback;
}

/** Show an error to the person who sets up the overlay, which would otherwise just stay empty. */
function showError(text) {
  document.querySelector('footer')?.remove();
  screen.replaceChildren(make('p', { role: 'alert', textContent: text }));
}

/** The event after which captions are shown; earlier captions are not. */
async function startEvent(captions) {
  for (;;) {
    try {
      return (await request(captions)).next;
    } catch (error) {
      if (error.status === 404) throw error;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

/** Show what is said from now on. */
async function follow(source) {
  const captions = `/${source}/captions.json?limit=1`;
  const store = new CaptionStore(KEPT);
  try {
    store.last = await startEvent(captions);
  } catch {
    showError(`${source} not found. The address may be wrong.`);
    return;
  }
  const rolling = new Rolling(Math.round(option('lines')));
  let timer = 0;
  let shownJson = '[]';
  let sinceMs = 0;
  const show = () => {
    clearTimeout(timer);
    const now = performance.now();
    const { shown, nextMs } = rolling.show(store.lines, now);
    if (JSON.stringify(shown) !== shownJson) { // otherwise nothing visible has changed: a gap grew, or a waiting line was withdrawn
      shownJson = JSON.stringify(shown);
      sinceMs = now;
      screen.replaceChildren(...shown.map(({ text, language }) => make('p', { textContent: text, lang: language ?? '' })));
    }
    if (nextMs !== null) timer = setTimeout(show, nextMs - now);
    else if (shown.length) {
      const seconds = shown.at(-1).final ? option('seconds') : Math.max(option('seconds'), UNFINISHED_S);
      timer = setTimeout(clear, sinceMs + 1000 * seconds - now);
    }
  };
  const clear = () => {
    rolling.clear(store.lines);
    show();
  };
  for (const type of ['line', 'revised', 'removed']) store.addEventListener(type, show);
  store.addEventListener('cleared', () => {
    rolling.restart(performance.now());
    show();
  });
  const socket = new LiveSocket(`/${source}/live`, store, { exists: () => exists(captions) });
  showConnection(socket, connection);
  socket.addEventListener('change', () => socket.state === 'gone' && showError('This source no longer exists.'));
  socket.open();
}

document.documentElement.style.setProperty('--size', `${option('size')}vw`);
if (query.has('notes')) document.body.append(make('footer', {}, connection, make('service-state'))); // why no captions come
const source = query.get('source') ?? '';
if (SOURCE.test(source)) follow(source);
else showError('The address must name a source: overlay.html?source=stations/demo, or microphones/ID');
