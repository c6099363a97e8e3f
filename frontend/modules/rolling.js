// The lines of a CaptionStore that stand on a screen of a few lines: the newest, below each other. Pure.

/**
 * @param {object[]} lines of a CaptionStore
 * @param {number} count of lines on the screen
 * @param {number} behind the place of a line that is gone, and all before it
 * @returns {{text: string, language: string | null}[]}
 */
export function newest(lines, count, behind = 0) {
  return lines
    .filter(({ kind, text, place }) => kind === 'caption' && text && place > behind)
    .slice(-count)
    .flatMap(({ lines: broken, language }) => broken.map((text) => ({ text, language })))
    .slice(-count);
}
