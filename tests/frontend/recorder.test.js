// The microphone is given back, once, as browsers other than Chromium have it.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Recorder } from '../../frontend/modules/recorder.js';

const track = { ended: false, stop() { this.ended = true; } };
const contexts = [];

/** What hears, in Firefox: it is open until the promise of its end is kept, and complains when it is closed again. */
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

Object.defineProperty(globalThis, 'navigator', {
  configurable: true,
  value: { mediaDevices: { getUserMedia: async () => ({ getTracks: () => [track] }) } },
});
globalThis.document = new EventTarget();
globalThis.AudioContext = FakeContext;
globalThis.AudioWorkletNode = class {
  port = {};
};

test('a recorder that is stopped twice has closed once what hears', async () => {
  const recorder = new Recorder();
  await recorder.open();
  recorder.stop();
  recorder.stop();
  assert.equal(track.ended, true);
  assert.deepEqual(contexts.map(({ closings }) => closings), [1]);
  assert.equal(recorder.sampleRate, 44_100); // frames that are on their way still are of it
});
