/** All families at once: generated commands to a real server and to the engine, then all that is left is read back. */
import { test } from 'node:test';
import { compareWithServer } from '../support/engine.ts';
import { Random, secondsOfRun, seedOfRun } from '../support/random.ts';
import { Everything, steady } from './generators/everything.ts';

/** Commands in each protocol. */
const ROUNDS = 60_000;
/** Commands per second that a longer run may count on. */
const PACE = 25_000;

test('whatever comes, in whatever order, all is as in a real server', async (context) => {
  const random = new Random(seedOfRun());
  context.diagnostic(`seed ${random.seed}`);
  const generator = new Everything();
  const rounds = Math.max(ROUNDS, Math.floor((secondsOfRun(0) * PACE) / 2));
  await compareWithServer({
    random,
    rounds,
    next: (from) => generator.next(from),
    normal: steady,
  });
  context.diagnostic(`${rounds * 2} commands`);
});
