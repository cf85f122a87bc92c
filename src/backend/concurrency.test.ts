import assert from 'node:assert/strict';
import { test } from 'node:test';
import { commandOf, Outcomes } from '../../test/support/sinks.ts';
import type { Command } from '../commands/command.ts';
import { linkError } from '../resp/errors.ts';
import { type Backend, NOTHING_TO_LEND, type Refusal, type Sink } from './backend.ts';
import { Line, limitConcurrency } from './concurrency.ts';

/** Answers when the test says so, or at once. */
class Slow implements Backend {
  readonly asked: string[] = [];
  readonly sinks: Sink[] = [];
  isInstant = false;
  most = 0;

  dispatch(command: Command, sink: Sink): void {
    const words = Array.from({ length: command.argc }, (_none, i) => command.text(i));
    const { database, protocol, affinity } = command;
    this.asked.push(`${words.join(' ')} ${database}/${protocol}/${affinity} ${command.spec.name}`);
    this.sinks.push(sink);
    this.most = Math.max(this.most, this.sinks.length);
    if (this.isInstant) this.answer();
  }

  answer(): void {
    const ok = Buffer.from('+OK\r\n');
    this.sinks.shift()!.reply(ok, 0, ok.length);
  }

  lease(): Refusal {
    return NOTHING_TO_LEND;
  }

  async close(): Promise<void> {}
}

class Rig {
  readonly slow = new Slow();
  readonly figures = { concurrencyWaits: 0 };
  readonly outcomes = new Outcomes();
  readonly layer: Backend;

  constructor(places: number, line: Line = new Line()) {
    this.layer = limitConcurrency(line, places, this.figures)(this.slow);
  }

  /** The bytes of the command are used again afterwards, as those of a session are. */
  ask(line: string, database = 0): void {
    const command = commandOf(...line.split(' '));
    Object.assign(command, { database, protocol: 3, affinity: 7 });
    this.layer.dispatch(command, this.outcomes.sink(line));
    command.bytes.fill('#');
  }
}

test('no more are under way than there are places, and others follow in their order', () => {
  const rig = new Rig(2);
  for (const key of ['a', 'b', 'c', 'd']) rig.ask(`GET ${key}`, 5);
  const what = '5/3/7 get';
  assert.deepEqual(rig.slow.asked, [`GET a ${what}`, `GET b ${what}`]);
  rig.slow.answer();
  assert.deepEqual(rig.slow.asked.slice(2), [`GET c ${what}`]);
  rig.ask('SET e 1', 0);
  while (rig.slow.sinks.length > 0) rig.slow.answer();
  assert.deepEqual(rig.slow.asked.slice(3), [`GET d ${what}`, 'SET e 1 0/3/7 set']);
  assert.deepEqual([rig.slow.most, rig.figures.concurrencyWaits], [2, 3]);
  assert.equal(rig.outcomes.all.length, 5);
});

test('a failure frees its place, too', () => {
  const rig = new Rig(1);
  rig.ask('GET a');
  rig.ask('GET b');
  rig.slow.sinks.shift()!.fail(linkError('timeout', 'x'));
  assert.deepEqual(rig.outcomes.all, ['GET a!timeout']);
  rig.slow.answer();
  assert.deepEqual(rig.outcomes.all, ['GET a!timeout', 'GET b=+OK\r\n']);
});

test('a long line behind a backend that answers at once needs no deep stack', () => {
  const rig = new Rig(1);
  rig.ask('GET first');
  for (let i = 0; i < 100_000; i++) rig.ask(`GET ${i}`);
  rig.slow.isInstant = true;
  rig.slow.answer();
  assert.equal(rig.outcomes.all.length, 100_001);
  assert.equal(rig.outcomes.all.at(-1), 'GET 99999=+OK\r\n');
  assert.equal(rig.slow.most, 1);
});

test('who asks from within an answer waits its turn, and is answered', () => {
  const rig = new Rig(1);
  rig.ask('GET b');
  const sink = rig.outcomes.sink('GET a', () => rig.ask('GET c'));
  rig.layer.dispatch(commandOf('GET', 'a'), sink);
  for (let i = 0; i < 3; i++) rig.slow.answer();
  assert.deepEqual(
    rig.outcomes.all.map((line) => line.split('=')[0]),
    ['GET b', 'GET a', 'GET c'],
  );
});

test('a layer that takes over counts what is under way before it, and serves who waits', () => {
  const line = new Line();
  const before = new Rig(1, line);
  const after = new Rig(2, line);
  for (const key of ['a', 'b']) before.ask(`GET ${key}`);
  for (const key of ['c', 'd', 'e']) after.ask(`GET ${key}`);
  assert.deepEqual([before.slow.asked.length, after.slow.asked.length], [1, 0]);
  before.slow.answer();
  assert.deepEqual([before.slow.asked.length, after.slow.asked.length], [2, 1]);
  before.slow.answer();
  after.slow.answer();
  after.slow.answer();
  after.slow.answer();
  assert.deepEqual(
    after.outcomes.all.map((line) => line.split('=')[0]),
    ['GET c', 'GET d', 'GET e'],
  );
});

test('a connection lent takes no place', () => {
  const rig = new Rig(1);
  rig.ask('GET a');
  const lease = rig.layer.lease(commandOf('BLPOP', 'a', '0'), { onLost: () => undefined });
  assert.equal(lease, NOTHING_TO_LEND);
});
