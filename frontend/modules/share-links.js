// Links that show captions outside this page's views.

import { make, notify } from './dom.js';

/** Hosts that mean the local machine: links to them work only there. */
const LOOPBACK = /^(localhost|.*\.localhost|127(\.\d+){3}|\[::1\])$/;

/** The overlay of a source, for OBS and similar programs. */
export function overlayLink(source) {
  return make('a.download', { href: `overlay.html?source=${source}`, target: '_blank', rel: 'noopener', textContent: 'Overlay' });
}

/** Size of the floating window when it opens, in CSS pixels. */
const FLOATING = { width: 640, height: 140 };

/**
 * A button that shows the newest captions of a source in a small window, which stays above those of other programs; hidden
 * if the browser has no such windows.
 */
export function floatButton(source) {
  const button = make('button.download', { type: 'button', hidden: !('documentPictureInPicture' in window), textContent: 'Floating window' });
  button.addEventListener('click', async () => {
    try {
      const { document: { body } } = await window.documentPictureInPicture.requestWindow(FLOATING);
      Object.assign(body.style, { margin: 0, background: 'black' });
      const captions = make('iframe', { src: `${overlayLink(source).href}&notes`, title: 'Captions' });
      Object.assign(captions.style, { display: 'block', width: '100vw', height: '100vh', border: 0 }); // an inline one needs scroll bars
      body.replaceChildren(captions);
    } catch (error) {
      notify(`The floating window could not be opened. ${error.message}`);
    }
  });
  return button;
}

/** A station's HLS stream with synchronised captions: to copy into a player, or to open in Safari. */
export function playersLink(path) {
  return make('a.download', {
    href: path, target: '_blank', rel: 'noopener', textContent: 'Players (HLS)',
    title: 'Address for players such as VLC. Not every browser can play it', // some download it as a useless file
  });
}

/**
 * The link with which others can read the captions of a microphone, and a button to copy it.
 * @param {boolean} hasEnded whether the recording has ended; its captions can still be read until they expire
 */
export function readingLinks(id, hasEnded = false) {
  const link = make('a', { href: `#microphone/${id}`, target: '_blank', rel: 'noopener', textContent: 'this address' });
  const copy = make('button.download', { type: 'button', 'aria-live': 'polite', textContent: 'Copy' });
  copy.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(link.href);
      copy.textContent = 'Copied';
    } catch { // browsers allow this only on secure pages; focus the link so that the user can copy it
      link.focus();
    }
  });
  const who = LOOPBACK.test(location.hostname) ? 'Others on this machine' : 'Others';
  if (hasEnded) return [`The recording has ended. ${who} can still read it at `, link, copy];
  return [`${who} can read along at `, link, copy, overlayLink(`microphones/${id}`), floatButton(`microphones/${id}`)];
}
