// What a station said as files to take away: all that is kept; or what is shown, if that is of some time ago.

import { masked } from './address.js';
import { between, downloads, filesOf } from './downloads.js';
import { overlayLink, playersLink } from './elsewhere.js';
import { stamp } from './times.js';

/**
 * @param {HTMLElement} element that has the links
 * @param {object} station
 * @param {CaptionStore} store of the lines that are shown
 */
export function offerFiles(element, { id, url, status, urls: { captions: path, hls } }, store) {
  const links = (query, stem) => downloads(filesOf(path, query), stem);
  if (!store.isPast) {
    const players = status.hls && !masked(url) ? [playersLink(hls)] : [];
    element.replaceChildren('Take away: ', ...links('', id), overlayLink(`stations/${id}`), ...players);
    return;
  }
  const shown = () => {
    const { start_s: from } = store.first;
    return links(between(from, store.lines.at(-1).end_s), `${id} ${stamp(from)}`);
  };
  const offered = shown();
  element.replaceChildren('Take these away: ', ...offered);
  store.addEventListener('line', () => {
    for (const [index, { href, download }] of shown().entries()) Object.assign(offered[index], { href, download });
  });
}
