// <station-list>: the stations and what each is doing; one is current.

import { make, set } from './dom.js';
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

/** What a station is doing. */
export function stateOf({ state, epoch }) {
  if (state === 'reconnecting' && !epoch) return 'Cannot be opened'; // nothing was ever heard of it
  return STATES[state] ?? state;
}

class StationList extends HTMLElement {
  #items = new Map();

  connectedCallback() {
    this.list ??= make('ul', { 'aria-label': 'Stations' });
    this.empty ??= make('p.empty', { textContent: 'There are no stations yet. Add one below.', hidden: true });
    this.replaceChildren(this.list, this.empty);
  }

  /** @param {object[]} stations as GET /stations tells them */
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
    if (this.list.contains(focused)) focused.focus({ preventScroll: true }); // what is moved loses it
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
    set(title, name);
    set(playing, status.title);
    playing.hidden = !status.title;
    const words = [language ? languageName(language) : '', stateOf(status)];
    if (status.state === 'running' && status.activity) words.push(status.activity);
    set(state, words.filter(Boolean).join(' · '));
    link.title = status.detail;
  }
}

/** Those on air first: the others have nothing to read. */
function byStateThenName(a, b) {
  const off = ({ status }) => Number(status.state !== 'running');
  return off(a) - off(b) || a.name.localeCompare(b.name);
}

customElements.define('station-list', StationList);
