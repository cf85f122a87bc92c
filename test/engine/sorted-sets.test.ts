/** Sorted sets: generated commands to a real server and to the engine. */
import { test } from 'node:test';
import { compareWithServer } from '../support/engine.ts';
import { compareEffects, LIST } from '../support/engine-effects.ts';
import { Random, secondsOfRun, seedOfRun } from '../support/random.ts';
import {
  algebra,
  change,
  normalized,
  ofEqualScores,
  pop,
  question,
  sample,
} from './generators/sorted-sets.ts';

const ROUNDS = secondsOfRun(1) * 3000;

for (const entries of ['128', '0']) {
  const kind = entries === '0' ? 'big' : 'small';
  test(`adding, removing and ranges of ${kind} sorted sets say what a real server says`, async (context) => {
    const random = new Random(seedOfRun());
    context.diagnostic(`seed ${random.seed}`);
    let count = 0;
    const queue: string[][] = [];
    await compareWithServer({
      random,
      rounds: ROUNDS,
      config: { 'zset-max-listpack-entries': entries },
      settings: { zsetMaxListpackEntries: Number(entries) },
      normal: normalized,
      next: (from) => {
        if (count++ % 500 === 0) return ['SET', 'text', 'x'];
        const later = queue.pop();
        if (later !== undefined) return later;
        const kinds = [change, change, change, question, question, pop, sample, algebra];
        const words = from.pick(kinds)(from);
        if (words[0]?.startsWith('BZ') === true) {
          queue.push(words);
          return ['ZADD', 'full', '1', 'x', '2', 'y', '3', 'z', '4', 'zz', '4', 'zzz'];
        }
        return words.some((word) => /LEX/i.test(word)) ? ofEqualScores(words) : words;
      },
    });
  });
}

test('events, changes, encodings and the file are those of a real server', async (context) => {
  const random = new Random(seedOfRun());
  context.diagnostic(`seed ${random.seed}`);
  const queue: string[][] = [];
  await compareEffects({
    random,
    rounds: ROUNDS / 3,
    keys: ['a', 'b', 'c', 'none', 'lex', 'full'],
    config: { 'zset-max-listpack-entries': '9' },
    settings: { zsetMaxListpackEntries: 9 },
    next: (from) => {
      const later = queue.pop();
      if (later !== undefined) return later;
      const words = from.pick([change, change, pop, algebra])(from);
      const known = words.map((word) => (word === 'text' ? (from.chance(10) ? LIST : 'c') : word));
      // It would no longer be a list, which is what it is there for.
      if (/STORE$/.test(known[0]!) && known[1] === LIST) return ['ZCARD', LIST];
      if (known[0]?.startsWith('BZ') === true) {
        queue.push(known);
        return ['ZADD', 'full', '1', 'x', '2', 'y', '3', 'z', '4', 'zz', '4', 'zzz'];
      }
      return known.some((word) => /LEX/i.test(word)) ? ofEqualScores(known) : known;
    },
  });
});
