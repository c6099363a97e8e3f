// The page: which view is shown follows the address (#radio/ID, #file/ID, #microphone/ID, #search/WORDS).

import './file-view.js';
import './microphone-view.js';
import './notice-bar.js';
import './radio-view.js';
import './reading-view.js';
import './search-view.js';
import { hush, make } from './dom.js';

const TITLES = { radio: 'Radio', file: 'File', microphone: 'Microphone', search: 'Search' };

const main = document.getElementById('main');

function route() {
  if (location.hash === '#main') return; // the skip link: it moves the focus, not the view
  hush();
  const [name, ...rest] = location.hash.slice(1).split('/');
  const id = decode(rest.join('/'));
  const view = Object.hasOwn(TITLES, name) ? name : 'radio';
  const element = view === 'microphone' && id ? 'reading-view' : `${view}-view`;
  if (main.firstElementChild?.localName !== element) main.replaceChildren(make(element));
  main.firstElementChild.selected = id;
  document.title = `${TITLES[view]} – Undertext`;
  for (const link of document.querySelectorAll('nav a')) {
    if (link.dataset.view === view) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
}

function decode(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // malformed: nothing has such an id, and the view will say so
  }
}

addEventListener('hashchange', route);
route();
