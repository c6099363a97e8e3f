// Whether the user scrolls: a `scroll` event does not say what caused it, and also fires when lines or the window change.

/**
 * @param {Element} scroller
 * @param {() => void} onScroll called when the user uses a wheel, a finger, a key or the scroll bar
 */
export function onUserScroll(scroller, onScroll) {
  for (const type of ['wheel', 'touchmove', 'keydown']) scroller.addEventListener(type, onScroll, { passive: true });
  scroller.addEventListener('pointerdown', ({ target }) => {
    if (target === scroller) onScroll(); // its scroll bar
  });
}
