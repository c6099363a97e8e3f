import assert from 'node:assert/strict';
import test from 'node:test';

import { highlight } from '../../frontend/modules/highlight.js';

test('a text is split into matches and the text around them', () => {
  assert.deepEqual(highlight('a storm is a storm', [[2, 7], [13, 18]]), [['a ', false], ['storm', true], [' is a ', false], ['storm', true]]);
  assert.deepEqual(highlight('storm', [[0, 5]]), [['storm', true]]);
  assert.deepEqual(highlight('calm', []), [['calm', false]]);
});

test('characters are counted as the server counts them', () => {
  assert.deepEqual(highlight('🌧 storm', [[2, 7]]), [['🌧 ', false], ['storm', true]]);
});
