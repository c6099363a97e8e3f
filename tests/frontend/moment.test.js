// Addresses of moments, and the line at a moment.

import assert from 'node:assert/strict';
import test from 'node:test';

import { destination, lineAt, momentAddress } from '../../frontend/modules/moment.js';

test('an address with a moment selects source and moment', () => {
  assert.equal(momentAddress('stations/p1', 1795347277.9099998), '#radio/p1?at=1795347277.91');
  assert.equal(momentAddress('jobs/3f2a', 83), '#file/3f2a?at=83');
  assert.deepEqual(destination('#radio/p1?at=1795347277.91'), { name: 'radio', id: 'p1', at: 1795347277.91 });
  assert.deepEqual(destination('#file/3f2a?at=83'), { name: 'file', id: '3f2a', at: 83 });
});

test('an address without a valid moment selects the source', () => {
  assert.deepEqual(destination(''), { name: '', id: '', at: null });
  assert.deepEqual(destination('#radio/p1'), { name: 'radio', id: 'p1', at: null });
  for (const unfit of ['', 'now', '-5', '1e3', 'Infinity']) assert.equal(destination(`#radio/p1?at=${unfit}`).at, null, unfit);
  assert.deepEqual(destination('#search/what?at=5'), { name: 'search', id: 'what?at=5', at: null }, 'words that are looked for');
  assert.deepEqual(destination('#search/a%2Fb/c%'), { name: 'search', id: 'a%2Fb/c%', at: null }, 'malformed');
});

const line = (start, end, text = 'said') => ({ start_s: start, end_s: end, text });
const lines = [line(100, 104), { kind: 'missed' }, line(104.2, 107), line(107, 110, ''), line(500, 504)];

test('the line at a moment is the last that has begun', () => {
  assert.equal(lineAt(lines, 104.2), lines[2]);
  assert.equal(lineAt(lines, 104.196), lines[2], 'rounded');
  assert.equal(lineAt(lines, 104.1), lines[0]);
  assert.equal(lineAt(lines, 108), lines[2], 'what was taken away is not shown');
});

test('if nobody speaks it is the nearest, if one is near', () => {
  assert.equal(lineAt(lines, 60), lines[0]);
  assert.equal(lineAt(lines, 450), lines[4]);
  assert.equal(lineAt(lines, 160), lines[2]);
  assert.equal(lineAt(lines, 300), null);
  assert.equal(lineAt(lines, 5), null);
  assert.equal(lineAt([], 5), null);
});
