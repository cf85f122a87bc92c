import assert from 'node:assert/strict';
import { test } from 'node:test';
import { editDistance, nearest } from './nearest.ts';

test('insertions, deletions, replacements and swaps are one edit each', () => {
  const pairs = [
    ['ab', 'ab'],
    ['ab', 'abc'],
    ['abc', 'ab'],
    ['abc', 'adc'],
    ['abcd', 'acbd'],
  ] as const;
  assert.deepEqual(
    pairs.map(([a, b]) => editDistance(a, b)),
    [0, 1, 1, 1, 1],
  );
});

test('a slip of the keyboard finds the key that was meant', () => {
  const known = ['listen', 'routes', 'op_timeout', 'connect_timeout'];
  const slips = ['lisen', 'route', 'op-timeout', 'opTimeout', 'conect_timeout'];
  const meant = ['listen', 'routes', 'op_timeout', 'op_timeout', 'connect_timeout'];
  assert.deepEqual(
    slips.map((slip) => nearest(slip, known)),
    meant,
  );
});

test('a word unlike all others finds none', () => {
  assert.equal(nearest('banana', ['listen', 'tls', 'users']), null);
});
