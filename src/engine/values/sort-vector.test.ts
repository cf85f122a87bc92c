import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type SortRule, SortVector } from './sort-vector.ts';

const PLAIN: SortRule = { isText: false, isByOther: false, isDescending: false, isBinary: false };

function vectorOf(texts: readonly string[]): SortVector {
  const vector = new SortVector();
  for (const text of texts) {
    const bytes = Buffer.from(`<${text}>`, 'latin1');
    vector.elements.add(bytes, 1, bytes.length - 1);
    vector.addScore(bytes, 1, bytes.length - 1);
  }
  return vector;
}

function sorted(vector: SortVector): string[] {
  const { elements } = vector;
  return vector.order.map((index) =>
    elements.bytes.toString('latin1', elements.start(index), elements.end(index)),
  );
}

test('numbers come in their order, equal ones in that of their bytes', () => {
  const vector = vectorOf(['10', '9', '-inf', '09', '9.0', '']);
  vector.sort(PLAIN, null);
  assert.deepEqual(sorted(vector), ['-inf', '', '09', '9', '9.0', '10']);
  vector.sort({ ...PLAIN, isDescending: true }, null);
  assert.deepEqual(sorted(vector), ['10', '9.0', '9', '09', '', '-inf']);
  assert.ok(!vector.hasNoNumber);
  assert.ok(vectorOf(['1', 'x']).hasNoNumber);
});

test('texts are shown up to a byte of 0, and stored whole', () => {
  const vector = vectorOf(['b\0z', 'b\0a', 'b', 'a\xff']);
  vector.sort({ ...PLAIN, isText: true }, null);
  assert.deepEqual(sorted(vector), ['a\xff', 'b\0z', 'b\0a', 'b']);
  vector.sort({ ...PLAIN, isText: true, isBinary: true }, null);
  assert.deepEqual(sorted(vector), ['a\xff', 'b', 'b\0a', 'b\0z']);
});

test('what has nothing to be sorted by comes first, and only the first ones have to be in order', () => {
  const vector = vectorOf(Array.from({ length: 100 }, (_none, i) => String(i)));
  for (let i = 0; i < 100; i++) {
    const weight = Buffer.from(String(1000 - i));
    if (i === 50) vector.addNoWeight(true);
    else vector.addText(weight, 0, weight.length);
  }
  vector.sort({ ...PLAIN, isText: true, isByOther: true }, 3);
  assert.deepEqual(sorted(vector).slice(0, 3), ['50', '0', '99']);
});
