import assert from 'node:assert/strict';
import { test } from 'node:test';

test('languages have names even if the browser reports an invalid language', async () => {
  Object.defineProperty(globalThis, 'navigator', { value: { languages: ['C', 'sv-SE'] }, configurable: true });
  const { languageName } = await import('../../frontend/modules/languages.js');
  assert.equal(languageName('en'), 'engelska');
  assert.equal(languageName('jw'), 'javanesiska');
  assert.equal(languageName('no language'), 'no language');
});
