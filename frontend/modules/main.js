// The page: the view follows the address (#radio/ID, #wall, #file/ID, #microphone/ID, #search/WORDS; ?at=SECONDS selects a
// moment).

import './file-view.js';
import './microphone-view.js';
import './notice-bar.js';
import './radio-view.js';
import './reading-view.js';
import './search-view.js';
import './service-state.js';
import './wall-view.js';
import { clearNotice, isShown, make, setTitle } from './dom.js';
import { destination } from './moment.js';

const TITLES = { radio: 'Radio', wall: 'All on air', file: 'File', microphone: 'Microphone', search: 'Search' };

const main = document.getElementById('main');

function route() {
  clearNotice();
  const { name, id, at } = destination(location.hash);
  const view = Object.hasOwn(TITLES, name) ? name : 'radio';
  const element = view === 'microphone' && id ? 'reading-view' : `${view}-view`;
  setTitle(element === 'reading-view' ? 'Read along' : TITLES[view]); // some views set a more specific title later
  Object.assign(show(element), { moment: at, selected: id });
  for (const link of document.querySelectorAll('nav a')) {
    if (link.dataset.view === (view === 'wall' ? 'radio' : view)) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
}

/** Show a view, creating it if needed. A busy one, such as an open microphone, is hidden instead of removed. */
function show(name) {
  for (const view of [...main.children]) {
    if (view.localName === name || view.busy) view.hidden = view.localName !== name;
    else view.remove();
  }
  const view = main.querySelector(`:scope > ${name}`) ?? make(name);
  if (!view.isConnected) {
    main.append(view);
    main.scrollTop = 0; // on a phone, the previous view may have been scrolled
  }
  return view;
}

/** Move the focus to the captions, without changing the address, which selects the view. */
function skip(event) {
  event.preventDefault();
  const captions = [...main.querySelectorAll('.lines, .results, .wall')].find(isShown);
  (captions ?? main).focus();
}

document.querySelector('.skip').addEventListener('click', skip);
addEventListener('hashchange', route);
document.addEventListener('recording', ({ detail }) => document.querySelector('nav [data-view=microphone]').classList.toggle('on', detail));
route();
