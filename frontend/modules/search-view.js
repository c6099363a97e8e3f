// <search-view>: search the captions of stations and recordings.

import { hasAccess, request } from './api.js';
import { clearNotice, disable, make, notify, setTitle } from './dom.js';
import { highlight } from './highlight.js';
import { languageName, languageSelect } from './languages.js';
import { momentAddress } from './moment.js';
import { clock, midnight, when } from './times.js';
import { tokenOffer } from './token-offer.js';

/** Search syntax: examples and their meaning. */
const HINTS = [
  ['storm warning', 'both, near each other'],
  ['"storm warning"', 'exact phrase'],
  ['storm*', 'storm, storms, stormy…'],
  ['storm OR gale', 'either word'],
  ['storm -rain', 'storm without rain'],
];

/** Earlier days have no captions, and some are invalid in the API. */
const FIRST_DAY = '2000-01-01';

const ATOM = 'application/atom+xml';

class SearchView extends HTMLElement {
  #words = '';
  #current = null;
  #onToken = () => this.#search();

  connectedCallback() {
    this.input = make('input', { id: 'words', name: 'q', type: 'search', maxLength: 300, autocomplete: 'off', spellcheck: false });
    this.where = make('select', { id: 'where', name: 'source' }, make('option', { value: '', textContent: 'Everywhere' }));
    this.language = languageSelect('said-in', '', 'Any');
    this.from = make('input', { id: 'said-from', type: 'date', min: FIRST_DAY });
    this.to = make('input', { id: 'said-to', type: 'date', min: FIRST_DAY });
    const filters = [['Language', this.language], ['From', this.from], ['To', this.to]].map(([label, control]) =>
      make('div', {}, make('label', { for: control.id, textContent: label }), control));
    this.options = make('details', {}, make('summary', { textContent: 'More options' }), ...filters);
    this.form = make('form.search', { role: 'search' },
      make('div', {}, make('label', { for: 'words', textContent: 'Search for' }), this.input),
      make('div', {}, make('label', { for: 'where', textContent: 'Search in' }), this.where),
      this.options,
      make('button.primary', { type: 'submit', textContent: 'Search' }));
    const hints = make('dl.hints', {}, ...HINTS.flatMap(([typed, means]) => [make('dt', { textContent: typed }), make('dd', { textContent: means })]));
    this.state = make('p.state', { role: 'status' });
    this.follow = make('a.facts', { hidden: true, type: ATOM, textContent: 'Follow this search (feed)' });
    this.feed = make('link', { rel: 'alternate', type: ATOM });
    this.locked = tokenOffer('Enter this server’s token to search recordings too.', () => this.input.focus());
    this.list = make('ol.found');
    this.more = make('button', { type: 'button', hidden: true, textContent: 'Show earlier results' });
    this.replaceChildren(
      make('aside', {}, make('h1', { textContent: 'Search captions' }), this.form, hints),
      make('section.stage', { 'aria-label': 'Results' }, make('div.row', {}, this.state, this.follow), this.locked,
        make('div.results', { tabIndex: 0, role: 'group', 'aria-label': 'Captions' }, this.list, this.more)));
    this.form.addEventListener('submit', (event) => {
      event.preventDefault();
      const words = this.input.value.trim();
      if (words === this.#words) this.#search();
      else location.hash = `#search/${encodeURIComponent(words)}`;
    });
    for (const choice of [this.where, this.language, this.from, this.to]) choice.addEventListener('change', () => this.#onChoice());
    this.form.addEventListener('invalid', () => this.options.open = true, true); // browsers report errors only at controls that are shown
    this.more.addEventListener('click', () => this.#loadPage());
    document.addEventListener('token', this.#onToken);
    this.#loadStations();
  }

  disconnectedCallback() {
    this.feed.remove();
    document.removeEventListener('token', this.#onToken);
  }

  /** @param {string} words in the address */
  set selected(words) {
    this.#words = words;
    this.input.value = words;
    if (words) setTitle(words, 'Search');
    else this.input.focus();
    this.#search();
  }

  async #loadStations() {
    try {
      const { stations } = await request('/stations');
      stations.sort((a, b) => a.name.localeCompare(b.name));
      this.where.append(...stations.map(({ id, name }) => make('option', { value: `stations/${id}`, textContent: name })));
    } catch {
      // then only "Everywhere" can be chosen; the search itself will report that the server is down
    }
  }

  /** Search again, unless a day is not valid, as while its year is being typed. */
  #onChoice() {
    this.to.min = this.from.value || FIRST_DAY;
    if (this.form.checkValidity()) this.#search();
  }

  #search() {
    clearNotice();
    this.list.replaceChildren();
    this.more.hidden = this.follow.hidden = this.locked.hidden = true;
    this.feed.remove();
    this.state.textContent = this.#words ? 'Searching…' : '';
    this.#current = { before: null, isWhole: null };
    if (this.#words) this.#loadPage();
    else this.#showScope(this.#current);
  }

  /** Show what is searched, before the first search. */
  async #showScope(current) {
    const isPart = !(await hasAccess());
    if (this.#current !== current) return;
    this.locked.hidden = !isPart;
    this.state.textContent = `Searches stations${isPart ? '' : ' and recordings'}, newest first.`;
  }

  /** The words and what restricts the search; days are those of this device's time zone. */
  #query() {
    const choices = {
      source: this.where.value, language: this.language.value, from: midnight(this.from.value), to: midnight(this.to.value, 1),
    };
    return new URLSearchParams({ q: this.#words, ...Object.fromEntries(Object.entries(choices).filter(([, value]) => value)) });
  }

  get #isFiltered() {
    return [this.language, this.from, this.to].some(({ value }) => value);
  }

  /** Load the first or the next page of results. */
  async #loadPage() {
    const current = this.#current;
    const query = this.#query();
    const feed = `/search.atom?${query}`;
    if (current.before !== null) query.set('before', current.before);
    disable(this.more, true);
    try {
      current.isWhole ??= this.where.value ? true : hasAccess(); // for all pages
      const [{ results, next }, isWhole] = await Promise.all([request(`/search?${query}`), current.isWhole]);
      if (this.#current !== current) return; // another search has started
      current.before = next;
      if (this.isConnected) this.#offerFeed(feed); // the view may have been left meanwhile
      this.list.append(...results.map(item));
      this.more.hidden = next === null;
      this.locked.hidden = isWhole;
      this.state.textContent = resultCount(this.list.children.length, next !== null, isWhole) || `No results for “${this.#words}”${isWhole ? '' : ' on stations'}${this.#isFiltered ? ' with these options' : ''}.`;
    } catch (error) {
      if (this.#current !== current) return;
      this.state.textContent = '';
      notify(`The search failed. ${error.message}`);
    } finally {
      disable(this.more, false);
    }
  }

  /** Offer the search as a feed: as a link, and as metadata for browsers and extensions that discover feeds. */
  #offerFeed(url) {
    this.follow.href = this.feed.href = url;
    this.feed.title = `Said: ${this.#words}`;
    this.follow.hidden = false;
    document.head.append(this.feed);
  }
}

/** The number of results; empty if there are none. */
function resultCount(count, areMore, isWhole) {
  if (!count) return '';
  return `${count}${areMore ? '+' : ''} ${count === 1 ? 'result' : 'results'}${isWhole ? '' : ' on stations'}.`;
}

/** A list item for one result, with the text around it. */
function item(result) {
  const { source, name, said_s: saidS, start_s: start, language, text, marks, before, after } = result;
  const isStation = source.startsWith('stations/');
  const link = make('a', { href: momentAddress(source, start), textContent: `${name}, ${isStation ? when(saidS) : `at ${clock(start)}`}` });
  const facts = [isStation ? '' : `captioned ${when(saidS)}`, language ? languageName(language) : ''].filter(Boolean);
  const parts = highlight(text, marks).map(([part, isMarked]) => (isMarked ? make('mark', { textContent: part }) : part));
  return make('li', {},
    make('p.facts', {}, link, ...facts.map((each) => ` · ${each}`)),
    make('p', { lang: language ?? '' },
      make('span.around', { textContent: before ? `${before} ` : '' }), ...parts, make('span.around', { textContent: after ? ` ${after}` : '' })));
}

customElements.define('search-view', SearchView);
