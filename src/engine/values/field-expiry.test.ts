import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random, seedOfRun } from '../../../test/support/random.ts';
import { FieldExpiry } from './field-expiry.ts';

test('the earliest is always on top, whatever is set, moved and cleared', (context) => {
  const random = new Random(seedOfRun());
  context.diagnostic(`seed ${random.seed}`);
  const expiry = new FieldExpiry();
  const wanted = new Map<number, number>();
  for (let i = 0; i < 20_000; i++) {
    const entry = random.below(i < 10_000 ? 300 : 20);
    if (random.chance(60)) {
      const time = random.between(1, 1000);
      expiry.set(entry, time);
      wanted.set(entry, time);
    } else assert.equal(expiry.clear(entry), wanted.delete(entry));
    assert.equal(expiry.count, wanted.size);
    assert.equal(expiry.next, Math.min(...wanted.values()));
    if (wanted.size > 0) assert.equal(wanted.get(expiry.first), expiry.next);
    assert.equal(expiry.at(entry), wanted.get(entry) ?? 0);
  }
  while (expiry.count > 0) {
    const time = expiry.next;
    expiry.clear(expiry.first);
    assert.ok(expiry.next >= time);
  }
  assert.equal(expiry.first, -1);
});
