// What is heard while nobody speaks: a sign for those who see it, and words for all.

import { make } from './dom.js';

const ACTIVITIES = {
  music: ['♪', 'Music'],
  silence: ['–', 'Silence'],
};

/**
 * Say it in an element; one that says the same already is left alone, so that it is not read out again.
 * @param {HTMLElement} element
 * @param {string} name as a status has it; of speech, and of others, nothing is said
 */
export function sayActivity(element, name) {
  const [sign, words] = ACTIVITIES[name] ?? ['', ''];
  if (element.dataset.activity === name) return;
  element.dataset.activity = name;
  element.replaceChildren(...(words ? [make('span.sign', { 'aria-hidden': 'true', textContent: sign }), words] : []));
}
