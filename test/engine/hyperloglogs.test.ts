/** HyperLogLog: generated commands to a real server and to the engine, which keep the same bytes. */
import { test } from 'node:test';
import { compareWithServer } from '../support/engine.ts';
import { compareEffects, LIST } from '../support/engine-effects.ts';
import { Random, secondsOfRun, seedOfRun } from '../support/random.ts';

const KEYS = ['a', 'b', 'c', 'd'];

type Words = readonly string[];

/** Elements: few, so that some come again, or very many, so that keys become dense. */
function elements(from: Random): Words {
  const most = from.pick([0, 1, 3, 30, 400]);
  const range = from.pick([10, 1000, 1_000_000]);
  return Array.from({ length: from.below(most + 1) }, () => `element:${from.below(range)}`);
}

const head = 'HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80';
/** Sound, too short, corrupt, of another kind. */
const RAW: readonly string[] = [
  `${head}\x7f\xff`,
  `${head}\x7f\xfe\x00`,
  `${head}\x7f\xfe\x84`,
  `${head}\x7f\xf0\x84\x84\x84\x8b\x04\x84`,
  `${head}\x7f\xff\x00`,
  `${head}\x00`,
  head,
  'HYLL\x02',
  'HYLL\x00\0\0\0\0\0\0\0\0\0\0\x00abc',
  'text',
  '17',
  `HYLL\x00\0\0\0\0\0\0\0\0\0\0\x80${'\x41\x10\x04'.repeat(4096)}`,
];

function sketch(from: Random, keys: Words): Words {
  const key = from.pick(keys);
  switch (from.below(10)) {
    case 0:
      return ['PFCOUNT', key];
    case 1:
      return ['PFCOUNT', key, from.pick(keys), 'none'];
    case 2:
      return ['PFMERGE', key, ...Array.from({ length: from.below(3) }, () => from.pick(keys))];
    case 3:
      return from.chance(30) ? ['SET', key, from.pick(RAW)] : ['GETDEL', key];
    case 4:
    case 5:
      return ['GET', key];
    case 6:
      return from.chance(70)
        ? ['PFDEBUG', from.pick(['encoding', 'DECODE']), key]
        : ['PFDEBUG', from.pick(['TODENSE', 'GETREG', 'foo']), key];
    default:
      return ['PFADD', key, ...elements(from)];
  }
}

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
