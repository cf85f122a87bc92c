/** Commands on hashes, at random. */
import type { Random } from '../../support/random.ts';

export const KEYS: readonly string[] = ['a', 'b', 'c', 'text'];

export const FIELDS: readonly string[] = [
  'f',
  'g',
  '',
  '7',
  '-1',
  '5000000000',
  'a longer field',
  '\xff\x00',
];

export const VALUES: readonly string[] = [
  '',
  '0',
  '12',
  '-3',
  '9223372036854775807',
  '-9223372036854775808',
  '3.25',
  '1e3',
  'inf',
  'text',
  '01',
  'y'.repeat(60),
];

export const LONG: string = 'z'.repeat(65);

const NUMBERS = ['1', '-1', '0', '9223372036854775807', '-9223372036854775808', 'x', '1.5', ''];

const FLOATS = ['0.1', '-3', '1e3', '5.0e-3', 'inf', 'nan', 'x', '1e4932', '', '0x10', '17.333'];

const COUNTS = ['100', '0', 'x', '-9223372036854775808', '9223372036854775807'];

const SCANS: readonly string[][] = [
  ['COUNT', '100'],
  ['COUNT', '100', 'MATCH', '*1*'],
  ['MATCH', '[fg]', 'COUNT', '100'],
  ['COUNT', '0'],
  ['COUNT', 'x'],
  ['x'],
];

export const UNORDERED: readonly string[] = ['HGETALL', 'HKEYS', 'HVALS', 'HSCAN', 'HRANDFIELD'];

interface Choice {
  readonly random: Random;
  readonly fields: readonly string[];
  readonly values: readonly string[];
  readonly key: () => string;
}

export function fields({ random, fields: from }: Choice, most: number): string[] {
  return Array.from({ length: random.between(1, most) }, () => random.pick(from));
}

function pairs(choice: Choice): string[] {
  return fields(choice, 3).flatMap((field) => [field, choice.random.pick(choice.values)]);
}

const MAKERS: readonly ((choice: Choice) => string[])[] = [
  (choice) => ['HSET', choice.key(), ...pairs(choice)],
  (choice) => ['HSET', choice.key(), ...pairs(choice)],
  (choice) => ['HMSET', choice.key(), ...pairs(choice)],
  (choice) => ['HSET', choice.key(), ...pairs(choice), 'f'],
  (choice) => ['HSETNX', choice.key(), ...pairs(choice).slice(0, 2)],
  (choice) => ['HGET', choice.key(), ...fields(choice, 1)],
  (choice) => ['HMGET', choice.key(), ...fields(choice, 4)],
  (choice) => ['HGETALL', choice.key()],
  (choice) => ['HKEYS', choice.key()],
  (choice) => ['HVALS', choice.key()],
  (choice) => ['HLEN', choice.key()],
  (choice) => ['HEXISTS', choice.key(), ...fields(choice, 1)],
  (choice) => ['HSTRLEN', choice.key(), ...fields(choice, 1)],
  (choice) => ['HDEL', choice.key(), ...fields(choice, 3)],
  (choice) => ['HDEL', choice.key(), ...fields(choice, 3)],
  (choice) => ['HINCRBY', choice.key(), ...fields(choice, 1), choice.random.pick(NUMBERS)],
  (choice) => ['HINCRBYFLOAT', choice.key(), ...fields(choice, 1), choice.random.pick(FLOATS)],
  (choice) => ['HRANDFIELD', choice.key(), choice.random.pick(COUNTS)],
  (choice) => ['HRANDFIELD', choice.key(), '100', choice.random.pick(['WITHVALUES', 'x'])],
  (choice) => ['HRANDFIELD', choice.key(), '4611686018427387904', 'withvalues'],
  (choice) => ['HRANDFIELD', choice.key(), '100', 'withvalues', 'x'],
  (choice) => ['HSCAN', choice.key(), '0', ...choice.random.pick(SCANS)],
  (choice) => ['HSCAN', choice.key(), choice.random.pick(['x', '', ' 0']), 'COUNT', '100'],
  (choice) => ['SET', choice.key(), 'a string'],
  (choice) => ['DEL', choice.key()],
  (choice) => ['TYPE', choice.key()],
  (choice) => ['SADD', choice.key(), 'a member'],
];

export function next(
  random: Random,
  from: readonly string[] = FIELDS,
  values: readonly string[] = VALUES,
): string[] {
  const key = (): string => random.pick(random.chance(95) ? KEYS.slice(0, 3) : KEYS);
  return random.pick(MAKERS)({ random, fields: from, values, key });
}
