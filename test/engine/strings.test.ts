/** Strings: generated commands to a real server and to the engine. */
import { test } from 'node:test';
import { compareWithServer } from '../support/engine.ts';
import { Random, seedOfRun } from '../support/random.ts';

const KEYS = ['a', 'b', 'c', 'd'];
const VALUES = ['', '0', '1', '-5', 'text', '9223372036854775807', '3.5', 'x'.repeat(60)];

test('SET, GET and counting say what a real server says', async (context) => {
  const random = new Random(seedOfRun());
  context.diagnostic(`seed ${random.seed}`);
  await compareWithServer({
    random,
    rounds: 4000,
    next: (from) => {
      const key = from.pick(KEYS);
      switch (from.below(5)) {
        case 0:
          return ['GET', key];
        case 1:
          return ['INCR', key];
        case 2:
          return ['DECR', key];
        case 3:
          return ['SET', key, from.pick(VALUES), ...from.pick(OPTIONS)];
        default:
          return ['SET', key, from.pick(VALUES)];
      }
    },
  });
});

const OPTIONS: readonly string[][] = [
  ['NX'],
  ['XX', 'GET'],
  ['EX', '100'],
  ['PX', '0'],
  ['EX', 'x'],
  ['KEEPTTL', 'EX', '1'],
  ['NX', 'XX'],
  ['get', 'exat', '99999999999'],
];
