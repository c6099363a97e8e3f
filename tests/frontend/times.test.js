import assert from 'node:assert/strict';
import { test } from 'node:test';

import { clock, dateOf, dayOf, duration, midnight, percent, size, stamp, timeOfDay, when } from '../../frontend/modules/times.js';

test('time within a recording', () => {
  assert.deepEqual([0, 5.9, 65, 3600, 3723.4, 360000].map(clock), ['0:00', '0:05', '1:05', '1:00:00', '1:02:03', '100:00:00']);
  assert.equal(clock(-3), '0:00');
});

test('time of day', () => {
  const date = new Date(2026, 10, 22, 8, 3, 9);
  assert.equal(timeOfDay(date.getTime() / 1000), '08:03:09');
  assert.equal(stamp(date.getTime() / 1000), '2026-11-22 08.03.09');
});

test('the day in the local time zone, and its date', () => {
  const unix = (...parts) => new Date(...parts).getTime() / 1000;
  assert.deepEqual([unix(2026, 10, 9, 23, 59, 59.9), unix(2026, 10, 10)].map(dayOf), ['2026-11-09', '2026-11-10']);
  assert.equal(dateOf('2026-11-29', unix(2026, 10, 30)), 'Sunday 29 November');
  assert.equal(dateOf('2024-11-29', unix(2026, 10, 30)), 'Friday 29 November 2024');
});

test('the beginning of a day and of the next', () => {
  const unix = (...parts) => new Date(...parts).getTime() / 1000;
  assert.deepEqual([midnight('2026-11-30'), midnight('2026-11-30', 1), midnight('')], [unix(2026, 10, 30), unix(2026, 11, 1), '']);
});

test('a time relative to now', () => {
  const unix = (...parts) => new Date(...parts).getTime() / 1000;
  const now = unix(2026, 10, 28, 9);
  assert.deepEqual([unix(2026, 10, 28, 0, 5), unix(2026, 10, 27, 23, 59), unix(2025, 10, 28, 9)].map((s) => when(s, now)), [
    'today 00:05', '27 Nov 23:59', '28 Nov 2025',
  ]);
});

test('a duration', () => {
  assert.deepEqual([0, 1, 59.4, 60, 125, 3600, 3840, 7199].map(duration), [
    '0 seconds', '1 second', '59 seconds', '1 min', '2 min 5 s', '1 h', '1 h 4 min', '2 h',
  ]);
});

test('a size in bytes', () => {
  assert.deepEqual([0, 999, 1000, 1_400_000, 23_500_000, 2 ** 31].map(size), ['0 B', '999 B', '1.0 kB', '1.4 MB', '24 MB', '2.1 GB']);
});

test('percent reaches 100 only at the end', () => {
  assert.deepEqual([0, 0.5, 0.999, 1].map(percent), ['0 %', '50 %', '99 %', '100 %']);
});
