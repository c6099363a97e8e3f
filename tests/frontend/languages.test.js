import assert from 'node:assert/strict';
import { test } from 'node:test';

test('languages have names where the browser says of its own what names none', async () => {
  Object.defineProperty(globalThis, 'navigator', { value: { languages: ['C', 'sv-SE'] }, configurable: true });
  const { languageName } = await import('../../frontend/modules/languages.js');
  assert.equal(languageName('en'), 'engelska');
  assert.equal(languageName('jw'), 'javanesiska');
  assert.equal(languageName('no language'), 'no language');
});
