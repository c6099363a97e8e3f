// Completing typed addresses, and detecting masked passwords.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { completed, hasPassword, masked } from '../../frontend/modules/address.js';

const meant = (expected) => {
  for (const [typed, address] of Object.entries(expected)) assert.equal(completed(typed), address);
};

test('a missing scheme becomes https, or http if there is a port', () => meant({
  ' stream.example.org/live.mp3 ': 'https://stream.example.org/live.mp3',
  '//example.org/a.mp3?at=1:2': 'https://example.org/a.mp3?at=1:2',
  'example.org:8000/live': 'http://example.org:8000/live',
  'localhost:8000': 'http://localhost:8000/',
  '[::1]:8000/live': 'http://[::1]:8000/live',
  'example.org:8443/live': 'https://example.org:8443/live',
}));

test('special characters are escaped and typos are corrected', () => meant({
  'https://exempel.se/möte 1.mp3': 'https://exempel.se/m%C3%B6te%201.mp3',
  'HTTP:/example.org/m%C3%B6te.mp3': 'http://example.org/m%C3%B6te.mp3',
}));

test('anything that is not a web address is unchanged', () => {
  for (const typed of ['', 'ftp://example.org', 'mailto:me', 'a station', 'https://', 'bla bla bla', 'blabla', '/etc/passwd', 'my radio.mp3']) assert.equal(completed(typed), typed);
});

test('a password before the host is detected', () => {
  for (const address of ['http://me:word@example.org:8000/live', 'http://me:***@example.org', 'https://:word@[::1]:8000/']) {
    assert.equal(hasPassword(address), true, address);
  }
  for (const address of ['http://example.org:8000/me@home', 'http://me@example.org/', 'http://example.org/a?b:c@d', '']) {
    assert.equal(hasPassword(address), false, address);
  }
});

test('a password of three asterisks is masked', () => {
  assert.equal(masked('http://me:***@example.org:8000/live'), true);
  for (const whole of ['http://me:word@example.org/', 'http://me@example.org/', 'http://example.org/a:***@b']) assert.equal(masked(whole), false);
});
