// Refusals become sentences that can be shown.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ApiError, detailOf, request, sentence } from '../../frontend/modules/api.js';

globalThis.sessionStorage = { getItem: () => null, setItem: () => {} };

const answering = (status, body) => {
  globalThis.fetch = async () => new Response(body, { status });
};

test('a problem is shown by its detail, whatever else comes by its status', () => {
  assert.equal(detailOf(422, '{"title":"t","detail":"the file is empty"}'), 'The file is empty.');
  assert.equal(detailOf(500, '{"title":"Internal Server Error"}'), 'Internal Server Error.');
  assert.equal(detailOf(502, '<html>Bad Gateway</html>'), 'The server answered 502.');
});

test('sentences are not punctuated twice', () => {
  assert.deepEqual(['x', 'X.', 'trying again…', 'why?'].map(sentence), ['X.', 'X.', 'Trying again…', 'Why?']);
});

test('an answer is its JSON, an empty one null', async () => {
  answering(200, '{"a":1}');
  assert.deepEqual(await request('/x'), { a: 1 });
  globalThis.fetch = async () => new Response(null, { status: 204 });
  assert.equal(await request('/x'), null);
});

test('a refusal carries its status and its sentence', async () => {
  answering(429, '{"detail":"3 uploads wait already"}');
  await assert.rejects(request('/jobs'), (error) => {
    assert.ok(error instanceof ApiError);
    assert.deepEqual([error.status, error.message], [429, '3 uploads wait already.']);
    return true;
  });
});

test('a server that does not answer is named', async () => {
  globalThis.fetch = async () => { throw new TypeError('fetch failed'); };
  await assert.rejects(request('/x'), { status: 0, message: /does not answer/ });
});
