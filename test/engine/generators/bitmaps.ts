/** Commands on bits of strings, at random. */
import type { Random } from '../../support/random.ts';

const VALUES = [
  '',
  '7',
  '1234567890123',
  'foobar',
  '\xff'.repeat(3),
  '\xff'.repeat(200),
  '\0'.repeat(150),
  `${'\0'.repeat(90)}\x10${'\0'.repeat(40)}`,
  `${'\xff'.repeat(101)}\xfe${'\xff'.repeat(9)}`,
];

const OFFSETS = ['0', '1', '7', '8', '23', '100', '2000', '-1', 'x', '', '4294967296', '1.5'];

const PLACES = ['0', '1', '-1', '2', '5', '-3', '8', '17', '-20', '100', '1599', '-2000', 'x'];

const UNITS = ['BIT', 'byte', 'foo'];

const TYPES = [
  'u1',
  'i1',
  'u4',
  'i5',
  'u8',
  'i8',
  'u16',
  'i32',
  'u63',
  'i64',
  'u64',
  'i65',
  'u0',
  'x8',
  'u',
  '',
];

const FIELD_OFFSETS = [
  ...OFFSETS,
  '#0',
  '#1',
  '#3',
  '#-1',
  '#x',
  '#',
  '#4611686018427387904',
  '#9223372036854775807',
];

const NUMBERS = [
  '0',
  '1',
  '-1',
  '3',
  '127',
  '-128',
  '255',
  '256',
  '-300',
  '2147483647',
  '9223372036854775807',
  '-9223372036854775808',
  'x',
];

const OPERATIONS = ['AND', 'or', 'XOR', 'NOT', 'nand'];

type Words = readonly string[];

export function bits(from: Random, keys: readonly string[]): Words {
  const key = from.pick(keys);
  switch (from.below(9)) {
    case 0:
      return ['SETBIT', key, from.pick(OFFSETS), from.pick(['0', '1', '1', '2', 'x'])];
    case 1:
      return ['GETBIT', key, from.pick(OFFSETS)];
    case 2:
      return ['BITCOUNT', key, ...places(from, 3)];
    case 3:
      return ['BITPOS', key, from.pick(['0', '1', '0', '1', '2', 'x']), ...places(from, 4)];
    case 4:
      return ['BITOP', from.pick(OPERATIONS), key, ...several(from, [...keys, 'none'])];
    case 5:
      return ['SET', key, from.pick(VALUES), ...from.pick([[], ['EX', '100']])];
    case 6:
      return ['GET', key];
    default:
      return field(from, key);
  }
}

/** Start, perhaps an end, perhaps a unit, perhaps too much. */
function places(from: Random, most: number): Words {
  const count = from.below(most + 1);
  return [from.pick(PLACES), from.pick(PLACES), from.pick(UNITS), 'more'].slice(0, count);
}

function several(from: Random, all: readonly string[]): Words {
  return Array.from({ length: from.between(1, 3) }, () => from.pick(all));
}

function field(from: Random, key: string): Words {
  const words = [from.pick(['BITFIELD', 'BITFIELD', 'BITFIELD', 'BITFIELD_RO']), key];
  for (let left = from.below(4); left > 0; left--) {
    // Mostly right, or nearly every command were an error.
    const type = from.chance(90) ? from.pick(TYPES.slice(0, 10)) : from.pick(TYPES);
    const offset = from.pick(
      from.chance(90) ? ['0', '1', '7', '50', '#0', '#1', '#7'] : FIELD_OFFSETS,
    );
    const number = from.pick(from.chance(95) ? NUMBERS.slice(0, -1) : NUMBERS);
    words.push(
      ...from.pick([
        ['GET', type, offset],
        ['set', type, offset, number],
        ['INCRBY', type, offset, number],
        ['OVERFLOW', from.pick(['wrap', 'SAT', 'SAT', 'FAIL', 'FAIL'])],
      ]),
    );
  }
  if (from.chance(3)) words.push(from.pick(['GET', 'OVERFLOW', 'foo']), 'foo');
  return words;
}
