import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Sink } from '../backend/backend.ts';
import { linkError } from '../resp/errors.ts';
import { HealthCheck, type HealthCheckOptions } from './health.ts';
import type { Lane } from './lane.ts';

const OPTIONS: HealthCheckOptions = {
  intervalMs: 1000,
  timeoutMs: 200,
  unhealthyThreshold: 2,
  healthyThreshold: 2,
  key: '',
};

class Rig {
  readonly asked: { text: string; sink: Sink }[] = [];
  readonly changes: boolean[] = [];
  /** Answers at once, before `send` returns. */
  refuses = false;
  readonly check: HealthCheck;
  readonly #context: TestContext;

  constructor(context: TestContext, options: Partial<HealthCheckOptions> = {}, refuses = false) {
    context.mock.timers.enable({ apis: ['setTimeout'] });
    this.#context = context;
    this.refuses = refuses;
    const lane = {
      send: (bytes: Buffer, _spec: unknown, sink: Sink): void => {
        this.asked.push({ text: bytes.toString(), sink });
        if (this.refuses) sink.fail(linkError('connect', 'refused'));
      },
    };
    this.check = new HealthCheck({ ...OPTIONS, ...options }, lane as unknown as Lane, (healthy) =>
      this.changes.push(healthy),
    );
    this.pass(0);
  }

  pass(ms: number): void {
    this.#context.mock.timers.tick(ms);
  }

  /** Answers the last question, then waits for the next. */
  answer(text: string): void {
    const bytes = Buffer.from(text);
    this.asked.at(-1)!.sink.reply(bytes, 0, bytes.length);
    this.pass(OPTIONS.intervalMs);
  }
}

test('a server is well until it fails often enough, and ill until it answers often enough', (context) => {
  const rig = new Rig(context);
  for (const answer of ['+PONG\r\n', '-LOADING\r\n', '+PONG\r\n', '-ERR\r\n']) rig.answer(answer);
  assert.deepEqual(rig.changes, []);
  rig.answer('-ERR\r\n');
  assert.deepEqual([rig.changes, rig.check.isHealthy], [[false], false]);
  for (const answer of ['+PONG\r\n', '-ERR\r\n', '+PONG\r\n', '+PONG\r\n']) rig.answer(answer);
  assert.deepEqual([rig.changes, rig.check.isHealthy], [[false, true], true]);
  assert.deepEqual([rig.check.checks, rig.check.failures], [10, 4]);
});

test('no answer in time is a failure, and the late answer counts for nothing', (context) => {
  const rig = new Rig(context, { unhealthyThreshold: 1 });
  rig.pass(200);
  assert.deepEqual(rig.changes, [false]);
  const late = rig.asked[0]!.sink;
  late.reply(Buffer.from('+PONG\r\n'), 0, 7);
  assert.equal(rig.check.isHealthy, false);
  assert.equal(rig.asked.length, 1);
  rig.pass(1000);
  assert.equal(rig.asked.length, 2);
});

test('a redirection is a sign of life', (context) => {
  const rig = new Rig(context, { unhealthyThreshold: 1, key: 'maintenance' });
  rig.answer('-MOVED 1 a:1\r\n');
  rig.answer('-ASK 1 a:1\r\n');
  assert.deepEqual(rig.changes, []);
});

test('a key that exists means maintenance', (context) => {
  const rig = new Rig(context, { unhealthyThreshold: 1, key: 'down' });
  assert.match(rig.asked[0]!.text, /EXISTS\r\n\$4\r\ndown/);
  rig.answer(':0\r\n');
  assert.deepEqual(rig.changes, []);
  rig.answer(':1\r\n');
  assert.deepEqual(rig.changes, [false]);
});

test('a failure at once is told when the check can be asked about it', (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  let check: HealthCheck | null = null;
  const seen: (boolean | undefined)[] = [];
  const lane = {
    send: (_bytes: Buffer, _spec: unknown, sink: Sink) => sink.fail(linkError('no_host', 'x')),
  };
  check = new HealthCheck({ ...OPTIONS, unhealthyThreshold: 1 }, lane as unknown as Lane, () =>
    seen.push(check?.isHealthy),
  );
  context.mock.timers.tick(0);
  assert.deepEqual(seen, [false]);
});

test('after the end it neither asks nor judges nor waits', (context) => {
  const rig = new Rig(context, { unhealthyThreshold: 1 });
  rig.check.close();
  rig.pass(10_000);
  assert.equal(rig.asked.length, 1);
  assert.deepEqual(rig.changes, []);
});
