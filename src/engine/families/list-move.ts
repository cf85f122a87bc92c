/** Lists: elements that go from one list to another, pops from the first list that has any, and waits for them. */
import type { Nothing } from '../blocked.ts';
import { type Call, type Handler, Notify } from '../call.ts';
import { SYNTAX } from '../errors.ts';
import { Kind } from '../types.ts';
import { Element } from '../values/listpack.ts';
import { listFor, listOf, popMany, popOne, popped } from './list.ts';

const KEYS_NOT_POSITIVE = 'ERR numkeys should be greater than 0';
const COUNT_NOT_POSITIVE = 'ERR count should be greater than 0';
/** Room for an element on its way; a larger one has a copy of its own. */
const CARRIED_BYTES = 16 * 1024;

const element = new Element();
const carried: Buffer = Buffer.allocUnsafeSlow(CARRIED_BYTES);

/** Which end of a list an argument names; null: none, and the client has been told. */
function sideAt(call: Call, index: number): boolean | null {
  if (call.is(index, 'left')) return true;
  if (call.is(index, 'right')) return false;
  call.reply.error(SYNTAX);
  return null;
}

/** Moves one element from the list at 1 to the one at 2; false: there is none to move. True also if it went wrong. */
function moveElement(call: Call, fromFront: boolean, toFront: boolean): boolean {
  const entry = call.write(1);
  if (entry < 0) return false;
  const source = listOf(call, entry);
  if (source === null) return true;
  const targetEntry = call.write(2);
  if (targetEntry >= 0 && listOf(call, targetEntry) === null) return true;
  source.peek(fromFront, element);
  const length = element.end - element.start;
  const bytes = length <= CARRIED_BYTES ? carried : Buffer.allocUnsafeSlow(length);
  element.bytes.copy(bytes, 0, element.start, element.end);
  source.drop(fromFront);
  listFor(call, 2, targetEntry)!.push(toFront, bytes, 0, length);
  call.changed(2, Notify.list, toFront ? 'lpush' : 'rpush');
  popped(call, 1, entry, source, fromFront ? 'lpop' : 'rpop');
  call.dirty = 1;
  call.reply.bulk(bytes, 0, length);
  return true;
}

function lmove(call: Call): void {
  const from = sideAt(call, 3);
  const to = from === null ? null : sideAt(call, 4);
  if (from === null || to === null) return;
  if (!moveElement(call, from, to)) call.reply.null();
}

function rpoplpush(call: Call): void {
  if (!moveElement(call, false, true)) call.reply.null();
}

function blmove(call: Call): void {
  const from = sideAt(call, 3);
  const to = from === null ? null : sideAt(call, 4);
  if (from === null || to === null) return;
  const timeoutMs = call.timeout(5);
  if (timeoutMs === null) return;
  if (!moveElement(call, from, to)) waitFor(call, 1, 1, timeoutMs, 'null');
  else if (isTold(call)) {
    // Of a client who waited Redis remembers the sides, but not how they were written.
    const sides = [from, to].map((atFront) => (atFront ? 'left' : 'right'));
    const words = call.servedKey === null ? [call.copyOf(3), call.copyOf(4)] : sides;
    call.rewrite('LMOVE', call.copyOf(1), call.copyOf(2), ...words);
  }
}

function brpoplpush(call: Call): void {
  const timeoutMs = call.timeout(3);
  if (timeoutMs === null) return;
  if (!moveElement(call, false, true)) waitFor(call, 1, 1, timeoutMs, 'null');
  else if (isTold(call)) call.rewrite('RPOPLPUSH', call.copyOf(1), call.copyOf(2));
}

/** There is a file that has to be told of what was done. */
function isTold({ dirty, engine }: Call): boolean {
  return dirty > 0 && engine.isKept;
}

function waitFor(
  call: Call,
  firstKey: number,
  lastKey: number,
  timeoutMs: number,
  nothing: Nothing,
): void {
  call.wait({ firstKey, lastKey, kind: Kind.list, timeoutMs, nothing });
}

function blockingPop(call: Call, atFront: boolean): void {
  const last = call.argc - 1;
  const timeoutMs = call.timeout(last);
  if (timeoutMs === null) return;
  for (let i = 1; i < last; i++) {
    const entry = call.considers(i) ? call.write(i) : -1;
    if (entry < 0) continue;
    const list = listOf(call, entry);
    if (list === null) return;
    call.reply.array(2);
    call.reply.bulk(call.bytes, call.start(i), call.end(i));
    popOne(call, i, entry, list, atFront);
    if (isTold(call)) call.rewrite(atFront ? 'LPOP' : 'RPOP', call.copyOf(i));
    return;
  }
  waitFor(call, 1, last - 1, timeoutMs, 'array');
}

/** LMPOP and BLMPOP from their number of keys on, which is at `first`. */
function popFromFirst(call: Call, first: number, waits: boolean): void {
  const { reply } = call;
  const keys = call.count(first);
  if (keys === null || keys <= 0) {
    reply.error(KEYS_NOT_POSITIVE);
    return;
  }
  const last = first + keys;
  if (last + 1 >= call.argc) {
    reply.error(SYNTAX);
    return;
  }
  const atFront = sideAt(call, last + 1);
  if (atFront === null) return;
  const count = readCount(call, last + 2);
  if (count === null) return;
  const timeoutMs = waits ? call.timeout(1) : 0;
  if (timeoutMs === null || popFromOne(call, first + 1, last, atFront, count)) return;
  if (waits) waitFor(call, first + 1, last, timeoutMs, 'array');
  else reply.nullArray();
}

/** 1 where none is given; null: wrong, and the client has been told. */
function readCount(call: Call, index: number): number | null {
  if (index === call.argc) return 1;
  const isCount = call.is(index, 'count') && index + 1 < call.argc;
  const count = isCount ? call.count(index + 1) : null;
  if (isCount && (count === null || count <= 0)) call.reply.error(COUNT_NOT_POSITIVE);
  else if (!isCount || index + 2 < call.argc) call.reply.error(SYNTAX);
  else return count;
  return null;
}

/** False: none of them has an element. */
function popFromOne(
  call: Call,
  firstKey: number,
  lastKey: number,
  atFront: boolean,
  count: number,
): boolean {
  for (let i = firstKey; i <= lastKey; i++) {
    const entry = call.considers(i) ? call.write(i) : -1;
    if (entry < 0) continue;
    const list = listOf(call, entry);
    if (list === null) return true;
    const taken = Math.min(count, list.size);
    call.reply.array(2);
    call.reply.bulk(call.bytes, call.start(i), call.end(i));
    popMany(call, i, entry, list, atFront, taken);
    if (isTold(call)) call.rewrite(atFront ? 'LPOP' : 'RPOP', call.copyOf(i), String(taken));
    return true;
  }
  return false;
}

export const LIST_MOVE_COMMANDS: Readonly<Record<string, Handler>> = {
  lmove,
  rpoplpush,
  blmove,
  brpoplpush,
  blpop: (call) => blockingPop(call, true),
  brpop: (call) => blockingPop(call, false),
  lmpop: (call) => popFromFirst(call, 1, false),
  blmpop: (call) => popFromFirst(call, 2, true),
};
