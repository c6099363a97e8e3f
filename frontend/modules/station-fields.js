// The fields of a station, as named by the API. Pure.

/** The fields of a new station. */
export const NEW = Object.freeze({ name: '', url: '', language: null, listen_url: null, hot_words: [], task: null });

/**
 * The fields to send: those that differ from what was shown. An address shown with its password masked therefore does not
 * replace the real one, and changes that others make meanwhile are kept.
 * @param {object} shown the station when the form was opened, or `NEW`
 * @param {object} values of the form
 */
export function changedFields(shown, values) {
  const differs = ([field, value]) => JSON.stringify(value) !== JSON.stringify(shown[field]);
  return Object.fromEntries(Object.entries(values).filter(differs));
}

/** Split a text into its non-empty lines. */
export function linesOf(text) {
  return text.split('\n').map((line) => line.trim()).filter(Boolean);
}

/** The task for the checkbox "Translate into English". Unchecked, a task other than translate stays unchanged. */
export function taskOf(shown, translate) {
  if (translate) return 'translate';
  return shown.task === 'translate' ? null : shown.task;
}
