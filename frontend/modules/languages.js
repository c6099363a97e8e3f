// A <select> of the languages that the current models support, named in the user's language.

import { about } from './api.js';
import { make } from './dom.js';

const names = new Intl.DisplayNames(navigator.languages.filter(isTag), { type: 'language' });

/** Codes of Whisper that differ from the current standard. */
const CURRENT_CODES = { jw: 'jv' };

/** Whether a text is a language tag. Browsers report `C` on systems without a language, which is not. */
function isTag(text) {
  try {
    return Intl.getCanonicalLocales(text).length > 0;
  } catch {
    return false;
  }
}

export function languageName(code) {
  try {
    return names.of(CURRENT_CODES[code] ?? code);
  } catch {
    return code;
  }
}

/**
 * @param {string} none text of the option for no particular language
 * @returns {HTMLSelectElement} filled when the server has listed its languages; `chosen` is available at once
 */
export function languageSelect(id, chosen = '', none = 'Auto-detect') {
  const select = make('select', { id, name: 'language' });
  const offer = (codes, code) => {
    const known = new Set(code ? [...codes, code] : codes); // the chosen language may not be supported by the current models
    const named = [...known].map((each) => [each, languageName(each)]).sort((a, b) => a[1].localeCompare(b[1]));
    select.replaceChildren(...[['', none], ...named].map(([value, textContent]) => make('option', { value, textContent })));
    select.value = code;
  };
  offer([], chosen);
  about().then(({ languages }) => offer(languages, select.value)).catch(() => {}); // the next request will report that the server is down
  return select;
}
