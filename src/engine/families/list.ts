/** Lists: their ends and their places (https://redis.io/docs/latest/commands/?group=list). */

import { wrongNumberOfArguments } from '../../resp/errors.ts';
import { type Call, type Handler, Notify } from '../call.ts';
import { NO_SUCH_KEY, NOT_INTEGER, NOT_POSITIVE, OUT_OF_RANGE, WRONG_TYPE } from '../errors.ts';
import { Kind } from '../types.ts';
import { List, ListCursor } from '../values/list.ts';
import { Element } from '../values/listpack.ts';

const cursor = new ListCursor();
const element = new Element();

/** The list of an entry that is there; null: it is none, and the client has been told. */
export function listOf({ db, reply }: Call, entry: number): List | null {
  if (db.kindOf(entry) === Kind.list) return db.objectOf(entry) as List;
  reply.error(WRONG_TYPE);
  return null;
}

/** The list of the key at this argument, which is added if it is not there; null: it is no list. */
export function listFor(call: Call, index: number, entry: number): List | null {
  if (entry >= 0) return listOf(call, entry);
  const list = new List(call.engine.arena, call.engine.settings);
  call.db.addObject(call.bytes, call.start(index), call.end(index), list);
  return list;
}

function push(call: Call, atFront: boolean, onlyOld: boolean): void {
  const entry = call.write(1);
  if (entry < 0 && onlyOld) {
    call.reply.integer(0);
    return;
  }
  const list = listFor(call, 1, entry);
  if (list === null) return;
  for (let i = 2; i < call.argc; i++) list.push(atFront, call.bytes, call.start(i), call.end(i));
  call.changed(1, Notify.list, atFront ? 'lpush' : 'rpush');
  call.dirty = call.argc - 2;
  call.reply.integer(list.size);
}

/** Elements were taken from the key at this argument. */
export function popped(call: Call, index: number, entry: number, list: List, event: string): void {
  call.changed(index, Notify.list, event);
  if (list.size === 0) call.removeEmpty(index, entry);
}

/** Answers with the first or last element, and removes it. */
export function popOne(
  call: Call,
  index: number,
  entry: number,
  list: List,
  atFront: boolean,
): void {
  list.peek(atFront, element);
  call.reply.bulk(element.bytes, element.start, element.end);
  list.drop(atFront);
  popped(call, index, entry, list, atFront ? 'lpop' : 'rpop');
}

/** Answers with the first or last elements in the order in which they go, and removes them; there are as many. */
export function popMany(
  call: Call,
  index: number,
  entry: number,
  list: List,
  atFront: boolean,
  count: number,
): void {
  const { reply } = call;
  reply.array(count);
  if (count === 0) return;
  if (atFront) list.writeTo(reply, 0, count);
  else {
    list.begin(false, cursor);
    for (let i = 0; i < count; i++) {
      cursor.read(element);
      reply.bulk(element.bytes, element.start, element.end);
      cursor.previous();
    }
  }
  list.cut(atFront, count);
  popped(call, index, entry, list, atFront ? 'lpop' : 'rpop');
  call.dirty = count;
}

function pop(call: Call, atFront: boolean): void {
  const { reply } = call;
  if (call.argc > 3) {
    reply.error(wrongNumberOfArguments(call.command.spec.name));
    return;
  }
  const hasCount = call.argc === 3;
  const count = hasCount ? call.count(2) : 1;
  if (count === null || count < 0) {
    reply.error(NOT_POSITIVE);
    return;
  }
  const entry = call.write(1);
  if (entry < 0) {
    if (hasCount) reply.nullArray();
    else reply.null();
    return;
  }
  const list = listOf(call, entry);
  if (list === null) return;
  if (hasCount) popMany(call, 1, entry, list, atFront, Math.min(count, list.size));
  else popOne(call, 1, entry, list, atFront);
}

function llen(call: Call): void {
  const entry = call.read(1);
  if (entry < 0) {
    call.reply.integer(0);
    return;
  }
  const list = listOf(call, entry);
  if (list !== null) call.reply.integer(list.size);
}

function lindex(call: Call): void {
  const { reply } = call;
  const entry = call.read(1);
  if (entry < 0) {
    reply.null();
    return;
  }
  const list = listOf(call, entry);
  if (list === null) return;
  const index = call.count(2);
  if (index === null) reply.error(NOT_INTEGER);
  else if (list.seek(index, cursor)) {
    cursor.read(element);
    reply.bulk(element.bytes, element.start, element.end);
  } else reply.null();
}

function lset(call: Call): void {
  const { reply } = call;
  const entry = call.write(1);
  if (entry < 0) {
    reply.error(NO_SUCH_KEY);
    return;
  }
  const list = listOf(call, entry);
  if (list === null) return;
  const index = call.count(2);
  if (index === null) reply.error(NOT_INTEGER);
  else if (list.seek(index, cursor)) {
    list.replace(cursor, call.bytes, call.start(3), call.end(3));
    call.changed(1, Notify.list, 'lset');
    reply.ok();
  } else reply.error(OUT_OF_RANGE);
}

/** What `rangeOf` found: the first place, and how many from there on. */
let first = 0;
let kept = 0;

/** The part of a list of `size` that two places name, negative ones from its end; into `first` and `kept`. */
function findRange(size: number, from: number, to: number): void {
  const start = Math.max(0, from < 0 ? from + size : from);
  const stop = Math.min(size - 1, to < 0 ? to + size : to);
  first = Math.min(start, size);
  kept = Math.max(0, stop - first + 1);
}

function lrange(call: Call): void {
  const { reply } = call;
  const from = call.count(2);
  const to = from === null ? null : call.count(3);
  if (from === null || to === null) {
    reply.error(NOT_INTEGER);
    return;
  }
  const entry = call.read(1);
  if (entry < 0) {
    reply.array(0);
    return;
  }
  const list = listOf(call, entry);
  if (list === null) return;
  findRange(list.size, from, to);
  reply.array(kept);
  list.writeTo(reply, first, kept);
}

function ltrim(call: Call): void {
  const { reply } = call;
  const from = call.count(2);
  const to = from === null ? null : call.count(3);
  if (from === null || to === null) {
    reply.error(NOT_INTEGER);
    return;
  }
  const entry = call.write(1);
  if (entry < 0) {
    reply.ok();
    return;
  }
  const list = listOf(call, entry);
  if (list === null) return;
  findRange(list.size, from, to);
  const before = list.size;
  const front = kept === 0 ? before : first;
  list.cut(false, before - front - kept);
  list.cut(true, front);
  popped(call, 1, entry, list, 'ltrim');
  // Told to those who watch, as Redis does, but nothing for the file.
  call.dirty = before - list.size;
  reply.ok();
}

export const LIST_COMMANDS: Readonly<Record<string, Handler>> = {
  lpush: (call) => push(call, true, false),
  rpush: (call) => push(call, false, false),
  lpushx: (call) => push(call, true, true),
  rpushx: (call) => push(call, false, true),
  lpop: (call) => pop(call, true),
  rpop: (call) => pop(call, false),
  llen,
  lindex,
  lset,
  lrange,
  ltrim,
};
