/** Sorted sets: what is taken from an end, at once or when it comes (https://redis.io/docs/latest/commands/bzpopmin/). */
import { type Call, type Handler, Notify } from '../call.ts';
import { SYNTAX } from '../errors.ts';
import { Kind } from '../types.ts';
import { Element } from '../values/listpack.ts';
import type { SortedSet } from '../values/sorted-set.ts';
import { sortedSetOf } from './sorted-set.ts';

const COUNT_NEGATIVE = 'ERR value is out of range, must be positive';
const NO_KEYS = 'ERR numkeys should be greater than 0';
const NO_COUNT = 'ERR count should be greater than 0';

const element: Element = new Element();

function zpopmin(call: Call): void {
  pop(call, false);
}

function zpopmax(call: Call): void {
  pop(call, true);
}

function pop(call: Call, isMax: boolean): void {
  const { reply } = call;
  if (call.argc > 3) {
    reply.error(SYNTAX);
    return;
  }
  const hasCount = call.argc === 3;
  const count = hasCount ? call.count(2) : 1;
  if (count === null || count < 0) {
    reply.error(COUNT_NEGATIVE);
    return;
  }
  const entry = call.write(1);
  const set = entry < 0 ? null : sortedSetOf(call, entry);
  if (entry >= 0 && set === null) return;
  if (set === null || count === 0) {
    reply.array(0);
    return;
  }
  const taken = Math.min(count, set.size);
  const isNested = hasCount && reply.protocol === 3;
  reply.array(isNested ? taken : taken * 2);
  take(call, 1, set, taken, isMax, isNested);
}

/** Replies and removes `count` members, of which there are so many, from an end of the set at a key. */
function take(
  call: Call,
  key: number,
  set: SortedSet,
  count: number,
  isMax: boolean,
  isNested: boolean,
): void {
  const { reply } = call;
  let place = isMax ? set.last() : set.first();
  for (let left = count; left > 0; left--) {
    if (isNested) reply.array(2);
    set.read(place, element);
    reply.bulk(element.bytes, element.start, element.end);
    reply.double(set.scoreAt(place));
    place = isMax ? set.previous(place) : set.next(place);
  }
  set.removeRun(isMax ? set.at(set.size - count) : set.first(), count);
  call.changed(key, Notify.zset, isMax ? 'zpopmax' : 'zpopmin');
  call.dirty = count;
  if (set.size === 0) call.removeEmpty(key, call.write(key));
}

/** The first of some keys that has members; -1: none has, -2: one is something else, and the client has been told. */
function firstWithMembers(call: Call, first: number, last: number): number {
  for (let key = first; key <= last; key++) {
    const entry = call.write(key);
    if (entry < 0) continue;
    return sortedSetOf(call, entry) === null ? FAILED : key;
  }
  return NONE;
}

const NONE = -1;
const FAILED = -2;

function setAt(call: Call, key: number): SortedSet {
  return call.db.objectOf(call.write(key)) as SortedSet;
}

function bzpopmin(call: Call): void {
  popOrWait(call, false);
}

function bzpopmax(call: Call): void {
  popOrWait(call, true);
}

function popOrWait(call: Call, isMax: boolean): void {
  const lastKey = call.argc - 2;
  const timeoutMs = call.timeout(call.argc - 1);
  if (timeoutMs === null) return;
  const key = firstWithMembers(call, 1, lastKey);
  if (key === FAILED) return;
  if (key === NONE) {
    call.wait({ firstKey: 1, lastKey, kind: Kind.zset, timeoutMs, nothing: 'array' });
    return;
  }
  call.reply.array(3);
  call.reply.bulk(call.bytes, call.start(key), call.end(key));
  take(call, key, setAt(call, key), 1, isMax, false);
  if (call.engine.isKept) call.rewrite(isMax ? 'ZPOPMAX' : 'ZPOPMIN', call.copyOf(key));
}

/** What ZMPOP asks for behind its number of keys. */
interface ManyWish {
  readonly firstKey: number;
  readonly lastKey: number;
  readonly isMax: boolean;
  readonly count: number;
}

/** `at` is the number of keys. Null: wrong, and the client has been told. */
function readMany(call: Call, at: number): ManyWish | null {
  const { reply } = call;
  const keys = call.count(at);
  if (keys === null || keys < 1) {
    reply.error(NO_KEYS);
    return null;
  }
  const where = at + keys + 1;
  const isMax = where < call.argc && call.is(where, 'max');
  if (where >= call.argc || (!isMax && !call.is(where, 'min'))) {
    reply.error(SYNTAX);
    return null;
  }
  let count: number | null = -1;
  for (let i = where + 1; i < call.argc; i += 2) {
    if (count !== -1 || i + 1 >= call.argc || !call.is(i, 'count')) {
      reply.error(SYNTAX);
      return null;
    }
    count = call.count(i + 1);
    if (count === null || count < 1) {
      reply.error(NO_COUNT);
      return null;
    }
  }
  return { firstKey: at + 1, lastKey: at + keys, isMax, count: Math.max(1, count) };
}

function zmpop(call: Call): void {
  const wish = readMany(call, 1);
  if (wish === null) return;
  const key = firstWithMembers(call, wish.firstKey, wish.lastKey);
  if (key === NONE) call.reply.nullArray();
  else if (key !== FAILED) takeMany(call, key, wish);
}

function bzmpop(call: Call): void {
  const wish = readMany(call, 2);
  const timeoutMs = wish === null ? null : call.timeout(1);
  if (wish === null || timeoutMs === null) return;
  const { firstKey, lastKey } = wish;
  const key = firstWithMembers(call, firstKey, lastKey);
  if (key === NONE) {
    call.wait({ firstKey, lastKey, kind: Kind.zset, timeoutMs, nothing: 'array' });
  } else if (key !== FAILED) takeMany(call, key, wish);
}

function takeMany(call: Call, key: number, { isMax, count }: ManyWish): void {
  const set = setAt(call, key);
  const taken = Math.min(count, set.size);
  call.reply.array(2);
  call.reply.bulk(call.bytes, call.start(key), call.end(key));
  call.reply.array(taken);
  take(call, key, set, taken, isMax, true);
  if (call.engine.isKept)
    call.rewrite(isMax ? 'ZPOPMAX' : 'ZPOPMIN', call.copyOf(key), String(taken));
}

export const SORTED_SET_POP_COMMANDS: Readonly<Record<string, Handler>> = {
  zpopmin,
  zpopmax,
  zmpop,
  bzpopmin,
  bzpopmax,
  bzmpop,
};
