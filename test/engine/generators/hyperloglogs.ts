/** Commands on HyperLogLogs, at random. */
import type { Random } from '../../support/random.ts';

export type Words = readonly string[];

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

export function sketch(from: Random, keys: Words): Words {
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
