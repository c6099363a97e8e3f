// A <select> of the languages that the models on air know, named in the reader's own language.

import { about } from './api.js';
import { make } from './dom.js';

const names = new Intl.DisplayNames(navigator.languages.filter(isTag), { type: 'language' });

/** Whisper's codes that differ from today's. */
const TODAY = { jw: 'jv' };

/** Whether something names a language: what browsers say of a system without any, `C`, does not. */
function isTag(text) {
  try {
    return Intl.getCanonicalLocales(text).length > 0;
  } catch {
    return false;
  }
}

export function languageName(code) {
  try {
    return names.of(TODAY[code] ?? code);
  } catch {
    return code;
  }
}

/** @returns {HTMLSelectElement} filled as soon as the server has said what it knows; what is chosen is there at once */
export function languageSelect(id, chosen = '') {
  const select = make('select', { id, name: 'language' });
  const offer = (codes, code) => {
    const known = new Set(code ? [...codes, code] : codes); // one that no model on air knows may have been chosen before
    const named = [...known].map((each) => [each, languageName(each)]).sort((a, b) => a[1].localeCompare(b[1]));
    select.replaceChildren(...[['', 'Detect it'], ...named].map(([value, textContent]) => make('option', { value, textContent })));
    select.value = code;
  };
  offer([], chosen);
  about().then(({ languages }) => offer(languages, select.value)).catch(() => {}); // whatever is asked next will say that the server is away
  return select;
}
