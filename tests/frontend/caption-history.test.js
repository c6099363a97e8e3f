// What was said before a time: how far back it is looked for.

import assert from 'node:assert/strict';
import test from 'node:test';

import { captionsBefore } from '../../frontend/modules/caption-history.js';

/** Asks for what overlaps a time, of captions of four seconds that begin at `starts`; and what it was asked. */
function asking(...starts) {
  const asked = [];
  const ask = async (_path, from, to) => {
    asked.push([from, to]);
    return starts.filter((start) => start < to && start + 4 > from).map((start) => ({ start_s: start }));
  };
  return { ask, asked };
}

const before = (time) => ({ start_s: start }) => start < time;

test('the captions before a time are those of the stretch before it', async () => {
  const { ask, asked } = asking(500, 790, 996, 1000);
  assert.deepEqual(await captionsBefore('s', 1000, 300, 0, before(1000), ask), { captions: [{ start_s: 790 }, { start_s: 996 }], from: 700 });
  assert.deepEqual(asked, [[700, 1000]]);
});

test('behind music they are looked for further back, twice as far each time', async () => {
  const { ask, asked } = asking(8000, 10_000);
  const { captions } = await captionsBefore('s', 10_000, 300, 0, before(10_000), ask);
  assert.deepEqual(captions, [{ start_s: 8000 }]);
  assert.deepEqual(asked, [[9700, 10_000], [9100, 9700], [7900, 9100]]);
});

test('where there are none for hours, it ends, and one goes on from there', async () => {
  const { ask, asked } = asking();
  const { captions, from } = await captionsBefore('s', 1e9, 300, 0, before(1e9), ask);
  assert.deepEqual(captions, []);
  assert.equal(asked.length, 12);
  assert.ok(asked.every(([begin, end]) => end - begin <= 3600));
  assert.equal(from, asked.at(-1)[0]);
});

test('nothing is asked for from before the first caption that is kept', async () => {
  const { ask, asked } = asking();
  await captionsBefore('s', 1000, 300, 500, before(1000), ask);
  assert.deepEqual(asked, [[700, 1000], [100, 700]]);
});

test('of many, the last are taken', async () => {
  const { ask } = asking(...Array.from({ length: 1000 }, (_, index) => 1000 + index));
  const { captions } = await captionsBefore('s', 2000, 3000, 0, before(2000), ask);
  assert.deepEqual([captions.length, captions.at(-1).start_s], [200, 1999]);
});

test('behind those that are known already it is looked further back', async () => {
  const { ask } = asking(400, 995);
  const { captions } = await captionsBefore('s', 1000, 300, 0, before(995), ask);
  assert.deepEqual(captions, [{ start_s: 400 }]);
});
