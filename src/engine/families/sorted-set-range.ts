/** Sorted sets by ranges of ranks, scores and bytes (https://redis.io/docs/latest/commands/zrange/). */
import { type Call, type Handler, Notify } from '../call.ts';
import { NOT_INTEGER, SYNTAX } from '../errors.ts';
import { Element } from '../values/listpack.ts';
import { isOpen, parseBound } from '../values/score.ts';
import { SortedSet } from '../values/sorted-set.ts';
import { sortedSetOf } from './sorted-set.ts';

const LIMIT_OF_RANKS =
  'ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX';
const SCORES_BY_LEX = 'ERR syntax error, WITHSCORES not supported in combination with BYLEX';
const NO_SCORE = 'ERR min or max is not a float';
const NO_LEX = 'ERR min or max not valid string range item';

const BY_RANK = 0;
const BY_SCORE = 1;
const BY_LEX = 2;

const MINUS = 0x2d;
const PLUS = 0x2b;
const OPEN = 0x28;
const CLOSED = 0x5b;

/**
 * A range as an argument gives it, and what it comes to in a set. There is one, as one command runs at a time: it is filled,
 * used and forgotten within a handler.
 */
class Range {
  by = BY_RANK;
  isReverse = false;
  withScores = false;
  offset = 0;
  limit = -1;
  /** Arguments of the two ends, the lower one first. */
  low = 0;
  high = 0;
  /** Ranks or scores. */
  min = 0;
  max = 0;
  minOpen = false;
  maxOpen = false;
  /** What it comes to: a place, and how many from there on (backwards if it is reverse). */
  place = 0;
  count = 0;

  begin(by: number, isReverse: boolean): void {
    this.by = by;
    this.isReverse = isReverse;
    this.withScores = false;
    this.offset = 0;
    this.limit = -1;
  }
}

const range: Range = new Range();
const element: Element = new Element();

/** The ends are the arguments `first` and the next. False: wrong, and the client has been told. */
function readEnds(call: Call, first: number): boolean {
  const swaps = range.isReverse && range.by !== BY_RANK;
  range.low = swaps ? first + 1 : first;
  range.high = swaps ? first : first + 1;
  if (range.by === BY_RANK) return readRanks(call);
  return range.by === BY_SCORE ? readScores(call) : readLex(call);
}

function readRanks(call: Call): boolean {
  const min = call.count(range.low);
  const max = min === null ? null : call.count(range.high);
  if (min === null || max === null) {
    call.reply.error(NOT_INTEGER);
    return false;
  }
  range.min = min;
  range.max = max;
  return true;
}

function readScores(call: Call): boolean {
  range.minOpen = isOpen(call.bytes, call.start(range.low), call.end(range.low));
  range.maxOpen = isOpen(call.bytes, call.start(range.high), call.end(range.high));
  range.min = boundOf(call, range.low, range.minOpen);
  range.max = boundOf(call, range.high, range.maxOpen);
  if (!Number.isNaN(range.min) && !Number.isNaN(range.max)) return true;
  call.reply.error(NO_SCORE);
  return false;
}

function boundOf(call: Call, index: number, skips: boolean): number {
  return parseBound(call.bytes, call.start(index) + (skips ? 1 : 0), call.end(index));
}

function readLex(call: Call): boolean {
  if (isLexEnd(call, range.low) && isLexEnd(call, range.high)) return true;
  call.reply.error(NO_LEX);
  return false;
}

function isLexEnd(call: Call, index: number): boolean {
  const { bytes } = call;
  const start = call.start(index);
  const length = call.length(index);
  if (length === 0) return false;
  const mark = bytes[start];
  if (mark === MINUS || mark === PLUS) return length === 1 || bytes[start + 1] === 0;
  return mark === OPEN || mark === CLOSED;
}

/** What the range comes to in a set: `range.place` and `range.count`. */
function resolve(call: Call, set: SortedSet): void {
  range.place = 0;
  range.count = 0;
  if (range.by === BY_RANK) {
    resolveRanks(set);
    return;
  }
  if (range.by === BY_SCORE) resolveScores(set);
  else resolveLex(call, set);
  applyLimit(set);
}

function resolveRanks(set: SortedSet): void {
  const { size } = set;
  const from = Math.max(0, range.min < 0 ? range.min + size : range.min);
  const to = Math.min(size - 1, range.max < 0 ? range.max + size : range.max);
  if (from > to || from >= size) return;
  range.count = to - from + 1;
  range.place = set.at(range.isReverse ? size - 1 - from : from);
}

function resolveScores(set: SortedSet): void {
  const { min, max, minOpen, maxOpen } = range;
  if (min > max || (min === max && (minOpen || maxOpen))) return;
  const first = set.firstAbove(min, minOpen);
  if (first === 0) return;
  const last = set.lastBelow(max, maxOpen);
  if (last === 0) return;
  settle(set, first, last);
}

function settle(set: SortedSet, first: number, last: number): void {
  range.count = Math.max(0, set.rankOf(last) - set.rankOf(first) + 1);
  range.place = range.isReverse ? last : first;
}

function resolveLex(call: Call, set: SortedSet): void {
  const { bytes } = call;
  const lowStart = call.start(range.low);
  const lowEnd = call.end(range.low);
  const highStart = call.start(range.high);
  const highEnd = call.end(range.high);
  const low = bytes[lowStart]!;
  const high = bytes[highStart]!;
  // Nothing is after the greatest or before the least.
  if (low === PLUS || high === MINUS) return;
  const first =
    low === MINUS ? set.first() : set.firstAfter(bytes, lowStart + 1, lowEnd, low === OPEN);
  if (first === 0) return;
  const last =
    high === PLUS ? set.last() : set.lastBefore(bytes, highStart + 1, highEnd, high === OPEN);
  if (last !== 0) settle(set, first, last);
}

function applyLimit(set: SortedSet): void {
  const { offset, limit } = range;
  if (offset < 0 || offset >= range.count) {
    range.count = 0;
    return;
  }
  if (offset > 0) {
    const rank = set.rankOf(range.place);
    range.place = set.at(range.isReverse ? rank - offset : rank + offset);
  }
  range.count -= offset;
  if (limit >= 0 && limit < range.count) range.count = limit;
}

/** Members from a place on, with their scores if wanted. */
function replyRun(call: Call, set: SortedSet): void {
  const { reply } = call;
  const { withScores, isReverse } = range;
  const isNested = withScores && reply.protocol === 3;
  reply.array(withScores && !isNested ? range.count * 2 : range.count);
  let { place } = range;
  for (let left = range.count; left > 0; left--) {
    if (isNested) reply.array(2);
    set.read(place, element);
    reply.bulk(element.bytes, element.start, element.end);
    if (withScores) reply.double(set.scoreAt(place));
    place = isReverse ? set.previous(place) : set.next(place);
  }
}

/** What ZRANGE leaves open; an old command says itself which kind it is. */
interface Form {
  readonly key: number;
  readonly by: number;
  readonly isReverse: boolean;
  readonly isOpen: boolean;
}

function rangeForm(by: number, isReverse: boolean): Form {
  return { key: 1, by, isReverse, isOpen: false };
}

const ZRANGE: Form = { key: 1, by: BY_RANK, isReverse: false, isOpen: true };
const ZRANGESTORE: Form = { key: 2, by: BY_RANK, isReverse: false, isOpen: true };
const ZREVRANGE: Form = rangeForm(BY_RANK, true);
const ZRANGEBYSCORE: Form = rangeForm(BY_SCORE, false);
const ZREVRANGEBYSCORE: Form = rangeForm(BY_SCORE, true);
const ZRANGEBYLEX: Form = rangeForm(BY_LEX, false);
const ZREVRANGEBYLEX: Form = rangeForm(BY_LEX, true);

/** Options and ends into `range`. False: wrong, and the client has been told. */
function readForm(call: Call, form: Form): boolean {
  range.begin(form.by, form.isReverse);
  const error = readOptions(call, form) ? faultOfOptions() : SYNTAX;
  if (error === null) return readEnds(call, form.key + 1);
  if (error !== NOT_INTEGER) call.reply.error(error);
  return false;
}

/** False: a wrong word. A number that is none is told at once, and marked by a limit that is none. */
function readOptions(call: Call, form: Form): boolean {
  for (let i = form.key + 3; i < call.argc; i++) {
    if (form.key === 1 && call.is(i, 'withscores')) range.withScores = true;
    else if (call.is(i, 'limit') && i + 2 < call.argc) {
      const offset = call.count(i + 1);
      const limit = offset === null ? null : call.count(i + 2);
      if (offset === null || limit === null) {
        call.reply.error(NOT_INTEGER);
        range.limit = Number.NaN;
        return true;
      }
      range.offset = offset;
      range.limit = limit;
      i += 2;
    } else if (form.isOpen && !range.isReverse && call.is(i, 'rev')) range.isReverse = true;
    else if (form.isOpen && range.by === BY_RANK && call.is(i, 'bylex')) range.by = BY_LEX;
    else if (form.isOpen && range.by === BY_RANK && call.is(i, 'byscore')) range.by = BY_SCORE;
    else return false;
  }
  return true;
}

function faultOfOptions(): string | null {
  if (Number.isNaN(range.limit)) return NOT_INTEGER;
  if (range.limit !== -1 && range.by === BY_RANK) return LIMIT_OF_RANKS;
  return range.withScores && range.by === BY_LEX ? SCORES_BY_LEX : null;
}

function show(call: Call, form: Form): void {
  if (!readForm(call, form)) return;
  const entry = call.read(form.key);
  const set = entry < 0 ? null : sortedSetOf(call, entry);
  if (entry < 0) call.reply.array(0);
  if (set === null) return;
  resolve(call, set);
  replyRun(call, set);
}

function zrange(call: Call): void {
  show(call, ZRANGE);
}

function zrevrange(call: Call): void {
  show(call, ZREVRANGE);
}

function zrangebyscore(call: Call): void {
  show(call, ZRANGEBYSCORE);
}

function zrevrangebyscore(call: Call): void {
  show(call, ZREVRANGEBYSCORE);
}

function zrangebylex(call: Call): void {
  show(call, ZRANGEBYLEX);
}

function zrevrangebylex(call: Call): void {
  show(call, ZREVRANGEBYLEX);
}

function zrangestore(call: Call): void {
  if (!readForm(call, ZRANGESTORE)) return;
  const entry = call.read(ZRANGESTORE.key);
  const source = entry < 0 ? null : sortedSetOf(call, entry);
  if (entry >= 0 && source === null) return;
  const { arena, settings } = call.engine;
  const target = new SortedSet(arena, settings);
  if (source !== null) {
    resolve(call, source);
    let { place } = range;
    for (let left = range.count; left > 0; left--) {
      source.read(place, element);
      target.add(element.bytes, element.start, element.end, source.scoreAt(place));
      place = range.isReverse ? source.previous(place) : source.next(place);
    }
  }
  storeSortedSet(call, 1, target, 'zrangestore');
}

/** Puts a new sorted set under the key at an argument, or removes the key if it is empty; replies its size. */
export function storeSortedSet(call: Call, key: number, set: SortedSet, event: string): void {
  const { db, bytes, reply } = call;
  const start = call.start(key);
  const end = call.end(key);
  const entry = call.write(key);
  const { size } = set;
  if (size === 0) {
    set.release(Infinity);
    if (entry >= 0) {
      db.remove(entry);
      call.changed(key, Notify.generic, 'del');
    }
  } else {
    if (entry < 0) db.addObject(bytes, start, end, set);
    else {
      db.replaceObject(entry, set);
      db.clearExpiry(entry);
    }
    call.changed(key, Notify.zset, event);
  }
  reply.integer(size);
}

function zcount(call: Call): void {
  countRange(call, BY_SCORE);
}

function zlexcount(call: Call): void {
  countRange(call, BY_LEX);
}

function countRange(call: Call, by: number): void {
  range.begin(by, false);
  if (!readEnds(call, 2)) return;
  const entry = call.read(1);
  const set = entry < 0 ? null : sortedSetOf(call, entry);
  if (entry < 0) call.reply.integer(0);
  if (set === null) return;
  resolve(call, set);
  call.reply.integer(range.count);
}

function zremrangebyrank(call: Call): void {
  removeRange(call, BY_RANK, 'zremrangebyrank');
}

function zremrangebyscore(call: Call): void {
  removeRange(call, BY_SCORE, 'zremrangebyscore');
}

function zremrangebylex(call: Call): void {
  removeRange(call, BY_LEX, 'zremrangebylex');
}

function removeRange(call: Call, by: number, event: string): void {
  range.begin(by, false);
  if (!readEnds(call, 2)) return;
  const entry = call.write(1);
  const set = entry < 0 ? null : sortedSetOf(call, entry);
  if (entry < 0) call.reply.integer(0);
  if (set === null) return;
  resolve(call, set);
  if (range.count > 0) {
    set.removeRun(range.place, range.count);
    call.changed(1, Notify.zset, event);
    call.dirty = range.count;
    if (set.size === 0) call.removeEmpty(1, entry);
  }
  call.reply.integer(range.count);
}

export const SORTED_SET_RANGE_COMMANDS: Readonly<Record<string, Handler>> = {
  zrange,
  zrevrange,
  zrangebyscore,
  zrevrangebyscore,
  zrangebylex,
  zrevrangebylex,
  zrangestore,
  zcount,
  zlexcount,
  zremrangebyrank,
  zremrangebyscore,
  zremrangebylex,
};
