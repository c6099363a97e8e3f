// Decoding messages: golden ones, which pytest loads too, and invalid ones.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

import { decode, MessageError } from '../../frontend/modules/messages.js';

const folder = new URL('../data/messages/', import.meta.url);
const golden = (name) => readFileSync(new URL(name, folder), 'utf8');

for (const name of readdirSync(folder).filter((file) => file.endsWith('.json'))) {
  test(`${name} is decoded`, () => {
    const message = decode(golden(name));
    assert.deepEqual(message, JSON.parse(golden(name)));
    assert.ok(Object.isFrozen(message));
  });
}

test('a missing required field is detected', () => {
  for (const [name, fields] of Object.entries({
    'caption.json': ['source', 'id', 'revision', 'event', 'start_s', 'end_s', 'text'],
    'status.json': ['source', 'state'],
    'missed.json': ['count', 'after'],
    'end.json': ['source'],
    'correction.json': ['source', 'caption'],
    'error.json': ['status', 'detail'],
    'ready.json': ['id', 'source'],
  })) {
    for (const field of [...fields, 'type']) {
      const values = JSON.parse(golden(name));
      delete values[field];
      assert.throws(() => decode(JSON.stringify(values)), MessageError, `${name} without ${field}`);
    }
  }
});

test('anything that is not a message is rejected', () => {
  for (const data of ['', '{', 'null', '7', '[]', '{}', '{"type":3}', '{"type":"caption","id":"1"}']) {
    assert.throws(() => decode(data), MessageError, data);
  }
});

test('unknown types and fields are accepted', () => {
  assert.equal(decode('{"type":"weather","x":1}').x, 1);
  assert.equal(decode('{"type":"constructor"}').type, 'constructor');
  assert.equal(decode(JSON.stringify({ ...JSON.parse(golden('end.json')), more: 1 })).more, 1);
});
