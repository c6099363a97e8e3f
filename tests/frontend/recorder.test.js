// The microphone is released once, as browsers other than Chromium require.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Recorder } from '../../frontend/modules/recorder.js';

const track = { ended: false, stop() { this.ended = true; } };
const contexts = [];

/** An AudioContext as in Firefox: open until close() resolves, and closing it twice is an error. */
class FakeContext {
  sampleRate = 44_100;

  state = 'suspended';

  closings = 0;

  audioWorklet = { addModule: async () => {} };

  constructor() {
    contexts.push(this);
  }

  async resume() {
    this.state = 'running';
  }

  async close() {
    this.closings += 1;
    await null;
    this.state = 'closed';
  }

  createMediaStreamSource() {
    return { connect: () => {} };
  }
}

globalThis.document = new EventTarget();
globalThis.AudioContext = FakeContext;
globalThis.AudioWorkletNode = class {
  port = {};
};

test('a recorder stopped twice closes its AudioContext once', async () => {
  const recorder = new Recorder();
  await recorder.open({ getTracks: () => [track] });
  recorder.stop();
  recorder.stop();
  assert.equal(track.ended, true);
  assert.deepEqual(contexts.map(({ closings }) => closings), [1]);
  assert.equal(recorder.sampleRate, 44_100); // pending frames still need it
});

test('a stream that ended before it was recorded is an error', async () => {
  const recorder = new Recorder();
  const stream = { getTracks: () => [{ readyState: 'ended', stop: () => {} }] };
  await assert.rejects(recorder.open(stream), { name: 'InvalidStateError' });
  assert.equal(contexts.at(-1).closings, 1);
});
