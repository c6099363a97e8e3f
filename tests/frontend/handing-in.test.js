// Recordings go one after another; a refusal holds up the others only where it holds for all.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ApiError } from '../../frontend/modules/api.js';
import { handIn, reasons, sendingWords } from '../../frontend/modules/handing-in.js';

const items = ['a.mp3', 'b.mp3', 'c.mp3'].map((name) => ({ name }));
const names = (list) => list.map(({ name }) => name);
const open = () => new AbortController().signal;

const refusing = (name, error, sent = []) => async (item, number) => {
  sent.push(`${number} ${item.name}`);
  if (item.name === name) throw error;
};

test('one that is refused does not keep the others from being sent', async () => {
  const sent = [];
  const { taken, refused } = await handIn(items, refusing('b.mp3', new ApiError(413, 'Too large.'), sent), open());
  assert.deepEqual(sent, ['1 a.mp3', '2 b.mp3', '3 c.mp3']);
  assert.deepEqual(names(taken), ['a.mp3', 'c.mp3']);
  assert.deepEqual(reasons(refused), ['b.mp3 was not taken. Too large.']);
});

test('what holds for all ends the sending', async () => {
  for (const error of [new ApiError(401, 'A token is needed.'), new ApiError(422, 'No model knows it.', 'language')]) {
    const { taken, refused } = await handIn(items, refusing('b.mp3', error), open());
    assert.deepEqual([names(taken), refused.length], [['a.mp3'], 1]);
  }
});

test('cancelling ends it, and is no refusal', async () => {
  const cancelled = refusing('b.mp3', new DOMException('cancelled', 'AbortError'));
  const { taken, refused } = await handIn(items, cancelled, open());
  assert.deepEqual([names(taken), refused], [['a.mp3'], []]);
  const controller = new AbortController();
  const { taken: before } = await handIn(items, async () => controller.abort(), controller.signal);
  assert.deepEqual(names(before), ['a.mp3']);
});

test('a reason is told once for all that it holds for', () => {
  const away = new ApiError(0, 'The server is gone.');
  const refused = [[items[0], away], [items[1], new ApiError(413, 'Too large.')], [items[2], away]];
  assert.deepEqual(reasons(refused.map(([item, error]) => ({ item, error }))), [
    'a.mp3, c.mp3 were not taken. The server is gone.', 'b.mp3 was not taken. Too large.',
  ]);
});

test('how far it is, is told with the name where there are several', () => {
  const state = { name: 'a.mp3', number: 2, all: 5, share: 0.4 };
  assert.equal(sendingWords(state), '2 of 5, a.mp3, 40 %');
  assert.equal(sendingWords({ ...state, share: 1 }), '2 of 5, a.mp3, is being taken in…');
  assert.equal(sendingWords({ ...state, number: 1, all: 1 }), 'Uploading 40 %');
});
