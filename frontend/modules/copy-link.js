// The button that copies the address of the line that is chosen.

import { make } from './dom.js';

/** @param {string} address of the page */
export function copyLink(address) {
  const button = make('button.copy.quiet', { type: 'button', tabIndex: -1, 'aria-live': 'polite', textContent: 'Copy link' });
  const { href } = new URL(address, location.href);
  button.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(href);
      button.textContent = 'Copied';
    } catch { // browsers copy on secure pages alone; it can be copied by hand
      prompt('The address of this line', href);
    }
  });
  return button;
}
