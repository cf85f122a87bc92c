/** Commands on sorted sets, at random. */
import type { Random } from '../../support/random.ts';

const KEYS = ['a', 'b', 'c', 'text', 'none'];

const MEMBERS = [
  '',
  'x',
  'y',
  'yy',
  'z',
  '0',
  '7',
  '-5',
  '99999',
  '9223372036854775807',
  '3.5',
  'é',
];

const SCORES = [
  '0',
  '-0',
  '1',
  '1',
  '2',
  '2.5',
  '-7',
  '0.1',
  '1e3',
  '12345678901234567',
  '3.3e-5',
  'inf',
  '-inf',
  '+inf',
  '1e20',
  '0x1p4',
];

const WRONG_SCORES = [
  '',
  'x',
  'nan',
  ' 1',
  '1 ',
  '1e400',
  '1e-400',
  '0e-999',
  '--1',
  '.',
  '.5',
  '5.',
  '+3',
  'infinity',
  '-Infinity',
  '1e',
];

const BOUNDS = [
  ...SCORES,
  '(1',
  '(2.5',
  '(-inf',
  '(+inf',
  '-inf',
  'inf',
  '(',
  '',
  ' 1',
  '(x',
  'nan',
  '1e400',
  '(0',
  '-1',
  '3',
];

export const LEX: readonly string[] = [
  '-',
  '+',
  '[',
  '(',
  '[x',
  '(x',
  '[y',
  '(yy',
  '[z',
  '[0',
  '',
  'x',
  '-x',
  '+x',
  '[99',
  '(9223372036854775807',
];

const RANKS = [
  '0',
  '1',
  '2',
  '-1',
  '-2',
  '5',
  '-100',
  '100',
  '9223372036854775807',
  '-9223372036854775808',
  'x',
  '1.5',
  '',
];

function member(from: Random): string {
  return from.chance(2) ? 'm'.repeat(65) : from.pick(MEMBERS);
}

function score(from: Random): string {
  return from.chance(5) ? from.pick(WRONG_SCORES) : from.pick(SCORES);
}

function some(from: Random, words: readonly string[]): string[] {
  return words.filter(() => from.chance(100 / words.length));
}

export function change(from: Random): string[] {
  const key = from.pick(KEYS);
  switch (from.below(12)) {
    case 0:
      return ['ZREM', key, ...Array.from({ length: from.between(1, 3) }, () => member(from))];
    case 1:
      return ['ZINCRBY', key, score(from), member(from)];
    case 2:
      return [
        'ZADD',
        key,
        ...some(from, ['NX', 'xx', 'GT', 'lt', 'CH', 'INCR']),
        score(from),
        member(from),
      ];
    case 3:
      return [
        'ZADD',
        key,
        ...some(from, ['NX', 'XX', 'GT', 'LT', 'ch', 'foo', 'INCR']),
        ...Array.from({ length: from.between(1, 6) }, (_none, i) =>
          i % 2 === 0 ? score(from) : member(from),
        ),
      ];
    case 4:
      return from.chance(60)
        ? ['ZADD', key, '1', 'x']
        : ['ZREMRANGEBYRANK', key, from.pick(RANKS), from.pick(RANKS)];
    case 5:
      return from.chance(60)
        ? ['ZADD', key, '1', 'y']
        : ['ZREMRANGEBYSCORE', key, from.pick(BOUNDS), from.pick(BOUNDS)];
    case 6:
      return ['ZADD', 'lex', '0', member(from), '-0', member(from)];
    case 7:
      return from.chance(20)
        ? ['ZREMRANGEBYLEX', 'lex', from.pick(LEX), from.pick(LEX)]
        : ['ZREM', 'lex', member(from)];
    case 8:
      return ['ZRANGESTORE', from.pick(KEYS), key, ...range(from, true)];
    default:
      return [
        'ZADD',
        key,
        ...Array.from({ length: 8 }, (_none, i) =>
          i % 2 === 0 ? from.pick(SCORES) : member(from),
        ),
      ];
  }
}

/** By bytes of members with several scores nothing is promised, so there is a set where all are equal. */
export function ofEqualScores(words: string[]): string[] {
  const key = words[0] === 'ZRANGESTORE' ? 2 : 1;
  return words.map((word, index) => (index === key ? 'lex' : word));
}

function limit(from: Random): string[] {
  return from.chance(70)
    ? []
    : [
        'LIMIT',
        from.pick(['0', '1', '2', '-1', '100', 'x']),
        from.pick(['0', '1', '3', '-1', '-5', '1000', 'x']),
      ];
}

function range(from: Random, isStore = false): string[] {
  const scores =
    isStore && from.chance(95)
      ? []
      : some(from, ['WITHSCORES', 'x'])
          .slice(0, 1)
          .map((w) => (w === 'x' ? (from.chance(10) ? 'x' : 'rev') : w));
  switch (from.below(3)) {
    case 0:
      return [
        from.pick(RANKS),
        from.pick(RANKS),
        ...some(from, ['REV', 'LIMIT']),
        ...limit(from),
        ...scores,
      ];
    case 1:
      return [
        from.pick(BOUNDS),
        from.pick(BOUNDS),
        'BYSCORE',
        ...(from.chance(50) ? ['REV'] : []),
        ...limit(from),
        ...scores,
      ];
    default:
      return [
        from.pick(LEX),
        from.pick(LEX),
        ...some(from, ['REV']),
        'bylex',
        ...limit(from),
        ...(from.chance(10) ? scores : []),
      ];
  }
}

export function pop(from: Random): string[] {
  const key = from.pick(KEYS);
  const side = from.pick(['MIN', 'max', 'MAX', 'x'].slice(0, from.chance(90) ? 3 : 4));
  const count = from.pick(['1', '2', '0', '-1', '100', 'x']);
  const keys = Array.from({ length: from.between(1, 3) }, () => from.pick(KEYS));
  const numkeys = from.chance(90) ? String(keys.length) : from.pick(['0', '-1', 'x', '2', '9']);
  switch (from.below(6)) {
    case 0:
      return ['ZPOPMIN', key];
    case 1:
      return ['ZPOPMAX', key];
    case 2:
      return [from.pick(['ZPOPMIN', 'ZPOPMAX']), key, count];
    case 3:
      return ['ZMPOP', numkeys, ...keys, side, ...(from.chance(60) ? ['COUNT', count] : [])];
    case 4:
      // The key that is always there, last, so that nobody waits.
      return [
        from.pick(['BZPOPMIN', 'BZPOPMAX']),
        ...keys,
        'full',
        from.pick(['0', '1', '0.1', 'x', '-1', 'nan']),
      ];
    default:
      return [
        'BZMPOP',
        from.pick(['0', '0.5', 'x', '-1']),
        String(keys.length + 1),
        ...keys,
        'full',
        side,
        ...(from.chance(60) ? ['count', count] : []),
      ];
  }
}

export function sample(from: Random): string[] {
  const key = from.pick(KEYS);
  const count = from.pick([
    '100',
    '-3',
    '0',
    '2',
    '1',
    'x',
    '-9223372036854775808',
    '9223372036854775807',
  ]);
  switch (from.below(4)) {
    case 0:
      return ['ZRANDMEMBER', key];
    case 1:
      return [
        'ZRANDMEMBER',
        key,
        count === '-9223372036854775808' && key === 'text' ? '1' : count,
        ...some(from, ['withscores', 'x']),
      ];
    default:
      return [
        'ZSCAN',
        key,
        from.pick(['0', '0', '0', '', 'x', '+0']),
        ...some(from, ['MATCH', 'x*', 'count', '0']),
        'COUNT',
        '1000',
      ];
  }
}

/** What is chosen at random is not compared, what a hash table orders is sorted. */
export function normalized(words: readonly string[], reply: string): string {
  const head = reply.slice(0, reply.indexOf('\n'));
  if (words[0] === 'ZRANDMEMBER' && words[2] !== '100')
    return head.startsWith('$') ? head.slice(0, 1) : head;
  return words[0] === 'ZSCAN' ? reply.split('\r\n').sort().join('\n') : reply;
}

export function algebra(from: Random): string[] {
  const keys = Array.from({ length: from.between(1, 3) }, () =>
    from.chance(95) ? from.pick(['a', 'b', 'c', 'none', 'full']) : 'text',
  );
  const numkeys = from.chance(95) ? String(keys.length) : from.pick(['0', '-1', 'x', '2', '9']);
  const weights = from.chance(70) ? [] : ['WEIGHTS', ...keys.map(() => score(from))];
  const aggregate = from.chance(60)
    ? []
    : ['aggregate', from.pick(['SUM', 'min', 'MAX', 'x'].slice(0, from.chance(90) ? 3 : 4))];
  const options = from.chance(70)
    ? [...weights, ...aggregate]
    : from.pick([[], ['WEIGHTS', '1'], ['AGGREGATE'], ['limit', '1'], ['x']]);
  const withScores = from.chance(80) ? ['WITHSCORES'] : [];
  const target = from.pick(KEYS);
  switch (from.below(6)) {
    case 0:
      return [from.pick(['ZUNION', 'ZINTER']), numkeys, ...keys, ...options, ...withScores];
    case 1:
      return ['ZDIFF', numkeys, ...keys, ...(from.chance(5) ? options : []), ...withScores];
    case 2:
      return [
        'ZINTERCARD',
        numkeys,
        ...keys,
        ...(from.chance(50) ? ['LIMIT', from.pick(['0', '1', '2', '100', '-1', 'x'])] : []),
      ];
    case 3:
      return ['ZDIFFSTORE', target, numkeys, ...keys, ...(from.chance(5) ? options : [])];
    default:
      return [
        from.pick(['ZUNIONSTORE', 'ZINTERSTORE']),
        target,
        numkeys,
        ...keys,
        ...options,
        ...(from.chance(3) ? withScores : []),
      ];
  }
}

export function question(from: Random): string[] {
  const key = from.pick(KEYS);
  const withScores = from.chance(50) ? ['WITHSCORES'] : from.chance(5) ? ['foo'] : [];
  switch (from.below(14)) {
    case 0:
      return ['ZSCORE', key, member(from)];
    case 1:
      return ['ZMSCORE', key, member(from), member(from)];
    case 2:
      return ['ZCARD', key];
    case 3:
      return [from.pick(['ZRANK', 'ZREVRANK']), key, member(from)];
    case 4:
      return ['ZCOUNT', key, from.pick(BOUNDS), from.pick(BOUNDS)];
    case 5:
      return ['ZLEXCOUNT', key, from.pick(LEX), from.pick(LEX)];
    case 6:
      return ['ZREVRANGE', key, from.pick(RANKS), from.pick(RANKS), ...withScores];
    case 7:
      return [
        from.pick(['ZRANGEBYSCORE', 'ZREVRANGEBYSCORE']),
        key,
        from.pick(BOUNDS),
        from.pick(BOUNDS),
        ...withScores,
        ...limit(from),
      ];
    case 8:
      return [
        from.pick(['ZRANGEBYLEX', 'ZREVRANGEBYLEX']),
        key,
        from.pick(LEX),
        from.pick(LEX),
        ...limit(from),
      ];
    case 9:
      return ['ZRANGE', key, '0', '-1', 'WITHSCORES'];
    default:
      return ['ZRANGE', key, ...range(from)];
  }
}
