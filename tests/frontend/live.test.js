// The live socket reconnects after the last event, and stops when it should.

import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { LiveSocket, socketUrl } from '../../frontend/modules/live.js';
import { CaptionStore } from '../../frontend/modules/store.js';

class FakeSocket {
  static made = [];

  constructor(url) {
    this.url = url;
    FakeSocket.made.push(this);
  }

  say(message) {
    this.onmessage({ data: typeof message === 'string' ? message : JSON.stringify(message) });
  }

  close() {
    this.closed = true;
    this.onclose();
  }
}

const caption = (event) => ({
  type: 'caption', source: 's', id: event, revision: 0, event, start_s: 0, end_s: 1, text: 'x', final: true,
});

let timers;
let exists;
let now;
let wake; // null if no listener is registered

function watch() {
  const store = new CaptionStore();
  const socket = new LiveSocket('/stations/demo/live', store, {
    WebSocket: FakeSocket,
    location: { protocol: 'https:', host: 'captions.example' },
    setTimeout: (run, pause) => timers.push({ run, pause }), // returns its id
    clearTimeout: (id) => delete timers[id - 1],
    random: () => 0.5,
    now: () => now,
    onWaking: (hear) => {
      wake = hear;
      return () => {
        wake = null;
      };
    },
    exists: async () => exists,
  });
  const states = [];
  socket.addEventListener('change', () => states.push(socket.state));
  socket.open();
  return { store, socket, states };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

beforeEach(() => {
  FakeSocket.made = [];
  timers = [];
  exists = true;
  now = 1e12;
  wake = null;
});

test('the socket URL follows the page', () => {
  assert.equal(socketUrl('/x', { protocol: 'http:', host: 'localhost:8000' }), 'ws://localhost:8000/x');
  assert.equal(socketUrl('/x', { protocol: 'https:', host: 'a.example' }), 'wss://a.example/x');
});

test('it reconnects after the last event, with growing delays until a message arrives', async () => {
  const { states } = watch();
  FakeSocket.made[0].onopen();
  FakeSocket.made[0].say(caption(7));
  FakeSocket.made[0].onclose();
  await settled();
  assert.deepEqual(states, ['open', 'waiting']);
  timers.at(-1).run();
  assert.equal(FakeSocket.made[1].url, 'wss://captions.example/stations/demo/live?after=7');
  FakeSocket.made[1].onclose();
  await settled();
  timers.at(-1).run();
  FakeSocket.made[2].onclose();
  await settled();
  const pauses = timers.map(({ pause }) => pause);
  assert.ok(pauses[0] < pauses[1] && pauses[1] < pauses[2], pauses.join());
  timers.at(-1).run();
  FakeSocket.made[3].onopen();
  FakeSocket.made[3].say(caption(8));
  FakeSocket.made[3].onclose();
  await settled();
  assert.equal(timers.at(-1).pause, pauses[0]);
});

test('it does not reconnect after the end', async () => {
  const { socket } = watch();
  FakeSocket.made[0].onopen();
  FakeSocket.made[0].say({ type: 'end', source: 's' });
  FakeSocket.made[0].onclose();
  await settled();
  assert.equal(socket.state, 'ended');
  assert.equal(timers.length, 0);
});

test('it does not reconnect to a source that no longer exists', async () => {
  exists = false;
  const { socket } = watch();
  FakeSocket.made[0].onclose();
  await settled();
  assert.equal(socket.state, 'gone');
  assert.equal(timers.length, 0);
});

test('closing it while it checks for existence dispatches no further change', async () => {
  exists = false;
  const { socket, states } = watch();
  FakeSocket.made[0].onclose();
  socket.close();
  await settled();
  assert.deepEqual(states, ['waiting']);
});

test('a closed socket ignores messages and does not reconnect', async () => {
  const { socket, store } = watch();
  FakeSocket.made[0].onopen();
  socket.close();
  assert.ok(FakeSocket.made[0].closed);
  FakeSocket.made[0].say(caption(1));
  await settled();
  assert.equal(store.lines.length, 0);
  assert.equal(timers.length, 0);
});

test('closing it while it checks for existence prevents reconnecting', async () => {
  const { socket } = watch();
  FakeSocket.made[0].onclose();
  socket.close();
  await settled();
  assert.equal(timers.length, 0);
});

test('an interruption of the server changes the state, and so does its end', () => {
  const { states } = watch();
  FakeSocket.made[0].onopen();
  FakeSocket.made[0].say({ type: 'interrupted', source: 's' });
  FakeSocket.made[0].say({ type: 'resumed', source: 's' });
  assert.deepEqual(states, ['open', 'interrupted', 'open']);
});

test('an invalid message is ignored', (t) => {
  t.mock.method(console, 'warn', () => {});
  const { store } = watch();
  FakeSocket.made[0].onopen();
  FakeSocket.made[0].say('nonsense');
  FakeSocket.made[0].say(caption(1));
  assert.equal(store.last, 1);
});

test('a waking page reconnects at once', async () => {
  const { states } = watch();
  FakeSocket.made[0].onopen();
  FakeSocket.made[0].say(caption(7));
  FakeSocket.made[0].onclose();
  await settled();
  wake();
  assert.equal(FakeSocket.made.length, 2);
  assert.equal(Object.keys(timers).length, 0);
  FakeSocket.made[1].readyState = 0;
  wake(); // browsers dispatch several events
  assert.equal(FakeSocket.made.length, 2);
  FakeSocket.made[1].onopen();
  assert.deepEqual(states, ['open', 'waiting', 'open']);
});

test('a waking page replaces a silent socket, and continues after the last event', async () => {
  const { socket, states, store } = watch();
  FakeSocket.made[0].onopen();
  FakeSocket.made[0].say(caption(7));
  now += 60_000;
  wake();
  assert.ok(FakeSocket.made[0].closed);
  assert.match(FakeSocket.made[1].url, /\?after=7$/);
  FakeSocket.made[1].onopen();
  FakeSocket.made[1].say(caption(8));
  await settled();
  assert.equal(store.last, 8);
  assert.deepEqual(states, ['open']); // invisible to the user
  wake();
  assert.equal(FakeSocket.made.length, 2); // it has just received a message
  socket.close();
  assert.equal(wake, null);
});

test('an ended socket does not react to waking', async () => {
  watch();
  FakeSocket.made[0].onopen();
  FakeSocket.made[0].say({ type: 'end', source: 's' });
  FakeSocket.made[0].onclose();
  await settled();
  assert.equal(wake, null);
});
