/** Commands on places, at random. */
import type { Random } from '../../support/random.ts';

const KEYS = ['a', 'a', 'b', 'wide', 'wide', 'none', 'text'];

const WRONG = ['x', '', '181', '-86', 'inf', 'nan', '1e30', '-180.0000001'];

const UNITS = ['m', 'KM', 'ft', 'mi', 'km', 'm'];

function member(from: Random): string {
  return `m${from.below(40)}`;
}

/** Of the whole map, or near Palermo; at times on an edge or wrong. */
function pair(from: Random): [string, string] {
  const share = (): number => from.next() / 2 ** 32;
  if (from.chance(3)) return [from.pick([...WRONG, '13']), from.pick([...WRONG, '38'])];
  if (from.chance(4))
    return [from.pick(['180', '0']), from.pick(['85.05112878', '-85.05112878', '0'])];
  if (from.chance(50)) return [(13 + share()).toFixed(6), (38 + share() * 0.5).toFixed(6)];
  return [String(share() * 360 - 180), String(share() * 170 - 85)];
}

function size(from: Random): string {
  if (from.chance(3)) return from.pick(['x', '-1', '', 'nan', '0', 'inf']);
  return String(from.pick([1, 10, 100, 1000, 10_000, 100_000, 5_000_000]) * from.between(1, 20));
}

function unit(from: Random): string {
  return from.chance(2) ? 'yd' : from.pick(UNITS);
}

function options(from: Random, words: readonly string[]): string[] {
  const chosen = words.filter(() => from.chance(25));
  if (from.chance(30))
    chosen.push(
      'COUNT',
      from.chance(5) ? from.pick(['0', '-1', 'x']) : String(from.between(1, 12)),
    );
  if (from.chance(4)) chosen.push(from.pick(['ANY', 'foo', 'COUNT', 'STORE', 'FROMMEMBER']));
  return chosen;
}

function search(from: Random): string[] {
  const middle = from.chance(50) ? ['FROMMEMBER', member(from)] : ['fromlonlat', ...pair(from)];
  const shape = from.chance(50)
    ? ['BYRADIUS', size(from), unit(from)]
    : ['bybox', size(from), size(from), unit(from)];
  return from.chance(3)
    ? from.chance(50)
      ? middle
      : shape
    : from.chance(50)
      ? [...middle, ...shape]
      : [...shape, ...middle];
}

const SHOWN = ['WITHDIST', 'withhash', 'WITHCOORD', 'ASC', 'desc'];

export function command(from: Random): string[] {
  const key = from.pick(KEYS);
  const target = from.pick(['d', 'd', 'b']);
  switch (from.below(12)) {
    case 0:
    case 1:
      return [
        'GEOADD',
        key,
        ...['NX', 'xx', 'CH'].filter(() => from.chance(10)),
        ...pair(from),
        member(from),
        ...pair(from),
        member(from),
        ...(from.chance(2) ? ['x'] : []),
      ];
    case 2:
      return [
        'GEODIST',
        key,
        member(from),
        member(from),
        ...(from.chance(50) ? [unit(from)] : []),
        ...(from.chance(2) ? ['x'] : []),
      ];
    case 3:
      return [from.pick(['GEOPOS', 'GEOHASH']), key, member(from), member(from)];
    case 4:
      return [
        from.pick(['GEORADIUS', 'GEORADIUS_RO']),
        key,
        ...pair(from),
        size(from),
        unit(from),
        ...options(from, SHOWN),
      ];
    case 5:
      return [
        from.pick(['GEORADIUSBYMEMBER', 'GEORADIUSBYMEMBER_RO']),
        key,
        member(from),
        size(from),
        unit(from),
        ...options(from, SHOWN),
      ];
    case 6:
      return [
        'GEORADIUS',
        key,
        ...pair(from),
        size(from),
        unit(from),
        ...options(from, ['ASC']),
        ...from.pick([
          ['STORE', 'a'],
          ['storedist', 'd'],
          ['store', 'd'],
        ]),
        ...(from.chance(5) ? ['WITHDIST'] : []),
      ];
    case 7:
      return [
        'GEOSEARCHSTORE',
        target,
        key,
        ...search(from),
        ...options(from, from.chance(5) ? SHOWN : target === 'd' ? ['ASC', 'STOREDIST'] : ['ASC']),
      ];
    case 8:
      return ['ZRANGE', from.pick(['d', 'a', 'b', 'wide']), '0', '-1', 'WITHSCORES'];
    case 9:
      return [
        'ZADD',
        'odd',
        from.pick(['1', '-5', '1.5', '1e17', '1e30', '-inf', '4503599627370496', '1e19']),
        member(from),
      ];
    case 10:
      return [from.pick(['GEOPOS', 'GEOHASH']), 'odd', member(from), member(from)];
    default:
      return ['GEOSEARCH', key, ...search(from), ...options(from, SHOWN)];
  }
}
