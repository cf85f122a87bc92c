import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ByteQueue, copyBytes, EMPTY } from './bytes.ts';
import { SMALLEST_BYTES } from './pool.ts';

function held(queue: ByteQueue): string {
  return queue.bytes.toString('latin1', 0, queue.length);
}

function filled(text: string): ByteQueue {
  const queue = new ByteQueue();
  queue.appendLatin1(text);
  return queue;
}

test('a copy is the same whether it is made by a loop or natively', () => {
  for (const size of [0, 1, 23, 24, 25, 100, 5000]) {
    const source = Buffer.from(Array.from({ length: size + 7 }, (_none, i) => (i * 31) & 255));
    const target = Buffer.alloc(size + 5);
    copyBytes(target, 3, source, 4, 4 + size);
    assert.deepEqual(target.subarray(3, 3 + size), source.subarray(4, 4 + size));
    assert.deepEqual([target[0], target[2], target[3 + size]], [0, 0, 0]);
  }
});

test('what is appended in any way stands in order', () => {
  const queue = new ByteQueue();
  queue.append(Buffer.from('xxabcxx'), 2, 5);
  queue.appendByte(0x2d);
  queue.appendLatin1('é');
  for (const number of [0, 9, 10, 2 ** 31, 2 ** 40, -1]) queue.appendInteger(number);
  assert.equal(held(queue), 'abc-é09102147483648'.concat('1099511627776', '-1'));
});

test('growing over the chunk and beyond keeps every byte', () => {
  const queue = new ByteQueue();
  const piece = Buffer.from(Array.from({ length: 1000 }, (_none, i) => i & 255));
  for (let i = 0; i < 200; i++) queue.append(piece, 0, piece.length);
  assert.equal(queue.length, 200_000);
  for (let i = 0; i < 200; i++) {
    assert.ok(queue.bytes.subarray(i * 1000, (i + 1) * 1000).equals(piece));
  }
});

test('a byte that falls on the edge of the chunk makes it grow', () => {
  const queue = new ByteQueue();
  const whole = Buffer.alloc(SMALLEST_BYTES, 0x61);
  queue.append(whole, 0, whole.length);
  queue.appendByte(0x62);
  assert.equal(queue.length, SMALLEST_BYTES + 1);
  assert.equal(queue.bytes[SMALLEST_BYTES - 1], 0x61);
  assert.equal(queue.bytes[SMALLEST_BYTES], 0x62);
});

test('consuming forgets the front and keeps the rest', () => {
  const queue = filled('abcdef');
  queue.consume(0);
  queue.consume(2);
  queue.appendLatin1('gh');
  assert.equal(held(queue), 'cdefgh');
});

test('consuming everything gives the memory back', () => {
  const queue = filled('abc');
  queue.consume(3);
  assert.equal(queue.bytes, EMPTY);
  assert.equal(queue.length, 0);
});

test('consuming nothing of nothing is no fault', () => {
  const queue = new ByteQueue();
  queue.consume(0);
  assert.equal(queue.bytes, EMPTY);
});

test('memory that was taken is never written again', () => {
  const queue = filled('mine');
  const taken = queue.take();
  const others = Array.from({ length: 8 }, () => filled('XXXXXXXX'));
  queue.appendLatin1('YYYYYYYY');
  assert.equal(taken.toString('latin1', 0, 4), 'mine');
  assert.equal(others.length, 8);
});

test('memory that was given back belongs to the next queue alone', () => {
  filled('old').clear();
  const one = filled('one');
  const two = filled('two');
  assert.notEqual(one.bytes, two.bytes);
  assert.deepEqual([held(one), held(two)], ['one', 'two']);
});

test('clearing twice does not give the same memory away twice', () => {
  const queue = filled('abc');
  queue.clear();
  queue.clear();
  assert.notEqual(filled('one').bytes, filled('two').bytes);
});
