import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ReloadOutcome, Reloads } from './reloads.ts';

const APPLIED: ReloadOutcome = { kind: 'applied', changes: {} };

test('whoever asks during a reload waits for the next one and shares it', async () => {
  const ends: ((outcome: ReloadOutcome) => void)[] = [];
  const reloads = new Reloads(
    () =>
      new Promise((resolve) => {
        ends.push(resolve);
      }),
  );
  const first = reloads.ask();
  const others = [reloads.ask(), reloads.ask(), reloads.ask()];
  assert.equal(ends.length, 1);
  ends[0]!(APPLIED);
  await first;
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(ends.length, 2);
  ends[1]!({ kind: 'refused', faults: 'a fault' });
  const outcomes = await Promise.all(others);
  assert.deepEqual(new Set(outcomes.map(({ kind }) => kind)), new Set(['refused']));
  assert.deepEqual([reloads.applied, reloads.refused, ends.length], [1, 1, 2]);
});

test('the time of reading moves only with what was applied', async () => {
  let next: ReloadOutcome = { kind: 'refused', faults: '' };
  const reloads = new Reloads(async () => next);
  const before = reloads.readAt;
  await new Promise((resolve) => setTimeout(resolve, 5));
  await reloads.ask();
  assert.equal(reloads.readAt, before);
  next = APPLIED;
  await reloads.ask();
  assert.ok(reloads.readAt > before);
});

test('a reload that throws does not stop those after it', async () => {
  let calls = 0;
  const reloads = new Reloads(async () => {
    if (calls++ === 0) throw new Error('broken');
    return APPLIED;
  });
  const [first, second] = [reloads.ask(), reloads.ask()];
  await assert.rejects(first, /broken/);
  assert.equal((await second).kind, 'applied');
});
