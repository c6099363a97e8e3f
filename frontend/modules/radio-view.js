// <radio-view>: choose a station, listen to it, read its captions.

import './caption-list.js';
import './earlier-lines.js';
import './later-lines.js';
import './station-list.js';
import { exists, request } from './api.js';
import { oldestBefore } from './caption-history.js';
import { showConnection } from './connection-state.js';
import { correct } from './correcting.js';
import { make, notify, setText, setTitle } from './dom.js';
import { between } from './downloads.js';
import { languageName } from './languages.js';
import { LiveSocket } from './live.js';
import { leaveMoment, lineAt, momentAddress } from './moment.js';
import { replayableS } from './replay-player.js';
import { offerFiles } from './station-files.js';
import { StationForm } from './station-form.js';
import { loadLines } from './station-lines.js';
import { stateOf } from './station-list.js';
import { StationPlayer } from './station-player.js';
import { StationPoller } from './station-poller.js';
import { CaptionStore } from './store.js';
import { streamFormat } from './stream-format.js';
import { when } from './times.js';

class RadioView extends HTMLElement {
  moment = null; // the Unix time given in the page's address
  #socket = null;
  #current = '';
  #poller;
  #stations = [];
  #opening = null; // the open {station, store}, with the station's newest status
  #removed = {}; // {id, name} of the station last removed
  #replayableS = 0; // how long the audio of its lines can be replayed, in seconds
  #narrow = matchMedia('(max-width: 52rem)');
  #placeWallLink = () => this.list[this.#narrow.matches ? 'after' : 'before'](this.wallLink); // Tab order follows the layout

  connectedCallback() {
    this.list = make('station-list');
    this.name = make('h2', { tabIndex: -1 });
    this.playing = make('p.playing');
    this.facts = make('p.facts');
    this.player = new StationPlayer();
    this.replay = make('replay-player');
    this.replay.addEventListener('position', ({ detail: { seconds } }) => this.captions.mark(seconds));
    this.replay.addEventListener('stopped', () => this.captions.endPlayback());
    this.replay.addEventListener('escaped', () => this.captions.scroller.focus({ preventScroll: true }));
    this.replay.addEventListener('back', () => this.captions.toLatest());
    this.player.audio.addEventListener('play', () => this.#onLivePlay());
    this.state = make('p.connection', { role: 'status' });
    this.captions = make('caption-list', { 'data-empty': 'No captions yet. They will appear here.' });
    this.captions.front = this.earlier = make('earlier-lines', { hidden: true });
    this.captions.back = this.later = make('later-lines', { hidden: true });
    this.captions.enableLinks(({ start_s: start }) => momentAddress(`stations/${this.#opening.station.id}`, start));
    this.captions.addEventListener('latest', () => this.#toLatest());
    this.changeButton = make('button.quiet', { type: 'button', textContent: 'Change station' });
    this.changeButton.addEventListener('click', () => this.#changeStation());
    this.removeButton = make('button.quiet', { type: 'button', textContent: 'Remove station' });
    this.removeButton.addEventListener('click', () => this.#removeStation());
    this.correctButton = make('button.quiet', { type: 'button', textContent: 'Correct captions', 'aria-pressed': 'false' });
    this.correctButton.addEventListener('click', () => this.#setCorrecting(this.correctButton.getAttribute('aria-pressed') === 'false'));
    this.links = make('p.downloads', { role: 'group', 'aria-label': 'Download captions' });
    this.stage = make(
      'section.stage', { 'aria-label': 'Station', hidden: true },
      make('header.station', {}, make('div', {}, this.name, this.playing, this.facts), this.player), this.replay, this.state, this.captions,
      make('footer', {}, this.links, make('div.actions', {}, this.correctButton, this.changeButton, this.removeButton)));
    this.nothing = make('section.stage', { 'aria-label': 'Station', hidden: true }, make('p.empty', { tabIndex: -1 }));
    this.wallLink = make('a', { href: '#wall', textContent: 'All on air, side by side' });
    this.replaceChildren(make('aside', {}, make('h1.visually-hidden', { textContent: 'Radio' }), this.list, this.#addForm()), this.stage, this.nothing);
    this.#narrow.addEventListener('change', this.#placeWallLink);
    this.#placeWallLink();
    this.#poller = new StationPoller((stations) => {
      this.#stations = stations;
      this.#choose();
    });
  }

  disconnectedCallback() {
    this.#narrow.removeEventListener('change', this.#placeWallLink);
    this.#poller.stop();
    this.#close();
  }

  /** @param {string} id of the station in the address; empty to choose one */
  set selected(id) {
    this.#current = id;
    const { station, store } = this.#opening ?? {};
    if (station && (!id || id === station.id)) {
      if (this.moment !== null || store?.isPast) this.#close(); // so that it is reopened
      else if (this.captions.hasChosen) this.captions.clearChosen();
    }
    if (this.#stations.length) this.#choose();
  }

  #choose() {
    const station = this.#stations.find(({ id }) => id === this.#current) ?? (this.#current ? null : this.#preferred());
    this.list.show(this.#stations, station?.id);
    if (!station) {
      const { id, name } = this.#removed;
      setText(this.nothing.firstElementChild, id === this.#current ? `${name} was removed.` : `Station ${this.#current} not found. It may have been removed.`);
      this.nothing.hidden = !this.#current;
      setTitle('Radio');
      this.#close();
      this.stage.hidden = true;
      return;
    }
    this.nothing.hidden = true;
    this.stage.hidden = false;
    const previous = this.#opening?.station;
    if (previous?.id !== station.id) this.#open(station);
    else if (previous.url !== station.url || previous.listen_url !== station.listen_url) this.player.tune(station);
    this.#opening.station = station;
    this.#describe(station, station.status);
  }

  /** The station to show if the address names none: the open one, or one that is on air. */
  #preferred() {
    return this.#stations.find(({ id }) => id === this.#opening?.station.id)
      ?? this.#stations.find(({ status }) => status.state === 'running' && status.activity === 'speech')
      ?? this.#stations.find(({ status }) => status.state === 'running')
      ?? this.#stations[0];
  }

  async #open(station) {
    this.#close();
    const opening = { station };
    this.#opening = opening;
    this.player.tune(station);
    const wasFocused = this.captions.contains(document.activeElement);
    this.captions.hidden = this.correctButton.hidden = true; // until loaded, they would show another station
    const path = station.urls.captions;
    const at = this.moment;
    this.moment = null; // it does not apply to the next station
    const loaded = await loadLines(path, at).catch((error) => {
      notify(`Could not load earlier captions. ${error.message}`);
      return null;
    });
    if (this.#opening !== opening) return;
    const store = loaded ?? new CaptionStore();
    this.captions.hidden = this.correctButton.hidden = false;
    opening.store = store;
    this.captions.show(store, true);
    this.earlier.follow(path, store, this.captions);
    this.later.follow(path, store, this.captions);
    this.#setCorrecting(false);
    offerFiles(this.links, station, store);
    if (wasFocused && document.activeElement === document.body) this.captions.scroller.focus({ preventScroll: true });
    this.captions.scrollIntoView({ block: 'nearest' }); // on a phone in landscape they are below the screen
    if (loaded && at !== null) this.#goToMoment(path, store, at);
    setText(this.state, '');
    if (store.isPast) this.#describe(opening.station, opening.station.status);
    else this.#connect(station, store);
  }

  /** Follow the station live. */
  #connect(station, store) {
    const opening = this.#opening;
    store.addEventListener('status', ({ detail: { status } }) => {
      opening.station = { ...opening.station, status };
      this.#stations = this.#stations.map((each) => (each.id === station.id ? opening.station : each));
      this.list.show(this.#stations, station.id);
      this.#describe(opening.station, status);
    });
    store.addEventListener('line', ({ detail }) => detail.line.kind === 'missed' && this.#refill(station, store, detail.line));
    this.#socket = new LiveSocket(station.urls.live, store, { exists: () => exists(station.urls.self) });
    showConnection(this.#socket, this.state);
    this.#socket.open();
  }

  /** Go to the line of a moment, or report why there is none. */
  async #goToMoment(path, store, at) {
    const line = lineAt(store.lines, at);
    if (line) {
      this.captions.goTo(line);
      return;
    }
    const oldest = await oldestBefore(path, at).catch(() => null);
    if (this.#opening?.store === store) notify(oldest ? `No captions at this time (${when(at)}).` : `No captions are kept from ${when(at)} or earlier.`);
  }

  /** Return from the selected line to the live captions. */
  #toLatest() {
    const { station, store } = this.#opening;
    if (store.isPast) location.hash = `#radio/${encodeURIComponent(station.id)}`;
    else leaveMoment();
  }

  /** Load lines that a slow connection missed; the server still has them. */
  async #refill(station, store, line) {
    try {
      const { captions } = await request(`${station.urls.captions}?after=${line.after}&limit=${Math.min(line.count, 1000)}`);
      store.fill(captions);
      if (captions.length) store.remove(line.key);
    } catch {
      // the "missed" line stays
    }
  }

  #close() {
    this.#opening = null;
    this.#socket?.close();
    this.#socket = null;
    this.player.stop();
    this.replay.stop();
  }

  /** Make the times of lines play their audio, while it is kept. */
  #updateReplay(station, status) {
    const audioS = replayableS(station, status);
    if (audioS === this.#replayableS) return;
    this.#replayableS = audioS;
    this.captions.enablePlayback(audioS ? (line) => this.#playReplay(line) : null, ({ start_s: start }) => start >= Date.now() / 1000 - audioS);
  }

  /** Starting live playback during a replay also returns to the live captions. */
  #onLivePlay() {
    if (this.replay.hidden) return;
    this.replay.stop();
    if (this.#opening.store.isPast) return; // leaving past lines would reopen the station and stop its sound
    this.captions.clearChosen();
    leaveMoment();
  }

  #playReplay({ start_s: start }) {
    this.player.stop();
    this.replay.play(this.#opening.station.urls.audio, start);
  }

  #describe(station, status) {
    setText(this.name, station.name);
    setTitle(station.name, 'Radio');
    const isPast = this.#opening?.store?.isPast; // the current programme does not belong to past lines
    setText(this.playing, isPast ? '' : status.title);
    this.playing.hidden = !this.playing.textContent;
    const facts = [stateOf(status)];
    if (station.language) facts.push(languageName(station.language));
    if (status.codec) facts.push(streamFormat(status));
    if (status.reconnects) facts.push(`${status.reconnects} reconnection${status.reconnects === 1 ? '' : 's'}`);
    if (status.detail) facts.push(status.detail);
    setText(this.facts, facts.join(' · '));
    this.#updateReplay(station, status);
    this.captions.activity = status.state === 'running' && !isPast ? status.activity : '';
  }

  /** Most users only read, so the button beside each line is shown on request. */
  #setCorrecting(isEnabled) {
    const { station, store } = this.#opening;
    this.correctButton.setAttribute('aria-pressed', String(isEnabled));
    const save = (line, text) => correct(
      station.urls.captions, line, text, (kept) => store.renew(kept), between(line.start_s - 1, line.end_s + 1));
    this.captions.enableCorrections(isEnabled ? save : null);
  }

  #addForm() {
    const form = new StationForm();
    const details = make('details', {}, make('summary', { textContent: 'Add a station' }), form);
    details.addEventListener('toggle', () => details.open && form.reveal()); // below a long list of stations, it would open out of view
    form.addEventListener('saved', async ({ detail: { station } }) => {
      details.open = false;
      this.#current = station.id;
      await this.#poller.refresh();
      location.hash = `#radio/${station.id}`;
      this.name.focus(); // the form that had the focus is closed
    });
    return details;
  }

  #changeStation() {
    const form = new StationForm(this.#opening.station);
    const dialog = make('dialog', { 'aria-labelledby': 'change-title' }, make('h2', { id: 'change-title', textContent: 'Change station' }), form);
    form.addEventListener('cancelled', () => dialog.close());
    form.addEventListener('saved', () => {
      dialog.close();
      this.#poller.refresh();
    });
    dialog.addEventListener('close', () => dialog.remove());
    this.append(dialog);
    dialog.showModal();
  }

  async #removeStation() {
    const { id, name, from_file: isFromFile } = this.#opening?.station ?? {};
    const note = isFromFile ? ' It is defined in stations.yml, and stays removed until you add it again.' : '';
    if (!id || !confirm(`Remove ${name} and its captions?${note}`)) return;
    try {
      await request(`/stations/${id}`, { method: 'DELETE' });
      this.#removed = { id, name };
      this.#current = id; // showing another station here would let a double click remove that one too
      location.hash = `#radio/${id}`;
      await this.#poller.refresh();
      this.nothing.firstElementChild.focus(); // the button is gone
    } catch (error) {
      notify(`Could not remove the station. ${error.message}`);
    }
  }
}

customElements.define('radio-view', RadioView);
