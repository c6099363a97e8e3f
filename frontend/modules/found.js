// A text with what was found in it. Pure.

/**
 * @param {string} text
 * @param {[number, number][]} marks characters (code points) from and behind, in their order
 * @returns {[string, boolean][]} parts of the text, and whether each is marked
 */
export function marked(text, marks) {
  const characters = [...text];
  const parts = [];
  let place = 0;
  for (const [from, behind] of marks) {
    parts.push([characters.slice(place, from).join(''), false], [characters.slice(from, behind).join(''), true]);
    place = behind;
  }
  parts.push([characters.slice(place).join(''), false]);
  return parts.filter(([part]) => part);
}
