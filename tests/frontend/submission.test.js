// Recordings are submitted one after another; a refusal stops the rest only if it applies to all.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ApiError } from '../../frontend/modules/api.js';
import { refusalMessages, submitAll, uploadStatus } from '../../frontend/modules/submission.js';

const items = ['a.mp3', 'b.mp3', 'c.mp3'].map((name) => ({ name }));
const names = (list) => list.map(({ name }) => name);
const open = () => new AbortController().signal;

const refusing = (name, error, sent = []) => async (item, number) => {
  sent.push(`${number} ${item.name}`);
  if (item.name === name) throw error;
};

test('a refused recording does not stop the others', async () => {
  const sent = [];
  const { accepted, refused } = await submitAll(items, refusing('b.mp3', new ApiError(413, 'Too large.'), sent), open());
  assert.deepEqual(sent, ['1 a.mp3', '2 b.mp3', '3 c.mp3']);
  assert.deepEqual(names(accepted), ['a.mp3', 'c.mp3']);
  assert.deepEqual(refusalMessages(refused), ['b.mp3 was not accepted. Too large.']);
});

test('a refusal that applies to all stops the submission', async () => {
  for (const error of [new ApiError(401, 'A token is needed.'), new ApiError(422, 'No model knows it.', 'language')]) {
    const { accepted, refused } = await submitAll(items, refusing('b.mp3', error), open());
    assert.deepEqual([names(accepted), refused.length], [['a.mp3'], 1]);
  }
});

test('cancelling stops the submission, and is not a refusal', async () => {
  const cancelled = refusing('b.mp3', new DOMException('cancelled', 'AbortError'));
  const { accepted, refused } = await submitAll(items, cancelled, open());
  assert.deepEqual([names(accepted), refused], [['a.mp3'], []]);
  const controller = new AbortController();
  const { accepted: before } = await submitAll(items, async () => controller.abort(), controller.signal);
  assert.deepEqual(names(before), ['a.mp3']);
});

test('a reason is reported once for all recordings it applies to', () => {
  const away = new ApiError(0, 'The server is gone.');
  const refused = [[items[0], away], [items[1], new ApiError(413, 'Too large.')], [items[2], away]];
  assert.deepEqual(refusalMessages(refused.map(([item, error]) => ({ item, error }))), [
    'a.mp3, c.mp3 were not accepted. The server is gone.', 'b.mp3 was not accepted. Too large.',
  ]);
});

test('progress includes the name if there are several recordings', () => {
  const state = { name: 'a.mp3', number: 2, all: 5, share: 0.4 };
  assert.equal(uploadStatus(state), '2 of 5: a.mp3, 40 %');
  assert.equal(uploadStatus({ ...state, share: 1 }), '2 of 5: a.mp3, processing…');
  assert.equal(uploadStatus({ ...state, number: 1, all: 1 }), 'Uploading 40 %');
});
