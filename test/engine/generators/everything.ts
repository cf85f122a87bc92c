/** Commands of all families on the same few keys, in stretches that favour a few, or nearly all would be of the wrong type. */
import { sortedReply } from '../../support/engine.ts';
import type { Random } from '../../support/random.ts';
import { bits } from './bitmaps.ts';
import { command as geo } from './geo.ts';
import * as hashes from './hashes.ts';
import { sketch } from './hyperloglogs.ts';
import { COMMANDS as KEY_COMMANDS, sortedKeys } from './keys.ts';
import { pickFrom as lists } from './lists.ts';
import * as sets from './sets.ts';
import { copy, sort, sortable, steadySort, weight } from './sort.ts';
import * as sortedSets from './sorted-sets.ts';
import { Generator as Streams, withoutTimes } from './streams.ts';
import { common, part, whole } from './strings.ts';

type Words = readonly string[];
type Make = (from: Random) => Words;

const KEYS = ['a', 'b', 'c', 'd'];
/** All that any of the families writes to, but for what patterns of SORT name. */
const EVERY_KEY = [...KEYS, '{e}', 's', 'text', 'none', 'full', 'wide', 'odd'];
/** Whatever this takes is found in time that grows with the product of both lengths. */
const SHORT_KEYS = ['short', 'brief'];
const STRETCH = 400;
const TRANSACTION = 20;
const FAVOURED_PERCENT = 75;
/** Commands until everything is read back and forgotten: less than the 100 seconds that keys live. */
const ROUND = 10_000;
const FIELDS = [...hashes.FIELDS, ...Array.from({ length: 20 }, (_none, i) => `n${i}`)];

/** Sets `errno` to 0: else SORT of Redis 7.0 finds what an earlier number left there. */
const RESET: Words = ['ZADD', 'none', 'XX', '1', 'm'];

function readBack(key: string): Words[] {
  return [
    ['TYPE', key],
    ['OBJECT', 'ENCODING', key],
    ['TTL', key],
    ['GET', key],
    ['LRANGE', key, '0', '-1'],
    ['SMEMBERS', key],
    ['HGETALL', key],
    ['ZRANGE', key, '0', '-1', 'WITHSCORES'],
    ['XINFO', 'STREAM', key, 'FULL', 'COUNT', '0'],
  ];
}

export class Everything {
  readonly #streams = new Streams();
  readonly #families: readonly Make[] = [
    (from) => (from.chance(50) ? whole(from) : part(from)),
    (from) => common(from, SHORT_KEYS),
    (from) => bits(from, KEYS),
    (from) => sketch(from, KEYS),
    lists,
    (from) => sets.next(from),
    (from) => hashes.next(from, FIELDS, [...hashes.VALUES, hashes.LONG]),
    (from) => this.#sortedSet(from),
    exactGeo,
    (from) => this.#streams.next(from),
    (from) => this.#sort(from),
    (from) => copy(from, EVERY_KEY),
  ];
  #favoured: readonly Make[] = [];
  #done = 0;
  /** Commands of a transaction that are still to come. */
  #inside = 0;
  readonly #queue: Words[] = [];

  next(from: Random): Words {
    const queued = this.#queue.shift();
    if (queued !== undefined) return queued;
    this.#done++;
    if (this.#done % STRETCH === 1) {
      this.#favoured = Array.from({ length: from.between(1, 3) }, () => from.pick(this.#families));
    }
    if (this.#inside > 0) return this.#nextInside(from);
    if (this.#done % ROUND === 0) return this.#endRound();
    if (from.chance(2)) {
      this.#inside = from.between(1, TRANSACTION);
      return ['MULTI'];
    }
    for (;;) {
      const words = this.#pick(from);
      // A server that waits answers nothing meanwhile.
      if (!isWaiting(words)) return words;
    }
  }

  /** The reply of EXEC is compared as it is, so what has no order of its own is left out. */
  #nextInside(from: Random): Words {
    if (--this.#inside === 0) return ['EXEC'];
    for (;;) {
      const words = this.#pick(from);
      if (this.#queue.length > 0) this.#queue.length = 0;
      else if (isSteady(words)) return words;
    }
  }

  #endRound(): Words {
    for (const key of [...EVERY_KEY, ...SHORT_KEYS]) this.#queue.push(...readBack(key));
    this.#queue.push(['DBSIZE'], ['SWAPDB', '0', '3']);
    for (const key of EVERY_KEY) this.#queue.push(...readBack(key));
    this.#queue.push(['DBSIZE'], ['FLUSHALL']);
    return ['DBSIZE'];
  }

  #pick(from: Random): Words {
    if (from.chance(1)) return from.pick(KEY_COMMANDS)(from);
    if (from.chance(1)) return ['OBJECT', 'ENCODING', from.pick(KEYS)];
    const families = from.chance(FAVOURED_PERCENT) ? this.#favoured : this.#families;
    return from.pick(families)(from);
  }

  #sortedSet(from: Random): Words {
    const { algebra, change, ofEqualScores, pop, question, sample } = sortedSets;
    const words = from.pick([change, change, change, question, question, pop, sample, algebra])(
      from,
    );
    const isLexical = words.some((word) => /LEX/i.test(word));
    return isLexical ? ofEqualScores(words) : words;
  }

  #sort(from: Random): Words {
    if (from.chance(30)) return weight(from);
    if (from.chance(40)) return sortable(from, from.pick(KEYS));
    this.#queue.push(sort(from, from.pick(KEYS), KEYS, false));
    return RESET;
  }
}

/** The last digit of a stored distance may be that of the sine of the machine: all that comes of it would differ. */
function exactGeo(from: Random): Words {
  const words = geo(from);
  const plain = nameOf(words) === 'GEORADIUS' ? 'STORE' : 'ASC';
  return words.map((word) => (/^storedist$/i.test(word) ? plain : word));
}

function isWaiting([name = '', ...rest]: Words): boolean {
  if (/^BIT/i.test(name)) return false;
  return /^B/i.test(name) || (/^XREAD/i.test(name) && rest.some((word) => /^block$/i.test(word)));
}

function nameOf([name = '']: Words): string {
  return name.toUpperCase();
}

const UNORDERED: readonly string[] = [...sets.UNORDERED, ...hashes.UNORDERED];
const UNSTEADY: readonly string[] = [
  ...UNORDERED,
  ...['KEYS', 'SCAN', 'TTL', 'EXPIRETIME', 'ZSCAN', 'ZRANDMEMBER', 'SORT', 'SORT_RO'],
  ...['XINFO', 'XPENDING'],
];

function isSteady(words: Words): boolean {
  return !UNSTEADY.includes(nameOf(words));
}

/** What of a reply hangs neither on the order of a hash table nor on the time nor on chance. */
export function steady(words: Words, reply: string): string {
  const name = nameOf(words);
  if (UNORDERED.includes(name)) return sortedReply(reply);
  if (name.startsWith('X')) return withoutTimes(words, reply);
  if (name.startsWith('Z')) return sortedSets.normalized(words, reply);
  // How far a scan comes in one step is nobody's promise.
  if (name === 'SCAN' && !words.includes('1000')) return reply.slice(0, 1);
  return sortedKeys(words, steadySort(words, reply));
}
