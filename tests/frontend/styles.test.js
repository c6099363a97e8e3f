// The style sheets: Safari silently ignores what it does not support.

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
  test(`${sheet}: text-decoration has a single value, the rest is in longhands`, () => {
    assert.deepEqual(declarations(sheet).filter(([property, value]) => property === 'text-decoration' && value.includes(' ')), []);
  });

  test(`${sheet}: user-select always has its prefixed variant for Safari`, () => {
    const names = declarations(sheet).map(([property]) => property);
    const count = (name) => names.filter((each) => each === name).length;
    assert.equal(count('-webkit-user-select'), count('user-select'));
  });

  test(`${sheet}: colours work in browsers from before 2024`, () => {
    assert.deepEqual(declarations(sheet).filter(([, value]) => value.includes('light-dark(')), []);
  });
}

for (const sheet of ['style.css', 'overlay.css']) { // captions.css is used together with style.css
  test(`${sheet}: iPhones do not enlarge text in landscape`, () => {
    assert.ok(declarations(sheet).some(([property]) => property === '-webkit-text-size-adjust'));
  });
}
