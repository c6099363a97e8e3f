// Requests, and error responses as messages for the user.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ApiError, request, sentence, toApiError, token, tokenPrompt, upload } from '../../frontend/modules/api.js';

globalThis.sessionStorage = { getItem: () => null, setItem: () => {} };

const answering = (status, body) => {
  globalThis.fetch = async () => new Response(body, { status });
};

test('a problem is shown by its detail, any other response by its status', () => {
  assert.equal(toApiError(422, '{"title":"t","detail":"the file is empty"}').message, 'The file is empty.');
  assert.equal(toApiError(500, '{"title":"Internal Server Error"}').message, 'Internal Server Error.');
  assert.equal(toApiError(502, '<html>Bad Gateway</html>').message, 'The server responded with status 502.');
});

test('sentences are not punctuated twice', () => {
  assert.deepEqual(['x', 'X.', 'trying again…', 'why?'].map(sentence), ['X.', 'X.', 'Trying again…', 'Why?']);
});

test('a response is parsed as JSON, an empty one is null', async () => {
  answering(200, '{"a":1}');
  assert.deepEqual(await request('/x'), { a: 1 });
  globalThis.fetch = async () => new Response(null, { status: 204 });
  assert.equal(await request('/x'), null);
});

test('without session storage, requests are sent without a token', async () => {
  const { sessionStorage } = globalThis;
  globalThis.sessionStorage = { getItem: () => { throw new DOMException('denied', 'SecurityError'); } };
  answering(200, '{"a":1}');
  assert.deepEqual(await request('/x'), { a: 1 });
  globalThis.sessionStorage = sessionStorage;
});

test('without session storage, a token is kept until the page is closed', async () => {
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

test('an ApiError has the status, the message and the field', async () => {
  answering(422, '{"detail":"url is missing","field":"url"}');
  await assert.rejects(request('/stations'), { status: 422, field: 'url' });
  answering(429, '{"detail":"3 uploads wait already"}');
  await assert.rejects(request('/jobs'), (error) => {
    assert.ok(error instanceof ApiError);
    assert.deepEqual([error.status, error.message, error.field], [429, '3 uploads wait already.', '']);
    return true;
  });
});

test('an unreachable server is reported', async () => {
  globalThis.fetch = async () => { throw new TypeError('fetch failed'); };
  await assert.rejects(request('/x'), { status: 0, message: /is not responding/ });
});

test('the user is asked for a token unless the caller opts out', async () => {
  answering(401, '{"detail":"A token is needed"}');
  let asked = 0;
  tokenPrompt.ask = async () => { asked += 1; return false; };
  await assert.rejects(request('/jobs', { promptForToken: false }), { status: 401 });
  assert.equal(asked, 0);
  await assert.rejects(request('/jobs'), { status: 401 });
  assert.equal(asked, 1);
});

test('the page of a proxy is not mistaken for a response of the server', async () => {
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

test('after a 401, a new token is checked before the upload is repeated', async () => {
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
