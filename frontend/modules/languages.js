// A <select> of the languages that the models on air know, named in the reader's own language.

import { about } from './api.js';
import { make } from './dom.js';

const names = new Intl.DisplayNames([...navigator.languages], { type: 'language' });

/** Whisper's codes that differ from today's. */
const TODAY = { jw: 'jv' };

export function languageName(code) {
  try {
    return names.of(TODAY[code] ?? code);
  } catch {
    return code;
  }
}

/**
 * @param {string} chosen code that is chosen at first, be it known or not
 * @returns {HTMLSelectElement} filled as soon as the server has said what it knows
 */
export function languageSelect(id, chosen = '') {
  const select = make('select', { id, name: 'language' }, make('option', { value: '', textContent: 'Detect it' }));
  const fill = (codes) => {
    const found = codes.map((code) => [code, languageName(code)]).sort((a, b) => a[1].localeCompare(b[1]));
    const { value } = select;
    select.replaceChildren(select.firstElementChild, ...found.map(([code, textContent]) => make('option', { value: code, textContent })));
    select.value = value;
  };
  const first = chosen ? [chosen] : [];
  fill(first);
  select.value = chosen;
  about().then(({ languages }) => fill([...new Set([...first, ...languages])])).catch(() => {}); // then it stays at detection; whatever is asked next will say that the server is away
  return select;
}
