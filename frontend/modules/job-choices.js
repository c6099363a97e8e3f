// What is chosen for recordings before they are handed in: language, task, audio track, names.

import { about } from './api.js';
import { make } from './dom.js';
import { HotWords } from './hot-words.js';
import { languageSelect } from './languages.js';

/** The controls, and what they say as the API names it. */
export class JobChoices {
  constructor() {
    this.#language = languageSelect('file-language');
    this.language = make('div', {}, make('label', { for: 'file-language', textContent: 'Language spoken' }), this.#language);
    this.#translate = make('input', { id: 'file-task', name: 'task', type: 'checkbox', value: 'translate' });
    this.translate = make('div.check', { hidden: true },
      this.#translate, make('label', { for: 'file-task', textContent: 'Translate into English' }));
    this.#track = make('input', { id: 'file-track', name: 'track', type: 'number', min: 0, max: 99, placeholder: 'the file’s default' });
    this.#hotWords = new HotWords('file-hot-words');
    this.more = make('details', {}, make('summary', { textContent: 'More' }),
      make('label', { for: 'file-track', textContent: 'Audio track, counted from 0' }), this.#track, ...this.#hotWords.parts);
    this.#track.addEventListener('invalid', () => {
      this.more.open = true; // or the browser has nothing to show its complaint at
    });
    about().then(({ tasks }) => {
      this.translate.hidden = !tasks.includes('translate');
    }).catch(() => {}); // then it is not offered; whatever is asked next will say that the server is away
  }

  #language;
  #translate;
  #track;
  #hotWords;

  /** Fields of a job; what is left open is left out. */
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
