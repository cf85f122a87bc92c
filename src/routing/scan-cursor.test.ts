import assert from 'node:assert/strict';
import { test } from 'node:test';
import { packCursor, SCANNED_SERVERS_MAX, unpackCursor } from './scan-cursor.ts';

test('a cursor says which server it is of and what its own cursor is', () => {
  for (const server of [0, 1, 7, SCANNED_SERVERS_MAX - 1]) {
    for (const cursor of ['1', '12', '1073741823', String(2n ** 47n), String(2n ** 53n - 1n)]) {
      const packed = packCursor(server, cursor, SCANNED_SERVERS_MAX);
      assert.ok(packed !== null && BigInt(packed) < 2n ** 63n);
      assert.deepEqual(unpackCursor(packed), { server, cursor });
    }
  }
});

test('a server that is through is followed by the next, and the last by the end', () => {
  assert.equal(packCursor(0, '0', 3), '1');
  assert.deepEqual(unpackCursor('1'), { server: 1, cursor: '0' });
  assert.equal(packCursor(2, '0', 3), '0');
  assert.deepEqual(unpackCursor('0'), { server: 0, cursor: '0' });
});

test('the cursor of a table of a thousand million keys fits 53 bits', () => {
  assert.ok(Number(packCursor(1023, String(2 ** 30 - 1), 1024)) <= Number.MAX_SAFE_INTEGER);
});

test('a cursor that leaves no room, or is no number, is not passed on', () => {
  for (const cursor of [String(2n ** 53n), String(2n ** 64n - 1n), '_zset', '', '-1']) {
    assert.equal(packCursor(1, cursor, 2), null, cursor);
  }
});

test('nonsense is no cursor', () => {
  const nonsense = ['', 'x', '-1', '+1', ' 1', '1 ', '1.0', '0x1', '1e3'];
  for (const text of [...nonsense, String(2n ** 63n), '9'.repeat(19), '9'.repeat(40)]) {
    assert.equal(unpackCursor(text), null, text);
  }
});
