/** Sorted sets, member by member (https://redis.io/docs/latest/commands/?group=sorted-set). */

import { wrongNumberOfArguments } from '../../resp/errors.ts';
import { type Call, type Handler, Notify } from '../call.ts';
import { NOT_FLOAT, SYNTAX, WRONG_TYPE } from '../errors.ts';
import { Kind } from '../types.ts';
import { parseScore } from '../values/score.ts';
import { SortedSet } from '../values/sorted-set.ts';

const BOTH_XX_AND_NX = 'ERR XX and NX options at the same time are not compatible';
const SEVERAL_OF_GT_LT_NX = 'ERR GT, LT, and/or NX options at the same time are not compatible';
const INCR_OF_ONE = 'ERR INCR option supports a single increment-element pair';
const NOT_A_NUMBER = 'ERR resulting score is not a number (NaN)';

/** Flags of ZADD. */
export const NX = 1;
export const XX = 2;
const GT = 4;
const LT = 8;
export const CH = 16;
const INCR = 32;

/** The sorted set of an entry; null: it is something else, and the client has been told. */
export function sortedSetOf(call: Call, entry: number): SortedSet | null {
  if (call.db.kindOf(entry) === Kind.zset) return call.db.objectOf(entry) as SortedSet;
  call.reply.error(WRONG_TYPE);
  return null;
}

/** Scores of the command under way; grows to its longest. */
let scores: Float64Array = new Float64Array(16);

function zadd(call: Call): void {
  let flags = 0;
  let first = 2;
  for (; first < call.argc; first++) {
    const flag = flagOf(call, first);
    if (flag === 0) break;
    flags |= flag;
  }
  addPairs(call, first, flags);
}

function flagOf(call: Call, index: number): number {
  if (call.is(index, 'nx')) return NX;
  if (call.is(index, 'xx')) return XX;
  if (call.is(index, 'gt')) return GT;
  if (call.is(index, 'lt')) return LT;
  if (call.is(index, 'ch')) return CH;
  return call.is(index, 'incr') ? INCR : 0;
}

function zincrby(call: Call): void {
  addPairs(call, 2, INCR);
}

/** Pairs of score and member from `first` on. */
function addPairs(call: Call, first: number, flags: number): void {
  const pairs = (call.argc - first) / 2;
  const error = faultOf(pairs, flags);
  if (error !== null) {
    call.reply.error(error);
    return;
  }
  if (scores.length < pairs) scores = new Float64Array(pairs);
  for (let i = 0; i < pairs; i++) {
    const score = parseScore(call.bytes, call.start(first + i * 2), call.end(first + i * 2));
    if (Number.isNaN(score)) {
      call.reply.error(NOT_FLOAT);
      return;
    }
    scores[i] = score;
  }
  addScores(call, scores, first + 1, 2, pairs, flags);
}

function faultOf(pairs: number, flags: number): string | null {
  if (pairs === 0 || !Number.isInteger(pairs)) return SYNTAX;
  if ((flags & NX) !== 0 && (flags & XX) !== 0) return BOTH_XX_AND_NX;
  const exclusive = flags & (GT | LT | NX);
  if ((exclusive & (exclusive - 1)) !== 0) return SEVERAL_OF_GT_LT_NX;
  return (flags & INCR) !== 0 && pairs > 1 ? INCR_OF_ONE : null;
}

/** Gives each of `count` members, every `step` arguments from `first` on, the score that `given` has for it. */
export function addScores(
  call: Call,
  given: Float64Array,
  first: number,
  step: number,
  count: number,
  flags: number,
): void {
  scores = given;
  const { db, reply } = call;
  const entry = call.write(1);
  let set: SortedSet | null = null;
  if (entry >= 0) {
    set = sortedSetOf(call, entry);
    if (set === null) return;
  } else if ((flags & XX) !== 0) {
    if ((flags & INCR) !== 0) reply.null();
    else reply.integer(0);
    return;
  } else {
    set = createSortedSet(call, call.length(first));
    db.addObject(call.bytes, call.start(1), call.end(1), set);
  }
  let added = 0;
  let updated = 0;
  for (let i = 0; i < count; i++) {
    const change = change1(call, set, first + i * step, i, flags);
    if (change === FAILED) {
      reply.error(NOT_A_NUMBER);
      return;
    }
    if (change === ADDED) added++;
    else if (change === UPDATED) updated++;
    if ((flags & INCR) === 0) continue;
    if (change === SKIPPED) reply.null();
    else reply.double(scores[i]!);
  }
  const event = (flags & INCR) !== 0 ? 'zincr' : 'zadd';
  if (added + updated > 0) {
    call.changed(1, Notify.zset, event);
    call.dirty = added + updated;
  }
  if ((flags & INCR) === 0) reply.integer((flags & CH) !== 0 ? added + updated : added);
}

/** A set for a first member of so many bytes. */
function createSortedSet(call: Call, length: number): SortedSet {
  const { arena, settings } = call.engine;
  const set = new SortedSet(arena, settings);
  // As Redis chooses by the first member even if it is not the longest.
  if (length > settings.zsetMaxListpackValue) set.leavePack();
  return set;
}

const SKIPPED = 0;
const SAME = 1;
const ADDED = 2;
const UPDATED = 3;
const FAILED = 4;

/** One member; what it has then is in `scores[at]`. */
function change1(call: Call, set: SortedSet, member: number, at: number, flags: number): number {
  const start = call.start(member);
  const end = call.end(member);
  const place = set.find(call.bytes, start, end);
  if (place === 0) {
    if ((flags & XX) !== 0) return SKIPPED;
    set.add(call.bytes, start, end, scores[at]!);
    return ADDED;
  }
  if ((flags & NX) !== 0) return SKIPPED;
  const before = set.scoreAt(place);
  let score = scores[at]!;
  if ((flags & INCR) !== 0) {
    score += before;
    if (Number.isNaN(score)) return FAILED;
  }
  if ((flags & LT) !== 0 && score >= before) return SKIPPED;
  if ((flags & GT) !== 0 && score <= before) return SKIPPED;
  scores[at] = score;
  if (score === before) return SAME;
  set.rescore(place, score);
  return UPDATED;
}

function zrem(call: Call): void {
  const entry = call.write(1);
  if (entry < 0) {
    call.reply.integer(0);
    return;
  }
  const set = sortedSetOf(call, entry);
  if (set === null) return;
  let removed = 0;
  for (let i = 2; i < call.argc && set.size > 0; i++) {
    const place = set.find(call.bytes, call.start(i), call.end(i));
    if (place === 0) continue;
    set.removeRun(place, 1);
    removed++;
  }
  if (removed > 0) {
    call.changed(1, Notify.zset, 'zrem');
    call.dirty = removed;
  }
  if (set.size === 0) call.removeEmpty(1, entry);
  call.reply.integer(removed);
}

function zscore(call: Call): void {
  const entry = call.read(1);
  const set = entry < 0 ? null : sortedSetOf(call, entry);
  if (entry < 0) call.reply.null();
  else if (set !== null) replyScore(call, set, 2);
}

/** The score of the member at an argument, or null. */
function replyScore(call: Call, set: SortedSet, member: number): void {
  const place = set.find(call.bytes, call.start(member), call.end(member));
  if (place === 0) call.reply.null();
  else call.reply.double(set.scoreAt(place));
}

function zmscore(call: Call): void {
  const entry = call.read(1);
  const set = entry < 0 ? null : sortedSetOf(call, entry);
  if (entry >= 0 && set === null) return;
  call.reply.array(call.argc - 2);
  for (let i = 2; i < call.argc; i++) {
    if (set === null) call.reply.null();
    else replyScore(call, set, i);
  }
}

function zcard(call: Call): void {
  const entry = call.read(1);
  const set = entry < 0 ? null : sortedSetOf(call, entry);
  if (entry < 0) call.reply.integer(0);
  else if (set !== null) call.reply.integer(set.size);
}

function zrank(call: Call): void {
  rank(call, false);
}

function zrevrank(call: Call): void {
  rank(call, true);
}

/** WITHSCORE is of Redis 7.2. */
function rank(call: Call, isReverse: boolean): void {
  const { reply } = call;
  const withScore = call.argc > 3;
  if (withScore && (call.argc > 4 || !call.is(3, 'withscore'))) {
    reply.error(call.argc > 4 ? wrongNumberOfArguments(call.command.spec.name) : SYNTAX);
    return;
  }
  const entry = call.read(1);
  const set = entry < 0 ? null : sortedSetOf(call, entry);
  if (entry >= 0 && set === null) return;
  const place = set === null ? 0 : set.find(call.bytes, call.start(2), call.end(2));
  if (set === null || place === 0) {
    if (withScore) reply.nullArray();
    else reply.null();
    return;
  }
  const forward = set.rankOf(place);
  if (withScore) reply.array(2);
  reply.integer(isReverse ? set.size - 1 - forward : forward);
  if (withScore) reply.double(set.scoreAt(place));
}

export const SORTED_SET_COMMANDS: Readonly<Record<string, Handler>> = {
  zadd,
  zincrby,
  zrem,
  zscore,
  zmscore,
  zcard,
  zrank,
  zrevrank,
};
