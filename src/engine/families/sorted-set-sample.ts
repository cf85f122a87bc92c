/** Sorted sets: some members of many (https://redis.io/docs/latest/commands/zrandmember/). */
import { globMatches } from '../../core/glob.ts';
import { INVALID_CURSOR } from '../../resp/errors.ts';
import type { Call, Handler } from '../call.ts';
import { NOT_INTEGER, SYNTAX } from '../errors.ts';
import { INT64_MAX } from '../numbers.ts';
import { Element } from '../values/listpack.ts';
import type { SortedSet } from '../values/sorted-set.ts';
import { sortedSetOf } from './sorted-set.ts';

const OUT_OF_RANGE = 'ERR value is out of range';
const OUT_OF_LONG = `ERR value is out of range, value must between -${INT64_MAX} and ${INT64_MAX}`;
/** Members shown of a big set unless COUNT says otherwise, and buckets looked at for each, at most. */
const SCAN_COUNT = 10;
const BUCKETS_PER_ELEMENT = 10;
const CURSOR_MODULUS: bigint = 2n ** 32n;
/** More of a set than a third: then it is cheaper to shuffle all. */
const DENSE = 3;

const element: Element = new Element();

function zrandmember(call: Call): void {
  if (call.argc > 2) {
    zrandmemberOfCount(call);
    return;
  }
  const entry = call.read(1);
  const set = entry < 0 ? null : sortedSetOf(call, entry);
  if (entry < 0) call.reply.null();
  else if (set !== null) replyMember(call, set, set.random());
}

function zrandmemberOfCount(call: Call): void {
  const { reply } = call;
  const given = call.integer(2);
  if (given === null || given < -INT64_MAX) {
    reply.error(given === null ? NOT_INTEGER : OUT_OF_LONG);
    return;
  }
  const withScores = call.argc === 4 && call.is(3, 'withscores');
  if (call.argc > 3 && !withScores) {
    reply.error(SYNTAX);
    return;
  }
  if (withScores && (given < -INT64_MAX / 2n || given > INT64_MAX / 2n)) {
    reply.error(OUT_OF_RANGE);
    return;
  }
  const entry = call.read(1);
  const set = entry < 0 ? null : sortedSetOf(call, entry);
  if (entry >= 0 && set === null) return;
  const count = Number(given);
  if (set === null || count === 0) reply.array(0);
  else if (count < 0) replyRepeated(call, set, -count, withScores);
  else replyDistinct(call, set, count, withScores);
}

function replyHead(call: Call, count: number, withScores: boolean): void {
  call.reply.array(withScores && call.reply.protocol === 2 ? count * 2 : count);
}

function replyPair(call: Call, set: SortedSet, place: number, withScores: boolean): void {
  if (withScores && call.reply.protocol === 3) call.reply.array(2);
  replyMember(call, set, place);
  if (withScores) call.reply.double(set.scoreAt(place));
}

function replyMember(call: Call, set: SortedSet, place: number): void {
  set.read(place, element);
  call.reply.bulk(element.bytes, element.start, element.end);
}

function replyRepeated(call: Call, set: SortedSet, count: number, withScores: boolean): void {
  replyHead(call, count, withScores);
  for (let i = 0; i < count; i++) replyPair(call, set, set.random(), withScores);
}

function replyDistinct(call: Call, set: SortedSet, count: number, withScores: boolean): void {
  const { size } = set;
  const shown = Math.min(count, size);
  replyHead(call, shown, withScores);
  if (shown === size) {
    for (let place = set.last(); place !== 0; place = set.previous(place)) {
      replyPair(call, set, place, withScores);
    }
    return;
  }
  if (shown * DENSE > size) {
    for (const place of shuffled(set, shown)) replyPair(call, set, place, withScores);
    return;
  }
  const places = new Set<number>();
  while (places.size < shown) places.add(set.random());
  for (const place of places) replyPair(call, set, place, withScores);
}

/** Some places, none twice: the beginning of all of them, shuffled. */
function shuffled(set: SortedSet, count: number): Int32Array {
  const places = new Int32Array(set.size);
  let length = 0;
  for (let place = set.first(); place !== 0; place = set.next(place)) places[length++] = place;
  for (let i = 0; i < count; i++) {
    const other = i + Math.floor(Math.random() * (length - i));
    const place = places[other]!;
    places[other] = places[i]!;
    places[i] = place;
  }
  return places.subarray(0, count);
}

function zscan(call: Call): void {
  const { reply } = call;
  const cursor = cursorOf(call.text(2));
  if (cursor === null) {
    reply.error(INVALID_CURSOR);
    return;
  }
  const entry = call.read(1);
  const set = entry < 0 ? null : sortedSetOf(call, entry);
  if (entry >= 0 && set === null) return;
  if (set === null) {
    reply.array(2);
    reply.bulkInteger(0);
    reply.array(0);
    return;
  }
  const options = readScanOptions(call);
  if (options !== null) replyScan(call, set, cursor, options);
}

/** Null: it is none. One that is none of ours ends the scan or shows something twice; it can do no harm. */
function cursorOf(text: string): number | null {
  if (text === '') return 0;
  if (!/^[+-]?\d{1,20}$/.test(text)) return null;
  const value = BigInt(text);
  return value >= 2n ** 64n ? null : Number(BigInt.asUintN(64, value) % CURSOR_MODULUS);
}

interface ScanOptions {
  readonly count: number;
  /** Null: everything matches. */
  readonly pattern: Buffer | null;
}

/** Null: wrong, and the client has been told. */
function readScanOptions(call: Call): ScanOptions | null {
  let count: number | null = SCAN_COUNT;
  let pattern: Buffer | null = null;
  for (let i = 3; i < call.argc; i += 2) {
    const hasValue = i + 1 < call.argc;
    if (hasValue && call.is(i, 'match')) pattern = call.copyOf(i + 1);
    else if (hasValue && call.is(i, 'count')) {
      count = call.count(i + 1);
      if (count === null) {
        call.reply.error(NOT_INTEGER);
        return null;
      }
    }
    if (!hasValue || count < 1 || !(call.is(i, 'match') || call.is(i, 'count'))) {
      call.reply.error(SYNTAX);
      return null;
    }
  }
  return { count, pattern };
}

function replyScan(call: Call, set: SortedSet, first: number, options: ScanOptions): void {
  const { reply } = call;
  const { count, pattern } = options;
  const found: number[] = [];
  let buckets = count * BUCKETS_PER_ELEMENT;
  let cursor = first;
  let seen = 0;
  do {
    cursor = set.scan(cursor, (place) => {
      seen++;
      set.read(place, element);
      const { bytes, start, end } = element;
      if (pattern === null || globMatches(pattern, bytes, start, end)) found.push(place);
    });
  } while (cursor !== 0 && --buckets > 0 && seen < count);
  reply.array(2);
  reply.bulkInteger(cursor);
  reply.array(found.length * 2);
  for (const place of found) {
    replyMember(call, set, place);
    // Here a score is text in either protocol.
    reply.bulkText(set.scoreText(place));
  }
}

export const SORTED_SET_SAMPLE_COMMANDS: Readonly<Record<string, Handler>> = {
  zrandmember,
  zscan,
};
