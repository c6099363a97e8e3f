// Download links for a station: all captions that are kept, or only those shown if they are older ones.

import { masked } from './address.js';
import { between, downloads, filesOf } from './downloads.js';
import { floatButton, overlayLink, playersLink } from './share-links.js';
import { stamp } from './times.js';

/**
 * @param {HTMLElement} element to put the links in
 * @param {object} station
 * @param {CaptionStore} store with the lines shown
 */
export function offerFiles(element, { id, url, status, urls: { captions: path, hls } }, store) {
  const links = (query, stem) => downloads(filesOf(path, query), stem);
  if (!store.isPast) {
    const players = status.hls && !masked(url) ? [playersLink(hls)] : [];
    element.replaceChildren('Download: ', ...links('', id), overlayLink(`stations/${id}`), floatButton(`stations/${id}`), ...players);
    return;
  }
  const shown = () => {
    const { start_s: from } = store.first;
    return links(between(from, store.lines.at(-1).end_s), `${id} ${stamp(from)}`);
  };
  const current = shown();
  element.replaceChildren('Download these: ', ...current);
  store.addEventListener('line', () => {
    for (const [index, { href, download }] of shown().entries()) Object.assign(current[index], { href, download });
  });
}
