import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../../test/support/random.ts';
import { sortFirst } from './partial-sort.ts';

test('the first ones are what they would be if all were sorted, and nothing is lost', () => {
  const random = new Random(3);
  for (let round = 0; round < 500; round++) {
    const items = Array.from({ length: random.below(300) }, () =>
      random.below(round < 250 ? 10 : 1e6),
    );
    const sorted = items.toSorted((a, b) => a - b);
    const wanted = random.below(items.length + 1);
    sortFirst(items, wanted, (a, b) => a - b);
    assert.deepEqual(items.slice(0, wanted), sorted.slice(0, wanted));
    assert.deepEqual(
      items.toSorted((a, b) => a - b),
      sorted,
    );
  }
});
