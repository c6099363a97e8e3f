// <wall-view>: live captions of all stations on air, side by side; each card links to its station.

import { exists, request } from './api.js';
import { make, setText } from './dom.js';
import { LiveSocket } from './live.js';
import { CaptionStore } from './store.js';
import { StationPoller } from './station-poller.js';

/** Maximum number of captions on a card, if they fit; the newest is at the bottom. */
const MAX_CAPTIONS = 6;

class WallView extends HTMLElement {
  #cards = new Map(); // by station
  #poller;
  #observer = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) target.listening = isIntersecting;
  });

  connectedCallback() {
    this.wall = make('div.wall', { role: 'list', tabIndex: -1 });
    this.off = make('p.facts');
    this.empty = make('p.empty', { textContent: 'No station is on air.', hidden: true });
    this.replaceChildren(
      make('header.row', {}, make('h1', { textContent: 'All on air' }), make('a', { href: '#radio', textContent: 'One station at a time' })),
      this.wall, this.empty, this.off);
    this.#poller = new StationPoller((stations) => this.#show(stations));
  }

  disconnectedCallback() {
    this.#poller.stop();
    this.#observer.disconnect();
    for (const card of this.#cards.values()) card.listening = false;
  }

  #show(stations) {
    const byName = [...stations].sort((a, b) => a.name.localeCompare(b.name));
    const onAir = byName.filter(({ status }) => status.state === 'running');
    for (const [id, card] of this.#cards) {
      if (onAir.some((station) => station.id === id)) continue;
      this.#observer.unobserve(card);
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
    setText(this.off, off.length ? `Not on air: ${off.join(', ')}` : '');
    this.empty.hidden = onAir.length > 0;
  }

  #add(station) {
    const card = new StationCard(station.urls);
    this.#cards.set(station.id, card);
    this.#observer.observe(card); // only visible cards are connected
    return card;
  }
}

/** The newest captions of a station. */
class StationCard extends HTMLElement {
  #urls;
  #store = new CaptionStore(MAX_CAPTIONS);
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
    setText(this.name, name);
    setText(this.playing, [status.title, status.activity].filter(Boolean).join(' · '));
  }

  /** @param {boolean} isListening whether to follow the station live */
  set listening(isListening) {
    if (isListening === Boolean(this.#socket)) return;
    if (isListening) this.#listen();
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
        const { captions, next } = await request(`${this.#urls.captions}?limit=${4 * MAX_CAPTIONS}`); // counts events, of which a caption has several
        this.#store.fill(captions, next);
      } catch {
        // the socket sends captions anyway
      }
    }
    if (this.#socket === socket) socket.open();
  }

  #write() {
    const captions = this.#store.lines.filter(({ kind, text }) => kind === 'caption' && text);
    this.said.replaceChildren(...captions.map(({ text, language, final }) =>
      make(final ? 'p' : 'p.provisional', { textContent: text, lang: language ?? '' })));
  }
}

customElements.define('station-card', StationCard);
customElements.define('wall-view', WallView);
