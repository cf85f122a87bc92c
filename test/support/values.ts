/** Values of every kind, as the commands that make them, and what there is to read of them. */
import type { Random } from './random.ts';

export type Kind = 'string' | 'list' | 'set' | 'zset' | 'hash' | 'stream';
export const KINDS: readonly Kind[] = ['string', 'list', 'set', 'zset', 'hash', 'stream'];

const TEXTS = [
  '',
  '0',
  '12',
  '-1',
  '127',
  '128',
  '-128',
  '4095',
  '-4097',
  '32768',
  '8388608',
  '2147483647',
  '-2147483649',
  '9223372036854775807',
  '-9223372036854775808',
  '9223372036854775808',
  '007',
  '3.25',
  'text',
  '\xff\x00\r\n',
  'y'.repeat(63),
  'y'.repeat(64),
  'ab'.repeat(100),
  'z'.repeat(4096),
];
const SCORES = [
  '0',
  '-1',
  '1.5',
  '1e300',
  'inf',
  '-inf',
  '3',
  '0.1',
  '4611686018427387904',
  '-7e-9',
];
/** Around what makes a value another one inside. */
const SIZES = [1, 2, 5, 30, 127, 128, 129, 511, 512, 513, 2000];

function texts(random: Random, count: number): string[] {
  return Array.from({ length: count }, (_none, i) =>
    random.chance(60) ? `${random.pick(['', 'm', '-1'])}${i}` : random.pick(TEXTS),
  );
}

/** All of them short, or all integers, as often as not: else every large one would be a table. */
function members(random: Random, count: number): string[] {
  switch (random.below(3)) {
    case 0:
      return Array.from({ length: count }, (_none, i) =>
        String(random.below(70_000) * (i % 3) - i),
      );
    case 1:
      return Array.from({ length: count }, (_none, i) => `member ${i}`);
    default:
      return texts(random, count);
  }
}

/** Commands that make one value of a kind under a key. */
export function makeValue(random: Random, kind: Kind, key: string): string[][] {
  const size = random.pick(SIZES);
  switch (kind) {
    case 'string':
      return [
        ['SET', key, random.chance(20) ? random.bytes(300).toString('latin1') : random.pick(TEXTS)],
      ];
    case 'list':
      return [['RPUSH', key, ...texts(random, size)]];
    case 'set':
      return [['SADD', key, ...members(random, size)]];
    case 'hash':
      return [
        [
          'HSET',
          key,
          ...members(random, size).flatMap((field) => [
            field,
            random.pick(TEXTS.slice(0, random.pick([20, 22, 24]))),
          ]),
        ],
      ];
    case 'zset':
      return [
        ['ZADD', key, ...members(random, size).flatMap((member) => [random.pick(SCORES), member])],
      ];
    case 'stream':
      return makeStream(random, key, Math.min(size, 300));
  }
}

function makeStream(random: Random, key: string, size: number): string[][] {
  const commands: string[][] = [];
  const ids = Array.from({ length: size }, (_none, i) => `${1 + Math.floor(i / 3)}-${i}`);
  const names = random.pick([['f'], ['f', '7'], ['f', 'g', '\xff']]);
  for (const id of ids) {
    const own = random.chance(80) ? names : ['other', ...names];
    commands.push(['XADD', key, id, ...own.flatMap((name) => [name, random.pick(TEXTS)])]);
  }
  for (const group of ['g', '\xff\x00', '12'].slice(0, random.below(4))) {
    commands.push(['XGROUP', 'CREATE', key, group, random.pick(['0', '$', '2-4'])]);
    for (const consumer of ['c', '', 'd']) {
      const count = String(random.between(1, 150));
      const from = ['STREAMS', key, '>'];
      commands.push(['XREADGROUP', 'GROUP', group, consumer, 'COUNT', count, ...from]);
    }
    commands.push(['XACK', key, group, ...(random.chance(50) ? ids.slice(0, 3) : ['9999-9'])]);
    commands.push(['XCLAIM', key, group, 'd', '0', random.pick(ids), 'RETRYCOUNT', '5']);
  }
  if (random.chance(60)) commands.push(['XDEL', key, random.pick(ids), random.pick(ids)]);
  if (random.chance(30)) commands.push(['XTRIM', key, 'MAXLEN', String(size >> 1)]);
  if (random.chance(10)) commands.push(['XTRIM', key, 'MAXLEN', '0']);
  if (random.chance(20))
    commands.push(['XSETID', key, '70000-1', 'ENTRIESADDED', '9000', 'MAXDELETEDID', '0-1']);
  return commands;
}

/** Commands whose answers are all that a value is. */
export function readingsOf(kind: Kind, key: string): string[][] {
  const common = [
    ['TYPE', key],
    ['OBJECT', 'ENCODING', key],
  ];
  switch (kind) {
    case 'string':
      return [...common, ['GET', key]];
    case 'list':
      return [...common, ['LRANGE', key, '0', '-1'], ['LLEN', key], ['LINDEX', key, '-1']];
    case 'set':
      return [...common, ['SMEMBERS', key], ['SCARD', key]];
    case 'hash':
      return [...common, ['HGETALL', key], ['HLEN', key]];
    case 'zset':
      return [...common, ['ZRANGE', key, '0', '-1', 'WITHSCORES'], ['ZREVRANGE', key, '0', '5']];
    case 'stream':
      return [
        ...common,
        ['XRANGE', key, '-', '+'],
        ['XREVRANGE', key, '+', '-', 'COUNT', '3'],
        ['XINFO', 'STREAM', key],
        ['XINFO', 'STREAM', key, 'FULL', 'COUNT', '0'],
      ];
  }
}

/** Whose answers have no order. */
export const UNORDERED: readonly string[] = ['SMEMBERS', 'HGETALL'];
