// Correcting a caption: sends the new text of a line to the API and applies the stored result.

import { request } from './api.js';

/**
 * @param {string} path of the source's captions, without a file extension
 * @param {{id: number, revision: number, start_s: number}} line as the user saw it when correcting it
 * @param {string} text
 * @param {(captions: object[]) => void} onCaptions receives the stored captions; throws an ApiError if the text is refused
 * @param {string} around query of a caption file that contains the line
 */
export async function correct(path, line, text, onCaptions, around = '') {
  try {
    const { id, revision, start_s } = line; // after a database loss, several captions share an id: start_s tells them apart
    onCaptions([await request(`${path}/${id}`, { method: 'PATCH', json: { text, revision, start_s } })]);
  } catch (error) { // a finished source sends no updates, so fetch what someone else has corrected
    if (error.field === 'revision') onCaptions((await request(`${path}.json${around}`)).captions);
    throw error;
  }
}
