// Refusals become sentences that can be shown.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ApiError, request, sentence, toApiError, token, tokenPrompt, upload } from '../../frontend/modules/api.js';

globalThis.sessionStorage = { getItem: () => null, setItem: () => {} };

const answering = (status, body) => {
  globalThis.fetch = async () => new Response(body, { status });
};

test('a problem is shown by its detail, whatever else comes by its status', () => {
  assert.equal(toApiError(422, '{"title":"t","detail":"the file is empty"}').message, 'The file is empty.');
  assert.equal(toApiError(500, '{"title":"Internal Server Error"}').message, 'Internal Server Error.');
  assert.equal(toApiError(502, '<html>Bad Gateway</html>').message, 'The server responded with status 502.');
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

test('where a browser keeps nothing, what is open to all is asked for without a token', async () => {
  const { sessionStorage } = globalThis;
  globalThis.sessionStorage = { getItem: () => { throw new DOMException('denied', 'SecurityError'); } };
  answering(200, '{"a":1}');
  assert.deepEqual(await request('/x'), { a: 1 });
  globalThis.sessionStorage = sessionStorage;
});

test('where a browser keeps nothing, a token lasts as long as the page', async () => {
  const { sessionStorage } = globalThis;
  const denied = () => { throw new DOMException('denied', 'SecurityError'); };
  globalThis.sessionStorage = { getItem: denied, setItem: denied };
  tokenPrompt.ask = async () => { token.set('right'); return true; };
  globalThis.fetch = async (path, { headers }) => new Response('{}', { status: headers.Authorization === 'Bearer right' ? 200 : 401 });
  assert.deepEqual(await request('/x'), {});
  assert.equal(token.query(), '?token=right');
  token.set('');
  globalThis.sessionStorage = sessionStorage;
});

test('a refusal carries its status and its sentence', async () => {
  answering(422, '{"detail":"url is missing","field":"url"}');
  await assert.rejects(request('/stations'), { status: 422, field: 'url' });
  answering(429, '{"detail":"3 uploads wait already"}');
  await assert.rejects(request('/jobs'), (error) => {
    assert.ok(error instanceof ApiError);
    assert.deepEqual([error.status, error.message, error.field], [429, '3 uploads wait already.', '']);
    return true;
  });
});

test('a server that does not answer is named', async () => {
  globalThis.fetch = async () => { throw new TypeError('fetch failed'); };
  await assert.rejects(request('/x'), { status: 0, message: /is not responding/ });
});

test('a token is asked for unless the caller would rather not', async () => {
  answering(401, '{"detail":"A token is needed"}');
  let asked = 0;
  tokenPrompt.ask = async () => { asked += 1; return false; };
  await assert.rejects(request('/jobs', { asks: false }), { status: 401 });
  assert.equal(asked, 0);
  await assert.rejects(request('/jobs'), { status: 401 });
  assert.equal(asked, 1);
});

test('the page of a proxy that stands in for the server is not taken for its answer', async () => {
  const page = '<html>Sign in</html>';
  answering(200, page);
  await assert.rejects(request('/jobs'), { status: 200, message: /sign in/ });
  globalThis.XMLHttpRequest = class {
    upload = {};

    open() {}

    send() {
      Object.assign(this, { status: 200, responseText: page });
      this.onload();
    }
  };
  await assert.rejects(upload('/jobs', null, () => {}), { status: 200, message: /sign in/ });
});

test('a token that the server has come to need is checked before an upload that it refused is sent again', async () => {
  const given = ['wrong', 'right'];
  let kept = '';
  const { sessionStorage } = globalThis;
  globalThis.sessionStorage = { getItem: () => kept };
  tokenPrompt.ask = async () => { kept = given.shift(); return true; };
  globalThis.fetch = async (path, { headers }) => {
    if (path === '/about') return new Response('{"token_needed":false}');
    return new Response('{}', { status: headers.Authorization === 'Bearer right' ? 200 : 401 });
  };
  const sent = [];
  globalThis.XMLHttpRequest = class {
    upload = {};

    open() {}

    setRequestHeader() {}

    send() {
      sent.push(kept);
      Object.assign(this, { status: kept === 'right' ? 202 : 401, responseText: '{}' });
      this.onload();
    }
  };
  await upload('/jobs', null, () => {});
  assert.deepEqual(sent, ['', 'right']);
  globalThis.sessionStorage = sessionStorage;
});
