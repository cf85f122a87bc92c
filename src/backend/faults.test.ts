import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '../../test/support/bounded.ts';
import { commandOf, Outcomes } from '../../test/support/sinks.ts';
import type { Command } from '../commands/command.ts';
import { Tick } from '../core/tick.ts';
import { linkError } from '../resp/errors.ts';
import { type Backend, NOTHING_TO_LEND, type Refusal, type Sink } from './backend.ts';
import { type Fault, injectFaults } from './faults.ts';

/** Answers each command with its words, or fails it. */
class Echo implements Backend {
  heard = 0;
  isClosed = false;

  dispatch(command: Command, sink: Sink): void {
    this.heard++;
    if (command.text(0) === 'FAIL') sink.fail(linkError('timeout', 'x'));
    const bytes = Buffer.from(`##+${command.text(0)}##`);
    if (command.text(0) !== 'FAIL') sink.reply(bytes, 2, bytes.length - 2);
    bytes.fill('#');
  }

  lease(): Refusal {
    return NOTHING_TO_LEND;
  }

  async close(): Promise<void> {
    this.isClosed = true;
  }
}

function fault(options: Partial<Fault>): Fault {
  return { kind: 'error', percent: 100, delayMs: 0, commands: [], ...options };
}

/** A layer with faults, and what was drawn for each command. */
class Rig {
  readonly echo = new Echo();
  readonly figures = { faultDelays: 0, faultErrors: 0 };
  readonly outcomes = new Outcomes();
  drawn = 0;
  readonly layer: Backend;

  constructor(...faults: readonly Fault[]) {
    this.layer = injectFaults(faults, this.figures, new Tick(), () => this.drawn)(this.echo);
  }

  ask(line: string): void {
    this.layer.dispatch(commandOf(...line.split(' ')), this.outcomes.sink(line));
  }
}

const ERROR = '-Fault Injected: Error\r\n';

test('an error is answered at once, and no server hears of the command', () => {
  const rig = new Rig(fault({}));
  rig.ask('GET a');
  assert.deepEqual(rig.outcomes.all, [`GET a=${ERROR}`]);
  assert.equal(rig.echo.heard, 0);
  assert.deepEqual(rig.figures, { faultDelays: 0, faultErrors: 1 });
});

test('a delay is added after the real reply, whose bytes are kept, and to failures', async () => {
  const rig = new Rig(fault({ kind: 'delay', delayMs: 30 }));
  const startedAt = performance.now();
  rig.ask('GET a');
  rig.ask('FAIL');
  assert.equal(rig.echo.heard, 2);
  assert.deepEqual(rig.outcomes.all, []);
  await until(() => rig.outcomes.all.length === 2, 'both are answered', 3000, 1);
  assert.ok(performance.now() - startedAt >= 29);
  assert.deepEqual(rig.outcomes.all, ['GET a=+GET', 'FAIL!timeout']);
});

test('an error may be late, too', async () => {
  const rig = new Rig(fault({ delayMs: 30 }));
  rig.ask('GET a');
  assert.deepEqual(rig.outcomes.all, []);
  await until(() => rig.outcomes.all.length === 1, 'it is answered', 3000, 1);
  assert.deepEqual([rig.outcomes.all, rig.echo.heard], [[`GET a=${ERROR}`], 0]);
});

test("a command's own faults come first, then those of all, and their percentages add up", () => {
  const rig = new Rig(
    fault({ percent: 20 }),
    fault({ kind: 'delay', percent: 10, commands: ['get'], delayMs: 0 }),
  );
  const kindAt = (line: string, drawn: number): string => {
    Object.assign(rig.figures, { faultDelays: 0, faultErrors: 0 });
    rig.drawn = drawn;
    rig.ask(line);
    const { faultDelays, faultErrors } = rig.figures;
    return `${faultDelays}${faultErrors}`;
  };
  assert.deepEqual(
    [0, 0.099, 0.1, 0.299, 0.3].map((drawn) => kindAt('GET a', drawn)),
    ['10', '10', '01', '01', '00'],
  );
  assert.deepEqual(
    [0, 0.199, 0.2].map((drawn) => kindAt('SET a b', drawn)),
    ['01', '01', '00'],
  );
});

test('a name stands for its subcommands, and commands of the session itself are left alone', () => {
  const rig = new Rig(fault({ commands: ['config', 'select'] }));
  for (const line of ['CONFIG GET x', 'SELECT 1', 'GET a']) rig.ask(line);
  assert.deepEqual(rig.outcomes.all, [`CONFIG GET x=${ERROR}`, 'SELECT 1=+SELECT', 'GET a=+GET']);
});

test('replies too large to be held are passed on at once', () => {
  const rig = new Rig(fault({ kind: 'delay', delayMs: 10_000 }));
  const huge = Buffer.alloc(40 * 1024 * 1024);
  rig.echo.dispatch = (_command, sink) => sink.reply(huge, 0, huge.length);
  let answered = 0;
  const sink: Sink = {
    reply: () => {
      answered++;
    },
    fail: () => assert.fail(),
  };
  rig.layer.dispatch(commandOf('GET', 'a'), sink);
  assert.equal(answered, 0);
  rig.layer.dispatch(commandOf('GET', 'b'), sink);
  assert.equal(answered, 1);
});

test('what runs on a connection lent is left alone', () => {
  const rig = new Rig(fault({}));
  const lease = rig.layer.lease(commandOf('GET', 'a'), { onLost: () => undefined });
  assert.equal(lease, NOTHING_TO_LEND);
});

test('closing closes what is behind', async () => {
  const rig = new Rig(fault({}));
  await rig.layer.close();
  assert.equal(rig.echo.isClosed, true);
});
