// Web addresses, and an input field for one.

import { make } from './dom.js';

const HOST = /^([a-z][a-z0-9+.-]*:(?!\d)|\/*([^\s/?#]*\.[^\s/?#]+|[^\s/?#]+:\d+)([/?#]|$))/i;

/**
 * The full, escaped URL for a typed address. A missing scheme becomes https, or http if there is a port, since streaming
 * servers on their own port usually have no TLS. Anything that is not a web address is returned unchanged; without a
 * scheme, a host must have a dot or a port, and no spaces.
 */
export function completed(typed) {
  const text = typed.trim();
  if (!HOST.test(text)) return text;
  try {
    const url = new URL(schemed(text));
    return /^https?:$/.test(url.protocol) ? url.href : text;
  } catch {
    return text;
  }
}

function schemed(text) {
  if (/^[a-z][a-z0-9+.-]*:(?!\d)/i.test(text)) return text; // digits after the colon are a port
  const [, port = ''] = /^[^/?#]*:(\d+)/.exec(text) ?? [];
  return `${port && !port.endsWith('443') ? 'http' : 'https'}://${text.replace(/^\/+/, '')}`;
}

/** Whether the server replaced the password in an address with asterisks, so that it cannot be fetched. */
export function masked(address) {
  return /^https?:\/\/[^/?#]*:\*{3}@/i.test(address);
}

/** Whether an address has a password, masked or not. */
export function hasPassword(address) {
  return /^https?:\/\/[^/?#]*:[^/?#]*@/i.test(address);
}

/** @returns {HTMLInputElement} that visibly completes the typed address */
export function addressInput(properties) {
  const input = make('input', {
    name: 'url', type: 'url', placeholder: 'https://…', pattern: 'https?://.+',
    title: 'An address starting with https:// or http://', ...properties,
  });
  input.addEventListener('change', () => {
    input.value = completed(input.value);
  });
  return input;
}
