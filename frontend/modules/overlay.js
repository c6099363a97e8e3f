// The overlay: the newest lines of one source and nothing else, to be laid over a picture or put into another page.
//
// overlay.html?source=stations/ID, or microphones/ID; what else may be asked for stands in OPTIONS.

import { exists, request } from './api.js';
import { make } from './dom.js';
import { LiveSocket } from './live.js';
import { Rolling } from './rolling.js';
import { CaptionStore } from './store.js';

/** What may be asked for: the smallest, the largest, and what it is if nobody asks. */
const OPTIONS = {
  lines: [1, 8, 2], // that are shown
  size: [1, 20, 4.2], // of letters, in hundredths of the width
  seconds: [1, 600, 8], // after which the last words go, if no others come
};

const SOURCE = /^(stations|microphones)\/[a-z0-9-]+$/;

/** Lines that are kept, of which the newest are shown or wait to be. */
const KEPT = 20;

/** Words that are not final go after so long, in seconds: nobody captions the source any more. */
const UNFINISHED_S = 60;

/** Pause before a server that is away is asked again, in milliseconds. */
const AGAIN_MS = 3000;

const screen = document.getElementById('captions');
const query = new URLSearchParams(location.search);

function option(name) {
  const [least, most, otherwise] = OPTIONS[name];
  const value = Number(query.get(name) || otherwise);
  return value >= least && value <= most ? value : otherwise;
}

/** Words for whoever sets the overlay up: it is empty otherwise, and says nothing of why. */
function complain(words) {
  screen.replaceChildren(make('p', { role: 'alert', textContent: words }));
}

/** The event behind which captions are shown: what was said before is not. */
async function beginning(captions) {
  for (;;) {
    try {
      return (await request(captions)).next;
    } catch (error) {
      if (error.status === 404) throw error;
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
  }
}

/** Show what is said from now on. */
async function follow(source) {
  const captions = `/${source}/captions.json?limit=1`;
  const store = new CaptionStore(KEPT);
  try {
    store.last = await beginning(captions);
  } catch {
    complain(`Nothing is known of ${source}. The address may be wrong.`);
    return;
  }
  const rolling = new Rolling(Math.round(option('lines')));
  let timer = 0;
  let stands = '[]';
  let sinceMs = 0;
  const show = () => {
    clearTimeout(timer);
    const now = performance.now();
    const { shown, nextMs } = rolling.show(store.lines, now);
    if (JSON.stringify(shown) !== stands) { // else it was a gap that grew, or words that were withdrawn before they came
      stands = JSON.stringify(shown);
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
    rolling.clear();
    show();
  };
  for (const type of ['line', 'revised', 'removed']) store.addEventListener(type, show);
  store.addEventListener('cleared', () => {
    rolling.begin(performance.now());
    show();
  });
  const socket = new LiveSocket(`/${source}/live`, store, { exists: () => exists(captions) });
  socket.addEventListener('change', () => socket.state === 'gone' && complain('It is no longer there.'));
  socket.open();
}

document.documentElement.style.setProperty('--size', `${option('size')}vw`);
const source = query.get('source') ?? '';
if (SOURCE.test(source)) follow(source);
else complain('The address must say whose captions to show: overlay.html?source=stations/demo, or microphones/ID');
