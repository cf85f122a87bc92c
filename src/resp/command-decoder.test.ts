import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Command } from '../commands/command.ts';
import { UNKNOWN } from '../commands/lookup.ts';
import { CommandDecoder, type CommandLimits, FAULT, MORE, READY } from './command-decoder.ts';

const LIMITS: CommandLimits = {
  bulkBytesMax: 512 * 1024 * 1024,
  elementsMax: 1024 * 1024,
  inlineBytesMax: 64 * 1024,
};

interface Options {
  readonly limits?: Partial<CommandLimits>;
  readonly authenticated?: boolean;
}

interface Setup {
  readonly decoder: CommandDecoder;
  readonly command: Command;
}

function setUp({ limits = {}, authenticated = true }: Options = {}): Setup {
  const command = new Command(UNKNOWN, Buffer.alloc(0));
  const decoder = new CommandDecoder({ ...LIMITS, ...limits }, command);
  decoder.authenticated = authenticated;
  return { decoder, command };
}

function wordsOf(command: Command): string[] {
  return Array.from({ length: command.argc }, (_none, index) => command.text(index));
}

function frameOf(command: Command): string {
  return command.bytes.toString('latin1', command.start, command.end);
}

/** Feeds the pieces through one buffer that is overwritten in between, as sockets do. */
function read(pieces: readonly string[], options: Options = {}): (string[] | string)[] {
  const { decoder, command } = setUp(options);
  const found: (string[] | string)[] = [];
  const shared = Buffer.alloc(Math.max(...pieces.map((piece) => piece.length), 1) + 16);
  for (const piece of pieces) {
    shared.fill('#');
    decoder.push(shared, shared.write(piece, 'latin1'));
    let state = decoder.next();
    for (; state === READY; state = decoder.next()) found.push(wordsOf(command));
    if (state === FAULT) return [...found, decoder.fault];
    decoder.settle();
  }
  return found;
}

function faultOf(bytes: string, options: Options = {}): string {
  const whole = read([bytes], options);
  const split = read([...bytes], options);
  assert.deepEqual(split, whole, 'the same whatever it is cut at');
  const last = whole.at(-1);
  return typeof last === 'string' ? last : 'none';
}

function bulk(...words: string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`;
}

const PING = bulk('PING');

test('a pipeline is the same whatever two bytes it is cut at', () => {
  const bytes = [
    bulk('SET', 'key', 'a\r\nb'),
    'GET "a b"\r\n',
    '*0\r\n',
    bulk('', 'x'.repeat(12)),
    '\r\n',
    '*-7\r\n',
    'PING\n',
    bulk('ECHO', '*1\r\n$4\r\nQUIT\r\n'),
  ].join('');
  const whole = read([bytes]);
  assert.deepEqual(whole, [
    ['SET', 'key', 'a\r\nb'],
    ['GET', 'a b'],
    ['', 'x'.repeat(12)],
    ['PING'],
    ['ECHO', '*1\r\n$4\r\nQUIT\r\n'],
  ]);
  for (let one = 0; one <= bytes.length; one++) {
    for (let two = one; two <= bytes.length; two++) {
      const pieces = [bytes.slice(0, one), bytes.slice(one, two), bytes.slice(two)];
      assert.deepEqual(read(pieces), whole, `cut at ${one} and ${two}`);
    }
  }
});

test('a whole frame is a view of the chunk, not a copy', () => {
  const { decoder, command } = setUp();
  const chunk = Buffer.from(`${PING}${bulk('GET', 'a')}*1\r\n`);
  decoder.push(chunk, chunk.length);
  decoder.next();
  decoder.next();
  assert.equal(command.bytes, chunk);
  assert.equal(frameOf(command), bulk('GET', 'a'));
});

test('a cut frame survives the chunk it came in', () => {
  const { decoder, command } = setUp();
  const chunk = Buffer.from(bulk('GET', 'abcdef'));
  decoder.push(chunk, chunk.length - 4);
  assert.equal(decoder.next(), MORE);
  decoder.settle();
  chunk.fill('#', 0, chunk.length - 4);
  const rest = Buffer.from('ef\r\n');
  decoder.push(rest, rest.length);
  assert.equal(decoder.next(), READY);
  assert.deepEqual(wordsOf(command), ['GET', 'abcdef']);
  assert.equal(decoder.hasRest, false);
});

test('commands that are held back survive the chunk they came in', () => {
  const { decoder, command } = setUp();
  const chunk = Buffer.from(bulk('A') + bulk('B') + bulk('C'));
  decoder.push(chunk, chunk.length);
  decoder.next();
  decoder.settle();
  chunk.fill('#');
  const found: string[][] = [];
  while (decoder.next() === READY) found.push(wordsOf(command));
  assert.deepEqual(found, [['B'], ['C']]);
});

test('what comes while commands are held back stands behind them', () => {
  const { decoder, command } = setUp();
  for (const text of [bulk('A') + bulk('B'), `${bulk('C')}*1\r\n$1`, '\r\nD\r\n']) {
    const chunk = Buffer.from(text);
    decoder.push(chunk, chunk.length);
    decoder.settle();
    chunk.fill('#');
  }
  const found: string[] = [];
  while (decoder.next() === READY) found.push(command.text(0));
  decoder.settle();
  assert.deepEqual(found, ['A', 'B', 'C', 'D']);
  assert.equal(decoder.carriedBytes, 0);
});

test('a command that was taken back comes again, and once', () => {
  for (const bytes of [
    bulk('SET', 'a', '1'),
    'SET a 1\r\n',
    '*3\r\n$3\r\nSETxx$1\r\na\r\n$1\r\n1\r\n',
  ]) {
    const { decoder, command } = setUp();
    const chunk = Buffer.from(PING + bytes + PING);
    decoder.push(chunk, chunk.length);
    decoder.next();
    decoder.next();
    decoder.unread();
    decoder.settle();
    chunk.fill('#');
    const found: string[] = [];
    while (decoder.next() === READY) found.push(wordsOf(command).join(' '));
    assert.deepEqual(found, ['SET a 1', 'PING']);
  }
});

test('bytes that servers do not look at are written anew before anyone forwards them', () => {
  const odd = '*2\rX$3\r?GET??$1\r\na\r\n';
  const { decoder, command } = setUp();
  const chunk = Buffer.from(odd + PING);
  decoder.push(chunk, chunk.length);
  decoder.next();
  assert.equal(frameOf(command), bulk('GET', 'a'));
  decoder.next();
  assert.equal(command.bytes, chunk, 'the next one is a view again');
  assert.deepEqual(read([...odd]), [['GET', 'a']]);
});

test('an empty command in odd bytes does not make the next one be written anew', () => {
  const { decoder, command } = setUp();
  const chunk = Buffer.from(`*0\rX${PING}`);
  decoder.push(chunk, chunk.length);
  decoder.next();
  assert.equal(command.bytes, chunk);
});

test('an inline command becomes the frame a server reads', () => {
  const { decoder, command } = setUp();
  const chunk = Buffer.from('SET "a b" 0123456789\r\n');
  decoder.push(chunk, chunk.length);
  decoder.next();
  assert.equal(frameOf(command), bulk('SET', 'a b', '0123456789'));
  assert.deepEqual(wordsOf(command), ['SET', 'a b', '0123456789']);
});

test('a command with more arguments than the frame had room for keeps them all', () => {
  const many = Array.from({ length: 5000 }, (_none, i) => `word${i}`);
  assert.deepEqual(read([bulk(...many)]), [many]);
  assert.deepEqual(read([...bulk(...many)]), [many]);
});

test('faults are worded as Redis words them', () => {
  const faults: readonly [string, string][] = [
    ['*abc\r\n', 'invalid multibulk length'],
    ['*\r\n', 'invalid multibulk length'],
    ['*01\r\n', 'invalid multibulk length'],
    ['*-0\r\n', 'invalid multibulk length'],
    ['*+1\r\n', 'invalid multibulk length'],
    ['* 1\r\n', 'invalid multibulk length'],
    ['*2147483648\r\n', 'invalid multibulk length'],
    ['*99999999999999999999\r\n', 'invalid multibulk length'],
    ['*1\r\nabc\r\n', "expected '$', got 'a'"],
    ['*1\r\n\xffabc\r\n', "expected '$', got '\xff'"],
    ['*1\r\n$abc\r\n', 'invalid bulk length'],
    ['*1\r\n$-1\r\n', 'invalid bulk length'],
    ['*1\r\n$4 \r\n', 'invalid bulk length'],
    ['*1\r\n$04\r\n', 'invalid bulk length'],
    ['*1\r\n$536870913\r\n', 'invalid bulk length'],
    ['*1\r\n$99999999999999999999\r\n', 'invalid bulk length'],
    ['"PING\r\n', 'unbalanced quotes in request'],
    ['"PING"x\r\n', 'unbalanced quotes in request'],
  ];
  for (const [bytes, expected] of faults) assert.equal(faultOf(bytes), expected, bytes);
});

test('commands before a fault are found, and nothing behind it', () => {
  assert.deepEqual(read([`${PING}*x\r\n${PING}`]), [['PING'], 'invalid multibulk length']);
  const { decoder } = setUp();
  const chunk = Buffer.from(`*x\r\n${PING}`);
  decoder.push(chunk, chunk.length);
  assert.deepEqual([decoder.next(), decoder.next()], [FAULT, FAULT]);
});

test('a line without end is cut off at its limit', () => {
  const limits = { inlineBytesMax: 100 };
  assert.equal(faultOf('x'.repeat(101), { limits }), 'too big inline request');
  assert.equal(faultOf('x'.repeat(100), { limits }), 'none');
  assert.equal(faultOf(`*${'1'.repeat(101)}`, { limits }), 'too big mbulk count string');
  assert.equal(faultOf(`*1\r\n$${'1'.repeat(101)}`, { limits }), 'too big bulk count string');
});

test('a line too long is a fault even where its end came with it', () => {
  const limits = { inlineBytesMax: 100 };
  assert.equal(faultOf(`PING ${'x'.repeat(100)}\r\n`, { limits }), 'too big inline request');
});

test('long values are no long lines', () => {
  const limits = { inlineBytesMax: 100 };
  assert.equal(faultOf(bulk('SET', 'k', 'x'.repeat(5000)), { limits }), 'none');
});

test('limits are what may just pass', () => {
  const limits = { bulkBytesMax: 5, elementsMax: 2 };
  assert.equal(faultOf(bulk('12345', ''), { limits }), 'none');
  assert.equal(faultOf(bulk('123456'), { limits }), 'invalid bulk length');
  assert.equal(faultOf(bulk('1', '2', '3'), { limits }), 'invalid multibulk length');
});

test('a client that has not logged in may say little', () => {
  const options = { authenticated: false };
  const ten = Array.from({ length: 10 }, () => 'x');
  assert.equal(faultOf(bulk(...ten), options), 'none');
  assert.equal(faultOf(bulk(...ten, 'x'), options), 'unauthenticated multibulk length');
  assert.equal(faultOf('*1\r\n$16384\r\n', options), 'none');
  assert.equal(faultOf('*1\r\n$16385\r\n', options), 'unauthenticated bulk length');
});

test('a client that logs in between two commands of one chunk may say more', () => {
  const { decoder, command } = setUp({ authenticated: false });
  const chunk = Buffer.from(bulk('AUTH', 'x') + bulk(...Array.from({ length: 20 }, () => 'x')));
  decoder.push(chunk, chunk.length);
  decoder.next();
  decoder.authenticated = true;
  assert.equal(decoder.next(), READY);
  assert.equal(command.argc, 20);
});

test('a large value announced costs no memory before it comes', () => {
  const { decoder } = setUp();
  const before = process.memoryUsage().arrayBuffers;
  for (let i = 0; i < 100; i++) {
    const one = setUp().decoder;
    const chunk = Buffer.from('*2\r\n$3\r\nSET\r\n$500000000\r\n');
    one.push(chunk, chunk.length);
    one.next();
    one.settle();
  }
  assert.ok(process.memoryUsage().arrayBuffers - before < 8 * 1024 * 1024);
  assert.equal(decoder.carriedBytes, 0);
});

test('a value that comes in many chunks costs time in proportion', () => {
  const { decoder, command } = setUp();
  const value = Buffer.alloc(64 * 1024, 0x61);
  const head = Buffer.from(`*2\r\n$4\r\nECHO\r\n$${value.length * 400}\r\n`);
  const before = performance.now();
  for (const chunk of [head, ...Array.from({ length: 400 }, () => value), Buffer.from('\r\n')]) {
    decoder.push(chunk, chunk.length);
    decoder.next();
    if (command.argc === 0) decoder.settle();
  }
  assert.equal(command.argLength(1), value.length * 400);
  assert.ok(performance.now() - before < 1000);
});
