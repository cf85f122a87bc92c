/** Lists: what is done to elements by what they are. */
import { type Call, type Handler, Notify } from '../call.ts';
import { NOT_INTEGER, SYNTAX } from '../errors.ts';
import { type List, ListCursor } from '../values/list.ts';
import { listOf } from './list.ts';

const RANK_ZERO =
  "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list";
const COUNT_NEGATIVE = "ERR COUNT can't be negative";
const LENGTH_NEGATIVE = "ERR MAXLEN can't be negative";

const RANK_MIN = -(2 ** 63);

const cursor = new ListCursor();

function linsert(call: Call): void {
  const { bytes, reply } = call;
  const behind = call.is(2, 'after');
  if (!behind && !call.is(2, 'before')) {
    reply.error(SYNTAX);
    return;
  }
  const entry = call.write(1);
  if (entry < 0) {
    reply.integer(0);
    return;
  }
  const list = listOf(call, entry);
  if (list === null) return;
  list.begin(true, cursor);
  if (list.find(cursor, true, bytes, call.start(3), call.end(3), Infinity) < 0) {
    reply.integer(-1);
    return;
  }
  list.insert(cursor, behind, bytes, call.start(4), call.end(4));
  call.changed(1, Notify.list, 'linsert');
  reply.integer(list.size);
}

function lrem(call: Call): void {
  const { reply } = call;
  const count = call.count(2);
  if (count === null) {
    reply.error(NOT_INTEGER);
    return;
  }
  const entry = call.write(1);
  if (entry < 0) {
    reply.integer(0);
    return;
  }
  const list = listOf(call, entry);
  if (list === null) return;
  const removed = removeSome(call, list, count);
  if (removed > 0) call.changed(1, Notify.list, 'lrem');
  if (list.size === 0) call.removeEmpty(1, entry);
  call.dirty = removed;
  reply.integer(removed);
}

/** Removes so many elements that are the argument at 3, negative: from the end, 0: all; how many there were. */
function removeSome(call: Call, list: List, count: number): number {
  const { bytes } = call;
  const start = call.start(3);
  const end = call.end(3);
  const forward = count >= 0;
  const wanted = count === 0 ? Infinity : Math.abs(count);
  let removed = 0;
  list.begin(forward, cursor);
  while (removed < wanted && list.find(cursor, forward, bytes, start, end, Infinity) >= 0) {
    list.remove(cursor, forward);
    removed++;
  }
  return removed;
}

interface PositionOptions {
  /** From 1 the first match to be told, from the front; from -1, from the end. */
  rank: number;
  /** 0: all; null: one, as a number of its own. */
  count: number | null;
  /** Elements looked at; 0: all. */
  length: number;
}

function lpos(call: Call): void {
  const { reply } = call;
  const options: PositionOptions = { rank: 1, count: null, length: 0 };
  for (let i = 3; i < call.argc; i += 2) if (!readPositionOption(call, i, options)) return;
  if (options.rank === RANK_MIN) {
    // The least of all numbers has no opposite, so in Redis every match from the end on is beyond it, and COUNT never reached.
    options.rank = -1;
    if (options.count !== null) options.count = 0;
  }
  const entry = call.read(1);
  const list = entry < 0 ? null : listOf(call, entry);
  if (entry >= 0 && list === null) return;
  if (options.count === null) {
    if (list === null || replyPlaces(call, list, options) === 0) reply.null();
    return;
  }
  const place = reply.openArray();
  reply.closeArray(place, list === null ? 0 : replyPlaces(call, list, options));
}

/** False: wrong, and the client has been told. */
function readPositionOption(call: Call, index: number, options: PositionOptions): boolean {
  const { reply } = call;
  const isRank = call.is(index, 'rank');
  const isCount = call.is(index, 'count');
  if ((!isRank && !isCount && !call.is(index, 'maxlen')) || index + 1 >= call.argc) {
    reply.error(SYNTAX);
    return false;
  }
  const value = call.integer(index + 1);
  if (isRank && value === null) reply.error(NOT_INTEGER);
  else if (isRank && value === 0) reply.error(RANK_ZERO);
  else if (value === null || (!isRank && value < 0))
    reply.error(isCount ? COUNT_NEGATIVE : LENGTH_NEGATIVE);
  else {
    if (isRank) options.rank = Number(value);
    else if (isCount) options.count = Number(value);
    else options.length = Number(value);
    return true;
  }
  return false;
}

/** Answers with the places of elements that are the argument at 2; how many there were. */
function replyPlaces(call: Call, list: List, { rank, count, length }: PositionOptions): number {
  const start = call.start(2);
  const end = call.end(2);
  const forward = rank > 0;
  const wanted = count === 0 ? Infinity : (count ?? 1);
  let skipped = Math.abs(rank) - 1;
  let rest = length === 0 ? Infinity : length;
  let place = 0;
  let found = 0;
  list.begin(forward, cursor);
  while (found < wanted) {
    const passed = list.find(cursor, forward, call.bytes, start, end, rest);
    if (passed < 0) break;
    place += passed;
    if (skipped > 0) skipped--;
    else {
      call.reply.integer(forward ? place : list.size - 1 - place);
      found++;
    }
    place++;
    rest -= passed + 1;
    if (forward) cursor.next();
    else cursor.previous();
  }
  return found;
}

export const LIST_SEARCH_COMMANDS: Readonly<Record<string, Handler>> = { linsert, lrem, lpos };
