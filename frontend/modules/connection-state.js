// What a LiveSocket's state means, in words.

import { set } from './dom.js';

const WORDS = {
  connecting: 'Connecting…',
  open: '',
  interrupted: 'The server has lost its database. Captions go on when it is back; none will be missing.',
  waiting: 'The connection is lost. Trying again…',
  ended: '',
  gone: 'It is no longer there.',
};

/** Keeps `element` saying how `socket` is. */
export function describe(socket, element) {
  const write = () => {
    const words = WORDS[socket.state] ?? '';
    set(element, socket.state === 'waiting' && socket.error ? `${socket.error} Trying again…` : words);
  };
  socket.addEventListener('change', write);
  write();
}
