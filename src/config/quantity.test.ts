import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DURATION_MS_MAX, formatSize, parseDuration, parseRate, parseSize } from './quantity.ts';

test('durations become milliseconds', () => {
  const texts = ['250ms', '5s', '2m', '1h', '0.5s', '0s', '0', 0];
  assert.deepEqual(texts.map(parseDuration), [250, 5000, 120_000, 3_600_000, 500, 0, 0, 0]);
});

test('a duration without a unit, with a sign or with a strange unit is none', () => {
  for (const value of [5, '5', '-5s', '5 s', '5d', 's', '', null, '5constructor', '1e3s']) {
    assert.equal(parseDuration(value), null, String(value));
  }
});

test('a duration no timer can wait for is none', () => {
  assert.equal(parseDuration(`${DURATION_MS_MAX}ms`), DURATION_MS_MAX);
  assert.equal(parseDuration(`${DURATION_MS_MAX + 1}ms`), null);
});

test('sizes count in 1024s, in upper case too', () => {
  const texts = ['512b', '64kb', '8mb', '1gb', '1.5kb', '2MB', 0];
  const bytes = [512, 65_536, 8_388_608, 1_073_741_824, 1536, 2_097_152, 0];
  assert.deepEqual(texts.map(parseSize), bytes);
});

test('a size that is not a whole number of bytes is none', () => {
  for (const value of ['0.3b', '64', 64, '64k', '-1kb', '99999999999gb']) {
    assert.equal(parseSize(value), null, String(value));
  }
});

test('rates become events per second', () => {
  assert.deepEqual(['100/s', '600/m', '36/h'].map(parseRate), [100, 10, 0.01]);
});

test('a rate of nothing or without a unit is none', () => {
  for (const value of ['0/s', '100', 100, '/s', '100/d', '-1/s']) {
    assert.equal(parseRate(value), null, String(value));
  }
});

test('a size is written with the largest unit that leaves no rest', () => {
  const bytes = [0, 1, 1000, 1024, 1536, 8_388_608, 4_294_967_296];
  assert.deepEqual(bytes.map(formatSize), ['0', '1b', '1000b', '1kb', '1536b', '8mb', '4gb']);
});
