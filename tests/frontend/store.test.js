// The caption store: order, revisions, bounds.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { CaptionStore } from '../../frontend/modules/store.js';

const golden = (name) => JSON.parse(readFileSync(new URL(`../data/messages/${name}.json`, import.meta.url), 'utf8'));

const caption = (id, revision = 0, extra = {}) => ({
  type: 'caption', source: 's', id, revision, event: id * 10 + revision, start_s: id, end_s: id + 1, text: `line ${id}.${revision}`,
  final: false, ...extra,
});

function filled(...messages) {
  const store = new CaptionStore(5);
  const heard = [];
  for (const type of ['line', 'revised', 'removed', 'cleared', 'status', 'ended']) {
    store.addEventListener(type, ({ detail }) => heard.push([type, detail?.line?.key ?? detail?.key ?? null]));
  }
  messages.forEach((message) => store.apply(message));
  return { store, heard };
}

const texts = (store) => store.lines.map(({ text }) => text);

test('golden messages result in the expected lines', () => {
  const { store } = filled(...['status', 'caption', 'caption_provisional', 'gap', 'missed', 'end'].map(golden));
  assert.equal(store.status.state, 'running');
  assert.deepEqual(store.lines.map(({ kind, final }) => [kind, final]), [
    ['caption', true], ['caption', false], ['gap', true], ['missed', undefined],
  ]);
  assert.equal(store.lines[0].text, 'God morgon, klockan är åtta.');
  assert.deepEqual(store.lines[0].lines, ['God morgon, klockan är åtta.']);
  assert.equal(store.ended, true);
});

test('a correction of an archived caption is applied where it is shown', () => {
  const message = golden('correction');
  const { store, heard } = filled(message, golden('caption'), message, { ...message, caption: { ...message.caption, id: 7 } });
  assert.deepEqual(texts(store), ['Vädret i Skåne.']);
  assert.deepEqual(heard.map(([type]) => type), ['line', 'revised']);
  assert.equal(store.last, golden('caption').event);
});

test('a withdrawn caption keeps its place without text', () => {
  const message = golden('caption_withdrawn');
  const { store, heard } = filled({ ...message, revision: 0, text: 'words', event: 100 }, message);
  assert.deepEqual(texts(store), ['']);
  assert.deepEqual(heard, [['line', message.id], ['revised', message.id]]);
});

test('a newer revision replaces a line, an older or repeated one does not', () => {
  const { store, heard } = filled(caption(1), caption(1, 2), caption(1, 1), caption(1, 2));
  assert.deepEqual(texts(store), ['line 1.2']);
  assert.deepEqual(heard, [['line', 1], ['revised', 1]]);
});

test('lines are sorted by id, in whatever order they arrive', () => {
  const store = new CaptionStore();
  const places = [];
  store.addEventListener('line', ({ detail }) => places.push([detail.line.key, detail.before]));
  [caption(2), caption(4), caption(1), caption(3)].forEach((message) => store.apply(message));
  assert.deepEqual(texts(store), ['line 1.0', 'line 2.0', 'line 3.0', 'line 4.0']);
  assert.deepEqual(places, [[2, null], [4, null], [1, 2], [3, 4]]);
});

test('only the newest lines are kept', () => {
  const { store, heard } = filled(...[1, 2, 3, 4, 5, 6, 7].map((id) => caption(id)));
  assert.deepEqual(store.lines.map(({ key }) => key), [3, 4, 5, 6, 7]);
  assert.deepEqual(heard.filter(([type]) => type === 'removed'), [['removed', 1], ['removed', 2]]);
  store.apply(caption(1));
  assert.equal(store.lines.length, 5);
  assert.equal(store.lines[0].key, 3);
});

test('the last event is remembered for reconnecting, and never decreases', () => {
  const { store } = filled(caption(3), caption(1));
  assert.equal(store.last, 30);
  store.fill([caption(2)], 25);
  assert.equal(store.last, 30);
  store.apply({ type: 'missed', after: 30, count: 4 });
  assert.equal(store.last, 34);
});

test('missed lines are marked after the known ones, and the mark can be removed', () => {
  const { store } = filled(caption(1), { type: 'missed', after: 10, count: 2 }, caption(4));
  assert.deepEqual(store.lines.map(({ kind }) => kind), ['caption', 'missed', 'caption']);
  store.fill([caption(2), caption(3)]);
  store.remove('missed-10');
  assert.deepEqual(texts(store), ['line 1.0', 'line 2.0', 'line 3.0', 'line 4.0']);
});

test('a reset clears it, and events count from the beginning', () => {
  const { store, heard } = filled(caption(9), golden('reset'), caption(1));
  assert.deepEqual(texts(store), ['line 1.0']);
  assert.equal(store.last, 10);
  assert.deepEqual(heard.at(-2), ['cleared', null]);
});

test('earlier captions are inserted in front, and the limit is raised', () => {
  const { store, heard } = filled();
  store.fill([3, 4, 5, 6, 7].map((id) => caption(id)));
  heard.length = 0;
  const isOld = [];
  store.addEventListener('line', ({ detail }) => isOld.push(detail.isOld));
  store.fillBefore([caption(1), caption(2)], 8);
  assert.deepEqual(store.lines.map(({ key }) => key), [1, 2, 3, 4, 5, 6, 7]);
  assert.equal(store.first.key, 1);
  store.apply(caption(8));
  assert.deepEqual(heard, [['line', 2], ['line', 1], ['line', 8]]);
  assert.deepEqual(isOld, [true, true, false]);
});

test('captions from before ids restarted are inserted in front, with other keys', () => {
  const store = new CaptionStore();
  store.fill([caption(2, 0, { start_s: 900 }), caption(3, 0, { start_s: 905 })]);
  store.fillBefore([caption(4, 0, { start_s: 500 }), caption(5, 0, { start_s: 505 }), caption(1, 0, { start_s: 895 })], 500);
  store.fillBefore([caption(2, 0, { start_s: 400 }), caption(3, 0, { start_s: 405 })], 500);
  assert.deepEqual(store.lines.map(({ start_s: start }) => start), [400, 405, 500, 505, 895, 900, 905]);
  assert.deepEqual(store.lines.map(({ isArchived }) => isArchived), [true, true, true, true, false, false, false]);
  store.apply(caption(2, 1, { start_s: 900, text: 'revised' }));
  assert.deepEqual(texts(store).slice(-2), ['revised', 'line 3.0']);
});

test('a correction of a caption before the loaded lines does not add it', () => {
  const store = new CaptionStore();
  store.fill([caption(7), caption(8)]);
  store.apply(caption(2, 1));
  assert.deepEqual(store.lines.map(({ key }) => key), [7, 8]);
  store.fillBefore([caption(2, 1), caption(3)], 500);
  store.apply(caption(2, 2));
  assert.deepEqual(texts(store), ['line 2.2', 'line 3.0', 'line 7.0', 'line 8.0']);
});

/** A store that starts with these lines, each an id and a start time. */
function beginning(...lines) {
  const store = new CaptionStore();
  store.fill(lines.map(([id, start]) => caption(id, 0, { start_s: start })));
  return store;
}

const said = (...lines) => lines.map(([id, start]) => caption(id, 0, { start_s: start }));
const keys = (store) => store.lines.map(({ key }) => key);

test('lines whose clock was set back are neither duplicated nor lost', () => {
  const store = beginning([10, 100], [11, 104], [12, 98], [13, 102]);
  store.fillBefore(said([8, 92], [9, 96], [12, 98]), 500);
  assert.deepEqual(keys(store), [8, 9, 10, 11, 12, 13]);
  assert.ok(store.lines.every(({ isArchived }) => !isArchived));
});

test('lines before one whose clock was set back are added in order of their ids', () => {
  const store = beginning([13, 102], [14, 106]);
  const earlier = said([9, 96], [12, 98], [10, 100], [11, 104], [13, 102], [14, 106]);
  assert.deepEqual(earlier.filter((each) => store.isBefore(each)).map(({ id }) => id), [9, 12, 10, 11]);
  assert.ok(earlier.every(({ start_s: start }) => start < store.before));
  store.fillBefore(earlier, 500);
  assert.deepEqual(keys(store), [9, 10, 11, 12, 13, 14]);
  assert.ok(store.lines.every(({ isArchived }) => !isArchived));
});

test('a first line that became final with an earlier start is not duplicated', () => {
  const store = beginning([10, 100], [11, 104]);
  store.fillBefore(said([9, 90], [10, 97]), 500);
  assert.deepEqual(store.lines.map(({ key, isArchived }) => [key, isArchived]), [[9, false], [10, false], [11, false]]);
});

test('an older line with the same start as the first is inserted before it, a newer one is not', () => {
  const store = beginning([10, 100], [11, 104]);
  store.fillBefore(said([12, 99], [9, 100]), 500);
  assert.deepEqual(keys(store), [9, 10, 11]);
});

test('the first line itself, and known lines, do not precede the first line', () => {
  const store = beginning([2, 900]);
  assert.equal(store.isBefore(caption(2, 0, { start_s: 900 })), false);
  const lost = caption(2, 0, { start_s: 500 });
  assert.equal(store.isBefore(lost), true);
  store.fillBefore([lost], 500);
  assert.equal(store.isBefore(lost), false);
});

test('archived captions keep the given order regardless of ids, each once', () => {
  const store = new CaptionStore();
  store.fillPast(said([8, 100], [9, 105], [1, 200], [9, 205]));
  store.fillPast(said([9, 205], [10, 210]));
  assert.deepEqual(store.lines.map(({ id, start_s: start }) => [id, start]), [[8, 100], [9, 105], [1, 200], [9, 205], [10, 210]]);
  store.fillBefore(said([7, 95], [8, 100]), 500);
  assert.deepEqual(store.lines.map(({ id }) => id), [7, 8, 9, 1, 9, 10]);
});

test('live captions are added after archived ones', () => {
  const store = new CaptionStore();
  store.fillPast(said([8, 100], [9, 105]));
  store.apply(caption(1, 0, { start_s: 300 }));
  assert.deepEqual(store.lines.map(({ id }) => id), [8, 9, 1]);
});

test('an archived line is revised only by a caption with the same id and time', () => {
  const store = beginning([2, 900], [3, 905]);
  store.fillBefore(said([2, 500]), 500);
  store.renew([caption(2, 1, { start_s: 500, text: 'old' }), caption(3, 1, { start_s: 505, text: 'not there' }), caption(7, 1, { start_s: 925 })]);
  assert.deepEqual(texts(store), ['old', 'line 2.0', 'line 3.0']);
  store.renew([caption(2, 1, { start_s: 900, text: 'new' })]);
  assert.deepEqual(texts(store), ['old', 'new', 'line 3.0']);
  assert.deepEqual(store.lines.map(({ isArchived }) => isArchived), [true, false, false]);
});

test('old captions in the log because of corrections are not shown among the newest', () => {
  const corrected = { corrected: true };
  for (const [captions, kept] of [
    [[caption(3, 1, corrected), caption(8), caption(9)], [8, 9]],
    [[caption(3, 1, corrected), caption(4, 1, corrected), caption(8), caption(9, 1, corrected)], [8, 9]],
    [[caption(3, 1, corrected), caption(5, 1, corrected), caption(8, 1, corrected), caption(9)], [8, 9]],
    [[caption(7, 1, corrected), caption(8), caption(9)], [7, 8, 9]],
    [[caption(9, 1, corrected)], [9]],
    [[caption(3), caption(8, 1, corrected), caption(9)], [3, 8, 9]], // a hole not caused by a correction
    [[], []],
  ]) {
    const store = new CaptionStore();
    store.fill(captions, 100);
    assert.deepEqual(store.lines.map(({ id }) => id), kept);
    assert.equal(store.last, 100);
  }
});
