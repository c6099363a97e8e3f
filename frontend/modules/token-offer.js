// What there is with the server's token alone, and the way to enter it.

import { gate } from './api.js';
import { make } from './dom.js';

/** @param {() => void} then what is done when one was entered; the button may be hidden by that, and lose the focus */
export function tokenOffer(words, then) {
  const ask = make('button.quiet', { type: 'button', textContent: 'Enter the token' });
  ask.addEventListener('click', async () => {
    if (await gate.ask()) then();
  });
  return make('p.facts', { hidden: true }, `${words} `, ask);
}
