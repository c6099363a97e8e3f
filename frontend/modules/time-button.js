// The time of a line as a button that plays the audio from there, or as a link to the line itself.

const TITLES = { button: 'Play from here', link: 'Link to this line' };

/**
 * @param {HTMLTimeElement} time
 * @param {'button' | 'link' | ''} role empty for plain text
 */
export function setTimeRole(time, role) {
  if (role === (time.getAttribute('role') ?? '')) return;
  if (!role) for (const name of ['role', 'tabindex', 'title']) time.removeAttribute(name);
  else {
    time.setAttribute('role', role);
    time.title = TITLES[role];
    if (!time.hasAttribute('tabindex')) time.tabIndex = -1; // the list has a roving tabindex
  }
}

/** Whether a click or key event activates the time of a line. */
export function isActivated({ type, key, target }) {
  return target.matches('time[role]') && (type === 'click' || ['Enter', ' '].includes(key));
}
