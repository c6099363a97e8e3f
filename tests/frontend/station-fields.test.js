// What is sent of what a form says of a station.

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

test('what was not changed is not sent: an address without its password least of all', () => {
  assert.deepEqual(changedFields(shown, values({})), {});
  assert.deepEqual(changedFields(shown, values({ name: 'P2' })), { name: 'P2' });
});

test('what was taken away is sent', () => {
  assert.deepEqual(changedFields(shown, values({ language: null, hot_words: [] })), { language: null, hot_words: [] });
});

test('of a new station what was values is sent', () => {
  assert.deepEqual(changedFields(NEW, { ...NEW, name: 'P2', url: 'https://example.org/p2' }), { name: 'P2', url: 'https://example.org/p2' });
});

test('texts stand one a line', () => {
  assert.deepEqual(linesOf(' Bodil Jönsson \n\n\tUmeå\n'), ['Bodil Jönsson', 'Umeå']);
});

test('a station that is told to transcribe still is, unless it is to translate', () => {
  const tasks = (task) => [false, true].map((translate) => taskOf({ task }, translate));
  assert.deepEqual([null, 'transcribe', 'translate'].map(tasks), [[null, 'translate'], ['transcribe', 'translate'], [null, 'translate']]);
});
