// The style sheets: what Safari does not know, it passes over without a word.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';

const SHEETS = ['style.css', 'captions.css', 'overlay.css'];

/** [property, value] of each declaration. */
function declarations(sheet) {
  const css = readFileSync(new URL(`../../frontend/${sheet}`, import.meta.url), 'utf8').replace(/\/\*.*?\*\//gs, '');
  return [...css.matchAll(/([\w-]+):\s*([^;{}]+);/g)].map(([, property, value]) => [property, value]);
}

for (const sheet of SHEETS) {
  test(`${sheet}: a text-decoration has one value, and longhands say the rest`, () => {
    assert.deepEqual(declarations(sheet).filter(([property, value]) => property === 'text-decoration' && value.includes(' ')), []);
  });

  test(`${sheet}: what cannot be selected cannot be in Safari, either`, () => {
    const names = declarations(sheet).map(([property]) => property);
    const count = (name) => names.filter((each) => each === name).length;
    assert.equal(count('-webkit-user-select'), count('user-select'));
  });

  test(`${sheet}: colours are those of browsers from before 2024, too`, () => {
    assert.deepEqual(declarations(sheet).filter(([, value]) => value.includes('light-dark(')), []);
  });
}

for (const sheet of ['style.css', 'overlay.css']) { // captions.css comes with the first
  test(`${sheet}: an iPhone on its side leaves letters as they are`, () => {
    assert.ok(declarations(sheet).some(([property]) => property === '-webkit-text-size-adjust'));
  });
}
