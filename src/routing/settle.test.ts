import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Answer, type Current, settle } from './settle.ts';
import { nodeKey, type Topology } from './topology.ts';

const ALL = 16_384;

/** Slots below `border` are a's, the others b's. */
function topology(border: number, covered = ALL): Topology {
  const node = (host: string) => ({ host, port: 1, otherHosts: [], isUsable: true });
  return {
    covered,
    shards: [
      { ranges: [[0, border - 1]], primary: node('a'), replicas: [] },
      { ranges: [[border, covered - 1]], primary: node('b'), replicas: [] },
    ],
  };
}

function answer(epoch: number, border: number, more: Partial<Answer> = {}): Answer {
  return { epoch, isOk: true, topology: topology(border), ...more };
}

function current(epoch: number, border: number): Current {
  return { epoch, covered: ALL, ownerOf: (slot) => (slot < border ? 'a:1' : 'b:1') };
}

const ask = (before: Current | null, answers: readonly Answer[], isLast = false) =>
  settle(before, answers, nodeKey, isLast);

test('the first map is the first whole one', () => {
  assert.equal(ask(null, [answer(1, 5)])?.epoch, 1);
  const down = answer(3, 5, { isOk: false });
  assert.equal(ask(null, [down]), null);
  assert.equal(ask(null, [down, answer(1, 5)])?.epoch, 1);
  assert.equal(ask(null, [down], true)?.epoch, 3);
  assert.equal(ask(null, [], true), null);
  const half = answer(1, 5, { topology: topology(5, 100) });
  assert.equal(ask(null, [half, down], true)?.epoch, 1);
});

test('a higher epoch is believed at once', () => {
  const settled = ask(current(1, 5), [answer(2, 9)]);
  assert.equal(settled?.epoch, 2);
  assert.ok(settled.isCertain(7));
});

test('in the same epoch a contradiction needs two voices', () => {
  assert.equal(ask(current(2, 5), [answer(2, 5)])?.epoch, 2);
  assert.equal(ask(current(2, 5), [answer(2, 9)]), null);
  const settled = ask(current(2, 5), [answer(2, 9), answer(2, 8)]);
  assert.deepEqual([settled?.isCertain(7), settled?.isCertain(8)], [true, false]);
  assert.ok(ask(current(2, 5), [answer(2, 9)], true)?.isCertain(8), 'the only voice there is');
});

test('a node that is behind, or that sees the cluster down or only a part of it, is not believed', () => {
  const now = current(5, 5);
  for (const poor of [
    answer(4, 9),
    answer(6, 9, { isOk: false }),
    answer(6, 9, { topology: topology(9, 16_000) }),
  ]) {
    assert.equal(ask(now, [poor]), null);
    assert.equal(ask(now, [poor, answer(5, 5)])?.epoch, 5);
  }
  assert.equal(ask(now, [answer(6, 9, { isOk: false })], true), null);
});

test('when everybody says that the cluster is younger, it was made anew', () => {
  assert.equal(ask(current(9, 5), [answer(1, 7), answer(2, 7)], true)?.epoch, 2);
});
