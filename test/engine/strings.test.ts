/** Strings: generated commands to a real server and to the engine. */
import { test } from 'node:test';
import { compareWithServer } from '../support/engine.ts';
import { compareEffects, LIST } from '../support/engine-effects.ts';
import { Random, secondsOfRun, seedOfRun } from '../support/random.ts';
import { common, KEYS, PAST, part, type Words, whole } from './generators/strings.ts';

const ROUNDS = 4000;

test('every command on whole strings says what a real server says', async (context) => {
  const random = new Random(seedOfRun());
  context.diagnostic(`seed ${random.seed}`);
  await compareWithServer({
    random,
    rounds: secondsOfRun(1) * ROUNDS,
    next: (from) =>
      from.chance(5) ? ['SET', from.pick(KEYS), 'gone', ...from.pick(PAST)] : whole(from),
  });
});

test('parts of strings and numbers in them say what a real server says', async (context) => {
  const random = new Random(seedOfRun());
  context.diagnostic(`seed ${random.seed}`);
  await compareWithServer({ random, rounds: secondsOfRun(1) * ROUNDS, next: (from) => part(from) });
});

test('what strings have in common is what a real server says', async (context) => {
  const random = new Random(seedOfRun());
  context.diagnostic(`seed ${random.seed}`);
  const next = (from: Random): Words => common(from, KEYS);
  await compareWithServer({ random, rounds: secondsOfRun(1) * ROUNDS, next });
  const withOther = (from: Random): Words => common(from, [...KEYS, LIST]);
  await compareEffects({ random, rounds: 200, next: withOther, keys: KEYS });
});

/** A number of any size, with any digits. */
function decimal(from: Random): string {
  const digits = (most: number): string =>
    Array.from({ length: from.below(most + 1) }, () => from.below(10)).join('');
  const sign = from.pick(['', '-', '+']);
  const exponent = from.chance(30) ? `e${from.between(-40, 40)}` : '';
  if (from.chance(5)) return `${sign}0x${from.next().toString(16)}.8p${from.between(-90, 90)}`;
  return `${sign}${digits(from.pick([2, 8, 30]))}.${digits(from.pick([2, 17, 30]))}${exponent}`;
}

test('sums of decimal fractions are those of a real server', async (context) => {
  const random = new Random(seedOfRun());
  context.diagnostic(`seed ${random.seed}`);
  const next = (from: Random): Words => [
    from.chance(40) ? 'SET' : 'INCRBYFLOAT',
    from.pick(KEYS),
    decimal(from),
  ];
  await compareWithServer({ random, rounds: secondsOfRun(1) * ROUNDS, next });
});

const MIB = 1024 * 1024;

function tooLong(from: Random): Words {
  const key = from.pick(KEYS);
  const place = String(MIB + from.pick([-2, -1, 0, 1]));
  switch (from.below(11)) {
    case 8:
      return ['BITCOUNT', key, '1', String(MIB - 2)];
    case 9:
      return ['BITPOS', key, from.pick(['0', '1']), from.pick(['0', '1', '-70000'])];
    case 10:
      return ['BITOP', from.pick(['AND', 'OR', 'XOR', 'NOT']), 'a', key];
    case 0:
      return ['SETRANGE', key, place, from.pick(['', 'x', 'xy'])];
    case 1:
      return ['APPEND', key, from.pick(['', 'x', 'xy'])];
    case 2:
      return ['SETBIT', key, String(8 * MIB + from.pick([-1, 0])), '1'];
    case 3:
      return ['BITFIELD', key, 'SET', from.pick(['u8', 'u4']), String(8 * MIB - 4), '1'];
    case 4:
      return ['SETRANGE', key, '511', 'x'];
    case 5:
      return ['LCS', key, from.pick(KEYS), 'LEN'];
    case 6:
      return ['STRLEN', key];
    default:
      return ['SET', key, 'x'];
  }
}

test('a string may be as long as the setting says', async (context) => {
  const random = new Random(seedOfRun());
  context.diagnostic(`seed ${random.seed}`);
  await compareEffects({
    random,
    rounds: 600,
    next: tooLong,
    keys: KEYS,
    config: { 'proto-max-bulk-len': String(MIB) },
    settings: { protoMaxBulkLength: MIB },
  });
});

test('commands on strings tell, write to the file and encode what a real server does', async (context) => {
  const random = new Random(seedOfRun());
  context.diagnostic(`seed ${random.seed}`);
  const keys = [...KEYS, LIST];
  const next = (from: Random): Words => (from.chance(50) ? whole(from, keys) : part(from, keys));
  await compareEffects({ random, rounds: secondsOfRun(1) * 1500, next, keys: KEYS });
});
