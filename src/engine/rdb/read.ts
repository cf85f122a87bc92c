/**
 * Makes values of an RDB. Nothing in it is believed: elements are read one by one and put where a command would put them, which
 * also gives a value the form it would have here. What has that form already is copied, after a look at all of it: see packed.ts.
 */
import type { Arena } from '../memory/arena.ts';
import type { Settings } from '../settings.ts';
import type { Collection } from '../types.ts';
import { HashValue } from '../values/hash.ts';
import { List } from '../values/list.ts';
import { Element } from '../values/listpack.ts';
import { SetValue } from '../values/set.ts';
import { SortedSet } from '../values/sorted-set.ts';
import { type Elements, IntsetElements, ListpackElements, Strings, setText } from './elements.ts';
import { Container, RdbKind } from './kinds.ts';
import { ZiplistElements, ZipmapElements } from './old-elements.ts';
import { hashOfPack, scoreIn, sortedSetOfPack } from './packed.ts';
import { RdbError, type RdbReader } from './primitives.ts';
import { readStream } from './read-stream.ts';

/** Where values are made. */
export interface Place {
  readonly arena: Arena;
  readonly settings: Settings;
}

/** A node of a list beyond this is cut anew. */
const NODE_BYTES_MAX = 64 * 1024;
/** Redis's own limit of when a field expires. */
const EXPIRY_MAX = 2n ** 48n - 2n;

const element: Element = new Element();
const second: Element = new Element();
const third: Element = new Element();

/** The value behind a byte of its kind; bytes: a string, perhaps a view. Throws `RdbError`. */
export function readValue(reader: RdbReader, place: Place): Buffer | Collection {
  const kind = reader.byte();
  switch (kind) {
    case RdbKind.string:
      return reader.string();
    case RdbKind.stream:
    case RdbKind.stream2:
    case RdbKind.stream3:
      return readStream(reader, kind, place.arena);
    case RdbKind.hashListpack:
      return hashOfPack(reader.fork().string(), place) ?? putTogether(kind, reader, place);
    case RdbKind.zsetListpack:
      return sortedSetOfPack(reader.fork().string(), place) ?? putTogether(kind, reader, place);
    default:
      return putTogether(kind, reader, place);
  }
}

function putTogether(kind: number, reader: RdbReader, place: Place): Collection {
  const value = emptyOf(kind, place);
  try {
    fill(value, kind, reader);
    if (value.size === 0) throw new RdbError('nothing in it');
  } catch (error) {
    value.release(Infinity);
    throw error;
  }
  return value;
}

type Filled = List | SetValue | SortedSet | HashValue;

function emptyOf(kind: number, { arena, settings }: Place): Filled {
  switch (kind) {
    case RdbKind.list:
    case RdbKind.listZiplist:
    case RdbKind.listNodes:
    case RdbKind.listNodes2:
      return new List(arena, settings);
    case RdbKind.set:
    case RdbKind.setIntset:
    case RdbKind.setListpack:
      return new SetValue(arena, settings);
    case RdbKind.zset:
    case RdbKind.zset2:
    case RdbKind.zsetZiplist:
    case RdbKind.zsetListpack:
      return new SortedSet(arena, settings);
    case RdbKind.hash:
    case RdbKind.hashZipmap:
    case RdbKind.hashZiplist:
    case RdbKind.hashListpack:
    case RdbKind.hashExpiring:
    case RdbKind.hashListpackExpiring:
      return new HashValue(arena, settings);
    default:
      throw new RdbError('an unknown kind of value');
  }
}

function fill(value: Filled, kind: number, reader: RdbReader): void {
  if (value instanceof List) fillList(value, kind, reader);
  else if (value instanceof SetValue) fillSet(value, elementsOf(kind, reader));
  else if (value instanceof SortedSet) fillSortedSet(value, kind, reader);
  else if (kind === RdbKind.hashExpiring) fillExpiring(value, reader);
  else if (kind === RdbKind.hashListpackExpiring) fillExpiringPack(value, reader);
  else fillHash(value, elementsOf(kind, reader));
}

/** Of a value that is one run of elements. */
function elementsOf(kind: number, reader: RdbReader): Elements {
  switch (kind) {
    case RdbKind.list:
    case RdbKind.set:
      return new Strings(reader, reader.count());
    case RdbKind.hash:
      return new Strings(reader, reader.count() * 2);
    case RdbKind.setIntset:
      return new IntsetElements(reader.string());
    case RdbKind.setListpack:
    case RdbKind.zsetListpack:
    case RdbKind.hashListpack:
      return new ListpackElements(reader.string());
    case RdbKind.hashZipmap:
      return new ZipmapElements(reader.string());
    default:
      return new ZiplistElements(reader.string());
  }
}

function fillList(list: List, kind: number, reader: RdbReader): void {
  if (kind !== RdbKind.listNodes && kind !== RdbKind.listNodes2) {
    pushAll(list, elementsOf(kind, reader));
    return;
  }
  const nodes = reader.count();
  for (let i = 0; i < nodes; i++) {
    if (kind === RdbKind.listNodes) pushAll(list, new ZiplistElements(reader.string()));
    else readNode(list, reader);
  }
}

function readNode(list: List, reader: RdbReader): void {
  const container = reader.length();
  const bytes = reader.string();
  if (container === Container.plain) {
    list.push(false, bytes, 0, bytes.length);
    return;
  }
  if (container !== Container.packed) throw new RdbError('an unknown kind of node');
  const elements = new ListpackElements(bytes);
  while (elements.next(element));
  const fits = elements.isCanonical && bytes.length <= NODE_BYTES_MAX;
  if (fits) list.appendPack(bytes, 0, bytes.length, elements.count);
  else pushAll(list, new ListpackElements(bytes));
}

function pushAll(list: List, elements: Elements): void {
  while (elements.next(element)) list.push(false, element.bytes, element.start, element.end);
}

function fillSet(set: SetValue, elements: Elements): void {
  while (elements.next(element)) {
    if (!set.add(element.bytes, element.start, element.end)) throw new RdbError('a member twice');
  }
}

function fillSortedSet(set: SortedSet, kind: number, reader: RdbReader): void {
  if (kind === RdbKind.zset || kind === RdbKind.zset2) {
    const count = reader.count();
    for (let i = 0; i < count; i++) {
      setText(element, reader.string());
      addMember(set, kind === RdbKind.zset ? reader.textDouble() : reader.double());
    }
    return;
  }
  const elements = elementsOf(kind, reader);
  while (elements.next(element)) {
    if (!elements.next(second)) throw new RdbError('a member without a score');
    addMember(set, scoreIn(second));
  }
}

/** Adds `element`. */
function addMember(set: SortedSet, score: number): void {
  const { bytes, start, end } = element;
  if (Number.isNaN(score)) throw new RdbError('a score is no number');
  if (set.has(bytes, start, end)) throw new RdbError('a member twice');
  set.add(bytes, start, end, score);
}

function fillHash(hash: HashValue, elements: Elements): void {
  while (elements.next(element)) {
    if (!elements.next(second)) throw new RdbError('a field without a value');
    addField(hash, 0n);
  }
}

/** Fields that say how much later than the first of them they expire, and 1; 0: never. */
function fillExpiring(hash: HashValue, reader: RdbReader): void {
  const first = reader.time();
  const count = reader.count();
  for (let i = 0; i < count; i++) {
    const later = reader.bigLength();
    setText(element, reader.string());
    setText(second, reader.string());
    addField(hash, later === 0n ? 0n : first + later - 1n);
  }
}

/** Field, value and when it expires in turn; 0: never. What is in front of them says the first time only. */
function fillExpiringPack(hash: HashValue, reader: RdbReader): void {
  reader.time();
  const elements = new ListpackElements(reader.string());
  while (elements.next(element)) {
    if (!elements.next(second) || !elements.next(third) || third.integer === null) {
      throw new RdbError('a field without a value or a time');
    }
    addField(hash, BigInt(third.integer));
  }
}

/** Adds `element` with the value `second`. */
function addField(hash: HashValue, expiresAt: bigint): void {
  const { bytes, start, end } = element;
  if (expiresAt < 0n || expiresAt > EXPIRY_MAX) throw new RdbError('a field expires at no time');
  if (!hash.set(bytes, start, end, second.bytes, second.start, second.end)) {
    throw new RdbError('a field twice');
  }
  if (expiresAt !== 0n) hash.expire(hash.find(bytes, start, end), Number(expiresAt));
}
