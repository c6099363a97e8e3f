// A button at an end of a list that Tab goes to while it is in sight. Else it would scroll a reader away who is elsewhere: Home
// or End does, and Tab then.

/** @returns {IntersectionObserver} to be disconnected, when the button is taken away */
export function whileInSight(button, list) {
  const sight = new IntersectionObserver((looks) => {
    button.tabIndex = looks.at(-1).isIntersecting ? 0 : -1;
  }, { root: list });
  sight.observe(button);
  return sight;
}
