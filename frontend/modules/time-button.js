// The time of a line as a button, where it leads to what was said then.

/** Times that are buttons. */
export const TIME_BUTTON = 'time[role="button"]';

const ATTRIBUTES = { role: 'button', tabindex: '-1', title: 'Play from here' }; // of a list with a roving tabindex

/**
 * @param {HTMLTimeElement} time
 * @param {boolean} leads whether it is a button
 */
export function lead(time, leads) {
  for (const [name, value] of Object.entries(ATTRIBUTES)) {
    if (leads) time.setAttribute(name, value);
    else time.removeAttribute(name);
  }
}

/** Whether a click or a key has chosen one. */
export function isChosen({ type, key, target }) {
  return target.matches(TIME_BUTTON) && (type === 'click' || ['Enter', ' '].includes(key));
}
