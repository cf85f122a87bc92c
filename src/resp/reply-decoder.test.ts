import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FAULT, MORE, READY } from './command-decoder.ts';
import { ReplyDecoder } from './reply-decoder.ts';
import { skipValue } from './skip.ts';

const NO_LIMIT = 2 ** 40;
const NESTING_MAX = 128;

/** Feeds the pieces through one buffer that is overwritten in between, as sockets do. */
function read(pieces: readonly string[], bytesMax = NO_LIMIT): string[] {
  const decoder = new ReplyDecoder({ bytesMax, nestingMax: NESTING_MAX });
  const found: string[] = [];
  const shared = Buffer.alloc(Math.max(...pieces.map((piece) => piece.length), 1) + 16);
  for (const piece of pieces) {
    shared.fill('#');
    decoder.push(shared, shared.write(piece, 'latin1'));
    let state = decoder.next();
    for (; state === READY; state = decoder.next()) {
      found.push(decoder.bytes.toString('latin1', decoder.start, decoder.end));
    }
    if (state === FAULT) return [...found, 'FAULT'];
    decoder.settle();
  }
  return found;
}

/** One of each kind, and of each combination that is easily miscounted. */
const REPLIES: readonly string[] = [
  '+OK\r\n',
  '+\r\n',
  '-ERR what a client said\r\n',
  `-ERR ${'long '.repeat(30)}\r\n`,
  ':0\r\n',
  ':-9223372036854775808\r\n',
  '$0\r\n\r\n',
  '$-1\r\n',
  '$5\r\na\r\n*3\r\n',
  '*0\r\n',
  '*-1\r\n',
  '*2\r\n$1\r\na\r\n$-1\r\n',
  '*2\r\n*1\r\n*0\r\n*-1\r\n',
  '_\r\n',
  '#t\r\n',
  '#f\r\n',
  ',-1.5e-7\r\n',
  ',inf\r\n',
  ',nan\r\n',
  '(-3492890328409238509324850943850943825024385\r\n',
  '!10\r\nERR a\r\nb c\r\n',
  '=7\r\ntxt:a\r\n\r\n',
  '%0\r\n',
  '%2\r\n+a\r\n:1\r\n$1\r\nb\r\n*1\r\n_\r\n',
  '~3\r\n:1\r\n#t\r\n~0\r\n',
  '>3\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n_\r\n',
  '|1\r\n+ttl\r\n:3600\r\n$1\r\nv\r\n',
  '*2\r\n|1\r\n+a\r\n+b\r\n:1\r\n|0\r\n:2\r\n',
  '%1\r\n|1\r\n+a\r\n*0\r\n+key\r\n%1\r\n+k\r\n_\r\n',
  '+a\rb\r\n',
];

test('every type is framed whole, whatever byte it is cut at', () => {
  for (const reply of REPLIES) {
    const stream = `${reply}+next\r\n`;
    assert.deepEqual(read([stream]), [reply, '+next\r\n'], JSON.stringify(reply));
    assert.deepEqual(read([...stream]), [reply, '+next\r\n'], JSON.stringify(reply));
    for (let at = 1; at < stream.length; at++) {
      const found = read([stream.slice(0, at), stream.slice(at)]);
      assert.deepEqual(found, [reply, '+next\r\n'], `${JSON.stringify(reply)} cut at ${at}`);
    }
  }
});

test('all of them in one stream are told apart', () => {
  const stream = REPLIES.join('');
  assert.deepEqual(read([stream]), REPLIES);
  for (let at = 1; at < stream.length; at++) {
    assert.deepEqual(read([stream.slice(0, at), stream.slice(at)]), REPLIES, `cut at ${at}`);
  }
});

test('lists may be nested up to the limit, and as often as wanted beside one another', () => {
  const deepest = `${'*1\r\n'.repeat(NESTING_MAX)}:1\r\n`;
  const wide = `*3\r\n${`${'*1\r\n'.repeat(NESTING_MAX - 1)}:1\r\n`.repeat(3)}`;
  assert.deepEqual(read([deepest, wide, '+next\r\n']), [deepest, wide, '+next\r\n']);
});

test('one list too deep is a fault', () => {
  assert.deepEqual(read([`${'*1\r\n'.repeat(NESTING_MAX + 1)}:1\r\n`]), ['FAULT']);
});

test('an attribute is as deep as a map', () => {
  const attribute = '|1\r\n+a\r\n+b\r\n';
  const deepest = `${'*1\r\n'.repeat(NESTING_MAX - 1)}${attribute}:1\r\n`;
  assert.deepEqual(read([deepest]), [deepest]);
});

test('what is not RESP is a fault, whatever byte it is cut at', () => {
  const wrong = [
    'HTTP/1.1 400\r\n',
    '\r\n',
    '+OK\n',
    '$3\r\nabcd\r\n',
    '$a\r\n',
    '$\r\n',
    '$-2\r\n',
    '$-0\r\n\r\n',
    '!-1\r\n',
    '=-1\r\n',
    '*-2\r\n',
    '*-0\r\n',
    '%-1\r\n',
    '~-1\r\n',
    '|-1\r\n+OK\r\n',
    '*1x\r\n',
    '*1\rx',
    '$?\r\n',
    '*9999999999999999\r\n',
    '*1\r\n?',
  ];
  for (const bytes of wrong) {
    assert.deepEqual(read([`+OK\r\n${bytes}`]), ['+OK\r\n', 'FAULT'], JSON.stringify(bytes));
    assert.deepEqual(read([...`+OK\r\n${bytes}`]), ['+OK\r\n', 'FAULT'], JSON.stringify(bytes));
  }
});

test('after a fault nothing more is found', () => {
  const decoder = new ReplyDecoder({ bytesMax: NO_LIMIT, nestingMax: NESTING_MAX });
  const chunk = Buffer.from('?+OK\r\n');
  decoder.push(chunk, chunk.length);
  assert.deepEqual([decoder.next(), decoder.next()], [FAULT, FAULT]);
});

test('the limit of a reply holds however it comes', () => {
  const reply = '$10\r\n0123456789\r\n';
  const array = '*2\r\n:1\r\n:2\r\n';
  for (const [bytes, size] of [
    [reply, reply.length],
    [array, array.length],
  ] as const) {
    assert.deepEqual(read([bytes + bytes], size), [bytes, bytes]);
    assert.deepEqual(read([bytes], size - 1), ['FAULT']);
    assert.deepEqual(read([...bytes], size), [bytes]);
    assert.deepEqual(read([...bytes], size - 1), ['FAULT']);
  }
});

test('a value announced beyond the limit is refused before it comes', () => {
  assert.deepEqual(read(['$1000\r\nab'], 100), ['FAULT']);
});

test('a chunk of many small replies may be larger than the limit of one', () => {
  assert.equal(read(['+OK\r\n'.repeat(1000)], 10).length, 1000);
});

test('it is known whether a reply has begun', () => {
  const decoder = new ReplyDecoder({ bytesMax: NO_LIMIT, nestingMax: NESTING_MAX });
  const chunk = Buffer.from('+OK\r\n*2\r\n:1\r\n');
  decoder.push(chunk, chunk.length);
  decoder.next();
  assert.equal(decoder.isWithin, true, 'before it is settled');
  assert.equal(decoder.next(), MORE);
  decoder.settle();
  assert.equal(decoder.isWithin, true, 'after it was settled');
  const rest = Buffer.from(':2\r\n');
  decoder.push(rest, rest.length);
  decoder.next();
  assert.equal(decoder.isWithin, false, 'when it is whole');
  decoder.settle();
  assert.equal(decoder.isWithin, false);
});

test('a framed value is skipped to the end the decoder found', () => {
  for (const reply of REPLIES) {
    const bytes = Buffer.from(`##${reply}+next\r\n`, 'latin1');
    assert.equal(skipValue(bytes, 2), 2 + reply.length, JSON.stringify(reply));
  }
});
