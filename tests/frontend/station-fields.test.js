// Which fields of the station form are sent.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { changedFields, linesOf, NEW, taskOf } from '../../frontend/modules/station-fields.js';

const shown = {
  id: 'p1', name: 'P1', url: 'http://me:***@example.org/p1', language: 'sv', listen_url: null, hot_words: ['Umeå'], task: null, from_file: false,
};
const values = (differing) => {
  const { name, url, language, listen_url: listenUrl, hot_words: hotWords, task } = shown;
  return { name, url, language, listen_url: listenUrl, hot_words: [...hotWords], task, ...differing };
};

test('unchanged fields are not sent, in particular an address with a masked password', () => {
  assert.deepEqual(changedFields(shown, values({})), {});
  assert.deepEqual(changedFields(shown, values({ name: 'P2' })), { name: 'P2' });
});

test('cleared fields are sent', () => {
  assert.deepEqual(changedFields(shown, values({ language: null, hot_words: [] })), { language: null, hot_words: [] });
});

test('the fields of a new station that were filled in are sent', () => {
  assert.deepEqual(changedFields(NEW, { ...NEW, name: 'P2', url: 'https://example.org/p2' }), { name: 'P2', url: 'https://example.org/p2' });
});

test('a text is split into non-empty lines', () => {
  assert.deepEqual(linesOf(' Bodil Jönsson \n\n\tUmeå\n'), ['Bodil Jönsson', 'Umeå']);
});

test('a task of transcribe is kept unless translation is chosen', () => {
  const tasks = (task) => [false, true].map((translate) => taskOf({ task }, translate));
  assert.deepEqual([null, 'transcribe', 'translate'].map(tasks), [[null, 'translate'], ['transcribe', 'translate'], [null, 'translate']]);
});
