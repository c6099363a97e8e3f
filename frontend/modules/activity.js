// The current activity when nobody is speaking: a visual sign and a text.

import { make } from './dom.js';

const ACTIVITIES = {
  music: ['♪', 'Music'],
  silence: ['–', 'Silence'],
};

/**
 * Show an activity in an element. The element is left alone if nothing changes, so that screen readers do not repeat it.
 * @param {HTMLElement} element
 * @param {string} name as in a status message; speech and unknown activities show nothing
 */
export function showActivity(element, name) {
  const [sign, text] = ACTIVITIES[name] ?? ['', ''];
  if (element.dataset.activity === name) return;
  element.dataset.activity = name;
  element.replaceChildren(...(text ? [make('span.sign', { 'aria-hidden': 'true', textContent: sign }), text] : []));
}
