// Where captions are shown outside this page's views.

import { make } from './dom.js';

/** Hosts that mean the reader's own machine: an address there is of no use to others. */
const OWN = /^(localhost|.*\.localhost|127(\.\d+){3}|\[::1\])$/;

/** The newest lines of a source alone, for OBS and the like. */
export function overlayLink(source) {
  return make('a.download', { href: `overlay.html?source=${source}`, target: '_blank', rel: 'noopener', textContent: 'Overlay' });
}

/** A station's sound with its captions in time, for players of HLS: its address is to be copied, or opened by Safari. */
export function playersLink(path) {
  return make('a.download', {
    href: path, target: '_blank', rel: 'noopener', textContent: 'Players (HLS)',
    title: 'Its address is for players such as VLC. Not every browser plays it', // some save it as a file, of no use elsewhere
  });
}

/**
 * A way for others to read what is said into a microphone: its address, to be copied or looked at.
 * @param {boolean} isOver whether there is nothing to read along any more: what was said is there still, until it expires
 */
export function readingLinks(id, isOver = false) {
  const link = make('a', { href: `#microphone/${id}`, target: '_blank', rel: 'noopener', textContent: 'this address' });
  const copy = make('button.download', { type: 'button', 'aria-live': 'polite', textContent: 'Copy' });
  copy.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(link.href);
      copy.textContent = 'Copied';
    } catch { // browsers copy on secure pages alone; the link can be copied by hand
      link.focus();
    }
  });
  const who = OWN.test(location.hostname) ? 'Others on this machine' : 'Others';
  if (isOver) return [`It is over. ${who} can still read what was said at `, link, copy];
  return [`${who} read along at `, link, copy, overlayLink(`microphones/${id}`)];
}
