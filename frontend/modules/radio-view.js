// <radio-view>: choose a station, hear it, read it.

import './caption-list.js';
import './earlier-lines.js';
import './later-lines.js';
import './station-list.js';
import { heardFor } from './again-player.js';
import { exists, request } from './api.js';
import { describe } from './connection-state.js';
import { correct } from './correcting.js';
import { entitle, make, notify, set } from './dom.js';
import { between } from './downloads.js';
import { languageName } from './languages.js';
import { LiveSocket } from './live.js';
import { leaveMoment, lineAt, momentAddress } from './moment.js';
import { oldestBefore } from './said.js';
import { offerFiles } from './station-files.js';
import { StationForm } from './station-form.js';
import { linesOf } from './station-lines.js';
import { stateOf } from './station-list.js';
import { CaptionStore } from './store.js';
import { StationPlayer } from './station-player.js';
import { streamFormat } from './stream-format.js';
import { when } from './times.js';
import { WatchedStations } from './watched-stations.js';

class RadioView extends HTMLElement {
  moment = null; // in the address: a Unix time
  #socket = null;
  #current = '';
  #watched;
  #stations = [];
  #opening = null; // {station, store} that is open, as it was last told
  #removed = {}; // the last one, its id and its name
  #kept = 0; // for how long its lines lead to their sound, in seconds
  #narrow = matchMedia('(max-width: 52rem)');
  #arrange = () => this.list[this.#narrow.matches ? 'after' : 'before'](this.wall); // Tab goes as the eye does

  connectedCallback() {
    this.list = make('station-list');
    this.name = make('h2', { tabIndex: -1 });
    this.playing = make('p.playing');
    this.facts = make('p.facts');
    this.player = new StationPlayer();
    this.again = make('again-player');
    this.again.addEventListener('place', ({ detail: { seconds } }) => this.captions.mark(seconds));
    this.again.addEventListener('over', () => this.captions.release());
    this.again.addEventListener('left', () => this.captions.scroller.focus({ preventScroll: true }));
    this.again.addEventListener('back', () => this.captions.toLatest());
    this.player.audio.addEventListener('play', () => this.#hearNow());
    this.state = make('p.connection', { role: 'status' });
    this.captions = make('caption-list', { 'data-empty': 'Nothing has been said yet. Captions appear here as they are made.' });
    this.captions.front = this.earlier = make('earlier-lines', { hidden: true });
    this.captions.back = this.later = make('later-lines', { hidden: true });
    this.captions.link(({ start_s: start }) => momentAddress(`stations/${this.#opening.station.id}`, start));
    this.captions.addEventListener('latest', () => this.#toLatest());
    this.changeButton = make('button.quiet', { type: 'button', textContent: 'Change station' });
    this.changeButton.addEventListener('click', () => this.#changeStation());
    this.removeButton = make('button.quiet', { type: 'button', textContent: 'Remove station' });
    this.removeButton.addEventListener('click', () => this.#removeStation());
    this.correctButton = make('button.quiet', { type: 'button', textContent: 'Correct captions', 'aria-pressed': 'false' });
    this.correctButton.addEventListener('click', () => this.#offerCorrecting(this.correctButton.getAttribute('aria-pressed') === 'false'));
    this.links = make('p.downloads', { role: 'group', 'aria-label': 'Take the captions away' });
    this.stage = make(
      'section.stage', { 'aria-label': 'Station', hidden: true },
      make('header.station', {}, make('div', {}, this.name, this.playing, this.facts), this.player), this.again, this.state, this.captions,
      make('footer', {}, this.links, make('div.actions', {}, this.correctButton, this.changeButton, this.removeButton)));
    this.nothing = make('section.stage', { 'aria-label': 'Station', hidden: true }, make('p.empty', { tabIndex: -1 }));
    this.wall = make('a', { href: '#wall', textContent: 'All on air, side by side' });
    this.replaceChildren(make('aside', {}, make('h1.visually-hidden', { textContent: 'Radio' }), this.list, this.#addForm()), this.stage, this.nothing);
    this.#narrow.addEventListener('change', this.#arrange);
    this.#arrange();
    this.#watched = new WatchedStations((stations) => {
      this.#stations = stations;
      this.#choose();
    });
  }

  disconnectedCallback() {
    this.#narrow.removeEventListener('change', this.#arrange);
    this.#watched.stop();
    this.#leave();
  }

  /** @param {string} id of the station in the address; empty chooses the first */
  set selected(id) {
    this.#current = id;
    const { station, store } = this.#opening ?? {};
    if (station && (!id || id === station.id)) {
      if (this.moment !== null || store?.isPast) this.#leave(); // it is opened anew
      else if (this.captions.hasChosen) this.captions.leave();
    }
    if (this.#stations.length) this.#choose();
  }

  #choose() {
    const station = this.#stations.find(({ id }) => id === this.#current) ?? (this.#current ? null : this.#preferred());
    this.list.show(this.#stations, station?.id);
    if (!station) {
      const { id, name } = this.#removed;
      set(this.nothing.firstElementChild, id === this.#current ? `${name} was removed.` : `There is no station ${this.#current}. It may have been removed.`);
      this.nothing.hidden = !this.#current;
      entitle('Radio');
      this.#leave();
      this.stage.hidden = true;
      return;
    }
    this.nothing.hidden = true;
    this.stage.hidden = false;
    const before = this.#opening?.station;
    if (before?.id !== station.id) this.#open(station);
    else if (before.url !== station.url || before.listen_url !== station.listen_url) this.player.tune(station);
    this.#opening.station = station;
    this.#describe(station, station.status);
  }

  /** Without a choice in the address: the one that is open, or one that is on air. */
  #preferred() {
    return this.#stations.find(({ id }) => id === this.#opening?.station.id)
      ?? this.#stations.find(({ status }) => status.state === 'running' && status.activity === 'speech')
      ?? this.#stations.find(({ status }) => status.state === 'running')
      ?? this.#stations[0];
  }

  async #open(station) {
    this.#leave();
    const opening = { station };
    this.#opening = opening;
    this.player.tune(station);
    const wasFocused = this.captions.contains(document.activeElement);
    this.captions.hidden = this.correctButton.hidden = true; // what stands there is another station's, or says that nothing was said
    const path = station.urls.captions;
    const at = this.moment;
    this.moment = null; // another station is not opened at it
    const found = await linesOf(path, at).catch((error) => {
      notify(`Earlier captions cannot be read. ${error.message}`);
      return null;
    });
    if (this.#opening !== opening) return;
    const store = found ?? new CaptionStore();
    this.captions.hidden = this.correctButton.hidden = false;
    opening.store = store;
    this.captions.show(store, true);
    this.earlier.follow(path, store, this.captions);
    this.later.follow(path, store, this.captions);
    this.#offerCorrecting(false);
    offerFiles(this.links, station, store);
    if (wasFocused && document.activeElement === document.body) this.captions.scroller.focus({ preventScroll: true });
    this.captions.scrollIntoView({ block: 'nearest' }); // they lie below a telephone's screen, where that is on its side
    if (found && at !== null) this.#arrive(path, store, at);
    set(this.state, '');
    if (store.isPast) this.#describe(opening.station, opening.station.status);
    else this.#listen(station, store);
  }

  /** Hear what comes. */
  #listen(station, store) {
    const opening = this.#opening;
    store.addEventListener('status', ({ detail: { status } }) => {
      opening.station = { ...opening.station, status };
      this.#stations = this.#stations.map((each) => (each.id === station.id ? opening.station : each));
      this.list.show(this.#stations, station.id);
      this.#describe(opening.station, status);
    });
    store.addEventListener('line', ({ detail }) => detail.line.kind === 'missed' && this.#refill(station, store, detail.line));
    this.#socket = new LiveSocket(station.urls.live, store, { exists: () => exists(station.urls.self) });
    describe(this.#socket, this.state);
    this.#socket.open();
  }

  /** Show the line of a moment, or tell why there is none. */
  async #arrive(path, store, at) {
    const line = lineAt(store.lines, at);
    if (line) {
      this.captions.arrive(line);
      return;
    }
    const oldest = await oldestBefore(path, at).catch(() => null);
    if (this.#opening?.store === store) notify(oldest ? `Nothing was said ${when(at)}.` : `There are no captions from ${when(at)}, or before.`);
  }

  /** From a line that was chosen to what is said now. */
  #toLatest() {
    const { station, store } = this.#opening;
    if (store.isPast) location.hash = `#radio/${encodeURIComponent(station.id)}`;
    else leaveMoment();
  }

  /** The log still has what a slow connection missed. */
  async #refill(station, store, line) {
    try {
      const { captions } = await request(`${station.urls.captions}?after=${line.after}&limit=${Math.min(line.count, 1000)}`);
      store.fill(captions);
      if (captions.length) store.remove(line.key);
    } catch {
      // the mark stays, and says what is missing
    }
  }

  #leave() {
    this.#opening = null;
    this.#socket?.close();
    this.#socket = null;
    this.player.stop();
    this.again.stop();
  }

  /** Lines lead to their sound where it can be heard. */
  #offerAgain(station, status) {
    const kept = heardFor(station, status);
    if (kept === this.#kept) return;
    this.#kept = kept;
    this.captions.lead(kept ? (line) => this.#hearAgain(line) : null, ({ start_s: start }) => start >= Date.now() / 1000 - kept);
  }

  /** Who goes over from what was said to what is on now reads that, too. */
  #hearNow() {
    if (this.again.hidden) return;
    this.again.stop();
    if (this.#opening.store.isPast) return; // to leave those lines would open the station anew, and end its sound
    this.captions.leave();
    leaveMoment();
  }

  #hearAgain({ start_s: start }) {
    this.player.stop();
    this.again.play(this.#opening.station.urls.audio, start);
  }

  #describe(station, status) {
    set(this.name, station.name);
    entitle(station.name, 'Radio');
    const isPast = this.#opening?.store?.isPast; // what is on now is not what those lines are of
    set(this.playing, isPast ? '' : status.title);
    this.playing.hidden = !this.playing.textContent;
    const words = [stateOf(status)];
    if (station.language) words.push(languageName(station.language));
    if (status.codec) words.push(streamFormat(status));
    if (status.reconnects) words.push(`${status.reconnects} reconnection${status.reconnects === 1 ? '' : 's'}`);
    if (status.detail) words.push(status.detail);
    set(this.facts, words.join(' · '));
    this.#offerAgain(station, status);
    this.captions.activity = status.state === 'running' && !isPast ? status.activity : '';
  }

  /** Most read: a button beside each line is for who has asked for it. */
  #offerCorrecting(isWanted) {
    const { station, store } = this.#opening;
    this.correctButton.setAttribute('aria-pressed', String(isWanted));
    const save = (line, text) => correct(
      station.urls.captions, line, text, (kept) => store.renew(kept), between(line.start_s - 1, line.end_s + 1));
    this.captions.correct(isWanted ? save : null);
  }

  #addForm() {
    const form = new StationForm();
    const details = make('details', {}, make('summary', { textContent: 'Add a station' }), form);
    details.addEventListener('toggle', () => details.open && form.lead()); // below many stations, it opens out of sight
    form.addEventListener('saved', async ({ detail: { station } }) => {
      details.open = false;
      this.#current = station.id;
      await this.#watched.refresh();
      location.hash = `#radio/${station.id}`;
      this.name.focus(); // the form is closed
    });
    return details;
  }

  #changeStation() {
    const form = new StationForm(this.#opening.station);
    const dialog = make('dialog', { 'aria-labelledby': 'change-title' }, make('h2', { id: 'change-title', textContent: 'Change station' }), form);
    form.addEventListener('left', () => dialog.close());
    form.addEventListener('saved', () => {
      dialog.close();
      this.#watched.refresh();
    });
    dialog.addEventListener('close', () => dialog.remove());
    this.append(dialog);
    dialog.showModal();
  }

  async #removeStation() {
    const { id, name, from_file: isOfFile } = this.#opening?.station ?? {};
    const lasting = isOfFile ? ' It is one of stations.yml, and stays away until you add it again.' : '';
    if (!id || !confirm(`Remove ${name} and its captions?${lasting}`)) return;
    try {
      await request(`/stations/${id}`, { method: 'DELETE' });
      this.#removed = { id, name };
      this.#current = id; // another one in its place would be removed by a click too many
      location.hash = `#radio/${id}`;
      await this.#watched.refresh();
      this.nothing.firstElementChild.focus(); // the button has gone
    } catch (error) {
      notify(`The station was not removed. ${error.message}`);
    }
  }
}

customElements.define('radio-view', RadioView);
