// <wall-view>: what all stations on air say, side by side; each leads to its own page.

import { exists, request } from './api.js';
import { make, set } from './dom.js';
import { LiveSocket } from './live.js';
import { CaptionStore } from './store.js';
import { WatchedStations } from './watched-stations.js';

/** Captions that a card shows at most, as far as there is room; the newest is the lowest. */
const SHOWN = 6;

class WallView extends HTMLElement {
  #cards = new Map(); // by station
  #watched;
  #seen = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) target.listening = isIntersecting;
  });

  connectedCallback() {
    this.wall = make('div.wall', { role: 'list', tabIndex: -1 });
    this.off = make('p.facts');
    this.empty = make('p.empty', { textContent: 'No station is on air.', hidden: true });
    this.replaceChildren(
      make('header.row', {}, make('h1', { textContent: 'All that is on air' }), make('a', { href: '#radio', textContent: 'One station at a time' })),
      this.wall, this.empty, this.off);
    this.#watched = new WatchedStations((stations) => this.#show(stations));
  }

  disconnectedCallback() {
    this.#watched.stop();
    this.#seen.disconnect();
    for (const card of this.#cards.values()) card.listening = false;
  }

  #show(stations) {
    const byName = [...stations].sort((a, b) => a.name.localeCompare(b.name));
    const onAir = byName.filter(({ status }) => status.state === 'running');
    for (const [id, card] of this.#cards) {
      if (onAir.some((station) => station.id === id)) continue;
      this.#seen.unobserve(card);
      card.listening = false;
      card.remove();
      this.#cards.delete(id);
    }
    for (const [index, station] of onAir.entries()) {
      const card = this.#cards.get(station.id) ?? this.#add(station);
      card.describe(station);
      if (this.wall.children[index] !== card) this.wall.insertBefore(card, this.wall.children[index] ?? null);
    }
    const off = byName.filter((station) => !onAir.includes(station)).map(({ name }) => name);
    set(this.off, off.length ? `Not on air: ${off.join(', ')}` : '');
    this.empty.hidden = onAir.length > 0;
  }

  #add(station) {
    const card = new StationCard(station.urls);
    this.#cards.set(station.id, card);
    this.#seen.observe(card); // of fifty stations those listen that are in sight
    return card;
  }
}

/** The newest words of a station. */
class StationCard extends HTMLElement {
  #urls;
  #store = new CaptionStore(SHOWN);
  #socket = null;

  constructor(urls) {
    super();
    this.setAttribute('role', 'listitem');
    this.#urls = urls;
    this.name = make('a');
    this.playing = make('p.playing');
    this.said = make('div.said');
    this.replaceChildren(make('h2', {}, this.name), this.playing, this.said);
    for (const type of ['line', 'revised', 'removed', 'cleared']) this.#store.addEventListener(type, () => this.#write());
  }

  describe({ id, name, status }) {
    this.name.href = `#radio/${encodeURIComponent(id)}`;
    set(this.name, name);
    set(this.playing, [status.title, status.activity].filter(Boolean).join(' · '));
  }

  /** @param {boolean} is whether it follows what is said */
  set listening(is) {
    if (is === Boolean(this.#socket)) return;
    if (is) this.#listen();
    else {
      this.#socket.close();
      this.#socket = null;
    }
  }

  async #listen() {
    const socket = new LiveSocket(this.#urls.live, this.#store, { exists: () => exists(this.#urls.self) });
    this.#socket = socket;
    if (!this.#store.last) {
      try {
        const { captions, next } = await request(`${this.#urls.captions}?limit=${4 * SHOWN}`); // events: a caption has several
        this.#store.fill(captions, next);
      } catch {
        // the socket says what there is
      }
    }
    if (this.#socket === socket) socket.open();
  }

  #write() {
    const said = this.#store.lines.filter(({ kind, text }) => kind === 'caption' && text);
    this.said.replaceChildren(...said.map(({ text, language, final }) =>
      make(final ? 'p' : 'p.provisional', { textContent: text, lang: language ?? '' })));
  }
}

customElements.define('station-card', StationCard);
customElements.define('wall-view', WallView);
