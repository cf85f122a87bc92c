/** Commands on lists, at random. */
import type { Random } from '../../support/random.ts';

export const KEYS: readonly string[] = ['a', 'b', 'c', 's'];

const VALUES = ['', '0', '1', '-5', '4095', '-4097', '70000', '9223372036854775807', '2147483648'];

const LONG_VALUES = ['text', 'x'.repeat(70), 'y'.repeat(300), 'z'.repeat(5000), 'w'.repeat(20_000)];

const PLACES = ['0', '1', '2', '-1', '-2', '5', '-7', '100', '-100', 'x'];

const COUNTS = ['0', '1', '-1', '2', '-2', '3', '100', 'x', '-9223372036854775808'];

const SIDES = ['left', 'RIGHT', 'left', 'Right', 'middle'];

type Words = readonly string[];

export type Make = (random: Random) => Words;

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

export function pickFrom(random: Random): Words {
  const chance = random.below(100);
  if (chance < 50) return random.pick(ENDS)(random);
  if (chance < 75) return random.pick(MIDDLE)(random);
  return chance < 96 ? random.pick(MOVES)(random) : random.pick(OTHERS)(random);
}
