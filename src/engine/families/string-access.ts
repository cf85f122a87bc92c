/** What the commands on strings have in common: reading one, putting one, and room to change one in place. */
import type { Call } from '../call.ts';
import { TOO_LONG, WRONG_TYPE } from '../errors.ts';
import type { Ref } from '../memory/arena.ts';
import { Kind } from '../types.ts';

/** False: the entry is there and no string, and the client has been told. */
export function isString(call: Call, entry: number): boolean {
  if (entry < 0 || call.db.kindOf(entry) === Kind.string) return true;
  call.reply.error(WRONG_TYPE);
  return false;
}

/** The string of an entry, which is one. */
export function replyString({ db, reply }: Call, entry: number): void {
  const { bytes, start, end } = db.stringOf(entry);
  reply.bulk(bytes, start, end);
}

/** Puts the argument at `value` under the key at `key`, whose entry is known; its entry from now on. */
export function putArgument(call: Call, key: number, entry: number, value: number): number {
  const { db, bytes } = call;
  const start = call.start(value);
  const end = call.end(value);
  if (entry < 0) return db.addString(bytes, call.start(key), call.end(key), bytes, start, end);
  db.replaceString(entry, bytes, start, end);
  return entry;
}

/** Puts a blob, which belongs to the key from now on. */
export function putBlob(call: Call, key: number, entry: number, ref: Ref): void {
  const { db } = call;
  if (entry >= 0) db.replaceBlob(entry, ref);
  else db.setBlob(db.add(call.bytes, call.start(key), call.end(key)), ref);
}

/**
 * The blob of the string under the key at 1, to be changed in place: `length` bytes at least, new ones 0. The key is
 * added if it is not there. Its entry is known and, if any, a string.
 */
export function roomyBlob(call: Call, entry: number, length: number): Ref {
  const { db } = call;
  const { arena } = db;
  if (entry < 0) {
    const created = arena.allocate(length);
    const start = arena.startOf(created);
    arena.bufferOf(created).fill(0, start, start + length);
    db.setBlob(db.add(call.bytes, call.start(1), call.end(1)), created);
    return created;
  }
  let ref = db.blobOf(entry);
  const before = arena.lengthOf(ref);
  if (before < length) {
    ref = arena.resize(ref, length);
    const start = arena.startOf(ref);
    arena.bufferOf(ref).fill(0, start + before, start + length);
  }
  db.setBlob(entry, ref);
  return ref;
}

/** False: a string may not become so long, and the client has been told. */
export function fits(call: Call, length: number): boolean {
  if (length <= call.engine.settings.protoMaxBulkLength) return true;
  call.reply.error(TOO_LONG);
  return false;
}
