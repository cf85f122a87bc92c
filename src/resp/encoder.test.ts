import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startRedis } from '../../test/support/redis.ts';
import { ByteQueue } from '../core/bytes.ts';
import { encodeArrayHead, encodeError, encodeValue } from './encoder.ts';
import { errorLine, linkError } from './errors.ts';
import type { Protocol } from './types.ts';
import { error, isError, OK, status, type Value } from './value.ts';

function encoded(value: Value, protocol: Protocol): string {
  const out = new ByteQueue();
  encodeValue(out, value, protocol);
  return out.bytes.toString('latin1', 0, out.length);
}

test('each value reads as Redis writes it in either protocol', () => {
  const table: readonly [Value, string, string][] = [
    [null, '$-1\r\n', '_\r\n'],
    [true, ':1\r\n', '#t\r\n'],
    [false, ':0\r\n', '#f\r\n'],
    [0, ':0\r\n', ':0\r\n'],
    [-(2 ** 40), ':-1099511627776\r\n', ':-1099511627776\r\n'],
    [2n ** 63n - 1n, ':9223372036854775807\r\n', ':9223372036854775807\r\n'],
    ['', '$0\r\n\r\n', '$0\r\n\r\n'],
    ['é', '$2\r\n\xc3\xa9\r\n', '$2\r\n\xc3\xa9\r\n'],
    [Buffer.from([0, 255, 13, 10]), '$4\r\n\0\xff\r\n\r\n', '$4\r\n\0\xff\r\n\r\n'],
    [OK, '+OK\r\n', '+OK\r\n'],
    [status('PONG'), '+PONG\r\n', '+PONG\r\n'],
    [error('ERR no'), '-ERR no\r\n', '-ERR no\r\n'],
    [[], '*0\r\n', '*0\r\n'],
    [[1, [null]], '*2\r\n:1\r\n*1\r\n$-1\r\n', '*2\r\n:1\r\n*1\r\n_\r\n'],
    [{ map: [] }, '*0\r\n', '%0\r\n'],
    [{ map: [['a', true]] }, '*2\r\n$1\r\na\r\n:1\r\n', '%1\r\n$1\r\na\r\n#t\r\n'],
    [{ set: [1] }, '*1\r\n:1\r\n', '~1\r\n:1\r\n'],
    [{ push: [1] }, '*1\r\n:1\r\n', '>1\r\n:1\r\n'],
    [{ double: 1.5 }, '$3\r\n1.5\r\n', ',1.5\r\n'],
    [{ double: Infinity }, '$3\r\ninf\r\n', ',inf\r\n'],
    [{ double: -Infinity }, '$4\r\n-inf\r\n', ',-inf\r\n'],
    [{ double: Number.NaN }, '$3\r\nnan\r\n', ',nan\r\n'],
    [{ bigNumber: '-12' }, '$3\r\n-12\r\n', '(-12\r\n'],
    [{ verbatim: 'é', format: 'txt' }, '$2\r\n\xc3\xa9\r\n', '=6\r\ntxt:\xc3\xa9\r\n'],
  ];
  for (const [value, two, three] of table) {
    assert.equal(encoded(value, 2), two);
    assert.equal(encoded(value, 3), three);
  }
});

test('a map within a list keeps its shape in each protocol', () => {
  const value: Value = [{ map: [['k', { set: [{ map: [[1, 2]] }] }]] }];
  assert.equal(encoded(value, 2), '*1\r\n*2\r\n$1\r\nk\r\n*1\r\n*2\r\n:1\r\n:2\r\n');
  assert.equal(encoded(value, 3), '*1\r\n%1\r\n$1\r\nk\r\n~1\r\n%1\r\n:1\r\n:2\r\n');
});

test('types that DEBUG PROTOCOL of a real server shows are written alike', async () => {
  await using server = await startRedis({ config: { 'enable-debug-command': 'yes' } });
  const kinds: readonly [string, Value][] = [
    ['string', 'Hello World'],
    ['integer', 12345],
    // biome-ignore lint/suspicious/noApproximativeNumericConstant: what the server shows
    ['double', { double: 3.141 }],
    ['null', null],
    ['set', { set: [0, 1, 2] }],
    [
      'map',
      {
        map: [
          [0, false],
          [1, true],
          [2, false],
        ],
      },
    ],
    ['verbatim', { verbatim: 'This is a verbatim\nstring', format: 'txt' }],
    ['true', true],
    ['false', false],
    ['bignum', { bigNumber: '1234567999999999999999999999999999999' }],
  ];
  for (const protocol of [2, 3] as const) {
    await using wire = await server.connect({ protocol });
    for (const [kind, value] of kinds) {
      const written = await wire.ask('DEBUG', 'PROTOCOL', kind);
      assert.equal(encoded(value, protocol), written, `${kind} in RESP${protocol}`);
    }
  }
});

test('a line break in an error cannot end its line', () => {
  assert.equal(encoded(error('ERR a\r\n+OK'), 2), '-ERR a  +OK\r\n');
});

test('a character whose low byte is a line break cannot end an error line', () => {
  const out = new ByteQueue();
  encodeError(out, 'ERR \u010a\u010d é');
  assert.equal(out.bytes.toString('latin1', 0, out.length), '-ERR ?? é\r\n');
});

test('the text of a failure fits in one line too', () => {
  assert.equal(linkError('handshake', 'x', '21\r\nERR a').reply, '21  ERR a');
  assert.equal(errorLine('ERR fine'), 'ERR fine');
});

test('a head of an array counts beyond ten', () => {
  const out = new ByteQueue();
  for (const count of [0, 9, 10, 1048576]) encodeArrayHead(out, count);
  assert.equal(out.bytes.toString('latin1', 0, out.length), '*0\r\n*9\r\n*10\r\n*1048576\r\n');
});

test('only errors are errors', () => {
  const values: readonly Value[] = [error('x'), OK, null, 'error', Buffer.from('-x'), ['error']];
  assert.deepEqual(values.map(isError), [true, false, false, false, false, false]);
});
