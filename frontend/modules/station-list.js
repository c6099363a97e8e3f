// <station-list>: the stations and their states; one is current.

import { make, setText } from './dom.js';
import { languageName } from './languages.js';

const STATES = {
  waiting: 'Not on air yet',
  connecting: 'Connecting',
  running: 'On air',
  reconnecting: 'Reconnecting',
  failed: 'Failed',
  finished: 'Ended',
  cancelled: 'Cancelled',
};

/** The state of a station as text. */
export function stateOf({ state, epoch }) {
  if (state === 'reconnecting' && !epoch) return 'Cannot be opened'; // it has never been on air
  return STATES[state] ?? state;
}

class StationList extends HTMLElement {
  #items = new Map();

  connectedCallback() {
    this.list ??= make('ul', { 'aria-label': 'Stations' });
    this.empty ??= make('p.empty', { textContent: 'No stations yet. Add one below.', hidden: true });
    this.replaceChildren(this.list, this.empty);
  }

  /** @param {object[]} stations as returned by GET /stations */
  show(stations, current) {
    const ids = new Set(stations.map(({ id }) => id));
    for (const [id, item] of this.#items) {
      if (!ids.has(id)) {
        item.remove();
        this.#items.delete(id);
      }
    }
    const focused = document.activeElement;
    for (const [index, station] of [...stations].sort(byStateThenName).entries()) {
      const item = this.#items.get(station.id) ?? this.#make(station);
      this.#write(item.firstElementChild, station, station.id === current);
      if (this.list.children[index] !== item) this.list.insertBefore(item, this.list.children[index] ?? null);
    }
    if (this.list.contains(focused)) focused.focus({ preventScroll: true }); // moving an element loses its focus
    this.empty.hidden = stations.length > 0;
  }

  #make(station) {
    const item = make('li', {}, make(
      'a', { href: `#radio/${encodeURIComponent(station.id)}` },
      make('span.dot', { 'aria-hidden': 'true' }), make('strong'), make('span.playing'), make('span.state')));
    this.#items.set(station.id, item);
    return item;
  }

  #write(link, { name, language, status }, isCurrent) {
    const [dot, title, playing, state] = link.children;
    if (!isCurrent) link.removeAttribute('aria-current');
    else if (!link.hasAttribute('aria-current')) {
      link.setAttribute('aria-current', 'true');
      requestAnimationFrame(() => link.scrollIntoView({ block: 'nearest', inline: 'nearest' }));
    }
    dot.className = `dot ${status.state}`;
    setText(title, name);
    setText(playing, status.title);
    playing.hidden = !status.title;
    const facts = [language ? languageName(language) : '', stateOf(status)];
    if (status.state === 'running' && status.activity) facts.push(status.activity);
    setText(state, facts.filter(Boolean).join(' · '));
    link.title = status.detail;
  }
}

/** Sort stations on air first, since the others have nothing to read. */
function byStateThenName(a, b) {
  const off = ({ status }) => Number(status.state !== 'running');
  return off(a) - off(b) || a.name.localeCompare(b.name);
}

customElements.define('station-list', StationList);
