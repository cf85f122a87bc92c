/** Places: generated commands to a real server and to the engine. */
import { test } from 'node:test';
import { compareWithServer } from '../support/engine.ts';
import { compareEffects } from '../support/engine-effects.ts';
import { Random, secondsOfRun, seedOfRun } from '../support/random.ts';
import { command } from './generators/geo.ts';

const ROUNDS = secondsOfRun(1) * 4000;

/** The last digit of a stored distance may be that of the sine of the machine. */
function rounded(reply: string): string {
  return reply
    .replace(/\$\d+\r\n(?=\d+\.\d)/g, '')
    .replace(/\d+\.\d+(e[-+]\d+)?/g, (text) => Number(text).toPrecision(12));
}

test('places, distances and searches are what a real server says', async (context) => {
  const random = new Random(seedOfRun());
  context.diagnostic(`seed ${random.seed}`);
  let count = 0;
  await compareWithServer({
    random,
    rounds: ROUNDS,
    normal: (words, reply) => (words[0] === 'ZRANGE' ? rounded(reply) : reply),
    next: (from) => (count++ % 1000 === 0 ? ['SET', 'text', 'x'] : command(from)),
  });
});

test('events, changes and the file are those of a real server', async (context) => {
  const random = new Random(seedOfRun());
  context.diagnostic(`seed ${random.seed}`);
  await compareEffects({
    random,
    rounds: ROUNDS / 4,
    keys: ['a', 'b', 'd', 'wide'],
    next: (from) => {
      const words = command(from);
      // The last digits of a stored distance are not compared here.
      const isExact = words[0] !== 'ZRANGE' || words[1] !== 'd';
      return isExact ? words : ['ZCARD', 'd'];
    },
  });
});
