// What is said of a station, as the API names it. Pure.

/** A station of which nothing is said yet. */
export const NEW = Object.freeze({ name: '', url: '', language: null, listen_url: null, hot_words: [], task: null });

/**
 * The fields that are to be sent: those that differ from what was shown. So what is shown without its password does not
 * take the place of the whole address, and what others change meanwhile stays.
 * @param {object} shown the station as it was when the form was opened, or `NEW`
 * @param {object} said as the form has it now
 */
export function changes(shown, said) {
  const differs = ([field, value]) => JSON.stringify(value) !== JSON.stringify(shown[field]);
  return Object.fromEntries(Object.entries(said).filter(differs));
}

/** Texts that are written one a line. */
export function linesOf(text) {
  return text.split('\n').map((line) => line.trim()).filter(Boolean);
}

/** The task after a look at "Translate into English"; unticked, one that is not to translate stays as it was. */
export function taskOf(shown, translate) {
  if (translate) return 'translate';
  return shown.task === 'translate' ? null : shown.task;
}
