import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { UserRate, type Waiter } from './user-rate.ts';

/** A client with commands to run, as a session has them. */
class Asker implements Waiter {
  ran = 0;
  left: number;
  canRun = true;
  readonly #rate: UserRate;
  #isAdmitted = false;

  constructor(rate: UserRate, commands: number) {
    this.#rate = rate;
    this.left = commands;
  }

  run(): void {
    while (this.left > 0) {
      if (!this.#isAdmitted && !this.#rate.admit(this)) return;
      this.#isAdmitted = false;
      this.left--;
      this.ran++;
    }
  }

  runAdmitted(): boolean {
    if (!this.canRun) return false;
    this.#isAdmitted = true;
    this.run();
    const isUsed = !this.#isAdmitted;
    this.#isAdmitted = false;
    return isUsed;
  }
}

/** The clock of the bucket and that of timers, both in the hands of the test. */
function mockTime(context: TestContext): (ms: number) => void {
  let now = 1000;
  context.mock.method(performance, 'now', () => now);
  context.mock.timers.enable({ apis: ['setTimeout'] });
  return (ms) => {
    for (let step = 0; step < ms; step++) {
      now++;
      context.mock.timers.tick(1);
    }
  };
}

test('a second of commands runs at once, the rest exactly at its rate', (context) => {
  const pass = mockTime(context);
  const rate = new UserRate(100);
  const one = new Asker(rate, 1000);
  one.run();
  assert.equal(one.ran, 100);
  pass(1000);
  assert.equal(one.ran, 200);
  pass(2000);
  assert.equal(one.ran, 400);
});

test('a client with much to say gets no more than the others', (context) => {
  const pass = mockTime(context);
  const rate = new UserRate(90);
  const greedy = new Asker(rate, 10_000);
  greedy.run();
  const others = [new Asker(rate, 20), new Asker(rate, 1000)];
  for (const other of others) other.run();
  const before = greedy.ran;
  pass(1000);
  assert.deepEqual(
    [greedy.ran - before, ...others.map(({ ran }) => ran)],
    [35, 20, 35],
    'the short one is done, the others share the rest',
  );
});

test('who cannot run, or has left, costs the others nothing', (context) => {
  const pass = mockTime(context);
  const rate = new UserRate(10);
  new Asker(rate, 10).run();
  const [held, gone, waiting] = [new Asker(rate, 5), new Asker(rate, 5), new Asker(rate, 100)];
  for (const each of [held, gone, waiting]) each.run();
  held.canRun = false;
  rate.forget(gone);
  pass(1000);
  assert.deepEqual([held.ran, gone.ran, waiting.ran], [0, 0, 10]);
});

test('a rate of less than one per second is no busy loop', (context) => {
  const pass = mockTime(context);
  const rate = new UserRate(0.5);
  const slow = new Asker(rate, 3);
  slow.run();
  assert.equal(slow.ran, 1);
  pass(1990);
  assert.equal(slow.ran, 1);
  pass(20);
  assert.equal(slow.ran, 2);
});
