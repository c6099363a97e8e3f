// <job-list>: links to earlier recordings; the list is refreshed until all of them are settled.

import { request } from './api.js';
import { make, notify, setText } from './dom.js';
import { languagesOf, SETTLED, progressOf, stateClass, stateOf } from './job-status.js';
import { duration, when } from './times.js';
import { tokenOffer } from './token-offer.js';

/** Refresh interval while a recording is not settled, in milliseconds. */
const REFRESH_MS = 2000;

/** Number of recordings shown at first, and added with each press of the button; maximum that the API returns at once. */
const STEP = 50;
const MAX_SHOWN = 500;

class JobList extends HTMLElement {
  #items = new Map();
  #timer = 0;
  #shown = STEP;
  #current = '';
  #dismissFailure = null; // removes the error message once the list can be read again
  #onToken = () => this.refresh();

  connectedCallback() {
    this.list = make('ul');
    this.details = make('details', { hidden: true }, make('summary', { textContent: 'Earlier recordings' }), this.list);
    this.more = make('button.quiet', { type: 'button', textContent: 'Show more', hidden: true });
    this.more.addEventListener('click', () => this.#showMore());
    this.details.append(this.more);
    this.locked = tokenOffer('Enter this server’s token to list earlier recordings.', () => this.#unlock());
    this.details.addEventListener('toggle', () => this.details.open && this.refresh());
    document.addEventListener('token', this.#onToken);
    this.replaceChildren(this.details, this.locked);
  }

  disconnectedCallback() {
    clearTimeout(this.#timer);
    document.removeEventListener('token', this.#onToken);
  }

  /** @param {string} id of the recording shown beside the list */
  set current(id) {
    this.#current = id;
    this.refresh();
  }

  /** Open the list with its newest entries; scroll to it unless it was open already. */
  async unfold() {
    const wasOpen = this.details.open;
    this.details.open = true;
    await this.refresh();
    if (!wasOpen) this.scrollIntoView({ block: 'nearest' });
  }

  /** Fetch the list again. Never prompts for a token just to show the list. */
  async refresh() {
    let moving = true;
    try {
      const shown = this.#shown;
      const { jobs } = await request(`/jobs?limit=${Math.min(shown + 1, MAX_SHOWN)}`, { promptForToken: false });
      if (shown !== this.#shown) return; // the button was pressed meanwhile
      this.#dismissFailure?.();
      this.#dismissFailure = null;
      this.#show(jobs.slice(0, shown));
      this.more.hidden = jobs.length <= shown;
      moving = jobs.some(({ state }) => !SETTLED.has(state));
    } catch (error) {
      if (error.status === 401) this.#lock();
      else this.#dismissFailure ??= notify(`Could not load earlier recordings. ${error.message}`);
    }
    clearTimeout(this.#timer); // another refresh may have set it meanwhile
    if (moving && this.isConnected && this.details.open) this.#timer = setTimeout(() => this.refresh(), REFRESH_MS);
  }

  async #showMore() {
    const { length } = this.list.children;
    this.#shown = Math.min(this.#shown + STEP, MAX_SHOWN);
    await this.refresh();
    this.list.children[length]?.firstElementChild.focus(); // the button may be hidden now, or below 50 more
  }

  async #unlock() {
    await this.refresh();
    this.details.firstElementChild.focus(); // the button that had the focus is hidden if the token is right
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
  const parts = [job.duration_s ? duration(job.duration_s) : '', languagesOf(job), when(job.created_s)];
  setText(name, job.filename || job.url || job.id);
  setText(facts, parts.filter(Boolean).join(' · '));
  setText(state, stateOf(job) + progressOf(job));
  state.className = stateClass(job);
  link.title = state.textContent; // the full text, since the list truncates it
  if (isCurrent) link.setAttribute('aria-current', 'true');
  else link.removeAttribute('aria-current');
}

customElements.define('job-list', JobList);
