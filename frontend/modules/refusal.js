// What the API says against a field of a form, shown at that field.

import { make } from './dom.js';

/**
 * Show a refusal at the field that it is about, and lead there.
 * @param {ApiError} error
 * @returns {boolean} whether the form has that field
 */
export function blame(form, { field, message }) {
  const control = field && form.elements.namedItem(field);
  if (!control) return false;
  const folded = control.closest('details');
  if (folded) folded.open = true; // or it would be said where nobody sees it
  const wrong = make('p.wrong', { id: `${control.id}-wrong`, role: 'alert', textContent: message });
  control.after(wrong);
  control.setAttribute('aria-invalid', 'true');
  control.setAttribute('aria-describedby', wrong.id);
  control.focus();
  return true;
}

/** Take back what was said against a form: it is sent anew. */
export function absolve(form) {
  for (const wrong of form.querySelectorAll('.wrong')) wrong.remove();
  for (const control of form.querySelectorAll('[aria-invalid]')) {
    control.removeAttribute('aria-invalid');
    control.removeAttribute('aria-describedby');
  }
}
