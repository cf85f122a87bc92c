/** HyperLogLog: generated commands to a real server and to the engine, which keep the same bytes. */
import { test } from 'node:test';
import { compareWithServer } from '../support/engine.ts';
import { compareEffects, LIST } from '../support/engine-effects.ts';
import { Random, secondsOfRun, seedOfRun } from '../support/random.ts';
import { sketch, type Words } from './generators/hyperloglogs.ts';

const KEYS = ['a', 'b', 'c', 'd'];

const ROUNDS = 1500;

test('sketches of sets are byte for byte those of a real server', async (context) => {
  const random = new Random(seedOfRun());
  context.diagnostic(`seed ${random.seed}`);
  const next = (from: Random): Words => sketch(from, KEYS);
  await compareWithServer({ random, rounds: secondsOfRun(1) * ROUNDS, next });
});

test('commands on sketches tell, write to the file and encode what a real server does', async (context) => {
  const random = new Random(seedOfRun());
  context.diagnostic(`seed ${random.seed}`);
  const next = (from: Random): Words => sketch(from, [...KEYS, LIST]);
  await compareEffects({ random, rounds: secondsOfRun(1) * 1000, next, keys: KEYS });
});

test('sketches become dense where the setting says', async (context) => {
  const random = new Random(seedOfRun());
  context.diagnostic(`seed ${random.seed}`);
  const next = (from: Random): Words => sketch(from, KEYS);
  const config = { 'hll-sparse-max-bytes': '100' };
  const settings = { hllSparseMaxBytes: 100 };
  await compareEffects({ random, rounds: 500, next, keys: KEYS, config, settings });
});
