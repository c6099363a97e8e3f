// <job-list>: the recordings that were handed in before, as links; each is followed until it is settled.

import { request } from './api.js';
import { make, notify, set } from './dom.js';
import { languagesOf, SETTLED, shareOf, stateClass, stateOf } from './job-words.js';
import { duration, when } from './times.js';
import { tokenOffer } from './token-offer.js';

/** Time between looks at recordings that are not settled, in milliseconds. */
const REFRESH_MS = 2000;

class JobList extends HTMLElement {
  #items = new Map();
  #timer = 0;
  #current = '';
  #failure = null; // takes back what was said when the list could not be read
  #hear = () => this.refresh();

  connectedCallback() {
    this.list = make('ul');
    this.details = make('details', { hidden: true }, make('summary', { textContent: 'Earlier recordings' }), this.list);
    this.locked = tokenOffer('What was handed in before is listed with this server’s token.', () => this.#unlock());
    this.details.addEventListener('toggle', () => this.details.open && this.refresh());
    document.addEventListener('token', this.#hear);
    this.replaceChildren(this.details, this.locked);
  }

  disconnectedCallback() {
    clearTimeout(this.#timer);
    document.removeEventListener('token', this.#hear);
  }

  /** @param {string} id of the recording that is shown beside the list */
  set current(id) {
    this.#current = id;
    this.refresh();
  }

  /** Show what has come into it; lead there, unless it was open already. */
  async unfold() {
    const wasOpen = this.details.open;
    this.details.open = true;
    await this.refresh();
    if (!wasOpen) this.scrollIntoView({ block: 'nearest' });
  }

  /** Ask for the list anew. Nobody is asked for a token only because they look. */
  async refresh() {
    let moving = true;
    try {
      const { jobs } = await request('/jobs', { asks: false });
      this.#failure?.();
      this.#failure = null;
      this.#show(jobs);
      moving = jobs.some(({ state }) => !SETTLED.has(state));
    } catch (error) {
      if (error.status === 401) this.#lock();
      else this.#failure ??= notify(`Earlier recordings cannot be listed. ${error.message}`);
    }
    clearTimeout(this.#timer); // of this look, or of another that came meanwhile
    if (moving && this.isConnected && this.details.open) this.#timer = setTimeout(() => this.refresh(), REFRESH_MS);
  }

  async #unlock() {
    await this.refresh();
    this.details.firstElementChild.focus(); // the button that had the focus has gone, if the token is right
  }

  #lock() {
    this.details.open = false;
    this.details.hidden = true;
    this.locked.hidden = false;
  }

  #show(jobs) {
    this.locked.hidden = true;
    this.details.hidden = jobs.length === 0;
    const ids = new Set(jobs.map(({ id }) => id));
    for (const [id, item] of this.#items) {
      if (!ids.has(id)) {
        item.remove();
        this.#items.delete(id);
      }
    }
    for (const [index, job] of jobs.entries()) {
      const item = this.#items.get(job.id) ?? this.#make(job);
      write(item.firstElementChild, job, job.id === this.#current);
      if (this.list.children[index] !== item) this.list.insertBefore(item, this.list.children[index] ?? null);
    }
  }

  #make({ id }) {
    const item = make('li', {}, make('a', { href: `#file/${id}` }, make('strong'), make('span.facts'), make('span.state')));
    this.#items.set(id, item);
    return item;
  }
}

function write(link, job, isCurrent) {
  const [name, facts, state] = link.children;
  const words = [job.duration_s ? duration(job.duration_s) : '', languagesOf(job), when(job.created_s)];
  set(name, job.filename || job.url || job.id);
  set(facts, words.filter(Boolean).join(' · '));
  set(state, stateOf(job) + shareOf(job));
  state.className = stateClass(job);
  link.title = state.textContent; // a long reason is cut; this is its whole
  if (isCurrent) link.setAttribute('aria-current', 'true');
  else link.removeAttribute('aria-current');
}

customElements.define('job-list', JobList);
