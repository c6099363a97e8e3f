// Making elements. Text enters only as text nodes.

/**
 * @param {string} tag with classes: 'p.empty'
 * @param {object} properties set on the element; `aria-…`, `data-…` and `role` become attributes
 */
export function make(tag, properties = {}, ...children) {
  const [name, ...classes] = tag.split('.');
  const element = document.createElement(name);
  element.classList.add(...classes);
  for (const [key, value] of Object.entries(properties)) {
    if (/^(aria-|data-|role$|for$|colspan$)/.test(key)) element.setAttribute(key, value);
    else element[key] = value;
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** Changes text only if it differs, so that screen readers and selections are left alone. */
export function set(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Name the tab: what is shown in it first, then the view. */
export function entitle(...names) {
  document.title = [...names, 'Undertext'].join(' – ');
}

/** Whether an element is there to be seen, be it out of view. */
export const isShown = (element) => element.getClientRects().length > 0;

const unfocused = new WeakSet();

/** Disable a control, or enable it again: then the focus comes back, which browsers take from what is disabled. */
export function disable(control, is) {
  if (is && document.activeElement === control) unfocused.add(control);
  control.disabled = is;
  if (is || !unfocused.delete(control)) return;
  const focused = document.activeElement;
  if (focused === document.body || !isShown(focused)) control.focus({ preventScroll: true });
}

/**
 * Tell the user; a `notice-bar` shows it.
 * @returns {() => void} takes it back, if it is still there
 */
export function notify(text) {
  document.dispatchEvent(new CustomEvent('notice', { detail: { text } }));
  return () => document.dispatchEvent(new CustomEvent('notice', { detail: { over: text } }));
}

/** Take back whatever was told: the user has gone on. */
export function hush() {
  document.dispatchEvent(new CustomEvent('notice', { detail: { over: null } }));
}
