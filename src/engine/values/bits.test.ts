import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  AND,
  combineBits,
  countBitRange,
  countBits,
  findBit,
  invertBits,
  OR,
  readBits,
  writeBits,
  XOR,
} from './bits.ts';

const LENGTH = 300;

function sample(): Buffer {
  return Buffer.from(Array.from({ length: LENGTH }, (_none, i) => (i * 89) & 0xff));
}

function textOf(bytes: Buffer): string {
  return Array.from(bytes, (byte) => byte.toString(2).padStart(8, '0')).join('');
}

test('bits are counted in any range, long or short', () => {
  const bytes = sample();
  const text = textOf(bytes);
  for (const [first, last] of [
    [0, 0],
    [3, 5],
    [1, 2399],
    [9, 1700],
    [64, 127],
    [2390, 2399],
  ]) {
    const wanted = text.slice(first!, last! + 1).replaceAll('0', '').length;
    assert.equal(countBitRange(bytes, 0, first!, last!), wanted, `${first} to ${last}`);
  }
  assert.equal(countBits(bytes, 1, LENGTH), textOf(bytes.subarray(1)).replaceAll('0', '').length);
});

test('the first bit of a kind is found wherever it is', () => {
  for (const bit of [0, 1]) {
    const bytes = Buffer.alloc(LENGTH, bit === 1 ? 0 : 0xff);
    assert.equal(findBit(bytes, 0, 0, LENGTH * 8 - 1, bit), -1);
    for (const place of [0, 7, 8, 700, 1601, 2399]) {
      bytes[place >> 3]! ^= 0x80 >>> (place & 7);
      assert.equal(findBit(bytes, 0, 0, LENGTH * 8 - 1, bit), place);
      assert.equal(findBit(bytes, 0, 0, place - 1, bit), -1);
      assert.equal(findBit(bytes, 0, place + 1, LENGTH * 8 - 1, bit), -1);
      bytes[place >> 3]! ^= 0x80 >>> (place & 7);
    }
  }
});

test('bits are combined alike in words and in bytes', () => {
  const source = sample();
  for (const operation of [AND, OR, XOR]) {
    const whole = Buffer.alloc(LENGTH, 0x5a);
    const single = Buffer.alloc(LENGTH, 0x5a);
    combineBits(operation, whole, 0, source, 0, LENGTH);
    for (let i = 0; i < LENGTH; i++) combineBits(operation, single, i, source, i, i + 1);
    assert.deepEqual(whole, single);
  }
  const inverted = sample();
  invertBits(inverted, 0, LENGTH);
  assert.deepEqual(inverted, Buffer.from(source.map((byte) => byte ^ 0xff)));
});

test('a number is read from where it was written, and nothing beside it changes', () => {
  for (const [first, count] of [
    [0, 1],
    [7, 2],
    [3, 64],
    [63, 63],
    [5, 8],
    [8, 8],
  ]) {
    const bytes = Buffer.alloc(20, 0xff);
    const value = BigInt.asUintN(count!, 0x5a5a_1234_5678_9abcn);
    writeBits(bytes, 0, first!, count!, value);
    assert.equal(readBits(bytes, 0, 20, first!, count!), value);
    const rest = textOf(bytes).slice(0, first!) + textOf(bytes).slice(first! + count!);
    assert.equal(rest, '1'.repeat(160 - count!));
  }
  assert.equal(readBits(Buffer.from([0xff]), 0, 1, 4, 8), 0xf0n);
});
