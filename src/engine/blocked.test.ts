import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sleep, until } from '../../test/support/bounded.ts';
import { EngineClient } from '../../test/support/engine.ts';
import { Command } from '../commands/command.ts';
import { CommandTable, UNKNOWN } from '../commands/lookup.ts';
import { Client } from './client.ts';
import { Engine } from './engine.ts';
import { Kind } from './types.ts';

const TABLE = new CommandTable([]);
/** Timers of a busy machine are late. */
const LATE_MS = 500;

function commandOf(...words: string[]): Command {
  const command = new Command(UNKNOWN, Buffer.alloc(0));
  command.fill(words.map((word) => Buffer.from(word)));
  const spec = TABLE.resolve(command);
  assert.ok(spec !== undefined);
  command.spec = spec;
  return command;
}

for (const [seconds, ms] of [
  ['0.05', 50],
  ['.1', 100],
  ['0x.2', 125],
  ['0.0001', 1],
] as const) {
  test(`a wait of ${seconds} s is over after ${ms} ms, not before`, async () => {
    const engine = new Engine();
    const client = new EngineClient(engine);
    const start = performance.now();
    assert.equal(client.ask(['BLPOP', 'a', seconds]), null);
    await until(() => !client.isWaiting, 'the wait is over', ms + LATE_MS, 1);
    assert.ok(performance.now() - start >= ms);
    assert.deepEqual(client.later, ['*-1\r\n']);
    assert.equal(engine.blocked.count, 0);
  });
}

test('a wait beyond what a timer can do goes on', async () => {
  const engine = new Engine();
  const client = new EngineClient(engine);
  assert.equal(client.ask(['BLPOP', 'a', '9000000000000000']), null);
  await sleep(20);
  assert.ok(client.isWaiting);
  client.unblock(true);
  assert.deepEqual(client.later, ['-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n']);
  client.unblock(true);
  assert.equal(client.later.length, 1);
});

test('whoever asks again when it is answered comes after those who waited already', () => {
  const engine = new Engine();
  const [first, second, pusher] = [new Client(true), new Client(true), new EngineClient(engine)];
  const got: string[] = [];
  const sinkOf = (name: string, onReply: () => void): Parameters<Engine['run']>[2] => ({
    reply: (bytes, start, end) => {
      got.push(`${name} ${bytes.toString('latin1', start, end).split('\r\n')[4]}`);
      onReply();
    },
    fail: assert.fail,
  });
  const pop = commandOf('BLPOP', 'a', '0');
  const again = sinkOf('first again', () => {});
  engine.run(
    pop,
    first,
    sinkOf('first', () => engine.run(pop, first, again)),
  );
  engine.run(
    pop,
    second,
    sinkOf('second', () => {}),
  );
  pusher.ask(['RPUSH', 'a', 'x', 'y', 'z']);
  assert.deepEqual(got, ['first x', 'first again z', 'second y']);
});

test('a client that asked to be told is told when its key is gone, the others wait on', () => {
  const engine = new Engine();
  const [attached, other, pusher] = [
    new Client(true),
    new EngineClient(engine),
    new EngineClient(engine),
  ];
  const told: string[] = [];
  const wish = {
    firstKey: 1,
    lastKey: 1,
    kind: Kind.stream,
    timeoutMs: 0,
    nothing: 'array',
  } as const;
  engine.blocked.begin(
    attached,
    commandOf('BLPOP', 'a', '0'),
    { ...wish, gone: 'ERR gone' },
    {
      reply: (bytes, start, end) => told.push(bytes.toString('latin1', start, end)),
      fail: assert.fail,
    },
  );
  assert.equal(other.ask(['BLPOP', 'a', '0']), null);
  pusher.ask(['SET', 'b', 'x']);
  assert.deepEqual(told, []);
  pusher.ask(['SET', 'a', 'x']);
  assert.deepEqual(told, ['-ERR gone\r\n']);
  assert.ok(other.isWaiting);
  pusher.ask(['DEL', 'a']);
  pusher.ask(['RPUSH', 'a', 'x']);
  assert.ok(!other.isWaiting);
});

/** Clients that wait, in the test of what they cost. */
const CROWD = 1000;
const ROUNDS = 5000;
/** Beside nobody waiting. Measured: 1.1 to 1.3. */
const COST_MAX = 3;
const TRIES = 5;

test('a thousand clients that wait do not slow down the others', () => {
  const engine = new Engine();
  const client = new EngineClient(engine);
  const push = commandOf('RPUSH', 'busy', 'x');
  const pop = commandOf('LPOP', 'busy');
  const holder = new Client(true);
  const sink = { reply() {}, fail: assert.fail };
  const measure = (): number => {
    let best = Infinity;
    for (let tries = 0; tries < TRIES; tries++) {
      const start = performance.now();
      for (let i = 0; i < ROUNDS; i++) {
        engine.run(push, holder, sink);
        engine.run(pop, holder, sink);
      }
      best = Math.min(best, performance.now() - start);
    }
    return best;
  };
  measure();
  const alone = measure();
  const crowd = Array.from({ length: CROWD }, () => new EngineClient(engine));
  for (const [i, one] of crowd.entries()) one.ask(['BLPOP', 'shared', `own${i}`, '0']);
  assert.equal(engine.blocked.count, CROWD);
  const crowded = measure();
  assert.ok(crowded < alone * COST_MAX, `${crowded} ms beside a crowd, ${alone} ms without`);
  // Each push wakes up one of them, whoever came first.
  for (const [i, one] of crowd.entries()) {
    client.ask(['RPUSH', 'shared', String(i)]);
    assert.deepEqual(one.later, [`*2\r\n$6\r\nshared\r\n$${String(i).length}\r\n${i}\r\n`]);
  }
  assert.equal(engine.blocked.count, 0);
});

test('nothing is left of clients that went away', async () => {
  const engine = new Engine();
  const crowd = Array.from({ length: CROWD }, () => new EngineClient(engine));
  for (const one of crowd) one.ask(['BLPOP', 'a', 'b', '100']);
  for (const one of crowd) one.leave();
  assert.equal(engine.blocked.count, 0);
  assert.equal(crowd[0]!.ask(['RPUSH', 'a', 'x']), ':1\r\n');
  await engine.close();
});
