/** Strings as rows of bits (https://redis.io/docs/latest/commands/?group=bitmap). */
import { type Call, type Handler, Notify } from '../call.ts';
import {
  BIT_NOT_0_OR_1,
  BIT_OFFSET,
  BIT_VALUE,
  NOT_INTEGER,
  SYNTAX,
  WRONG_TYPE,
} from '../errors.ts';
import type { StringView } from '../keyspace.ts';
import type { Ref } from '../memory/arena.ts';
import { Kind } from '../types.ts';
import {
  AND,
  combineBits,
  countBitRange,
  countBits,
  findBit,
  invertBits,
  OR,
  XOR,
} from '../values/bits.ts';
import { isString, putBlob, roomyBlob } from './string-access.ts';

/** -1: wrong, and the client has been told. */
function offsetAt(call: Call, index: number): number {
  const offset = call.count(index);
  const limit = call.engine.settings.protoMaxBulkLength;
  if (offset !== null && offset >= 0 && Math.floor(offset / 8) < limit) return offset;
  call.reply.error(BIT_OFFSET);
  return -1;
}

function setbit(call: Call): void {
  const offset = offsetAt(call, 2);
  if (offset < 0) return;
  const bit = call.count(3);
  if (bit !== 0 && bit !== 1) {
    call.reply.error(BIT_VALUE);
    return;
  }
  const { db } = call;
  const entry = call.write(1);
  if (!isString(call, entry)) return;
  const before = entry < 0 ? 0 : lengthOf(db.stringOf(entry));
  const byte = Math.floor(offset / 8);
  const ref = roomyBlob(call, entry, byte + 1);
  const bytes = db.arena.bufferOf(ref);
  const at = db.arena.startOf(ref) + byte;
  const mask = 0x80 >>> (offset % 8);
  const old = (bytes[at]! & mask) === 0 ? 0 : 1;
  if (bit === 1) bytes[at]! |= mask;
  else bytes[at]! &= ~mask;
  if (entry < 0 || byte >= before || bit !== old) call.changed(1, Notify.string, 'setbit');
  call.reply.integer(old);
}

function lengthOf({ start, end }: StringView): number {
  return end - start;
}

function getbit(call: Call): void {
  const offset = offsetAt(call, 2);
  if (offset < 0) return;
  const entry = call.read(1);
  if (!isString(call, entry)) return;
  call.reply.integer(entry < 0 ? 0 : bitOf(call.db.stringOf(entry), offset));
}

function bitOf({ bytes, start, end }: StringView, offset: number): number {
  const at = start + Math.floor(offset / 8);
  return at < end && (bytes[at]! & (0x80 >>> (offset % 8))) !== 0 ? 1 : 0;
}

/** A part of a string that was asked for, in bytes or bits. One for all, as commands are run one by one. */
const range = { first: 0, last: 0, inBits: false };

/**
 * The range that begins at argument `index` of a string of `length` bytes; without an end it is the last byte. False:
 * wrong, and the client has been told.
 */
function readRange(call: Call, index: number, length: number): boolean {
  const first = call.count(index);
  if (first === null) return refuse(call, NOT_INTEGER);
  range.inBits = false;
  let last: number | null = -1;
  if (index + 1 < call.argc) {
    if (index + 2 < call.argc && !readUnit(call, index + 2)) return refuse(call, SYNTAX);
    last = call.count(index + 1);
    if (last === null) return refuse(call, NOT_INTEGER);
  }
  limitRange(first, last, range.inBits ? length * 8 : length);
  return true;
}

function readUnit(call: Call, index: number): boolean {
  range.inBits = call.is(index, 'bit');
  return range.inBits || call.is(index, 'byte');
}

function limitRange(first: number, last: number, size: number): void {
  range.first = Math.max(0, first < 0 ? first + size : first);
  range.last = Math.min(size - 1, Math.max(0, last < 0 ? last + size : last));
}

function refuse(call: Call, text: string): false {
  call.reply.error(text);
  return false;
}

function bitcount(call: Call): void {
  const { db, reply, argc } = call;
  const entry = call.read(1);
  if (!isString(call, entry)) return;
  if (entry < 0) {
    reply.integer(0);
    return;
  }
  const { bytes, start, end } = db.stringOf(entry);
  if (argc === 2) {
    reply.integer(countBits(bytes, start, end));
    return;
  }
  if (argc !== 4 && argc !== 5) {
    reply.error(SYNTAX);
    return;
  }
  const first = call.count(2);
  const last = first === null ? null : call.count(3);
  if (first === null || last === null) {
    reply.error(NOT_INTEGER);
    return;
  }
  // Redis looks at the unit only after this.
  if (first < 0 && last < 0 && first > last) {
    reply.integer(0);
    return;
  }
  range.inBits = false;
  if (argc === 5 && !readUnit(call, 4)) {
    reply.error(SYNTAX);
    return;
  }
  limitRange(first, last, range.inBits ? (end - start) * 8 : end - start);
  if (range.first > range.last) reply.integer(0);
  else if (range.inBits) reply.integer(countBitRange(bytes, start, range.first, range.last));
  else reply.integer(countBits(bytes, start + range.first, start + range.last + 1));
}

function bitpos(call: Call): void {
  const { db, reply, argc } = call;
  const bit = call.count(2);
  if (bit !== 0 && bit !== 1) {
    reply.error(bit === null ? NOT_INTEGER : BIT_NOT_0_OR_1);
    return;
  }
  const entry = call.read(1);
  if (entry < 0) {
    reply.integer(bit === 1 ? -1 : 0);
    return;
  }
  if (!isString(call, entry)) return;
  const { bytes, start, end } = db.stringOf(entry);
  if (argc > 6) {
    reply.error(SYNTAX);
    return;
  }
  if (argc === 3) {
    range.inBits = false;
    limitRange(0, -1, end - start);
  } else if (!readRange(call, 3, end - start)) return;
  if (range.first > range.last) {
    reply.integer(-1);
    return;
  }
  const first = range.inBits ? range.first : range.first * 8;
  const last = range.inBits ? range.last : range.last * 8 + 7;
  const found = findBit(bytes, start, first, last, bit);
  // Without an end the string goes on with zeros.
  reply.integer(found < 0 && bit === 0 && argc < 5 ? last + 1 : found);
}

const NOT = 3;

function operationOf(call: Call): number {
  if (call.is(1, 'and')) return AND;
  if (call.is(1, 'or')) return OR;
  if (call.is(1, 'xor')) return XOR;
  return call.is(1, 'not') ? NOT : -1;
}

function bitop(call: Call): void {
  const { db, reply } = call;
  const operation = operationOf(call);
  if (operation < 0) {
    reply.error(SYNTAX);
    return;
  }
  if (operation === NOT && call.argc !== 4) {
    reply.error('ERR BITOP NOT must be called with a single source key.');
    return;
  }
  let length = 0;
  for (let i = 3; i < call.argc; i++) {
    const entry = call.read(i);
    if (entry < 0) continue;
    if (db.kindOf(entry) !== Kind.string) {
      reply.error(WRONG_TYPE);
      return;
    }
    length = Math.max(length, lengthOf(db.stringOf(entry)));
  }
  const target = length === 0 ? 0 : combineKeys(call, operation, length);
  const entry = call.write(2);
  if (length > 0) {
    putBlob(call, 2, entry, target);
    db.clearExpiry(call.write(2));
    call.changed(2, Notify.string, 'set');
  } else if (entry >= 0) {
    db.remove(entry);
    call.changed(2, Notify.generic, 'del');
  }
  reply.integer(length);
}

/** The sources combined, `length` bytes, which is the longest of them; the others end with zeros. */
function combineKeys(call: Call, operation: number, length: number): Ref {
  const { db } = call;
  const { arena } = db;
  const ref = arena.allocate(length);
  const target = arena.bufferOf(ref);
  const at = arena.startOf(ref);
  for (let i = 3; i < call.argc; i++) {
    const entry = db.find(call.bytes, call.start(i), call.end(i));
    const size = entry < 0 ? 0 : copyOrCombine(db.stringOf(entry), target, at, operation, i === 3);
    if (i === 3 || operation === AND) target.fill(0, at + size, at + length);
  }
  if (operation === NOT) invertBits(target, at, at + length);
  return ref;
}

function copyOrCombine(
  { bytes, start, end }: StringView,
  target: Buffer,
  at: number,
  operation: number,
  isFirst: boolean,
): number {
  if (isFirst) bytes.copy(target, at, start, end);
  else combineBits(operation, target, at, bytes, start, end);
  return end - start;
}

export const BITMAP_COMMANDS: Readonly<Record<string, Handler>> = {
  setbit,
  getbit,
  bitcount,
  bitpos,
  bitop,
};
