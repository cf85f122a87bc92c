/** SORT and SORT_RO (https://redis.io/docs/latest/commands/sort/). */
import { type Call, type Handler, Notify } from '../call.ts';
import { NOT_INTEGER, SYNTAX, WRONG_TYPE } from '../errors.ts';
import { Kind } from '../types.ts';
import { List, ListCursor } from '../values/list.ts';
import { Element } from '../values/listpack.ts';
import type { SetValue } from '../values/set.ts';
import { SortVector } from '../values/sort-vector.ts';
import type { SortedSet } from '../values/sorted-set.ts';
import { SortPattern } from './sort-pattern.ts';

const NO_NUMBER = "ERR One or more scores can't be converted into double";

interface SortRequest {
  isDescending: boolean;
  isText: boolean;
  /** A BY without a `*` was given. */
  isUnsorted: boolean;
  by: SortPattern | null;
  readonly gets: SortPattern[];
  /** Argument of the key to store at; 0: none. */
  storeAt: number;
  offset: number;
  /** Negative: all. */
  count: number;
}

/** Places of a sorted order: `[first, behind)`. */
interface Range {
  readonly first: number;
  readonly behind: number;
}

const element: Element = new Element();
const cursor: ListCursor = new ListCursor();

function sort(call: Call): void {
  run(call, true);
}

function sortReadOnly(call: Call): void {
  run(call, false);
}

function run(call: Call, mayStore: boolean): void {
  const request = readRequest(call, mayStore);
  if (request === null) return;
  const { db } = call;
  const entry = call.read(1);
  const kind = entry < 0 ? Kind.list : db.kindOf(entry);
  if (kind !== Kind.list && kind !== Kind.set && kind !== Kind.zset) {
    call.reply.error(WRONG_TYPE);
    return;
  }
  // What is stored must not depend on the order of a hash table.
  if (request.isUnsorted && kind === Kind.set && request.storeAt > 0) {
    request.isUnsorted = false;
    request.isText = true;
    request.by = null;
  }
  const source = entry < 0 ? null : (db.objectOf(entry) as Source);
  if (source?.kind === Kind.zset) (source as SortedSet).leavePack();
  const vector = new SortVector();
  let range = rangeOf(request, source?.size ?? 0);
  if (request.isUnsorted && kind !== Kind.set) {
    loadRange(vector, source, range, request.isDescending);
    range = { first: 0, behind: vector.count };
  } else if (source !== null) loadAll(vector, source);
  if (request.isUnsorted) vector.keepOrder();
  else sortVector(call, vector, request, range);
  if (vector.hasNoNumber) call.reply.error(NO_NUMBER);
  else if (request.storeAt > 0) store(call, vector, request, range);
  else replyWith(call, vector, request, range);
}

type Source = List | SetValue | SortedSet;

/** Null: wrong, and the client has been told. */
function readRequest(call: Call, mayStore: boolean): SortRequest | null {
  const request: SortRequest = {
    isDescending: false,
    isText: false,
    isUnsorted: false,
    by: null,
    gets: [],
    storeAt: 0,
    offset: 0,
    count: -1,
  };
  for (let i = 2; i < call.argc; i++) {
    const following = call.argc - i - 1;
    if (call.is(i, 'asc')) request.isDescending = false;
    else if (call.is(i, 'desc')) request.isDescending = true;
    else if (call.is(i, 'alpha')) request.isText = true;
    else if (call.is(i, 'limit') && following >= 2) {
      if (!readLimit(call, i, request)) return null;
      i += 2;
    } else if (mayStore && call.is(i, 'store') && following >= 1) request.storeAt = ++i;
    else if (call.is(i, 'by') && following >= 1) {
      request.by = new SortPattern(call.copyOf(++i));
      if (!request.by.hasStar) request.isUnsorted = true;
    } else if (call.is(i, 'get') && following >= 1) {
      request.gets.push(new SortPattern(call.copyOf(++i)));
    } else {
      call.reply.error(SYNTAX);
      return null;
    }
  }
  return request;
}

function readLimit(call: Call, index: number, request: SortRequest): boolean {
  const offset = call.count(index + 1);
  const count = call.count(index + 2);
  if (offset === null || count === null) {
    call.reply.error(NOT_INTEGER);
    return false;
  }
  request.offset = offset;
  request.count = count;
  return true;
}

function rangeOf({ offset, count }: SortRequest, size: number): Range {
  const first = Math.min(Math.max(0, offset), size);
  return { first, behind: count < 0 ? size : Math.min(size, first + count) };
}

/** Elements of a list or a sorted set in its own order, or from its end. */
function loadRange(
  vector: SortVector,
  source: Source | null,
  { first, behind }: Range,
  isBackwards: boolean,
): void {
  if (source === null || first >= behind) return;
  const { elements } = vector;
  const begin = isBackwards ? source.size - 1 - first : first;
  if (source.kind === Kind.list) {
    const list = source as List;
    list.seek(begin, cursor);
    for (let rest = behind - first; rest > 0; rest--) {
      cursor.read(element);
      elements.add(element.bytes, element.start, element.end);
      if (isBackwards) cursor.previous();
      else cursor.next();
    }
    return;
  }
  const set = source as SortedSet;
  let place = set.at(begin);
  for (let rest = behind - first; rest > 0; rest--) {
    set.read(place, element);
    elements.add(element.bytes, element.start, element.end);
    place = isBackwards ? set.previous(place) : set.next(place);
  }
}

function loadAll(vector: SortVector, source: Source): void {
  if (source.kind === Kind.list) {
    loadRange(vector, source, { first: 0, behind: source.size }, false);
    return;
  }
  (source as SetValue | SortedSet).some(element, () => {
    vector.elements.add(element.bytes, element.start, element.end);
    return false;
  });
}

function sortVector(
  call: Call,
  vector: SortVector,
  { isText, isDescending, by, storeAt }: SortRequest,
  { first, behind }: Range,
): void {
  if (by !== null || !isText) weigh(call, vector, by, isText);
  const isAll = first === 0 && behind === vector.count;
  const rule = { isText, isDescending, isByOther: by !== null, isBinary: storeAt > 0 };
  // Numbers are never equal but where the elements are, so there it does not show how they were sorted.
  vector.sort(rule, isAll || (by === null && isText) ? null : behind);
}

/** Finds for each element what it is sorted by. */
function weigh(call: Call, vector: SortVector, by: SortPattern | null, isText: boolean): void {
  const { elements } = vector;
  for (let i = 0; i < elements.count; i++) {
    const start = elements.start(i);
    const end = elements.end(i);
    if (by === null) {
      vector.addScore(elements.bytes, start, end);
      continue;
    }
    const weight = by.lookUp(call, elements.bytes, start, end);
    if (weight === null) vector.addNoWeight(isText);
    else if (isText) vector.addText(weight.bytes, weight.start, weight.end);
    else vector.addScore(weight.bytes, weight.start, weight.end);
  }
}

function replyWith(
  call: Call,
  { elements, order }: SortVector,
  { gets }: SortRequest,
  { first, behind }: Range,
): void {
  const { reply } = call;
  reply.array((behind - first) * Math.max(1, gets.length));
  for (let place = first; place < behind; place++) {
    const index = order[place]!;
    const start = elements.start(index);
    const end = elements.end(index);
    if (gets.length === 0) reply.bulk(elements.bytes, start, end);
    for (const pattern of gets) {
      const value = pattern.lookUp(call, elements.bytes, start, end);
      if (value === null) reply.null();
      else reply.bulk(value.bytes, value.start, value.end);
    }
  }
}

function store(
  call: Call,
  { elements, order }: SortVector,
  { gets, storeAt }: SortRequest,
  { first, behind }: Range,
): void {
  const { db, engine } = call;
  const list = new List(db.arena, engine.settings);
  for (let place = first; place < behind; place++) {
    const index = order[place]!;
    const start = elements.start(index);
    const end = elements.end(index);
    if (gets.length === 0) list.push(false, elements.bytes, start, end);
    for (const pattern of gets) {
      const value = pattern.lookUp(call, elements.bytes, start, end);
      if (value === null) list.push(false, elements.bytes, 0, 0);
      else list.push(false, value.bytes, value.start, value.end);
    }
  }
  putStored(call, storeAt, list);
}

function putStored(call: Call, storeAt: number, list: List): void {
  const { db, bytes, reply } = call;
  const start = call.start(storeAt);
  const end = call.end(storeAt);
  const entry = db.find(bytes, start, end);
  const { size } = list;
  if (size > 0) {
    if (entry < 0) db.addObject(bytes, start, end, list);
    else {
      db.replaceObject(entry, list);
      db.clearExpiry(entry);
    }
    call.changed(storeAt, Notify.list, 'sortstore');
    // Redis counts a change for each element.
    call.dirty += size - 1;
  } else if (entry >= 0) {
    db.remove(entry);
    call.changed(storeAt, Notify.generic, 'del');
  }
  reply.integer(size);
}

export const SORT_COMMANDS: Readonly<Record<string, Handler>> = {
  sort,
  sort_ro: sortReadOnly,
};
