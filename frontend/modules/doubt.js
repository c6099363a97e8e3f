// Which words of a line were recognised with low confidence. Pure.

/** A word is doubtful if the mean probability of its tokens is below this. */
const DOUBTFUL = 0.5;

/**
 * @param {string} text of a caption
 * @param {{text: string, confidence: ?number}[]} words of the caption
 * @returns {{text: string, doubtful: boolean}[]} the text in pieces; a single piece if the words do not match the text
 */
export function pieces(text, words) {
  const result = [];
  const add = (piece, doubtful) => {
    if (result.at(-1)?.doubtful === doubtful) result.at(-1).text += piece;
    else if (piece) result.push({ text: piece, doubtful });
  };
  let at = 0;
  for (const { text: spelling, confidence } of words) {
    const word = spelling.trim(); // in languages without spaces between words, a space belongs to the word after it
    const start = text.indexOf(word, at);
    if (start < 0 || text.slice(at, start).trim()) return [{ text, doubtful: false }];
    add(text.slice(at, start), false);
    add(word, typeof confidence === 'number' && confidence < DOUBTFUL);
    at = start + word.length;
  }
  return at === text.length ? result : [{ text, doubtful: false }];
}
