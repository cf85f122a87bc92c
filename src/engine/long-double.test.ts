import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addLongDoubles, hasSize, longDoubleText, parseLongDouble } from './long-double.ts';

function sum(a: string, b: string): string {
  return longDoubleText(addLongDoubles(parseLongDouble(a)!, parseLongDouble(b)!));
}

test('sums of decimal fractions look like decimal fractions', () => {
  assert.equal(sum('0.1', '0.2'), '0.3');
  assert.equal(sum('3.0e3', '200'), '3200');
  assert.equal(sum('10.5', '-10.5'), '0');
  assert.equal(sum('-0', '0'), '0');
  assert.equal(sum('-1e-20', '0'), '0');
});

test('a sum has 64 significant bits, no more', () => {
  assert.equal(sum('18446744073709551615', '0'), '18446744073709551615');
  assert.equal(sum('18446744073709551615', '2'), '18446744073709551616');
  assert.equal(sum('1e20', '0.5'), '100000000000000000000');
});

test('hexadecimal numbers and exponents are read', () => {
  assert.equal(sum('0x1.8p3', '-0X.8'), '11.5');
  assert.equal(sum('.5', '5.'), '5.5');
});

test('what is no number, too large or too small is refused', () => {
  for (const text of ['', '.', 'e5', '1e', ' 1', '1 ', 'nan', '0x', '0x1p', '1e4933', '1e-4952']) {
    assert.equal(parseLongDouble(text), null, text);
  }
  assert.equal(longDoubleText(parseLongDouble('0e99999')!), '0');
});

test('infinities are read, and a sum that is too large is one', () => {
  assert.equal(hasSize(parseLongDouble('-inf')!), false);
  const largest = parseLongDouble('1.18e4932')!;
  assert.equal(hasSize(addLongDoubles(largest, largest)), false);
});
