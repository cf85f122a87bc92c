/** Commands on strings, at random. */
import type { Random } from '../../support/random.ts';

export const KEYS: readonly string[] = ['a', 'b', 'c', 'd'];

const VALUES = [
  '',
  '0',
  '1',
  '-5',
  '-0',
  '007',
  ' 1',
  'text',
  '9223372036854775807',
  '-9223372036854775808',
  '9223372036854775808',
  '2147483648',
  '1700000000000',
  '3.5',
  'x'.repeat(44),
  'y'.repeat(45),
];

const INTEGERS = ['0', '1', '-1', '3', '-7', '100', '-100', 'x', '', '1.5', ...VALUES.slice(8, 13)];

const FLOATS = [
  '0',
  '1',
  '0.1',
  '-0.1',
  '.5',
  '5.',
  '1e3',
  '-1.5e-7',
  '1e-20',
  '1e300',
  '1e4932',
  '1e5000',
  '1e-5000',
  '3.0e10',
  '0x1.8p3',
  'inf',
  '-infinity',
  'nan',
  '',
  ' 1',
  '1 ',
  '1e',
  '123456789.123456789123456789',
  '0.000000000000000005',
];

const FAR = '99999999999';

const OPTIONS: readonly string[][] = [
  ['NX'],
  ['nx', 'GET'],
  ['XX', 'GET'],
  ['GET'],
  ['EX', '100'],
  ['ex', '100', 'EX', '200', 'GET'],
  ['PX', '0'],
  ['EX', 'x'],
  ['EX', 'x', 'foo'],
  ['EX'],
  ['EX', '-1', 'NX'],
  ['EX', '9223372036854775807'],
  ['PX', '9223372036854775807'],
  ['PXAT', '9007199254740000'],
  ['KEEPTTL'],
  ['KEEPTTL', 'KEEPTTL', 'GET'],
  ['KEEPTTL', 'EX', '1'],
  ['EX', '100', 'PX', '5'],
  ['NX', 'XX'],
  ['get', 'exat', FAR],
  ['PERSIST'],
];

export const PAST: readonly string[][] = [
  ['PXAT', '1000'],
  ['EXAT', '1', 'GET'],
  ['EXAT', '1', 'NX'],
];

const GETEX_OPTIONS: readonly string[][] = [
  [],
  ['PERSIST'],
  ['PERSIST', 'PERSIST'],
  ['PERSIST', 'EX', '10'],
  ['EX', '100'],
  ['PX', '100000', 'PX', '200000'],
  ['EXAT', '1'],
  ['PXAT', '1000'],
  ['EXAT', FAR],
  ['EX', '0'],
  ['EX', 'x'],
  ['EX'],
  ['KEEPTTL'],
  ['GET'],
];

export type Words = readonly string[];

/** Every command that changes a string as a whole or reads one. */
export function whole(from: Random, keys: Words = KEYS): Words {
  const key = from.pick(keys);
  const value = from.pick(VALUES);
  switch (from.below(14)) {
    case 0:
      return ['GET', key];
    case 1:
      return ['SET', key, value, ...from.pick(OPTIONS)];
    case 2:
      return ['SET', key, value];
    case 3:
      return ['SETNX', key, value];
    case 4:
      return ['SETEX', key, from.pick(['100', '0', '-1', 'x', '9223372036854775807']), value];
    case 5:
      return ['PSETEX', key, from.pick(['100000', '0', 'x', '9223372036854775807']), value];
    case 6:
      return ['GETSET', key, value];
    case 7:
      return ['GETDEL', key];
    case 8:
      return ['GETEX', key, ...from.pick(GETEX_OPTIONS)];
    case 9:
      return ['MGET', ...KEYS, 'nokey', key];
    case 10:
      return ['MSET', key, value, from.pick(KEYS), from.pick(VALUES)];
    case 11:
      return ['MSETNX', key, value, from.pick(KEYS), from.pick(VALUES)];
    case 12:
      return [from.pick(['MSET', 'MSETNX']), key, value, 'b'];
    default:
      return ['STRLEN', key];
  }
}

/** Every command on a part of a string, or on the number it is. */
export function part(from: Random, keys: Words = KEYS): Words {
  const key = from.pick(keys);
  const integer = from.pick(INTEGERS);
  switch (from.below(10)) {
    case 0:
      return ['APPEND', key, from.pick(VALUES)];
    case 1:
      return ['SETRANGE', key, from.pick([...INTEGERS, '536870912']), from.pick(VALUES)];
    case 2:
      return [from.pick(['GETRANGE', 'SUBSTR']), key, integer, from.pick(INTEGERS)];
    case 3:
      return ['INCR', key];
    case 4:
      return ['DECR', key];
    case 5:
      return ['INCRBY', key, integer];
    case 6:
      return ['DECRBY', key, integer];
    case 7:
      return ['INCRBYFLOAT', key, from.pick(FLOATS)];
    case 8:
      return ['SET', key, from.pick([...VALUES, ...FLOATS])];
    default:
      return whole(from, keys);
  }
}

const LCS_OPTIONS: readonly string[][] = [
  ['LEN'],
  ['IDX'],
  ['idx', 'WITHMATCHLEN'],
  ['IDX', 'MINMATCHLEN', '2', 'WITHMATCHLEN'],
  ['IDX', 'MINMATCHLEN', '-1'],
  ['MINMATCHLEN', '2'],
  ['MINMATCHLEN', 'x'],
  ['MINMATCHLEN'],
  ['LEN', 'IDX'],
  ['WITHMATCHLEN'],
  ['foo'],
];

export function common(from: Random, keys: Words): Words {
  const key = from.pick(keys);
  if (from.chance(40)) {
    const letters = from.pick(['ab', 'abcdef', '01', '1234567']);
    const text = Array.from({ length: from.below(12) }, () => from.pick([...letters])).join('');
    return ['SET', key, text];
  }
  return ['LCS', key, from.pick(keys), ...(from.chance(30) ? [] : from.pick(LCS_OPTIONS))];
}
