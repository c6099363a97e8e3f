// The page: which view is shown follows the address (#radio/ID, #wall, #file/ID, #microphone/ID, #search/WORDS; and
// of a moment, ?at=SECONDS).

import './file-view.js';
import './microphone-view.js';
import './notice-bar.js';
import './radio-view.js';
import './reading-view.js';
import './search-view.js';
import './wall-view.js';
import { entitle, hush, isShown, make } from './dom.js';
import { destination } from './moment.js';

const TITLES = { radio: 'Radio', wall: 'All that is on air', file: 'File', microphone: 'Microphone', search: 'Search' };

const main = document.getElementById('main');

function route() {
  hush();
  const { name, id, at } = destination(location.hash);
  const view = Object.hasOwn(TITLES, name) ? name : 'radio';
  const element = view === 'microphone' && id ? 'reading-view' : `${view}-view`;
  entitle(element === 'reading-view' ? 'Read along' : TITLES[view]); // a view that knows more says so
  Object.assign(show(element), { moment: at, selected: id });
  for (const link of document.querySelectorAll('nav a')) {
    if (link.dataset.view === (view === 'wall' ? 'radio' : view)) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
}

/** The view of a name; one that is busy, with a microphone that is open, goes on out of sight. */
function show(name) {
  for (const view of [...main.children]) {
    if (view.localName === name || view.busy) view.hidden = view.localName !== name;
    else view.remove();
  }
  const view = main.querySelector(`:scope > ${name}`) ?? make(name);
  if (!view.isConnected) {
    main.append(view);
    main.scrollTop = 0; // where the view before was left, on a telephone
  }
  return view;
}

/** Move the focus, not the view, which has the address: to captions that are shown, or to where they will be. */
function skip(event) {
  event.preventDefault();
  const captions = [...main.querySelectorAll('.lines, .results, .wall')].find(isShown);
  (captions ?? main).focus();
}

document.querySelector('.skip').addEventListener('click', skip);
addEventListener('hashchange', route);
document.addEventListener('recording', ({ detail }) => document.querySelector('nav [data-view=microphone]').classList.toggle('on', detail));
route();
