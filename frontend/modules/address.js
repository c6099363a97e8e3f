// Addresses of the web, and a field for one.

import { make } from './dom.js';

const HOST = /^([a-z][a-z0-9+.-]*:(?!\d)|\/*([^\s/?#]*\.[^\s/?#]+|[^\s/?#]+:\d+)([/?#]|$))/i;

/**
 * What was meant by an address, escaped as it is sent. Without a scheme: https; or http where a port is named, for
 * streaming servers have one of their own, as a rule without TLS. What is no address of the web stays as it is, and so
 * does what is no more than words: without a scheme, a host has a dot or a port, and no blanks.
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
  if (/^[a-z][a-z0-9+.-]*:(?!\d)/i.test(text)) return text; // digits behind the colon are a port
  const [, port = ''] = /^[^/?#]*:(\d+)/.exec(text) ?? [];
  return `${port && !port.endsWith('443') ? 'http' : 'https'}://${text.replace(/^\/+/, '')}`;
}

/** Whether the server shows stars instead of an address's password, so that nothing can be fetched from it. */
export function masked(address) {
  return /^https?:\/\/[^/?#]*:\*{3}@/i.test(address);
}

/** Whether an address has a password, masked or not. */
export function hasPassword(address) {
  return /^https?:\/\/[^/?#]*:[^/?#]*@/i.test(address);
}

/** @returns {HTMLInputElement} that completes what is typed, where the reader sees it */
export function addressInput(properties) {
  const input = make('input', {
    name: 'url', type: 'url', placeholder: 'https://…', pattern: 'https?://.+',
    title: 'An address that begins with https:// or http://', ...properties,
  });
  input.addEventListener('change', () => {
    input.value = completed(input.value);
  });
  return input;
}
