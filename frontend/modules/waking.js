// When a page wakes up: it becomes visible again, or the network is back. Its sockets may have been closed meanwhile.

/**
 * @param {() => void} onWake called whenever the page wakes up
 * @returns {() => void} removes the listeners
 */
export function onWaking(onWake) {
  const onVisibility = () => document.visibilityState === 'visible' && onWake();
  document.addEventListener('visibilitychange', onVisibility);
  for (const type of ['pageshow', 'online']) addEventListener(type, onWake);
  return () => {
    document.removeEventListener('visibilitychange', onVisibility);
    for (const type of ['pageshow', 'online']) removeEventListener(type, onWake);
  };
}
