// Which words of a line were heard uncertainly. Pure.

/** Mean probability of its tokens below which a word is doubtful. */
const DOUBTFUL = 0.5;

/**
 * @param {string} text of a caption
 * @param {{text: string, confidence: ?number}[]} words of it
 * @returns {{text: string, doubtful: boolean}[]} the text in pieces; one piece if the words are not those of the text
 */
export function pieces(text, words) {
  const found = [];
  const add = (piece, doubtful) => {
    if (found.at(-1)?.doubtful === doubtful) found.at(-1).text += piece;
    else if (piece) found.push({ text: piece, doubtful });
  };
  let at = 0;
  for (const { text: written, confidence } of words) {
    const word = written.trim(); // where words have no spaces between them, one that is written belongs to its word
    const start = text.indexOf(word, at);
    if (start < 0 || text.slice(at, start).trim()) return [{ text, doubtful: false }];
    add(text.slice(at, start), false);
    add(word, typeof confidence === 'number' && confidence < DOUBTFUL);
    at = start + word.length;
  }
  return at === text.length ? found : [{ text, doubtful: false }];
}
