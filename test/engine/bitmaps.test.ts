/** Bits and fields of bits: generated commands to a real server and to the engine. */
import { test } from 'node:test';
import { compareWithServer } from '../support/engine.ts';
import { compareEffects, LIST } from '../support/engine-effects.ts';
import { Random, secondsOfRun, seedOfRun } from '../support/random.ts';
import { bits } from './generators/bitmaps.ts';

const KEYS = ['a', 'b', 'c'];

const ROUNDS = 6000;

test('bits and fields of bits say what a real server says', async (context) => {
  const random = new Random(seedOfRun());
  context.diagnostic(`seed ${random.seed}`);
  await compareWithServer({
    random,
    rounds: secondsOfRun(1) * ROUNDS,
    next: (from) => bits(from, KEYS),
  });
});

test('commands on bits tell, write to the file and encode what a real server does', async (context) => {
  const random = new Random(seedOfRun());
  context.diagnostic(`seed ${random.seed}`);
  await compareEffects({
    random,
    rounds: secondsOfRun(1) * 1500,
    next: (from) => bits(from, [...KEYS, LIST]),
    keys: KEYS,
  });
});
