// DOM helpers. Text is only ever inserted as text nodes.

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

/** Set the text of an element, only if it differs, so that screen readers and selections are not disturbed. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Set the document title: what is shown first, then the view. */
export function setTitle(...names) {
  document.title = [...names, 'Undertext'].join(' – ');
}

/** Whether an element is rendered, even if it is scrolled out of view. */
export const isShown = (element) => element.getClientRects().length > 0;

const unfocused = new WeakSet();

/** Disable or enable a control. Browsers take the focus from a disabled control; enabling it restores the focus. */
export function disable(control, is) {
  if (is && document.activeElement === control) unfocused.add(control);
  control.disabled = is;
  if (is || !unfocused.delete(control)) return;
  const focused = document.activeElement;
  if (focused === document.body || !isShown(focused)) control.focus({ preventScroll: true });
}

/**
 * Show a message to the user in the `notice-bar`.
 * @returns {() => void} removes the message if it is still shown
 */
export function notify(text) {
  document.dispatchEvent(new CustomEvent('notice', { detail: { text } }));
  return () => document.dispatchEvent(new CustomEvent('notice', { detail: { cleared: text } }));
}

/** Remove whatever message is shown, because the user has moved on. */
export function clearNotice() {
  document.dispatchEvent(new CustomEvent('notice', { detail: { cleared: null } }));
}
