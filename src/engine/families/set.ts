/** Sets, one at a time (https://redis.io/docs/latest/commands/?group=set); several at once are in set-algebra.ts. */
import { globMatches } from '../../core/glob.ts';
import { type Call, type Handler, Notify } from '../call.ts';
import { SYNTAX, WRONG_TYPE } from '../errors.ts';
import { Kind } from '../types.ts';
import { Element } from '../values/listpack.ts';
import { SetValue } from '../values/set.ts';
import { NOT_POSITIVE, pickSlots, readSignedCount } from './pick.ts';
import { BUCKETS_PER_ELEMENT, readCursor, readScanOptions } from './scan.ts';

const member: Element = new Element();

/** The set of an entry; null: it is none, and the client has been told. */
export function setOf({ db, reply }: Call, entry: number): SetValue | null {
  if (db.kindOf(entry) === Kind.set) return db.objectOf(entry) as SetValue;
  reply.error(WRONG_TYPE);
  return null;
}

function sadd(call: Call): void {
  const { db, bytes } = call;
  const entry = call.write(1);
  let set: SetValue | null;
  if (entry < 0) {
    set = new SetValue(db.arena, call.engine.settings);
    db.addObject(bytes, call.start(1), call.end(1), set);
  } else set = setOf(call, entry);
  if (set === null) return;
  let added = 0;
  for (let i = 2; i < call.argc; i++) if (set.add(bytes, call.start(i), call.end(i))) added++;
  if (added > 0) {
    call.changed(1, Notify.set, 'sadd');
    call.dirty += added - 1;
  }
  call.reply.integer(added);
}

function srem(call: Call): void {
  const entry = call.write(1);
  if (entry < 0) {
    call.reply.integer(0);
    return;
  }
  const set = setOf(call, entry);
  if (set === null) return;
  let removed = 0;
  for (let i = 2; i < call.argc; i++) {
    if (!set.remove(call.bytes, call.start(i), call.end(i))) continue;
    removed++;
    if (set.size === 0) break;
  }
  if (removed > 0) {
    call.changed(1, Notify.set, 'srem');
    call.dirty += removed - 1;
    if (set.size === 0) call.removeEmpty(1, entry);
  }
  call.reply.integer(removed);
}

function smembers(call: Call): void {
  const { reply } = call;
  const entry = call.read(1);
  if (entry < 0) {
    reply.set(0);
    return;
  }
  const set = setOf(call, entry);
  if (set === null) return;
  reply.set(set.size);
  set.some(member, () => {
    reply.bulk(member.bytes, member.start, member.end);
    return false;
  });
}

function sismember(call: Call): void {
  const entry = call.read(1);
  if (entry < 0) {
    call.reply.integer(0);
    return;
  }
  const set = setOf(call, entry);
  if (set === null) return;
  call.reply.integer(set.has(call.bytes, call.start(2), call.end(2)) ? 1 : 0);
}

function smismember(call: Call): void {
  const entry = call.read(1);
  const set = entry < 0 ? null : setOf(call, entry);
  if (entry >= 0 && set === null) return;
  call.reply.array(call.argc - 2);
  for (let i = 2; i < call.argc; i++) {
    const isMember = set?.has(call.bytes, call.start(i), call.end(i)) ?? false;
    call.reply.integer(isMember ? 1 : 0);
  }
}

function scard(call: Call): void {
  const entry = call.read(1);
  const set = entry < 0 ? null : setOf(call, entry);
  if (entry < 0) call.reply.integer(0);
  else if (set !== null) call.reply.integer(set.size);
}

function smove(call: Call): void {
  const { db, bytes, reply } = call;
  const from = call.write(1);
  const to = call.write(2);
  if (from < 0) {
    reply.integer(0);
    return;
  }
  const source = setOf(call, from);
  if (source === null) return;
  let target = to < 0 ? null : setOf(call, to);
  if (to >= 0 && target === null) return;
  const start = call.start(3);
  const end = call.end(3);
  if (source === target) {
    reply.integer(source.has(bytes, start, end) ? 1 : 0);
    return;
  }
  if (!source.remove(bytes, start, end)) {
    reply.integer(0);
    return;
  }
  call.changed(1, Notify.set, 'srem');
  if (source.size === 0) call.removeEmpty(1, from);
  if (target === null) {
    target = new SetValue(db.arena, call.engine.settings);
    db.addObject(bytes, call.start(2), call.end(2), target);
  }
  if (target.add(bytes, start, end)) call.changed(2, Notify.set, 'sadd');
  reply.integer(1);
}

function spop(call: Call): void {
  if (call.argc > 3) {
    call.reply.error(SYNTAX);
    return;
  }
  if (call.argc === 3) {
    popSome(call);
    return;
  }
  const entry = call.write(1);
  if (entry < 0) {
    call.reply.null();
    return;
  }
  const set = setOf(call, entry);
  if (set === null) return;
  const slot = set.random();
  set.read(slot, member);
  call.reply.bulk(member.bytes, member.start, member.end);
  if (call.engine.isKept) call.rewrite('SREM', call.copyOf(1), copyOfMember());
  set.removeAt(slot);
  call.changed(1, Notify.set, 'spop');
  if (set.size === 0) call.removeEmpty(1, entry);
}

function copyOfMember(): Buffer {
  return Buffer.from(member.bytes.subarray(member.start, member.end));
}

function popSome(call: Call): void {
  const { reply } = call;
  const count = call.count(2);
  if (count === null || count < 0) {
    reply.error(NOT_POSITIVE);
    return;
  }
  const entry = call.write(1);
  const set = entry < 0 ? null : setOf(call, entry);
  if (entry >= 0 && set === null) return;
  if (set === null || count === 0) {
    reply.set(0);
    return;
  }
  const { size } = set;
  if (count >= size) {
    // Redis reads it as a union of one, which counts.
    call.db.hits++;
    replyAll(call, set);
    call.changed(1, Notify.set, 'spop');
    call.rewrite('DEL', call.copyOf(1));
    call.dirty += size - 1;
    call.removeEmpty(1, entry);
    return;
  }
  if ((size - count) * FEW_STAY <= count) keepSome(call, entry, set, size - count);
  else takeSome(call, set, count);
  call.changed(1, Notify.set, 'spop');
  call.dirty += count - 1;
}

/** Fewer than one in so many stays: those are taken out instead, and are the set from now on. As Redis does. */
const FEW_STAY = 5;
/** Members that one command in the file removes. */
const REMOVED_AT_ONCE = 1024;

function replyAll({ reply }: Call, set: SetValue): void {
  reply.set(set.size);
  set.some(member, () => {
    reply.bulk(member.bytes, member.start, member.end);
    return false;
  });
}

function takeSome(call: Call, set: SetValue, count: number): void {
  const key = call.copyOf(1);
  const { isKept } = call.engine;
  call.reply.set(count);
  for (let left = count; left > 0; ) {
    const words: (string | Buffer)[] = ['SREM', key];
    for (let i = Math.min(left, REMOVED_AT_ONCE); i > 0; i--, left--) {
      const slot = set.random();
      set.read(slot, member);
      call.reply.bulk(member.bytes, member.start, member.end);
      if (isKept) words.push(copyOfMember());
      set.removeAt(slot);
    }
    if (isKept) call.rewrite(...words);
  }
}

function keepSome(call: Call, entry: number, set: SetValue, count: number): void {
  const kept = new SetValue(call.db.arena, call.engine.settings);
  for (let i = 0; i < count; i++) {
    const slot = set.random();
    set.read(slot, member);
    kept.add(member.bytes, member.start, member.end);
    set.removeAt(slot);
  }
  replyAll(call, set);
  if (call.engine.isKept) rewriteRemoval(call, set);
  call.db.replaceObject(entry, kept);
}

/** The file gets that all of these are removed. */
function rewriteRemoval(call: Call, set: SetValue): void {
  const key = call.copyOf(1);
  let words: (string | Buffer)[] = ['SREM', key];
  set.some(member, () => {
    words.push(copyOfMember());
    if (words.length === REMOVED_AT_ONCE + 2) {
      call.rewrite(...words);
      words = ['SREM', key];
    }
    return false;
  });
  if (words.length > 2) call.rewrite(...words);
}

function srandmember(call: Call): void {
  const { reply } = call;
  if (call.argc > 3) {
    reply.error(SYNTAX);
    return;
  }
  const count = call.argc === 3 ? readSignedCount(call, 2) : 1;
  if (count === null) return;
  const entry = call.read(1);
  const set = entry < 0 ? null : setOf(call, entry);
  if (entry >= 0 && set === null) return;
  if (call.argc === 2) {
    if (set === null) reply.null();
    else replySlot(call, set, set.random());
    return;
  }
  if (set === null || count === 0) {
    reply.array(0);
    return;
  }
  if (count < 0) {
    reply.array(-count);
    for (let i = count; i < 0; i++) replySlot(call, set, set.random());
    return;
  }
  const slots = pickSlots(set, count);
  reply.array(slots.length);
  for (const slot of slots) replySlot(call, set, slot);
}

function replySlot({ reply }: Call, set: SetValue, slot: number): void {
  set.read(slot, member);
  reply.bulk(member.bytes, member.start, member.end);
}

function sscan(call: Call): void {
  const { reply } = call;
  const first = readCursor(call, 2);
  if (first === null) return;
  const entry = call.read(1);
  const set = entry < 0 ? null : setOf(call, entry);
  if (entry >= 0 && set === null) return;
  if (set === null) {
    reply.array(2);
    reply.bulkInteger(0);
    reply.array(0);
    return;
  }
  const options = readScanOptions(call, 2, first, []);
  if (options === null) return;
  const { pattern, count } = options;
  const slots: number[] = [];
  let buckets = count * BUCKETS_PER_ELEMENT;
  let seen = 0;
  let cursor = first;
  do {
    cursor = set.scan(cursor, (slot) => {
      seen++;
      set.read(slot, member);
      const isWanted =
        pattern === null || globMatches(pattern, member.bytes, member.start, member.end);
      if (isWanted) slots.push(slot);
    });
  } while (cursor !== 0 && --buckets > 0 && seen < count);
  reply.array(2);
  reply.bulkInteger(cursor);
  reply.array(slots.length);
  for (const slot of slots) replySlot(call, set, slot);
}

export const SET_COMMANDS: Readonly<Record<string, Handler>> = {
  sadd,
  srem,
  smembers,
  sismember,
  smismember,
  scard,
  smove,
  spop,
  srandmember,
  sscan,
};
