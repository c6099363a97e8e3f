// A hint that something requires the server's token, with a button to enter it.

import { tokenPrompt } from './api.js';
import { make } from './dom.js';

/** @param {() => void} onEntered called once a token was entered; may hide the button, which then loses the focus */
export function tokenOffer(text, onEntered) {
  const button = make('button.quiet', { type: 'button', textContent: 'Enter token' });
  button.addEventListener('click', async () => {
    if (await tokenPrompt.ask()) onEntered();
  });
  return make('p.facts', { hidden: true }, `${text} `, button);
}
