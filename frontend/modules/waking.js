// When a page wakes: it is looked at again, or the network is back. Meanwhile its sockets may have been broken off.

/**
 * @param {() => void} hear is called whenever it wakes
 * @returns {() => void} stops that
 */
export function onWaking(hear) {
  const show = () => document.visibilityState === 'visible' && hear();
  document.addEventListener('visibilitychange', show);
  for (const type of ['pageshow', 'online']) addEventListener(type, hear);
  return () => {
    document.removeEventListener('visibilitychange', show);
    for (const type of ['pageshow', 'online']) removeEventListener(type, hear);
  };
}
