// Options of a job: language, task, audio track and names.

import { about } from './api.js';
import { make } from './dom.js';
import { HotWords } from './hot-words.js';
import { languageSelect } from './languages.js';

/** The controls, and their values as fields of the API. */
export class JobChoices {
  constructor() {
    this.#language = languageSelect('file-language');
    this.language = make('div', {}, make('label', { for: 'file-language', textContent: 'Spoken language' }), this.#language);
    this.#translate = make('input', { id: 'file-task', name: 'task', type: 'checkbox', value: 'translate' });
    this.translate = make('div.check', { hidden: true },
      this.#translate, make('label', { for: 'file-task', textContent: 'Translate into English' }));
    this.#track = make('input', { id: 'file-track', name: 'track', type: 'number', min: 0, max: 99, placeholder: 'default track' });
    this.#hotWords = new HotWords('file-hot-words');
    this.more = make('details', {}, make('summary', { textContent: 'More options' }),
      make('label', { for: 'file-track', textContent: 'Audio track, counted from 0' }), this.#track, ...this.#hotWords.parts);
    this.#track.addEventListener('invalid', () => {
      this.more.open = true; // otherwise the browser cannot show its validation message
    });
    about().then(({ tasks }) => {
      this.translate.hidden = !tasks.includes('translate');
    }).catch(() => {}); // then it is not offered; the next request will report that the server is down
  }

  #language;
  #translate;
  #track;
  #hotWords;

  /** Fields of a job, without those left empty. */
  get values() {
    const chosen = {
      language: this.#language.value || null,
      task: this.#translate.checked ? 'translate' : null,
      track: this.#track.value ? this.#track.valueAsNumber : null,
      hot_words: this.#hotWords.words,
    };
    return Object.fromEntries(Object.entries(chosen).filter(([, value]) => value !== null && value.length !== 0));
  }
}
