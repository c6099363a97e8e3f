import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { Rolling } from '../../frontend/modules/rolling.js';

const caption = (place, ...lines) => ({ kind: 'caption', place, lines, text: lines.join(' '), language: 'sv', final: true });

let rolling;
const texts = (lines, now) => rolling.show(lines, now).shown.map(({ text }) => text);

beforeEach(() => {
  rolling = new Rolling(2);
});

test('lines that arrive at once are shown one after another', () => {
  const lines = [caption(1, 'a', 'b'), caption(2, 'c')];
  assert.deepEqual(rolling.show(lines, 0), { shown: [{ place: 1, index: 0, text: 'a', language: 'sv', final: true }], nextMs: 1300 });
  assert.deepEqual(texts(lines, 1299), ['a']);
  assert.deepEqual(texts(lines, 1300), ['a', 'b']);
  assert.equal(rolling.show(lines, 1300).nextMs, 2600);
  assert.deepEqual(texts(lines, 2600), ['b', 'c']);
  assert.equal(rolling.show(lines, 2600).nextMs, null);
});

test('a revision changes visible lines at once, and its further lines wait', () => {
  assert.deepEqual(texts([caption(1, 'a')], 0), ['a']);
  assert.deepEqual(texts([caption(1, 'A', 'B')], 10), ['A']);
  assert.deepEqual(texts([caption(1, 'A', 'B')], 1300), ['A', 'B']);
  assert.deepEqual(texts([caption(1, 'AB')], 1310), ['AB']);
});

test('gaps and withdrawn captions are not shown', () => {
  const lines = [caption(1, 'a'), { kind: 'gap', place: 2, lines: [''], text: '' }, caption(3, '')];
  assert.deepEqual(rolling.show(lines, 0).nextMs, null);
  assert.deepEqual(texts(lines, 5000), ['a']);
});

test('after an interruption only the newest lines are shown', () => {
  const lines = Array.from({ length: 40 }, (_, n) => caption(n + 1, `${n}`));
  assert.deepEqual(texts(lines, 0), ['38', '39']);
  assert.equal(rolling.show(lines, 0).nextMs, null);
});

test('cleared lines stay cleared, new ones are shown', () => {
  assert.deepEqual(texts([caption(1, 'a')], 0), ['a']);
  rolling.clear([caption(1, 'a')]);
  assert.deepEqual(texts([caption(1, 'A')], 10), []);
  assert.deepEqual(texts([caption(1, 'A'), caption(2, 'b')], 2000), ['b']);
});

test('a cleared line that was not final is shown again when it goes on', () => {
  const unfinished = { ...caption(2, 'c'), final: false };
  assert.deepEqual(texts([caption(1, 'a')], 0), ['a']);
  assert.deepEqual(texts([caption(1, 'a'), unfinished], 1300), ['a', 'c']);
  rolling.clear([caption(1, 'a'), unfinished]);
  assert.deepEqual(texts([caption(1, 'a'), unfinished], 2600), []);
  assert.deepEqual(texts([caption(1, 'a'), caption(2, 'c d', 'e')], 2610), ['c d', 'e']);
  rolling.clear([caption(2, 'c d', 'e')]);
  assert.deepEqual(texts([caption(2, 'c d', 'f')], 9000), []);
});

test('when places count from 1 again, the newest line is shown first', () => {
  assert.deepEqual(texts([caption(9, 'a')], 0), ['a']);
  rolling.restart(2000);
  assert.deepEqual(texts([caption(1, 'old')], 2000), []);
  assert.deepEqual(texts(Array.from({ length: 9 }, (_, n) => caption(n + 1, `${n}`)), 3300), ['7', '8']);
});
