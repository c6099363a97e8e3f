// Text for the state of a LiveSocket.

import { setText } from './dom.js';

const TEXTS = {
  connecting: 'Connecting…',
  open: '',
  interrupted: 'The server has lost its database. Captions resume when it is back; none will be missing.',
  waiting: 'Not connected. Reconnecting…',
  ended: '',
  gone: 'This source no longer exists.',
};

/** Show the state of `socket` in `element`, and keep it up to date. */
export function showConnection(socket, element) {
  const write = () => {
    const text = TEXTS[socket.state] ?? '';
    setText(element, socket.state === 'waiting' && socket.error ? `${socket.error} Reconnecting…` : text);
  };
  socket.addEventListener('change', write);
  write();
}
