/** Streams: generated commands to a real server and to the engine. */
import { test } from 'node:test';
import { compareWithServer } from '../support/engine.ts';
import { compareEffects } from '../support/engine-effects.ts';
import { Random, secondsOfRun, seedOfRun } from '../support/random.ts';
import { Generator, withoutTimes } from './generators/streams.ts';

test('streams and groups say what a real server says', async (context) => {
  const random = new Random(seedOfRun());
  context.diagnostic(`seed ${random.seed}`);
  const generator = new Generator();
  await compareWithServer({
    random,
    rounds: secondsOfRun(3) * 5000,
    next: (from) => generator.next(from),
    normal: withoutTimes,
  });
});

test('with small nodes whole ones are trimmed, and nodes of the tree are counted, as a real server does', async (context) => {
  const random = new Random(seedOfRun());
  context.diagnostic(`seed ${random.seed}`);
  const generator = new Generator();
  await compareWithServer({
    random,
    rounds: secondsOfRun(3) * 5000,
    next: (from) => generator.next(from),
    normal: withoutTimes,
    config: { 'stream-node-max-entries': '4', 'stream-node-max-bytes': '200' },
    settings: { streamNodeMaxEntries: 4, streamNodeMaxBytes: 200 },
  });
});

/** Of those whose replies tell no time. */
function isTimeless([name, , , third]: readonly string[]): boolean {
  return name !== 'XINFO' && (name !== 'XPENDING' || third === undefined);
}

test('events, the file and the number of changes are those of a real server', async (context) => {
  const random = new Random(seedOfRun());
  context.diagnostic(`seed ${random.seed}`);
  const generator = new Generator();
  await compareEffects({
    random,
    rounds: secondsOfRun(2) * 1000,
    next: (from) => {
      while (true) {
        const words = generator.next(from);
        if (isTimeless(words)) return words;
      }
    },
    keys: ['a', 'b', 'none'],
    // As of Redis 7.2 it is also written for those who confirm, so that a restart knows how many were read.
    isWritten: ([name = '', , , , , option]) =>
      !(/^xgroup$/i.test(name) && option === 'ENTRIESREAD'),
    config: { 'stream-node-max-entries': '4' },
    settings: { streamNodeMaxEntries: 4 },
  });
});
