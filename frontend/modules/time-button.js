// The time of a line as a button that plays what was said then, or as a link to the line itself.

const TITLES = { button: 'Play from here', link: 'Link to this line' };

/**
 * @param {HTMLTimeElement} time
 * @param {'button' | 'link' | ''} role what it is; nothing, if it leads nowhere
 */
export function lead(time, role) {
  if (role === (time.getAttribute('role') ?? '')) return;
  if (!role) for (const name of ['role', 'tabindex', 'title']) time.removeAttribute(name);
  else {
    time.setAttribute('role', role);
    time.title = TITLES[role];
    if (!time.hasAttribute('tabindex')) time.tabIndex = -1; // of a list with a roving tabindex
  }
}

/** Whether a click or a key has chosen one. */
export function isChosen({ type, key, target }) {
  return target.matches('time[role]') && (type === 'click' || ['Enter', ' '].includes(key));
}
