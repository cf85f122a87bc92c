/** SORT and COPY over what other commands made. */
import type { Random } from '../../support/random.ts';

type Words = readonly string[];

/**
 * Elements that are numbers to `strtod`, or nearly. None that a double cannot hold: from then on Redis 7.0 takes every number for
 * one of those, until something else resets `errno`.
 */
const ELEMENTS = ['1', '2', '3', '10', '-5', '2.5', '1e2', '', ' 7', '0x10', 'inf', '7', '07'];
const ODD_ELEMENTS = ['x', 'nan', '4 ', 'ab', 'b', '\xfe', '-', ' '];
const PATTERNS = [
  'w_*',
  'w_*',
  'h_*->f',
  'h_*->g',
  '*',
  'nosort',
  'w_*->',
  'h_*->f\0',
  'h*_->f',
  '#',
  '',
  '\0*',
];
const LIMITS = [
  '0',
  '1',
  '2',
  '-1',
  '3',
  '100',
  '-9223372036854775808',
  '9223372036854775807',
  'x',
];
const WEIGHTS = ['3', '1', '2', '-1', '1', '5', 'x', '10', '', '2.5'];

function element(from: Random): string {
  return from.chance(97) ? from.pick(ELEMENTS) : from.pick(ODD_ELEMENTS);
}

/** As ALPHA shows them, some are equal: only where the order does not hang on a hash table. */
const CUT_ELEMENTS = ['b\0c', 'b\0a', '1\0x'];

/** Gives what patterns name. */
export function weight(from: Random): Words {
  const name = from.pick([...ELEMENTS, 'a', 'b', 'ab']);
  const value = from.pick(WEIGHTS);
  if (from.chance(50)) return ['SET', `w_${name}`, value];
  if (from.chance(10)) return ['DEL', `w_${name}`, `h_${name}`];
  return ['HSET', `h_${name}`, from.pick(['f', 'g']), value];
}

/** Fills a key that is sorted; `kind`: what it may hold, default anything. */
export function sortable(
  from: Random,
  key: string,
  kind: (typeof KINDS)[number] = from.pick(KINDS),
): Words {
  const isLong = from.chance(10);
  const elements = Array.from({ length: isLong ? 60 : from.between(1, 5) }, (_none, i) => {
    if (isLong) return String(i % 50);
    return from.chance(60) ? String(from.below(20)) : element(from);
  });
  if (from.chance(20)) return ['DEL', key];
  if (kind === 'list' && from.chance(10)) elements.push(from.pick(CUT_ELEMENTS));
  if (kind === 'list') return ['RPUSH', key, ...elements];
  if (kind === 'set') return ['SADD', key, ...elements];
  return ['ZADD', key, ...elements.flatMap((each) => [String(from.below(4)), each])];
}

export const KINDS = ['list', 'set', 'zset'] as const;

/**
 * Sorts a key. `isList`: it holds a list, if anything; else elements of equal weight come in the order of a hash table, so no
 * such weights are asked for.
 */
export function sort(from: Random, key: string, targets: Words, isList: boolean): Words {
  const words = [from.chance(80) ? 'SORT' : 'SORT_RO', key];
  const isText = from.chance(35);
  const names = isText && !isList ? PATTERNS.filter((each) => !each.includes('*')) : PATTERNS;
  const options: (() => Words)[] = [
    () => ['BY', from.pick(names)],
    () => ['get', from.pick(PATTERNS)],
    () => ['GET', '#'],
    () => ['LIMIT', from.pick(LIMITS), from.pick(LIMITS)],
    () => [from.pick(['ASC', 'desc'])],
    () => ['STORE', from.pick(targets)],
  ];
  if (isText) words.push('alpha');
  for (const option of options) if (from.chance(35)) words.push(...option());
  if (from.chance(3)) words.push(from.pick(['LIMIT', 'GET', 'foo']), '1');
  if (from.chance(1)) words.push('STORE');
  return words;
}

export function copy(from: Random, keys: Words): Words {
  const words = ['COPY', from.pick(keys), from.pick(keys)];
  if (from.chance(40)) words.push('replace');
  if (from.chance(20)) words.push('DB', from.pick(['0', '0', '3', '99', '-1', 'x', '4294967296']));
  if (from.chance(3)) words.push('foo');
  return words;
}

/** What of a reply does not hang on the order of a hash table: a set that is not sorted is shown in it. */
export function steadySort(words: Words, reply: string): string {
  const upper = words.map((word) => word.toUpperCase());
  const isSort = upper[0] === 'SORT' || upper[0] === 'SORT_RO';
  if (!isSort || !reply.startsWith('*') || upper.includes('STORE')) return reply;
  const isUnsorted = words.some((word, i) => upper[i - 1] === 'BY' && !/^[^\0]*\*/.test(word));
  return isUnsorted ? reply.split('\r\n', 1)[0]! : reply;
}
