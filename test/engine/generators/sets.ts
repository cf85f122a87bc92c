/** Commands on sets, at random. */
import type { Random } from '../../support/random.ts';

export const KEYS: readonly string[] = ['a', 'b', 'c', 'd', '{e}', 'text'];

const INTEGERS = ['0', '1', '-1', '2', '3', '40000', '-3000000000', '9223372036854775807'];

const TEXTS = ['x', 'y', '', '01', '+1', '9223372036854775808', 'z'.repeat(70), '\xff\x00'];

export const UNORDERED: readonly string[] = [
  'SMEMBERS',
  'SINTER',
  'SUNION',
  'SDIFF',
  'SPOP',
  'SRANDMEMBER',
  'SSCAN',
];

function some<T>(random: Random, from: readonly T[], most: number): T[] {
  return Array.from({ length: random.between(1, most) }, () => random.pick(from));
}

export function members(random: Random): string[] {
  return some(random, random.chance(60) ? INTEGERS : [...INTEGERS, ...TEXTS], 4);
}

type Maker = (random: Random, key: () => string, keys: () => string[]) => string[];

const MAKERS: readonly Maker[] = [
  (random, key) => ['SADD', key(), ...members(random)],
  (random, key) => ['SADD', key(), ...members(random)],
  (random, key) => ['SADD', key(), ...members(random)],
  (random, key) => ['SREM', key(), ...members(random)],
  (_random, key) => ['SMEMBERS', key()],
  (_random, key) => ['SCARD', key()],
  (random, key) => ['SISMEMBER', key(), ...some(random, INTEGERS, 1)],
  (random, key) => ['SMISMEMBER', key(), ...members(random)],
  (random, key) => ['SMOVE', key(), key(), ...some(random, [...INTEGERS, ...TEXTS], 1)],
  (_random, _key, keys) => ['SINTER', ...keys()],
  (_random, _key, keys) => ['SUNION', ...keys()],
  (_random, _key, keys) => ['SDIFF', ...keys()],
  (_random, key, keys) => ['SINTERSTORE', key(), ...keys()],
  (_random, key, keys) => ['SUNIONSTORE', key(), ...keys()],
  (_random, key, keys) => ['SDIFFSTORE', key(), ...keys()],
  (random, _key, keys) => [
    'SINTERCARD',
    random.pick(['1', '2', '2', '0', 'x', '9', '-1']),
    ...keys(),
    ...random.pick(LIMITS),
  ],
  (random, key) => ['SPOP', key(), random.pick(['100', '0', '-1', 'x', '99999999999999999999'])],
  (_random, key) => ['SPOP', key(), '1', '2'],
  (random, key) => ['SRANDMEMBER', key(), random.pick(COUNTS)],
  (random, key) => ['SSCAN', key(), '0', ...random.pick(SCANS)],
  (random, key) => [
    'SSCAN',
    key(),
    random.pick(['x', ' 0', '99999999999999999999', '']),
    ...random.pick(SCANS),
  ],
  (_random, key) => ['SET', key(), 'a string'],
  (_random, key) => ['DEL', key()],
  (_random, key) => ['TYPE', key()],
  (_random, key) => ['EXPIRE', key(), '100'],
  (_random, key) => ['TTL', key()],
];

const LIMITS: readonly string[][] = [
  [],
  [],
  ['LIMIT', '1'],
  ['limit', '0'],
  ['LIMIT', '-1'],
  ['LIMIT'],
  ['LIMIT', '1', 'x'],
];

const COUNTS = ['100', '0', 'x', '-9223372036854775808', '99999999999999999999'];

// The order of a table and where a scan of one stops are not compared, so all is asked for at once.
const SCANS: readonly string[][] = [
  ['COUNT', '100'],
  ['COUNT', '100', 'MATCH', '*1*'],
  ['MATCH', '[xy]', 'COUNT', '100'],
  ['COUNT', '0'],
  ['COUNT', 'x'],
  ['NOVALUES'],
  ['MATCH'],
];

export function next(random: Random): string[] {
  const key = (): string => random.pick(random.chance(95) ? KEYS.slice(0, 5) : KEYS);
  return random.pick(MAKERS)(random, key, () => some(random, KEYS.slice(0, 5), 3));
}
