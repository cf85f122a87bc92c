import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BUCKETS, Histogram, upperBoundMs } from './histogram.ts';

function bucketOf(milliseconds: number): number {
  const histogram = new Histogram();
  histogram.record(milliseconds);
  return histogram.counts.indexOf(1);
}

test('each bucket ends where the next begins', () => {
  for (let bucket = 0; bucket < BUCKETS - 9; bucket++) {
    const end = upperBoundMs(bucket);
    assert.equal(bucketOf(end - 0.0005), bucket, `just below ${end} ms`);
    assert.equal(bucketOf(end + 0.0005), bucket + 1, `just above ${end} ms`);
  }
});

test('a quantile is at most an eighth above the value', () => {
  for (let value = 0.02; value < 1e6; value *= 1.37) {
    const histogram = new Histogram();
    histogram.record(value);
    const found = histogram.quantile(0.5);
    assert.ok(found >= value && found <= value * 1.126 + 0.001, `${value} became ${found}`);
  }
});

test('quantiles are the value at their rank', () => {
  const histogram = new Histogram();
  for (let i = 0; i < 98; i++) histogram.record(0.0035);
  histogram.record(0.0085);
  histogram.record(0.0125);
  const found = [0, 0.5, 0.98, 0.99, 1].map((share) => histogram.quantile(share));
  assert.deepEqual(found, [0.004, 0.004, 0.004, 0.009, 0.013]);
});

test('an empty histogram says zero', () => {
  assert.equal(new Histogram().quantile(0.99), 0);
});

test('sum and count are exact whatever the buckets are', () => {
  const histogram = new Histogram();
  for (const value of [0.5, 100, 0]) histogram.record(value);
  assert.deepEqual([histogram.sumMs, histogram.count], [100.5, 3]);
});

test('an hour is not counted among the quickest', () => {
  const [hour, day] = [3_600_000, 86_400_000];
  assert.ok(upperBoundMs(bucketOf(hour)) > 2_000_000);
  assert.equal(bucketOf(day), bucketOf(hour));
});

test('a clock that went back a little counts as nothing', () => {
  assert.equal(bucketOf(-0.5), 0);
});
