// Errors of the API that concern one field of a form, shown at that field.

import { make } from './dom.js';

/**
 * Show an error at the field that it concerns, and focus that field.
 * @param {ApiError} error
 * @returns {boolean} whether the form has that field
 */
export function showFieldError(form, { field, message }) {
  const control = field && form.elements.namedItem(field);
  if (!control) return false;
  const details = control.closest('details');
  if (details) details.open = true; // otherwise the message would be hidden
  const text = make('p.wrong', { id: `${control.id}-wrong`, role: 'alert', textContent: message });
  control.after(text);
  control.setAttribute('aria-invalid', 'true');
  control.setAttribute('aria-describedby', text.id);
  control.focus();
  return true;
}

/** Remove the errors from a form before it is submitted again. */
export function clearFieldErrors(form) {
  for (const text of form.querySelectorAll('.wrong')) text.remove();
  for (const control of form.querySelectorAll('[aria-invalid]')) {
    control.removeAttribute('aria-invalid');
    control.removeAttribute('aria-describedby');
  }
}
