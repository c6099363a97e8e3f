// The reading position in a list: which line is found, and how many are measured.

import assert from 'node:assert/strict';
import test from 'node:test';

import { ReadingPlace } from '../../frontend/modules/reading-place.js';

/** A scroller 100 pixels down the page, with lines of 20 pixels after a 30 pixel element that is not a line. */
function box(count, isHidden = () => false) {
  const scroller = { scrollTop: 0, measured: 0, getBoundingClientRect: () => ({ top: 100, bottom: 300 }) };
  const child = (dataset, hidden, place) => ({
    dataset, hidden, place, isConnected: true,
    getBoundingClientRect: () => {
      scroller.measured += 1;
      return { top: hidden ? 0 : 100 + place() - scroller.scrollTop };
    },
  });
  scroller.children = [child({}, false, () => 0)];
  let shown = 0;
  for (let key = 0; key < count; key += 1) {
    const above = 30 + 20 * shown;
    scroller.children.push(child({ key: String(key) }, isHidden(key), () => above + scroller.added));
    shown += isHidden(key) ? 0 : 1;
  }
  scroller.added = 0;
  return scroller;
}

/** How far the scroller is scrolled to keep the position when 400 pixels are inserted above. */
function kept(scroller, scrollTop) {
  const place = new ReadingPlace(scroller);
  scroller.scrollTop = scrollTop;
  place.note();
  scroller.added = 400;
  place.restore();
  scroller.added = 0;
  return scroller.scrollTop;
}

test('the topmost whole line stays in place', () => {
  for (const scrollTop of [0, 30, 31, 90, 1000, 2009]) assert.equal(kept(box(101), scrollTop), scrollTop + 400);
});

test('without a whole line below the top there is nothing to keep', () => {
  assert.equal(kept(box(0), 0), 0);
  assert.equal(kept(box(10, () => true), 50), 50);
  assert.equal(kept(box(10), 300), 300);
});

test('hidden lines are skipped', () => {
  for (const isHidden of [(key) => key < 90, (key) => key > 10, (key) => key % 3, (key) => key > 20 && key < 95]) {
    for (const scrollTop of [0, 35, 90, 170]) assert.equal(kept(box(101, isHidden), scrollTop), scrollTop + 400);
  }
});

test('only a few of thousands of lines are measured', () => {
  const scroller = box(5000);
  assert.equal(kept(scroller, 60_000), 60_400);
  assert.ok(scroller.measured < 20, `${scroller.measured} are measured`);
});
