// <file-view>: hand recordings in, watch one being captioned, take the captions away.

import './hand-in-form.js';
import './job-list.js';
import './job-panel.js';
import { entitle, make } from './dom.js';

/** Ids have no other characters; a dot or a slash would ask the server for something else. */
const ID = /^[\w-]+$/;

const NOTHING_CHOSEN = 'The captions of your recording appear here, and files to take away.';
const MISSING = 'There is no such recording: it was removed, or has expired. You can hand in another.';

class FileView extends HTMLElement {
  moment = null; // in the recording, in the address
  #files = new Map(); // what was handed in since the page was loaded, by job

  connectedCallback() {
    this.heading = make('h1', { tabIndex: -1, textContent: 'Caption recordings' });
    this.form = make('hand-in-form');
    this.earlier = make('job-list');
    this.panel = make('job-panel', { hidden: true });
    this.nothing = make('section.stage', { 'aria-label': 'Recording' },
      make('p.empty', { tabIndex: -1, textContent: NOTHING_CHOSEN }));
    this.replaceChildren(
      make('aside', {},
        this.heading,
        make('p.lead', { textContent: 'Any sound or video files. They stay on this server.' }),
        this.form, this.earlier),
      this.panel, this.nothing);
    this.#listen();
  }

  /** @param {string} id of a job in the address */
  set selected(id) {
    if (ID.test(id)) this.#open(id);
    else this.#showNothing(id ? MISSING : NOTHING_CHOSEN);
    this.earlier.current = id;
  }

  #open(id) {
    this.nothing.hidden = true;
    this.panel.hidden = false;
    this.panel.scrollIntoView({ block: 'start' }); // on a telephone it lies far below the list
    this.panel.open(id, this.#files.get(id), this.moment);
  }

  #showNothing(why) {
    this.panel.close();
    this.panel.hidden = true;
    this.nothing.firstElementChild.textContent = why;
    this.nothing.hidden = false;
    if (why === MISSING) this.nothing.firstElementChild.focus(); // what was shown there has gone
    entitle('File');
  }

  #listen() {
    this.form.addEventListener('taken', ({ detail: { job, file, several } }) => {
      if (file) this.#files.set(job.id, file);
      if (several) {
        this.earlier.unfold();
        this.nothing.firstElementChild.textContent = 'Choose one of your recordings to read its captions.';
      } else location.hash = `#file/${job.id}`;
    });
    this.panel.addEventListener('settled', () => this.earlier.refresh());
    this.panel.addEventListener('missing', () => this.#showNothing(MISSING));
    this.panel.addEventListener('removed', () => {
      location.hash = '#file';
      this.heading.focus(); // the button has gone
    });
  }
}

customElements.define('file-view', FileView);
