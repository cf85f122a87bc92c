/** Lists: generated commands to a real server and to the engine. */
import { test } from 'node:test';
import { compareWithServer } from '../support/engine.ts';
import { compareEffects } from '../support/engine-effects.ts';
import { Random, secondsOfRun, seedOfRun } from '../support/random.ts';

const KEYS = ['a', 'b', 'c', 's'];
const VALUES = ['', '0', '1', '-5', '4095', '-4097', '70000', '9223372036854775807', '2147483648'];
const LONG_VALUES = ['text', 'x'.repeat(70), 'y'.repeat(300), 'z'.repeat(5000), 'w'.repeat(20_000)];
const PLACES = ['0', '1', '2', '-1', '-2', '5', '-7', '100', '-100', 'x'];
const COUNTS = ['0', '1', '-1', '2', '-2', '3', '100', 'x', '-9223372036854775808'];
const SIDES = ['left', 'RIGHT', 'left', 'Right', 'middle'];
/** Whole transactions. */
const ROUNDS = 20_000;
const TRANSACTION = 20;
/** Each with its own round trip. */
const EFFECTS = 2000;
/** Commands per second that a longer run may count on. */
const RATE = 10_000;

type Words = readonly string[];
type Make = (random: Random) => Words;

const key: (random: Random) => string = (random) => random.pick(KEYS);
const value = (random: Random): string =>
  random.chance(85) ? random.pick(VALUES) : random.pick(LONG_VALUES);
const values = (random: Random): string[] =>
  Array.from({ length: random.chance(5) ? 60 : random.between(1, 4) }, () => value(random));
const count = (random: Random): string => random.pick(COUNTS);
const place = (random: Random): string => random.pick(PLACES);
const side = (random: Random): string => random.pick(SIDES);

/** Each as often as it is named. */
const ENDS: readonly Make[] = [
  (from) => ['LPUSH', key(from), ...values(from)],
  (from) => ['RPUSH', key(from), ...values(from)],
  (from) => ['RPUSH', key(from), ...values(from)],
  (from) => ['LPUSHX', key(from), ...values(from)],
  (from) => ['RPUSHX', key(from), ...values(from)],
  (from) => ['LPOP', key(from)],
  (from) => ['RPOP', key(from)],
  (from) => ['LPOP', key(from), count(from)],
  (from) => ['RPOP', key(from), count(from), ...(from.chance(5) ? ['1'] : [])],
  (from) => ['LLEN', key(from)],
  (from) => ['LRANGE', key(from), place(from), place(from)],
  (from) => ['LTRIM', key(from), place(from), place(from)],
];
const MIDDLE: readonly Make[] = [
  (from) => ['LINDEX', key(from), place(from)],
  (from) => ['LSET', key(from), place(from), value(from)],
  (from) => [
    'LINSERT',
    key(from),
    from.pick(['before', 'AFTER', 'beside']),
    value(from),
    value(from),
  ],
  (from) => ['LREM', key(from), count(from), value(from)],
  (from) => ['LPOS', key(from), value(from), ...positionOptions(from)],
  (from) => ['LPOS', key(from), value(from), ...positionOptions(from)],
];
const MOVES: readonly Make[] = [
  (from) => ['LMOVE', key(from), key(from), side(from), side(from)],
  (from) => ['RPOPLPUSH', key(from), key(from)],
  (from) => ['LMPOP', from.pick(['1', '2', '3', '0', 'x']), ...severalKeys(from)],
  (from) => ['BLMPOP', TIME, from.pick(['1', '2', '3', '0', 'x']), ...severalKeys(from)],
  (from) => ['BLPOP', key(from), key(from), from.pick(TIMES)],
  (from) => ['BRPOP', key(from), from.pick(TIMES)],
  (from) => ['BLMOVE', key(from), key(from), side(from), side(from), from.pick(TIMES)],
  (from) => ['BRPOPLPUSH', key(from), key(from), from.pick(TIMES)],
];
const OTHERS: readonly Make[] = [
  (from) => ['TYPE', key(from)],
  (from) => ['OBJECT', 'ENCODING', key(from)],
  (from) => ['SET', 's', value(from)],
  (from) => ['DEL', key(from)],
];
/** Shorter than anything: what is not there is answered at once, by both. */
const TIME = '0.001';
const TIMES = [TIME, TIME, '1e-3', '0x.004', 'x', '-1', '1e30', 'inf', '-inf', 'nan', ' 1'];

function positionOptions(from: Random): string[] {
  const options: string[] = [];
  for (const name of ['RANK', 'count', 'MAXLEN']) {
    if (from.chance(40)) options.push(name, count(from));
  }
  return from.chance(5) ? [...options, 'RANK'] : options;
}

function severalKeys(from: Random): string[] {
  const keys = Array.from({ length: from.between(1, 3) }, () => key(from));
  const tail = from.chance(50) ? ['COUNT', count(from)] : [];
  return [...keys, side(from), ...tail];
}

function pickFrom(random: Random): Words {
  const chance = random.below(100);
  if (chance < 50) return random.pick(ENDS)(random);
  if (chance < 75) return random.pick(MIDDLE)(random);
  return chance < 96 ? random.pick(MOVES)(random) : random.pick(OTHERS)(random);
}

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
