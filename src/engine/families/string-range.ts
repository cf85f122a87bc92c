/** Parts of strings (https://redis.io/docs/latest/commands/?group=string). */
import { type Call, type Handler, Notify } from '../call.ts';
import { NOT_INTEGER, OFFSET_OUT_OF_RANGE } from '../errors.ts';
import { fits, isString, putArgument, roomyBlob } from './string-access.ts';

function strlen(call: Call): void {
  const entry = call.read(1);
  if (isString(call, entry)) call.reply.integer(entry < 0 ? 0 : lengthOf(call, entry));
}

function lengthOf({ db }: Call, entry: number): number {
  const { start, end } = db.stringOf(entry);
  return end - start;
}

function append(call: Call): void {
  const entry = call.write(1);
  if (entry < 0) {
    putArgument(call, 1, entry, 2);
    call.changed(1, Notify.string, 'append');
    call.reply.integer(call.length(2));
    return;
  }
  if (!isString(call, entry)) return;
  const before = lengthOf(call, entry);
  const after = before + call.length(2);
  if (!fits(call, after)) return;
  const { db } = call;
  const { arena } = db;
  const ref = arena.resize(db.blobOf(entry), after);
  db.setBlob(entry, ref);
  call.bytes.copy(arena.bufferOf(ref), arena.startOf(ref) + before, call.start(2), call.end(2));
  call.changed(1, Notify.string, 'append');
  call.reply.integer(after);
}

function setrange(call: Call): void {
  const offset = call.count(2);
  if (offset === null) {
    call.reply.error(NOT_INTEGER);
    return;
  }
  if (offset < 0) {
    call.reply.error(OFFSET_OUT_OF_RANGE);
    return;
  }
  const entry = call.write(1);
  if (!isString(call, entry)) return;
  const before = entry < 0 ? 0 : lengthOf(call, entry);
  const size = call.length(3);
  if (size === 0) {
    call.reply.integer(before);
    return;
  }
  if (!fits(call, offset + size)) return;
  const { arena } = call.db;
  const ref = roomyBlob(call, entry, offset + size);
  call.bytes.copy(arena.bufferOf(ref), arena.startOf(ref) + offset, call.start(3), call.end(3));
  call.changed(1, Notify.string, 'setrange');
  call.reply.integer(Math.max(before, offset + size));
}

function getrange(call: Call): void {
  const { db, reply } = call;
  let first = call.count(2);
  let last = first === null ? null : call.count(3);
  if (first === null || last === null) {
    reply.error(NOT_INTEGER);
    return;
  }
  const entry = call.read(1);
  if (!isString(call, entry)) return;
  if (entry < 0 || (first < 0 && last < 0 && first > last)) {
    reply.bulkText('');
    return;
  }
  const { bytes, start, end } = db.stringOf(entry);
  const length = end - start;
  first = Math.max(0, first < 0 ? first + length : first);
  last = Math.min(length - 1, Math.max(0, last < 0 ? last + length : last));
  if (first > last) reply.bulkText('');
  else reply.bulk(bytes, start + first, start + last + 1);
}

export const STRING_RANGE_COMMANDS: Readonly<Record<string, Handler>> = {
  strlen,
  append,
  setrange,
  getrange,
  substr: getrange,
};
