import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  DENSE_BYTES,
  denseRegister,
  EMPTY_HYPERLOGLOG,
  estimateOf,
  forgetCount,
  HEAD_BYTES,
  isDense,
  isHyperLogLog,
  keepCount,
  keptCount,
  toDense,
} from './hyperloglog.ts';
import { testHyperLogLogs } from './hyperloglog-check.ts';
import { CORRUPT, raiseSparse, sparseText, TOO_DENSE, UNCHANGED } from './hyperloglog-sparse.ts';

/** Raises registers one after the other; what is said of the runs then. */
function raised(...pairs: readonly (readonly [register: number, run: number])[]): string {
  const bytes = Buffer.alloc(100);
  let end = EMPTY_HYPERLOGLOG.copy(bytes);
  for (const [register, run] of pairs) {
    const length = raiseSparse(bytes, HEAD_BYTES, end, register, run, 50);
    if (length > 0) end = HEAD_BYTES + length;
  }
  return sparseText(bytes, HEAD_BYTES, end);
}

test('registers keep what they are given and estimates are near the truth', () => {
  assert.equal(testHyperLogLogs(), null);
});

test('runs of equal registers are split and become one again', () => {
  assert.equal(raised(), 'Z:16384');
  assert.equal(raised([0, 3]), 'v:3,1 Z:16383');
  assert.equal(raised([16_383, 1]), 'Z:16383 v:1,1');
  assert.equal(raised([100, 2], [102, 2]), 'Z:100 v:2,1 z:1 v:2,1 Z:16281');
  assert.equal(raised([100, 2], [102, 2], [101, 2]), 'Z:100 v:2,3 Z:16281');
  assert.equal(raised([5, 1], [6, 1], [7, 1], [6, 4]), 'z:5 v:1,1 v:4,1 v:1,1 Z:16376');
});

test('what sparse registers cannot hold is said', () => {
  const bytes = Buffer.alloc(100);
  const end = EMPTY_HYPERLOGLOG.copy(bytes);
  assert.equal(raiseSparse(bytes, HEAD_BYTES, end, 5, 33, 50), TOO_DENSE);
  assert.equal(raiseSparse(bytes, HEAD_BYTES, end, 5, 1, 3), TOO_DENSE);
  assert.equal(raiseSparse(bytes, HEAD_BYTES, end - 1, 16_383, 1, 50), CORRUPT);
  assert.equal(raiseSparse(bytes, HEAD_BYTES, end, 5, 1, 50), 4);
  assert.equal(raiseSparse(bytes, HEAD_BYTES, end + 2, 5, 1, 50), UNCHANGED);
});

test('a dense one has the registers of the sparse one it was', () => {
  const sparse = Buffer.alloc(50);
  let end = EMPTY_HYPERLOGLOG.copy(sparse);
  end = HEAD_BYTES + raiseSparse(sparse, HEAD_BYTES, end, 1000, 7, 30);
  const dense = Buffer.alloc(DENSE_BYTES, 0xff);
  assert.equal(toDense(sparse, 0, end, dense, 0), true);
  assert.equal(isDense(dense, 0), true);
  assert.equal(isHyperLogLog(dense, 0, DENSE_BYTES), true);
  assert.deepEqual(
    [999, 1000, 1001].map((index) => denseRegister(dense, 0, index)),
    [0, 7, 0],
  );
  assert.equal(estimateOf(dense, 0, DENSE_BYTES), estimateOf(sparse, 0, end));
  assert.equal(toDense(sparse, 0, end - 1, dense, 0), false);
});

test('the last estimate is kept until it is out of date', () => {
  const bytes = Buffer.from(EMPTY_HYPERLOGLOG);
  keepCount(bytes, 0, 12_345n);
  assert.equal(keptCount(bytes, 0), 12_345n);
  forgetCount(bytes, 0);
  assert.equal(keptCount(bytes, 0), -1n);
});
