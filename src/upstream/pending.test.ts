import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nowhere, type Sink } from '../backend/backend.ts';
import { UNKNOWN } from '../commands/lookup.ts';
import { Pending } from './pending.ts';

function sink(): Sink {
  return { reply() {}, fail() {} };
}

/** Each entry is told by its end. */
function push(pending: Pending, end: number, who: Sink = nowhere): void {
  pending.push(who, UNKNOWN, end / 2, end, end * 3, end & 7);
}

function shift(pending: Pending): number {
  return pending.ends[pending.shift()]!;
}

test('entries leave in the order they came', () => {
  const pending = new Pending();
  for (let i = 1; i <= 3; i++) push(pending, i);
  assert.deepEqual([shift(pending), shift(pending), shift(pending)], [1, 2, 3]);
  assert.equal(pending.length, 0);
});

test('growing while wrapped around keeps every field of every entry', () => {
  const pending = new Pending();
  const sinks = new Map<number, Sink>();
  let next = 1;
  let expected = 1;
  for (const [more, less] of [
    [50, 40],
    [54, 1],
    [200, 100],
    [1000, 1163],
  ] as const) {
    for (let i = 0; i < more; i++, next++) {
      sinks.set(next, sink());
      push(pending, next, sinks.get(next));
    }
    for (let i = 0; i < less; i++, expected++) {
      const slot = pending.shift();
      const { ends, times, affinities, attempts, voids } = pending;
      assert.deepEqual(
        [ends[slot], times[slot], affinities[slot], attempts[slot], voids[slot]],
        [expected, expected / 2, expected * 3, expected & 7, 0],
      );
      assert.equal(pending.sinks[slot], sinks.get(expected));
      assert.equal(pending.specs[slot], UNKNOWN);
    }
  }
  assert.equal(pending.length, 0);
});

test('the cursor never falls behind the head', () => {
  const pending = new Pending();
  for (let i = 1; i <= 3; i++) push(pending, i);
  pending.cursor = 1;
  pending.shift();
  assert.equal(pending.cursor, 1);
  pending.shift();
  assert.equal(pending.cursor, 2);
});

test('growing keeps the cursor on its entry', () => {
  const pending = new Pending();
  for (let i = 0; i < 60; i++) push(pending, i);
  for (let i = 0; i < 60; i++) pending.shift();
  for (let i = 100; i < 164; i++) push(pending, i);
  pending.cursor += 5;
  for (let i = 164; i < 300; i++) push(pending, i);
  assert.equal(pending.ends[pending.cursor & pending.mask], 105);
});

test('an entry does not inherit that the one before it in its slot was void', () => {
  const pending = new Pending();
  push(pending, 1);
  pending.voids[0] = 1;
  pending.shift();
  for (let i = 0; i < 64; i++) push(pending, i);
  assert.ok(pending.voids.every((isVoid) => isVoid === 0));
});
