// Splits a text into matches and the text between them. Pure.

/**
 * @param {string} text
 * @param {[number, number][]} marks start and end of each match, in characters (code points), in order
 * @returns {[string, boolean][]} parts of the text, and whether each is a match
 */
export function highlight(text, marks) {
  const characters = [...text];
  const parts = [];
  let place = 0;
  for (const [start, end] of marks) {
    parts.push([characters.slice(place, start).join(''), false], [characters.slice(start, end).join(''), true]);
    place = end;
  }
  parts.push([characters.slice(place).join(''), false]);
  return parts.filter(([part]) => part);
}
