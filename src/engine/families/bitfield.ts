/** Integers of any width in a string (https://redis.io/docs/latest/commands/bitfield/). */
import { type Call, type Handler, Notify } from '../call.ts';
import { BIT_OFFSET, BITFIELD_TYPE, NOT_INTEGER, SYNTAX } from '../errors.ts';
import type { Ref } from '../memory/arena.ts';
import { parseInteger } from '../numbers.ts';
import { readBits, writeBits } from '../values/bits.ts';
import { isString, roomyBlob } from './string-access.ts';

const WRAP = 0;
const SATURATE = 1;
const FAIL = 2;

const GET = 0;
const SET = 1;
const INCREMENT = 2;
const OVERFLOW = 3;
const NONE = 4;

const LETTER_I = 0x69;
const LETTER_U = 0x75;
const HASH = 0x23;
const UNSIGNED_BITS_MAX = 63;
const SIGNED_BITS_MAX = 64;

/** The field that an operation is about. One for all, as operations are done one by one. */
const field = { isSigned: false, bits: 0, offset: 0, value: 0n };

function operationAt(call: Call, index: number): number {
  const left = call.argc - index - 1;
  if (left >= 2 && call.is(index, 'get')) return GET;
  if (left >= 3 && call.is(index, 'set')) return SET;
  if (left >= 3 && call.is(index, 'incrby')) return INCREMENT;
  return left >= 1 && call.is(index, 'overflow') ? OVERFLOW : NONE;
}

/** Arguments of each operation, its name included. */
const WIDTHS: readonly number[] = [3, 4, 4, 2];

/** -1: there is no such word. */
function overflowAt(call: Call, index: number): number {
  if (call.is(index, 'wrap')) return WRAP;
  if (call.is(index, 'sat')) return SATURATE;
  return call.is(index, 'fail') ? FAIL : -1;
}

/** Reads type, offset and value behind the name of an operation; an error, or null. */
function readField(call: Call, index: number, operation: number): string | null {
  const { bytes } = call;
  const start = call.start(index + 1);
  const letter = call.length(index + 1) === 0 ? 0 : bytes[start]!;
  const bits = letter === 0 ? null : parseInteger(bytes, start + 1, call.end(index + 1));
  const most = letter === LETTER_I ? SIGNED_BITS_MAX : letter === LETTER_U ? UNSIGNED_BITS_MAX : 0;
  if (bits === null || bits < 1 || bits > most) return BITFIELD_TYPE;
  field.isSigned = letter === LETTER_I;
  field.bits = Number(bits);
  const offset = readOffset(call, index + 2);
  if (offset < 0) return BIT_OFFSET;
  field.offset = offset;
  if (operation === GET) return null;
  const value = call.integer(index + 3);
  if (value === null) return NOT_INTEGER;
  field.value = BigInt(value);
  return null;
}

/** In bits, or, behind a `#`, in fields; -1: wrong. */
function readOffset(call: Call, index: number): number {
  const start = call.start(index);
  const isOfFields = call.length(index) > 0 && call.bytes[start] === HASH;
  const given = parseInteger(call.bytes, isOfFields ? start + 1 : start, call.end(index));
  if (given === null) return -1;
  // Redis multiplies in 64 bits.
  const offset = isOfFields
    ? Number(BigInt.asIntN(64, BigInt(given) * BigInt(field.bits)))
    : Number(given);
  const limit = call.engine.settings.protoMaxBulkLength;
  return offset >= 0 && Math.floor(offset / 8) < limit ? offset : -1;
}

/** What all operations together are: how many answer, and up to where they write. */
const plan = { replies: 0, highestWritten: -1 };

/** Looks through all operations before the first is done; an error, or null. */
function readPlan(call: Call): string | null {
  plan.replies = 0;
  plan.highestWritten = -1;
  for (let i = 2; i < call.argc; ) {
    const operation = operationAt(call, i);
    if (operation === NONE) return SYNTAX;
    if (operation === OVERFLOW) {
      if (overflowAt(call, i + 1) < 0) return 'ERR Invalid OVERFLOW type specified';
    } else {
      const error = readField(call, i, operation);
      if (error !== null) return error;
      plan.replies++;
      if (operation !== GET) {
        plan.highestWritten = Math.max(plan.highestWritten, field.offset + field.bits - 1);
      }
    }
    i += WIDTHS[operation]!;
  }
  return null;
}

function bitfield(call: Call): void {
  const error = readPlan(call);
  if (error !== null) {
    call.reply.error(error);
    return;
  }
  if (plan.highestWritten < 0) getAll(call);
  else writeAll(call);
}

function bitfieldRo(call: Call): void {
  const error = readPlan(call);
  if (error === null && plan.highestWritten < 0) getAll(call);
  else call.reply.error(error ?? 'ERR BITFIELD_RO only supports the GET subcommand');
}

function getAll(call: Call): void {
  const entry = call.read(1);
  if (!isString(call, entry)) return;
  call.reply.array(plan.replies);
  for (let i = 2; i < call.argc; ) {
    const operation = operationAt(call, i);
    if (operation === GET) {
      readField(call, i, operation);
      const view = entry < 0 ? null : call.db.stringOf(entry);
      replyInteger(call, view === null ? 0n : fieldOf(view.bytes, view.start, view.end));
    }
    i += WIDTHS[operation]!;
  }
}

function replyInteger({ reply }: Call, value: bigint): void {
  const number = Number(value);
  if (Number.isSafeInteger(number)) reply.integer(number);
  else reply.bigInteger(value);
}

function fieldOf(bytes: Buffer, start: number, end: number): bigint {
  const value = readBits(bytes, start, end, field.offset, field.bits);
  return field.isSigned ? BigInt.asIntN(field.bits, value) : value;
}

function writeAll(call: Call): void {
  const { db } = call;
  const entry = call.write(1);
  if (!isString(call, entry)) return;
  const length = Math.floor(plan.highestWritten / 8) + 1;
  let hasGrown = true;
  if (entry >= 0) {
    const { start, end } = db.stringOf(entry);
    hasGrown = end - start < length;
  }
  const ref = roomyBlob(call, entry, length);
  call.reply.array(plan.replies);
  let changes = 0;
  let overflow = WRAP;
  for (let i = 2; i < call.argc; ) {
    const operation = operationAt(call, i);
    if (operation === OVERFLOW) overflow = overflowAt(call, i + 1);
    else {
      readField(call, i, operation);
      const hasChanged = operate(call, ref, operation, overflow, hasGrown);
      if (hasChanged) changes++;
    }
    i += WIDTHS[operation]!;
  }
  if (changes === 0) return;
  call.changed(1, Notify.string, 'setbit');
  call.dirty += changes - 1;
}

/** Does one operation and answers it; true: it has changed something. */
function operate(
  { db, reply }: Call,
  ref: Ref,
  operation: number,
  overflow: number,
  hasGrown: boolean,
): boolean {
  const { arena } = db;
  const bytes = arena.bufferOf(ref);
  const start = arena.startOf(ref);
  const before = fieldOf(bytes, start, start + arena.lengthOf(ref));
  if (operation === GET) {
    reply.bigInteger(before);
    return false;
  }
  const wanted = operation === SET ? field.value : before + field.value;
  const excess = operation === SET ? excessOf(field.value, 0n) : excessOf(before, field.value);
  if (excess !== 0 && overflow === FAIL) {
    reply.null();
    return false;
  }
  const after = excess !== 0 && overflow === SATURATE ? limitOf(excess) : wrapped(wanted);
  writeBits(bytes, start, field.offset, field.bits, after);
  reply.bigInteger(operation === SET ? before : after);
  return hasGrown || after !== before;
}

function wrapped(value: bigint): bigint {
  return field.isSigned ? BigInt.asIntN(field.bits, value) : BigInt.asUintN(field.bits, value);
}

/** The highest value of the field, or, below, the lowest. */
function limitOf(excess: number): bigint {
  const high = (1n << BigInt(field.isSigned ? field.bits - 1 : field.bits)) - 1n;
  if (excess > 0) return high;
  return field.isSigned ? -high - 1n : 0n;
}

/** 1: the sum is above what the field can hold, -1: below, 0: neither. */
function excessOf(value: bigint, by: bigint): number {
  const high = limitOf(1);
  const low = limitOf(-1);
  if (!field.isSigned) {
    // A negative value is a very large one here, as in Redis.
    const given = BigInt.asUintN(64, value);
    if (given > high || given + by > high) return 1;
    return given + by < low ? -1 : 0;
  }
  if (value > high || value + by > high) return 1;
  // Redis takes the distance to the highest value in 64 bits: far below, it is negative.
  if (field.bits !== 64 && by > BigInt.asIntN(64, high - value)) return 1;
  return value < low || value + by < low ? -1 : 0;
}

export const BITFIELD_COMMANDS: Readonly<Record<string, Handler>> = {
  bitfield,
  bitfield_ro: bitfieldRo,
};
