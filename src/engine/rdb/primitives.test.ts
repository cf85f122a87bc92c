import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc64 } from './crc64.ts';
import { unpackLzf } from './lzf.ts';
import { RdbError, RdbReader, RdbWriter } from './primitives.ts';

test('the checksum is that of Redis', () => {
  const sum = crc64(Buffer.from('123456789'), 0, 9);
  assert.equal(sum.readBigUInt64LE(0), 0xe9c6d914c4b8d9can);
  assert.deepEqual(crc64(Buffer.from('x123456789x'), 1, 10), sum);
});

const LENGTHS = [0, 1, 63, 64, 300, 16_383, 16_384, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1];

test('a length reads as it was written, in one byte, two, five or nine', () => {
  for (const length of LENGTHS) {
    const writer = new RdbWriter();
    writer.length(length);
    const sizes = [1, 2, 5, 9];
    const size = [64, 16_384, 2 ** 32, Infinity].findIndex((end) => length < end);
    assert.equal(writer.bytes.length, sizes[size]);
    assert.equal(new RdbReader(writer.bytes).length(), length);
  }
  const writer = new RdbWriter();
  writer.bigLength(2n ** 64n - 1n);
  assert.equal(new RdbReader(writer.bytes).bigLength(), 2n ** 64n - 1n);
  assert.throws(() => new RdbReader(writer.bytes).length(), RdbError);
});

test('a string that is an integer of 32 bits takes few bytes', () => {
  const sizes: Readonly<Record<string, number>> = {
    '': 1,
    '0': 2,
    '-128': 2,
    '128': 3,
    '-32769': 5,
    '2147483647': 5,
    '2147483648': 11,
    '-2147483649': 12,
    '007': 4,
    '-0': 3,
    text: 5,
  };
  for (const [text, size] of Object.entries(sizes)) {
    const writer = new RdbWriter();
    writer.string(Buffer.from(text));
    assert.equal(writer.bytes.length, size, text);
    assert.equal(new RdbReader(writer.bytes).string().toString(), text);
  }
});

test('what ends too early, or claims what it cannot be, is refused', () => {
  const read = (bytes: readonly number[]): Buffer => new RdbReader(Buffer.from(bytes)).string();
  assert.throws(() => read([]), RdbError);
  assert.throws(() => read([5, 1, 2]), RdbError);
  assert.throws(() => read([0x80, 0xff, 0xff, 0xff, 0xff, 1]), RdbError);
  assert.throws(() => read([0x82, 1]), RdbError);
  assert.throws(() => read([0xc4, 1]), RdbError);
  // Compressed: three bytes that are to become 2^40.
  assert.throws(() => read([0xc3, 3, 0x81, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 2]), RdbError);
  assert.throws(() => new RdbReader(Buffer.from([60, 1])).count(), RdbError);
});

test('compressed bytes repeat what came before, also what is just being written', () => {
  const packed = Buffer.from([0x01, 0x61, 0x62, 0xe0, 0x05, 0x01]);
  assert.equal(unpackLzf(packed, 16)?.toString(), 'ab'.repeat(8));
  assert.equal(unpackLzf(packed, 15), null);
  assert.equal(unpackLzf(packed, 17), null);
  assert.equal(unpackLzf(packed.subarray(0, 5), 16), null);
  assert.equal(unpackLzf(Buffer.from([0x20, 0x05]), 3), null);
});
