import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Outcomes } from '../../test/support/sinks.ts';
import type { Sink } from '../backend/backend.ts';
import { linkError } from '../resp/errors.ts';
import { AgreeGather, AnyGather, ArrayGather, type KeyGroups, SumGather } from './gather.ts';

function say(sink: Sink, text: string): void {
  const bytes = Buffer.from(`##${text}##`, 'latin1');
  sink.reply(bytes, 2, bytes.length - 2);
  bytes.fill('#');
}

const LOST = linkError('closed', 'lost');

/** `targets[i]` is the piece that carries key i. */
function groups(...targets: number[]): KeyGroups {
  const pieces = Math.max(...targets) + 1;
  const order = targets.map((_target, i) => i).sort((a, b) => targets[a]! - targets[b]! || a - b);
  const from = Array.from(
    { length: pieces + 1 },
    (_none, p) => targets.filter((t) => t < p).length,
  );
  return {
    keys: targets.length,
    pieces,
    order: Int32Array.from(order),
    from: Int32Array.from(from),
  };
}

test('integers are added up', () => {
  const outcomes = new Outcomes();
  const gather = new SumGather(outcomes.sink('sum'), 3);
  say(gather.piece(), ':2\r\n');
  say(gather.piece(), ':0\r\n');
  assert.deepEqual(outcomes.all, []);
  say(gather.piece(), ':40\r\n');
  assert.deepEqual(outcomes.all, ['sum=:42\r\n']);
});

test('a sum of which a part is missing says how many parts', () => {
  const outcomes = new Outcomes();
  const gather = new SumGather(outcomes.sink('sum'), 4);
  say(gather.piece(), ':2\r\n');
  say(gather.piece(), '-ERR no\r\n');
  gather.piece().fail(LOST);
  say(gather.piece(), '+odd\r\n');
  assert.deepEqual(outcomes.all, ['sum=-finished with 3 error(s)\r\n']);
});

test('agreement is OK when all agree, and a count when not', () => {
  const outcomes = new Outcomes();
  const good = new AgreeGather(outcomes.sink('good'), 2);
  const bad = new AgreeGather(outcomes.sink('bad'), 3);
  for (let i = 0; i < 2; i++) say(good.piece(), '+OK\r\n');
  say(bad.piece(), '+OK\r\n');
  bad.piece().fail(LOST);
  say(bad.piece(), '!5\r\nERR x\r\n');
  assert.deepEqual(outcomes.all, ['good=+OK\r\n', 'bad=-finished with 2 error(s)\r\n']);
});

test('one answer stands for all, and the first error outweighs any other', () => {
  const outcomes = new Outcomes();
  const answers: readonly (readonly string[])[] = [
    ['+OK\r\n', '+QUEUED\r\n', '+OK\r\n'],
    ['+OK\r\n', '-ERR one\r\n', '-ERR two\r\n'],
    ['-ERR one\r\n', '+OK\r\n', '+OK\r\n'],
  ];
  for (const [index, texts] of answers.entries()) {
    const gather = new AnyGather(outcomes.sink(`${index}`), 3);
    for (const text of texts) say(gather.piece(), text);
  }
  assert.deepEqual(outcomes.all, ['0=+OK\r\n', '1=-ERR one\r\n', '2=-ERR one\r\n']);
});

test('servers that cannot be reached have no say unless none can', () => {
  const outcomes = new Outcomes();
  const some = new AnyGather(outcomes.sink('some'), 2);
  some.piece().fail(LOST);
  say(some.piece(), '+OK\r\n');
  const none = new AnyGather(outcomes.sink('none'), 2);
  none.piece().fail(LOST);
  none.piece().fail(linkError('timeout', 'x'));
  const refused = new AnyGather(outcomes.sink('refused'), 3);
  refused.piece().fail(LOST);
  refused.piece().fail(linkError('handshake', 'x'));
  say(refused.piece(), '+OK\r\n');
  assert.deepEqual(outcomes.all, ['some=+OK\r\n', 'none!closed', 'refused!handshake']);
});

test('elements stand in the order of the keys, whatever order the servers answer in', () => {
  for (const order of [
    [0, 1, 2],
    [2, 0, 1],
    [1, 2, 0],
  ]) {
    const outcomes = new Outcomes();
    const gather = ArrayGather.open(outcomes.sink('all'), groups(0, 1, 0, 2, 1));
    const texts = [
      '*2\r\n$1\r\na\r\n_\r\n',
      '*2\r\n$-1\r\n$5\r\n*1\r\n!\r\n',
      '*1\r\n%1\r\n+k\r\n:1\r\n',
    ];
    for (const piece of order) say(gather.piece(piece), texts[piece]!);
    assert.deepEqual(outcomes.all, [
      'all=*5\r\n$1\r\na\r\n$-1\r\n_\r\n%1\r\n+k\r\n:1\r\n$5\r\n*1\r\n!\r\n',
    ]);
  }
});

test('a server that fails has its error in its places, and takes nothing from the others', () => {
  const outcomes = new Outcomes();
  const gather = ArrayGather.open(outcomes.sink('all'), groups(0, 1, 2, 0, 1));
  gather.piece(1).fail(LOST);
  say(gather.piece(2), '-LOADING wait\r\n');
  say(gather.piece(0), '*2\r\n$1\r\na\r\n$1\r\nb\r\n');
  const lost = '-upstream failure\r\n';
  assert.deepEqual(outcomes.all, [
    `all=*5\r\n$1\r\na\r\n${lost}-LOADING wait\r\n$1\r\nb\r\n${lost}`,
  ]);
});

test('a server that answers something else than it was asked is in error', () => {
  const wrong = [
    '*1\r\n$1\r\na\r\n',
    '*3\r\n_\r\n_\r\n_\r\n',
    '*-1\r\n',
    '+OK\r\n',
    '$2\r\n*2\r\n',
    '~2\r\n_\r\n_\r\n',
  ];
  for (const text of wrong) {
    const outcomes = new Outcomes();
    const gather = ArrayGather.open(outcomes.sink('all'), groups(0, 0, 1));
    say(gather.piece(0), text);
    say(gather.piece(1), '*1\r\n:1\r\n');
    const error = '-upstream protocol error\r\n';
    assert.deepEqual(outcomes.all, [`all=*3\r\n${error}${error}:1\r\n`], text);
  }
});

test('a gather used again remembers nothing', () => {
  const outcomes = new Outcomes();
  const big = ArrayGather.open(outcomes.sink('big'), groups(0, 1, 2, 3, 4, 5, 6, 7));
  for (let i = 0; i < 8; i++) say(big.piece(i), `*1\r\n$3\r\nold\r\n`);
  const one = ArrayGather.open(outcomes.sink('one'), groups(1, 0));
  const two = ArrayGather.open(outcomes.sink('two'), groups(0, 1));
  say(two.piece(1), '*1\r\n:21\r\n');
  say(one.piece(0), '*1\r\n:10\r\n');
  say(two.piece(0), '*1\r\n:20\r\n');
  one.piece(1).fail(LOST);
  assert.deepEqual(outcomes.all.slice(1), [
    'two=*2\r\n:20\r\n:21\r\n',
    'one=*2\r\n-upstream failure\r\n:10\r\n',
  ]);
});

test('a sink that asks again at once may be given the gather that just answered it', () => {
  const outcomes = new Outcomes();
  const first = ArrayGather.open(
    outcomes.sink('first', () => {
      const second = ArrayGather.open(outcomes.sink('second'), groups(0, 1, 2));
      for (let i = 0; i < 3; i++) say(second.piece(i), `*1\r\n:${i}\r\n`);
    }),
    groups(0, 1),
  );
  say(first.piece(0), '*1\r\n+a\r\n');
  say(first.piece(1), '*1\r\n+b\r\n');
  assert.deepEqual(outcomes.all, ['first=*2\r\n+a\r\n+b\r\n', 'second=*3\r\n:0\r\n:1\r\n:2\r\n']);
});
