import assert from 'node:assert/strict';
import test from 'node:test';

import { marked } from '../../frontend/modules/found.js';

test('a text is cut into what was found and what stands around it', () => {
  assert.deepEqual(marked('a storm is a storm', [[2, 7], [13, 18]]), [['a ', false], ['storm', true], [' is a ', false], ['storm', true]]);
  assert.deepEqual(marked('storm', [[0, 5]]), [['storm', true]]);
  assert.deepEqual(marked('calm', []), [['calm', false]]);
});

test('characters are counted as the server counts them', () => {
  assert.deepEqual(marked('🌧 storm', [[2, 7]]), [['🌧 ', false], ['storm', true]]);
});
