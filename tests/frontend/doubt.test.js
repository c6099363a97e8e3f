// Doubtful words: the text is never changed.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { pieces } from '../../frontend/modules/doubt.js';

const said = (...words) => words.map(([text, confidence]) => ({ text, confidence }));

test('doubtful words are separate pieces, others are joined', () => {
  assert.deepEqual(pieces('Klockan är nog åtta.', said(['Klockan', 0.9], ['är', 0.8], ['nog', 0.3], ['åtta.', 0.9])), [
    { text: 'Klockan är ', doubtful: false }, { text: 'nog', doubtful: true }, { text: ' åtta.', doubtful: false },
  ]);
  assert.deepEqual(pieces('så så', said(['så', 0.2], ['så', 0.9])), [
    { text: 'så', doubtful: true }, { text: ' så', doubtful: false },
  ]);
});

test('line breaks are kept', () => {
  assert.deepEqual(pieces('Klockan är\nnog åtta.', said(['Klockan', 0.9], ['är', 0.8], ['nog', 0.3], ['åtta.', 0.9])).map(({ text }) => text), [
    'Klockan är\n', 'nog', ' åtta.',
  ]);
  assert.deepEqual(pieces('今日\nは雨。', said(['今日', 0.9], ['は', 0.1], ['雨。', 0.9])).map(({ text }) => text), ['今日\n', 'は', '雨。']);
});

test('words without a confidence are not doubtful', () => {
  assert.deepEqual(pieces('en två', said(['en', null], ['två', undefined])), [{ text: 'en två', doubtful: false }]);
});

test('scripts without spaces', () => {
  assert.deepEqual(pieces('今日は雨。', said(['今日', 0.9], ['は', 0.1], ['雨。', 0.9])).map(({ text }) => text), ['今日', 'は', '雨。']);
});

test('a written space in such scripts belongs to its word, and may be a line break', () => {
  assert.deepEqual(pieces('ที่เมือง\nวันนี้ ฝน', said(['ที่', 0.9], ['เมือง', 0.9], [' วันนี้', 0.1], [' ฝน', 0.9])), [
    { text: 'ที่เมือง\n', doubtful: false }, { text: 'วันนี้', doubtful: true }, { text: ' ฝน', doubtful: false },
  ]);
});

test('words that do not match the text mark nothing', () => {
  for (const words of [[], said(['fel', 0.1]), said(['rätt', 0.1]), said(['text', 0.1]), said(['rätt', 0.1], ['text', 0.1], ['mer', 0.1])]) {
    assert.deepEqual(pieces('rätt text', words), [{ text: 'rätt text', doubtful: false }]);
  }
});
