/**
 * What several sets have in common, together, or one beyond the others.
 *
 * Each runs to its end, however large the sets are: of two with a million members each, half of them in both, the union
 * holds the loop for 1.2 s, what they have in common for 1.2 s (0.7 s if it is only counted), the difference for 0.9 s; a
 * real server on the same machine 1.1 s, 0.8 s for the first two.
 */
import { type Call, type Handler, Notify } from '../call.ts';
import { SYNTAX, WRONG_TYPE } from '../errors.ts';
import { Kind } from '../types.ts';
import { Element } from '../values/listpack.ts';
import { SetValue } from '../values/set.ts';

/** A result of more members is freed a slice at a time. */
const FREED_AT_ONCE_MAX = 64;

const member: Element = new Element();

/** Makes a new set of some; null stands for an empty one. */
type Operation = (call: Call, sets: (SetValue | null)[]) => SetValue;

/** The sets of the keys at [first, end); null: one is no set, and the client has been told. */
function readSets(call: Call, first: number, end: number): (SetValue | null)[] | null {
  const { db, reply } = call;
  const sets: (SetValue | null)[] = [];
  for (let i = first; i < end; i++) {
    const entry = call.read(i);
    if (entry >= 0 && db.kindOf(entry) !== Kind.set) {
      reply.error(WRONG_TYPE);
      return null;
    }
    sets.push(entry < 0 ? null : (db.objectOf(entry) as SetValue));
  }
  return sets;
}

function newSet(call: Call): SetValue {
  return new SetValue(call.db.arena, call.engine.settings);
}

function addAll(target: SetValue, source: SetValue | null): void {
  source?.some(member, () => {
    target.add(member.bytes, member.start, member.end);
    return false;
  });
}

function isInAll(sets: readonly SetValue[], first: number): boolean {
  for (let i = first; i < sets.length; i++) {
    if (!sets[i]!.has(member.bytes, member.start, member.end)) return false;
  }
  return true;
}

function isInNone(sets: readonly SetValue[]): boolean {
  for (const set of sets) if (set.has(member.bytes, member.start, member.end)) return false;
  return true;
}

/** The smallest first, whose members are looked for in the others; empty: one of them is. */
function smallestFirst(sets: readonly (SetValue | null)[]): SetValue[] {
  const found = sets.filter((set) => set !== null);
  if (found.length < sets.length) return [];
  // A set that is walked must not be looked into, and what it has in common with itself is known.
  return [...new Set(found)].sort((a, b) => a.size - b.size);
}

function intersect(call: Call, sets: (SetValue | null)[]): SetValue {
  const result = newSet(call);
  const sorted = smallestFirst(sets);
  sorted[0]?.some(member, () => {
    if (isInAll(sorted, 1)) result.add(member.bytes, member.start, member.end);
    return false;
  });
  return result;
}

function unite(call: Call, sets: (SetValue | null)[]): SetValue {
  const result = newSet(call);
  for (const set of sets) addAll(result, set);
  return result;
}

function subtract(call: Call, [first = null, ...rest]: (SetValue | null)[]): SetValue {
  const result = newSet(call);
  if (first === null) return result;
  const others = rest.filter((set) => set !== null);
  if (others.includes(first)) return result;
  // The work of both ways, the first of which often ends early.
  const looking = Math.floor((first.size * (others.length + 1)) / 2);
  const removing = others.reduce((sum, set) => sum + set.size, first.size);
  if (looking <= removing) {
    others.sort((a, b) => b.size - a.size);
    first.some(member, () => {
      if (isInNone(others)) result.add(member.bytes, member.start, member.end);
      return false;
    });
    return result;
  }
  addAll(result, first);
  for (const set of others) {
    const isEmpty = set.some(member, () => {
      result.remove(member.bytes, member.start, member.end);
      return result.size === 0;
    });
    if (isEmpty) break;
  }
  return result;
}

function replyWith(operation: Operation): Handler {
  return (call) => {
    const sets = readSets(call, 1, call.argc);
    if (sets === null) return;
    const { reply } = call;
    const result = operation(call, sets);
    reply.set(result.size);
    result.some(member, () => {
      reply.bulk(member.bytes, member.start, member.end);
      return false;
    });
    if (result.size <= FREED_AT_ONCE_MAX) result.release(Infinity);
    else call.engine.discard(result);
  };
}

function storeWith(operation: Operation, event: string): Handler {
  return (call) => {
    const sets = readSets(call, 2, call.argc);
    if (sets === null) return;
    const { db, bytes } = call;
    const result = operation(call, sets);
    const { size } = result;
    const entry = call.write(1);
    if (size === 0) {
      if (entry >= 0) {
        db.remove(entry);
        call.changed(1, Notify.generic, 'del');
      }
    } else {
      if (entry < 0) db.addObject(bytes, call.start(1), call.end(1), result);
      else {
        db.replaceObject(entry, result);
        db.clearExpiry(entry);
      }
      call.changed(1, Notify.set, event);
    }
    call.reply.integer(size);
  };
}

function sintercard(call: Call): void {
  const { reply } = call;
  const keys = call.count(1);
  if (keys === null || keys < 1) {
    reply.error('ERR numkeys should be greater than 0');
    return;
  }
  if (keys > call.argc - 2) {
    reply.error("ERR Number of keys can't be greater than number of args");
    return;
  }
  const limit = readLimit(call, keys + 2);
  if (limit === null) return;
  const sets = readSets(call, 2, keys + 2);
  if (sets === null) return;
  const sorted = smallestFirst(sets);
  let count = 0;
  sorted[0]?.some(member, () => {
    if (isInAll(sorted, 1)) count++;
    return count === limit;
  });
  reply.integer(count);
}

/** Infinity: none; null: wrong, and the client has been told. */
function readLimit(call: Call, first: number): number | null {
  let limit = Infinity;
  for (let i = first; i < call.argc; i++) {
    if (i + 1 === call.argc || !call.is(i, 'limit')) {
      call.reply.error(SYNTAX);
      return null;
    }
    const given = call.count(++i);
    if (given === null || given < 0) {
      call.reply.error("ERR LIMIT can't be negative");
      return null;
    }
    limit = given === 0 ? Infinity : given;
  }
  return limit;
}

export const SET_ALGEBRA_COMMANDS: Readonly<Record<string, Handler>> = {
  sinter: replyWith(intersect),
  sunion: replyWith(unite),
  sdiff: replyWith(subtract),
  sinterstore: storeWith(intersect, 'sinterstore'),
  sunionstore: storeWith(unite, 'sunionstore'),
  sdiffstore: storeWith(subtract, 'sdiffstore'),
  sintercard,
};
