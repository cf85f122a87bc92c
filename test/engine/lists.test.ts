/** Lists: generated commands to a real server and to the engine. */
import { test } from 'node:test';
import { compareWithServer } from '../support/engine.ts';
import { compareEffects } from '../support/engine-effects.ts';
import { Random, secondsOfRun, seedOfRun } from '../support/random.ts';
import { KEYS, type Make, pickFrom } from './generators/lists.ts';

/** Whole transactions. */
const ROUNDS = 20_000;
const TRANSACTION = 20;
/** Each with its own round trip. */
const EFFECTS = 2000;
/** Commands per second that a longer run may count on. */
const RATE = 10_000;

/** A wait that the real server has to sit out costs time, so nothing here waits: it is inside MULTI. */
function inTransactions(next: Make): Make {
  let done = 0;
  return (random) => {
    const place = done++ % TRANSACTION;
    if (place === 0) return ['MULTI'];
    return place === TRANSACTION - 1 ? ['EXEC'] : next(random);
  };
}

for (const [title, fill] of [
  ['nodes of 8 KiB', '-2'],
  ['nodes of three elements', '3'],
] as const) {
  test(`lists of ${title} say what a real server says`, async (context) => {
    const random = new Random(seedOfRun());
    context.diagnostic(`seed ${random.seed}`);
    await compareWithServer({
      random,
      rounds: Math.max(ROUNDS, secondsOfRun(0) * RATE),
      next: inTransactions(pickFrom),
      config: { 'list-max-listpack-size': fill },
      settings: { listMaxListpackSize: Number(fill) },
    });
  });
}

test('what lists tell who listens, and the file, is what a real server tells', async (context) => {
  const random = new Random(seedOfRun());
  context.diagnostic(`seed ${random.seed}`);
  await compareEffects({
    random,
    rounds: EFFECTS,
    keys: KEYS,
    next: (from) => {
      for (;;) {
        const words = pickFrom(from);
        // A server that waits answers nothing meanwhile.
        if (!words[0]!.startsWith('B')) return words;
      }
    },
  });
});
