import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../../test/support/random.ts';
import { arcsine, cosine, sine } from './trigonometry.ts';

test('it differs from the functions of the language in the last digit at most', () => {
  const random = new Random(9);
  for (let i = 0; i < 5000; i++) {
    const y = (random.next() / 2 ** 32 - 0.5) * Math.PI * 0.99;
    assert.ok(Math.abs(sine(y) - Math.sin(y)) <= Math.abs(sine(y)) * Number.EPSILON);
    assert.ok(Math.abs(cosine(y) - Math.cos(y)) <= Number.EPSILON);
    assert.ok(Math.abs(arcsine(Math.sin(y)) - Math.asin(Math.sin(y))) <= Math.abs(y) * 2 ** -51);
  }
  assert.deepEqual([sine(0), cosine(0), arcsine(0), arcsine(1)], [0, 1, 0, Math.PI / 2]);
});

test('digits are those of tables', () => {
  // sin(1) is 0.8414709848078965066…, cos(1) 0.5403023058681397174…, asin(0.5) 0.5235987755982988730…
  assert.equal(sine(1), 0.8414709848078965);
  assert.equal(cosine(1), 0.5403023058681398);
  assert.equal(arcsine(0.5), 0.5235987755982989);
});
