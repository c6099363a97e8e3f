// A recording over sockets that break: no audio is lost or sent twice, and it stops when it should.

import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { Recording } from '../../frontend/modules/recording.js';

const RATE = 20; // a frame of a tenth of a second has two samples

class FakeSocket {
  static OPEN = 1;

  static made = [];

  readyState = 0;

  bufferedAmount = 0;

  sent = [];

  constructor() {
    FakeSocket.made.push(this);
  }

  send(data) {
    this.sent.push(typeof data === 'string' ? JSON.parse(data) : [...new Int16Array(data)]);
  }

  accept(audio_s = 0) {
    this.readyState = 1;
    this.onopen();
    this.say({ type: 'ready', id: 'abc', resume: 'abc.key', source: 'microphones/abc', audio_s, urls: {} });
  }

  say(message) {
    this.onmessage({ data: JSON.stringify(message) });
  }

  close(code) {
    this.code = code;
    this.readyState = 3;
    this.onclose();
  }
}

let timers;
let now;
let isServerUp;
let frames;

function record(resume = '') {
  const hello = (token) => ({ sample_rate: RATE, ...(token ? { resume: token } : {}) });
  const recording = new Recording('ws://x/microphone', hello, () => {}, {
    WebSocket: FakeSocket,
    setTimeout: (run, pause) => timers.push({ run, pause }),
    clearTimeout: () => {},
    now: () => now,
    isServerUp: async () => isServerUp,
    refusal: async () => 'refused',
  }, resume);
  recording.open();
  return recording;
}

const newest = () => FakeSocket.made.at(-1);
const settled = () => new Promise((resolve) => setImmediate(resolve));

function speak(recording, count = 1) {
  for (let n = 0; n < count; n += 1) {
    recording.send(new Int16Array([frames, frames]).buffer, RATE);
    frames += 1;
  }
}

beforeEach(() => {
  FakeSocket.made = [];
  timers = [];
  now = 0;
  frames = 0;
  isServerUp = false;
});

test('audio recorded while disconnected is sent over the next socket, after what has arrived', async () => {
  const recording = record();
  newest().accept();
  speak(recording, 3);
  newest().close();
  await settled();
  assert.equal(recording.state, 'away');
  speak(recording, 2);
  timers[0].run();
  newest().accept(0.15); // one frame and a half
  speak(recording);
  assert.deepEqual(newest().sent, [{ sample_rate: RATE, resume: 'abc.key', kept_from_s: 0 }, [1], [2, 2], [3, 3], [4, 4], [5, 5]]);
  assert.equal(recording.state, 'recording');
});

test('a reloaded page continues after the audio sent before', async () => {
  const before = record();
  newest().accept();
  before.leave();
  assert.deepEqual([newest().code, before.state], [4001, 'ended']);
  const recording = record('abc.key');
  speak(recording, 2);
  newest().accept(7);
  speak(recording);
  assert.deepEqual(newest().sent, [{ sample_rate: RATE, resume: 'abc.key' }, [0, 0], [1, 1], [2, 2]]);
  newest().close();
  await settled();
  timers[0].run();
  newest().accept(7.15); // one frame and a half have arrived
  assert.deepEqual(newest().sent, [{ sample_rate: RATE, resume: 'abc.key', kept_from_s: 7 }, [1], [2, 2]]);
});

test('during a long interruption the newest audio is kept', async () => {
  const recording = record();
  newest().accept();
  newest().close();
  await settled();
  speak(recording, 700);
  timers[0].run();
  newest().accept();
  assert.equal(newest().sent.length, 501);
  assert.deepEqual(newest().sent.at(-1), [699, 699]);
});

test('delays grow, and it finally gives up', async () => {
  const recording = record();
  newest().accept();
  for (let n = 0; n < 6; n += 1) {
    newest().close();
    await settled();
    timers.at(-1).run();
  }
  assert.deepEqual(timers.map(({ pause }) => pause), [1000, 2000, 4000, 8000, 15_000, 15_000]);
  now = 301_000;
  newest().close();
  await settled();
  assert.deepEqual([recording.state, recording.reason], ['ended', 'The connection could not be restored.']);
});

test('it ends if the recording is no longer open or the server keeps refusing', async () => {
  const gone = record();
  newest().accept();
  newest().close();
  await settled();
  timers[0].run();
  newest().onopen();
  newest().say({ type: 'error', status: 404, detail: 'no recording' });
  newest().close();
  assert.equal(gone.state, 'ended');
  assert.match(gone.reason, /ended while the connection was lost/);
  const refused = record();
  newest().accept();
  isServerUp = true;
  timers = [];
  newest().close();
  await settled();
  while (refused.state === 'away') {
    timers.at(-1).run();
    newest().close();
    await settled();
  }
  assert.deepEqual([refused.state, refused.reason], ['ended', 'refused']);
  const waitedMs = timers.reduce((sum, { pause }) => sum + pause, 0);
  assert.ok(waitedMs > 60_000, 'a socket that broke is counted for a minute');
});

test('it does not reconnect once the server has ended it', async () => {
  const recording = record();
  newest().accept();
  newest().say({ type: 'end', source: 'microphones/abc' });
  newest().close();
  await settled();
  assert.equal(recording.state, 'ended');
});

test('it reconnects to a server that temporarily lost its database', async () => {
  const recording = record();
  newest().accept();
  newest().say({ type: 'error', status: 503, detail: 'Redis does not answer' });
  newest().close();
  await settled();
  assert.equal(recording.state, 'away');
});

test('a stalled socket is replaced, with its own close code', async () => {
  const recording = record();
  newest().accept();
  newest().bufferedAmount = 1000;
  speak(recording);
  now = 10_001;
  speak(recording);
  await settled();
  assert.equal(recording.state, 'away');
  assert.equal(timers.length, 1);
  assert.equal(newest().code, 4000);
});

test('stopping while disconnected ends it at once and reports what is lost', async () => {
  const recording = record();
  newest().accept();
  newest().close();
  await settled();
  recording.stop();
  assert.equal(recording.state, 'ended');
  assert.match(recording.reason, /not captioned/);
});

test('losing the connection before the last captions is reported', async () => {
  for (const ends of [true, false]) {
    const recording = record();
    newest().accept();
    recording.stop();
    assert.equal(recording.state, 'stopping');
    if (ends) newest().say({ type: 'end', source: 'microphones/abc' });
    newest().close();
    await settled();
    assert.equal(recording.state, 'ended');
    assert.equal(recording.reason === '', ends);
  }
});
