/** What the commands of streams have in common: how ids are read and entries written. */
import type { Call } from '../call.ts';
import { NOT_INTEGER, SYNTAX, WRONG_TYPE } from '../errors.ts';
import type { Reply } from '../reply.ts';
import { Kind } from '../types.ts';
import { Element } from '../values/listpack.ts';
import { Stream } from '../values/stream.ts';
import {
  ID_BYTES_MAX,
  IdForm,
  type IdFormNumber,
  parseId,
  type StreamId,
  writeId,
} from '../values/stream-id.ts';
import type { StreamRange } from '../values/stream-range.ts';

export const WRONG_ID = 'ERR Invalid stream ID specified as stream command argument';
const WRONG_START = 'ERR invalid start ID for the interval';
const WRONG_END = 'ERR invalid end ID for the interval';

const BRACKET = 0x28;

const idText: Buffer = Buffer.alloc(ID_BYTES_MAX);
const element: Element = new Element();

/** The id at an argument, where `-` and `+` are none; false: wrong, and the client has been told. */
export function readId(call: Call, index: number, id: StreamId): boolean {
  const form = formOfId(call, index, id);
  if (form === IdForm.whole) return true;
  call.reply.error(WRONG_ID);
  return false;
}

/** The same, and the client is not told. */
export function formOfId(call: Call, index: number, id: StreamId): IdFormNumber {
  return parseId(call.bytes, call.start(index), call.end(index), id, true, false);
}

/** The same of ids from `index` up to the last argument: all of them are checked before anything is done. */
export function checkIds(call: Call, index: number, id: StreamId): boolean {
  for (let i = index; i < call.argc; i++) if (!readId(call, i, id)) return false;
  return true;
}

/** The first id of a range, the one behind it if a bracket excludes it; false: wrong, and the client has been told. */
export function readStart(call: Call, index: number, id: StreamId): boolean {
  const bracket = readBound(call, index, id, false);
  if (bracket === null) return false;
  if (!bracket || id.increment()) return true;
  call.reply.error(WRONG_START);
  return false;
}

/** The last id of a range. */
export function readEnd(call: Call, index: number, id: StreamId): boolean {
  const bracket = readBound(call, index, id, true);
  if (bracket === null) return false;
  if (!bracket || id.decrement()) return true;
  call.reply.error(WRONG_END);
  return false;
}

/** True: it is excluded; null: wrong. */
function readBound(call: Call, index: number, id: StreamId, isLast: boolean): boolean | null {
  const start = call.start(index);
  const end = call.end(index);
  const isExcluded = end - start > 1 && call.bytes[start] === BRACKET;
  const from = isExcluded ? start + 1 : start;
  const form = parseId(call.bytes, from, end, id, isExcluded, isLast);
  if (form === IdForm.whole) return isExcluded;
  call.reply.error(WRONG_ID);
  return null;
}

/** An integer; null: it is none, and the client has been told. */
export function readCount(call: Call, index: number, error: string = NOT_INTEGER): number | null {
  const count = call.count(index);
  if (count === null) call.reply.error(error);
  return count;
}

/** The same, exact. */
export function readInteger(
  call: Call,
  index: number,
  error: string = NOT_INTEGER,
): number | bigint | null {
  const value = call.integer(index);
  if (value === null) call.reply.error(error);
  return value;
}

/** The stream of an entry; null: it is none, and the client has been told. */
export function streamOf(call: Call, entry: number): Stream | null {
  if (call.db.kindOf(entry) === Kind.stream) {
    const object = call.db.objectOf(entry);
    if (object instanceof Stream) return object;
  }
  call.reply.error(WRONG_TYPE);
  return null;
}

export function syntaxError(call: Call): null {
  call.reply.error(SYNTAX);
  return null;
}

/** An argument inside an error, as C would write it: up to its first zero. */
export function shown(call: Call, index: number): string {
  return call.text(index).replace(/\0.*/s, '');
}

export function replyId(reply: Reply, id: StreamId): void {
  reply.bulk(idText, 0, writeId(idText, 0, id));
}

export function replyInteger(reply: Reply, value: number | bigint): void {
  if (typeof value === 'number') reply.integer(value);
  else reply.bigInteger(value);
}

/** The entry that a range stands at: its id, its fields. */
export function replyEntry(reply: Reply, range: StreamRange): void {
  const { entry, node } = range;
  const { pack } = node;
  reply.array(2);
  replyId(reply, entry.id);
  reply.array(entry.fields * 2);
  let name = entry.names;
  let at = entry.content;
  for (let i = 0; i < entry.fields; i++) {
    if (name !== 0) {
      pack.read(name, element);
      name = pack.next(name);
    } else {
      pack.read(at, element);
      at = pack.next(at);
    }
    reply.bulk(element.bytes, element.start, element.end);
    pack.read(at, element);
    at = pack.next(at);
    reply.bulk(element.bytes, element.start, element.end);
  }
}

/** All entries of a range, `limit` at most (0: any number). */
export function replyRange(reply: Reply, range: StreamRange, limit: number): void {
  const place = reply.openArray();
  let count = 0;
  while ((limit === 0 || count < limit) && range.next()) {
    replyEntry(reply, range);
    count++;
  }
  reply.closeArray(place, count);
}
