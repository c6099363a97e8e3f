// Correcting what a source is captioned as: another text of a line goes to the API, and what that keeps comes back.

import { request } from './api.js';

/**
 * @param {string} path of the source's captions, without the ending of a file
 * @param {{id: number, revision: number, start_s: number}} line as it was known to whoever corrects it
 * @param {string} text
 * @param {(captions: object[]) => void} hear is given what is kept; an ApiError says why the text is not
 * @param {string} around query of the file of captions that has the line
 */
export async function correct(path, line, text, hear, around = '') {
  try {
    const { id, revision, start_s } = line; // where a database was lost, several have the same number
    hear([await request(`${path}/${id}`, { method: 'PATCH', json: { text, revision, start_s } })]);
  } catch (error) { // of a source whose captions are complete, nobody else tells what another has corrected
    if (error.field === 'revision') hear((await request(`${path}.json${around}`)).captions);
    throw error;
  }
}
