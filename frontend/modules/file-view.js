// <file-view>: submit recordings, watch one being captioned, download the captions.

import './job-form.js';
import './job-list.js';
import './job-panel.js';
import { make, setTitle } from './dom.js';

/** Characters allowed in ids; a dot or a slash would request another resource. */
const ID = /^[\w-]+$/;

const NOTHING_SELECTED = 'The captions of your recording will appear here, with links to download them.';
const MISSING = 'Recording not found. It was removed or has expired. You can submit another one.';

class FileView extends HTMLElement {
  moment = null; // the position in the recording given in the page's address
  #files = new Map(); // files submitted since the page was loaded, by job id

  connectedCallback() {
    this.heading = make('h1', { tabIndex: -1, textContent: 'Caption recordings' });
    this.form = make('job-form');
    this.earlier = make('job-list');
    this.panel = make('job-panel', { hidden: true });
    this.nothing = make('section.stage', { 'aria-label': 'Recording' },
      make('p.empty', { tabIndex: -1, textContent: NOTHING_SELECTED }));
    this.replaceChildren(
      make('aside', {},
        this.heading,
        make('p.lead', { textContent: 'Any audio or video files. They are not sent to any other service.' }),
        this.form, this.earlier),
      this.panel, this.nothing);
    this.#listen();
  }

  /** @param {string} id of a job in the address */
  set selected(id) {
    if (ID.test(id)) this.#open(id);
    else this.#showNothing(id ? MISSING : NOTHING_SELECTED);
    this.earlier.current = id;
  }

  #open(id) {
    this.nothing.hidden = true;
    this.panel.hidden = false;
    this.panel.scrollIntoView({ block: 'start' }); // on a phone it is far below the list
    this.panel.open(id, this.#files.get(id), this.moment);
  }

  #showNothing(text) {
    this.panel.close();
    this.panel.hidden = true;
    this.nothing.firstElementChild.textContent = text;
    this.nothing.hidden = false;
    if (text === MISSING) this.nothing.firstElementChild.focus(); // the panel that had the focus is hidden
    setTitle('File');
  }

  #listen() {
    this.form.addEventListener('submitted', ({ detail: { job, file, several } }) => {
      if (file) this.#files.set(job.id, file);
      if (several) {
        this.earlier.unfold();
        this.nothing.firstElementChild.textContent = 'Select a recording to read its captions.';
      } else location.hash = `#file/${job.id}`;
    });
    this.panel.addEventListener('settled', () => this.earlier.refresh());
    this.panel.addEventListener('missing', () => this.#showNothing(MISSING));
    this.panel.addEventListener('removed', () => {
      location.hash = '#file';
      this.heading.focus(); // the button is gone
    });
  }
}

customElements.define('file-view', FileView);
