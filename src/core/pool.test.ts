import assert from 'node:assert/strict';
import { test } from 'node:test';
import { borrow, giveBack, LARGEST_BYTES, SMALLEST_BYTES } from './pool.ts';

test('a buffer has room for what it was asked for', () => {
  for (const size of [0, 1, SMALLEST_BYTES, SMALLEST_BYTES + 1, LARGEST_BYTES, LARGEST_BYTES + 1]) {
    assert.ok(borrow(size).length >= size);
  }
});

test('a buffer that was given back is lent again, once', () => {
  const buffer = borrow(SMALLEST_BYTES + 1);
  giveBack(buffer);
  const [next, other] = [borrow(SMALLEST_BYTES + 1), borrow(SMALLEST_BYTES + 1)];
  assert.equal(next, buffer);
  assert.notEqual(other, buffer);
});

test('a part of a buffer is not taken for a buffer', () => {
  const part = borrow(SMALLEST_BYTES).subarray(0, 10);
  giveBack(part);
  assert.ok(borrow(1).length > 10);
});

test('more free buffers than a limit are left to the collector', () => {
  const lent = Array.from({ length: 20 }, () => borrow(LARGEST_BYTES));
  for (const buffer of lent) giveBack(buffer);
  const again = new Set(Array.from({ length: 20 }, () => borrow(LARGEST_BYTES)));
  assert.equal(lent.filter((buffer) => again.has(buffer)).length, 4);
});
