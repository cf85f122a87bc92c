import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ByteQueue } from '../core/bytes.ts';
import { decodeReply } from './decode.ts';
import { encodeValue } from './encoder.ts';
import type { Protocol } from './types.ts';
import type { Value } from './value.ts';

function bytesOf(value: Value, protocol: Protocol): Buffer {
  const out = new ByteQueue();
  encodeValue(out, value, protocol);
  return Buffer.from(out.bytes.subarray(0, out.length));
}

const VALUES: readonly Value[] = [
  null,
  true,
  false,
  0,
  -7,
  2n ** 63n - 1n,
  { status: 'OK' },
  { error: 'ERR no' },
  Buffer.from('with \r\n inside'),
  Buffer.alloc(0),
  [],
  [1, [Buffer.from('a'), null], { set: [2, 3] }],
  { map: [[Buffer.from('k'), { map: [[1, { double: 1.5 }]] }]] },
  { double: Number.POSITIVE_INFINITY },
  { bigNumber: '12345678901234567890123' },
  { verbatim: 'some text', format: 'txt' },
  { push: [Buffer.from('message')] },
];

test('every value of RESP3 comes back as it was written', () => {
  for (const value of VALUES) assert.deepEqual(decodeReply(bytesOf(value, 3)), value);
});

test('what RESP2 keeps of a value comes back', () => {
  assert.deepEqual(decodeReply(bytesOf({ map: [[1, null]] }, 2)), [1, null]);
  assert.equal(decodeReply(Buffer.from('*-1\r\n')), null);
  assert.deepEqual(decodeReply(Buffer.from('!3\r\nERR\r\n')), { error: 'ERR' });
});

test('an integer without digits is none, and ends nothing', () => {
  assert.deepEqual(decodeReply(Buffer.from('*2\r\n:one\r\n:+1\r\n')), [null, 1]);
});

test('a value is read from its place, and an attribute in front of it is passed over', () => {
  const bytes = Buffer.from(':1\r\n|1\r\n+ttl\r\n*1\r\n:9\r\n*2\r\n:2\r\n|1\r\n+a\r\n+b\r\n:3\r\n');
  assert.deepEqual(decodeReply(bytes, 4), [2, 3]);
});
