// Options of a job: language, task, audio track and names.

import { make } from './dom.js';
import { HotWords } from './hot-words.js';
import { languageSelect } from './languages.js';
import { TranslateBox } from './translate-box.js';

/** The controls, and their values as fields of the API. */
export class JobChoices {
  constructor() {
    this.#language = languageSelect('file-language');
    this.language = make('div', {}, make('label', { for: 'file-language', textContent: 'Spoken language' }), this.#language);
    this.#translate = new TranslateBox('file-task');
    this.translate = this.#translate.element;
    this.#track = make('input', { id: 'file-track', name: 'track', type: 'number', min: 0, max: 99, placeholder: 'default track' });
    this.#hotWords = new HotWords('file-hot-words');
    this.more = make('details', {}, make('summary', { textContent: 'More options' }),
      make('label', { for: 'file-track', textContent: 'Audio track, counted from 0' }), this.#track, ...this.#hotWords.parts);
    this.#track.addEventListener('invalid', () => {
      this.more.open = true; // otherwise the browser cannot show its validation message
    });
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
