// Whether a reader scrolls himself: a `scroll` event says nothing of who, and comes where lines or the window change, too.

/**
 * @param {Element} scroller
 * @param {() => void} hear called when the reader touches what scrolls it
 */
export function onOwnScrolling(scroller, hear) {
  for (const type of ['wheel', 'touchmove', 'keydown']) scroller.addEventListener(type, hear, { passive: true });
  scroller.addEventListener('pointerdown', ({ target }) => {
    if (target === scroller) hear(); // its scroll bar
  });
}
