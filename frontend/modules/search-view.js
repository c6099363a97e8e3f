// <search-view>: find what was said, by whom and when.

import { isAdmitted, request } from './api.js';
import { disable, entitle, hush, make, notify } from './dom.js';
import { marked } from './found.js';
import { languageName } from './languages.js';
import { momentAddress } from './moment.js';
import { clock, when } from './times.js';
import { tokenOffer } from './token-offer.js';

/** What may be typed, told where it is typed. */
const HINTS = [
  ['storm warning', 'both, near each other'],
  ['"storm warning"', 'one behind the other'],
  ['storm*', 'words that begin with it'],
  ['storm OR gale', 'either'],
  ['storm -rain', 'without'],
];

const ATOM = 'application/atom+xml';

class SearchView extends HTMLElement {
  #words = '';
  #asked = null;
  #hear = () => this.#search();

  connectedCallback() {
    this.input = make('input', { id: 'words', name: 'q', type: 'search', maxLength: 300, autocomplete: 'off', spellcheck: false });
    this.where = make('select', { id: 'where', name: 'source' }, make('option', { value: '', textContent: 'Everywhere' }));
    this.form = make('form.search', { role: 'search' },
      make('div', {}, make('label', { for: 'words', textContent: 'Words that were said' }), this.input),
      make('div', {}, make('label', { for: 'where', textContent: 'Where' }), this.where),
      make('button.primary', { type: 'submit', textContent: 'Search' }));
    const hints = make('dl.hints', {}, ...HINTS.flatMap(([typed, means]) => [make('dt', { textContent: typed }), make('dd', { textContent: means })]));
    this.state = make('p.state', { role: 'status' });
    this.follow = make('a.facts', { hidden: true, type: ATOM, textContent: 'Follow this search (feed)' });
    this.feed = make('link', { rel: 'alternate', type: ATOM });
    this.locked = tokenOffer('Recordings are searched, too, with this server’s token.', () => this.input.focus());
    this.list = make('ol.found');
    this.more = make('button', { type: 'button', hidden: true, textContent: 'Show earlier ones' });
    this.replaceChildren(
      make('aside', {}, make('h1', { textContent: 'Search what was said' }), this.form, hints),
      make('section.stage', { 'aria-label': 'What was found' }, make('div.row', {}, this.state, this.follow), this.locked,
        make('div.results', { tabIndex: 0, role: 'group', 'aria-label': 'Captions' }, this.list, this.more)));
    this.form.addEventListener('submit', (event) => {
      event.preventDefault();
      const words = this.input.value.trim();
      if (words === this.#words) this.#search();
      else location.hash = `#search/${encodeURIComponent(words)}`;
    });
    this.where.addEventListener('change', () => this.#search());
    this.more.addEventListener('click', () => this.#next());
    document.addEventListener('token', this.#hear);
    this.#fill();
  }

  disconnectedCallback() {
    this.feed.remove();
    document.removeEventListener('token', this.#hear);
  }

  /** @param {string} words in the address */
  set selected(words) {
    this.#words = words;
    this.input.value = words;
    if (words) entitle(words, 'Search');
    else this.input.focus();
    this.#search();
  }

  async #fill() {
    try {
      const { stations } = await request('/stations');
      stations.sort((a, b) => a.name.localeCompare(b.name));
      this.where.append(...stations.map(({ id, name }) => make('option', { value: `stations/${id}`, textContent: name })));
    } catch {
      // then everywhere is all there is to choose; the search itself will say that the server is away
    }
  }

  #search() {
    hush();
    this.list.replaceChildren();
    this.more.hidden = this.follow.hidden = this.locked.hidden = true;
    this.feed.remove();
    this.state.textContent = this.#words ? 'Searching…' : '';
    this.#asked = { before: null, isWhole: null };
    if (this.#words) this.#next();
    else this.#lead(this.#asked);
  }

  /** Say what is searched. */
  async #lead(asked) {
    const isPart = !(await isAdmitted());
    if (this.#asked !== asked) return;
    this.locked.hidden = !isPart;
    this.state.textContent = `Stations ${isPart ? '' : 'and recordings '}are searched, the newest first.`;
  }

  /** Show what is found, or the next page of it. */
  async #next() {
    const asked = this.#asked;
    const query = new URLSearchParams({ q: this.#words });
    if (this.where.value) query.set('source', this.where.value);
    const feed = `/search.atom?${query}`;
    if (asked.before !== null) query.set('before', asked.before);
    disable(this.more, true);
    try {
      asked.isWhole ??= this.where.value ? true : isAdmitted(); // for all pages
      const [{ results, next }, isWhole] = await Promise.all([request(`/search?${query}`), asked.isWhole]);
      if (this.#asked !== asked) return; // something else is searched for by now
      asked.before = next;
      if (this.isConnected) this.#offer(feed); // else it was left meanwhile
      this.list.append(...results.map(item));
      this.more.hidden = next === null;
      this.locked.hidden = isWhole;
      this.state.textContent = counted(this.list.children.length, next !== null, isWhole) || `${isWhole ? 'Nobody' : 'No station'} has said “${this.#words}”.`;
    } catch (error) {
      if (this.#asked !== asked) return;
      this.state.textContent = '';
      notify(`The search failed. ${error.message}`);
    } finally {
      disable(this.more, false);
    }
  }

  /** Let the search be followed, by who reads the page, and by a browser that finds the feeds of pages. */
  #offer(url) {
    this.follow.href = this.feed.href = url;
    this.feed.title = `Said: ${this.#words}`;
    this.follow.hidden = false;
    document.head.append(this.feed);
  }
}

/** How often it was said, as far as that was searched; empty, if it was not. */
function counted(count, areMore, isWhole) {
  if (!count) return '';
  return `Said ${count === 1 ? 'once' : `${count} times`}${areMore ? ' and more' : ''}${isWhole ? '' : ' on stations'}.`;
}

/** One caption that was found, between those around it. */
function item(found) {
  const { source, name, said_s: said, start_s: start, language, text, marks, before, after } = found;
  const isStation = source.startsWith('stations/');
  const link = make('a', { href: momentAddress(source, start), textContent: `${name}, ${isStation ? when(said) : `at ${clock(start)}`}` });
  const facts = [isStation ? '' : `captioned ${when(said)}`, language ? languageName(language) : ''].filter(Boolean);
  const words = marked(text, marks).map(([part, isMarked]) => (isMarked ? make('mark', { textContent: part }) : part));
  return make('li', {},
    make('p.facts', {}, link, ...facts.map((each) => ` · ${each}`)),
    make('p', { lang: language ?? '' },
      make('span.around', { textContent: before ? `${before} ` : '' }), ...words, make('span.around', { textContent: after ? ` ${after}` : '' })));
}

customElements.define('search-view', SearchView);
