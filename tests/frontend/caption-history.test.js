// Captions before a time: how far back they are searched for.

import assert from 'node:assert/strict';
import test from 'node:test';

import { captionsBefore } from '../../frontend/modules/caption-history.js';

/** A fetch function for captions of four seconds that begin at `starts`, and the ranges it was called with. */
function asking(...starts) {
  const asked = [];
  const ask = async (_path, from, to) => {
    asked.push([from, to]);
    return starts.filter((start) => start < to && start + 4 > from).map((start) => ({ start_s: start }));
  };
  return { ask, asked };
}

const before = (time) => ({ start_s: start }) => start < time;

test('captions are first looked for in the range before the time', async () => {
  const { ask, asked } = asking(500, 790, 996, 1000);
  assert.deepEqual(await captionsBefore('s', 1000, 300, 0, before(1000), ask), { captions: [{ start_s: 790 }, { start_s: 996 }], from: 700 });
  assert.deepEqual(asked, [[700, 1000]]);
});

test('across music they are looked for further back, doubling the range each time', async () => {
  const { ask, asked } = asking(8000, 10_000);
  const { captions } = await captionsBefore('s', 10_000, 300, 0, before(10_000), ask);
  assert.deepEqual(captions, [{ start_s: 8000 }]);
  assert.deepEqual(asked, [[9700, 10_000], [9100, 9700], [7900, 9100]]);
});

test('after some hours without captions the search stops, and returns where', async () => {
  const { ask, asked } = asking();
  const { captions, from } = await captionsBefore('s', 1e9, 300, 0, before(1e9), ask);
  assert.deepEqual(captions, []);
  assert.equal(asked.length, 12);
  assert.ok(asked.every(([begin, end]) => end - begin <= 3600));
  assert.equal(from, asked.at(-1)[0]);
});

test('nothing is requested from before the oldest caption', async () => {
  const { ask, asked } = asking();
  await captionsBefore('s', 1000, 300, 500, before(1000), ask);
  assert.deepEqual(asked, [[700, 1000], [100, 700]]);
});

test('if there are too many, the last ones are returned', async () => {
  const { ask } = asking(...Array.from({ length: 1000 }, (_, index) => 1000 + index));
  const { captions } = await captionsBefore('s', 2000, 3000, 0, before(2000), ask);
  assert.deepEqual([captions.length, captions.at(-1).start_s], [200, 1999]);
});

test('unwanted captions do not stop the search', async () => {
  const { ask } = asking(400, 995);
  const { captions } = await captionsBefore('s', 1000, 300, 0, before(995), ask);
  assert.deepEqual(captions, [{ start_s: 400 }]);
});
