// The button that copies the link to the selected line.

import { make } from './dom.js';

/** @param {string} address of the page */
export function copyLink(address) {
  const button = make('button.copy.quiet', { type: 'button', tabIndex: -1, 'aria-live': 'polite', textContent: 'Copy link' });
  const { href } = new URL(address, location.href);
  button.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(href);
      button.textContent = 'Copied';
    } catch { // browsers allow this only on secure pages; let the user copy it by hand
      prompt('Link to this line', href);
    }
  });
  return button;
}
