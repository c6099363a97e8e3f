// The page: which view is shown follows the address (#radio/ID, #file/ID, #microphone).

import './file-view.js';
import './microphone-view.js';
import './notice-bar.js';
import './radio-view.js';
import { make } from './dom.js';

const TITLES = { radio: 'Radio', file: 'File', microphone: 'Microphone' };

const main = document.getElementById('main');

function route() {
  if (location.hash === '#main') return; // the skip link: it moves the focus, not the view
  const [name, id = ''] = location.hash.slice(1).split('/').map(decode);
  const view = Object.hasOwn(TITLES, name) ? name : 'radio';
  if (main.firstElementChild?.localName !== `${view}-view`) main.replaceChildren(make(`${view}-view`));
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
    return '';
  }
}

addEventListener('hashchange', route);
route();
