/**
 * One database: keys, what they hold, when they expire.
 *
 *   key ─▶ Dict ─▶ entry: value | meta | expiry | place among those that expire
 *                    │       └─ kind, encoding, when it was used last
 *                    └─ a blob, a small integer, or the number of a Collection
 *
 * An entry is good until its key is removed. Whoever changes a value calls `changed`, once, afterwards: that is what
 * WATCH, blocked clients, a rewrite of the file and caches live on.
 */
import { assert } from '../core/assert.ts';
import { copyBytes } from '../core/bytes.ts';
import { type Arena, NONE, type Ref } from './memory/arena.ts';
import { Dict, OWN } from './memory/dict.ts';
import { parseInteger } from './numbers.ts';
import { writeInteger } from './reply.ts';
import { type Collection, type Discarded, Encoding, Kind, type KindNumber } from './types.ts';

const VALUE = OWN;
const META = OWN + 1;
const EXPIRE_LOW = OWN + 2;
const EXPIRE_HIGH = OWN + 3;
/** Place in `#expiring` + 1. */
const EXPIRE_PLACE = OWN + 4;
const FIELDS = 5;

const KIND_MASK = 0xf;
const ENCODING_SHIFT = 4;
const ENCODING_MASK = 0xf;
const CLOCK_SHIFT = 8;

/** As Redis: a longer string has an object of its own. */
export const EMBEDDED_BYTES_MAX = 44;
const DIGITS_MAX = 20;
const WORD = 2 ** 32;
/** Elements that are freed at once when their key goes; more are freed a slice at a time. */
const FREED_AT_ONCE_MAX = 64;

/** What a database tells the engine. */
export interface KeyspaceOwner {
  /** Milliseconds since 1970, as of this command. */
  readonly now: number;
  /** What a key is marked with when it is used: 24 bits, see evict.ts. `before`: the mark it has. */
  clock(before: number): number;
  /** A key was given a time to expire at. */
  onExpiring(): void;
  /** A key is about to be removed because its time has come. */
  onExpired(database: Database, entry: number): void;
  /** A command that reads has not found its key. */
  onMissed(database: Database, bytes: Buffer, start: number, end: number): void;
  /** A key is about to be there that was not. */
  onAdded(database: Database, bytes: Buffer, start: number, end: number): void;
  /** The value of a key is new, changed or gone. */
  onChanged(database: Database, bytes: Buffer, start: number, end: number): void;
  /** Nobody reaches it any more. */
  discard(garbage: Discarded): void;
}

/** A string's bytes, wherever they are; good until the next is read or anything changes. */
export class StringView {
  bytes: Buffer;
  start = 0;
  end = 0;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }
}

export class Database {
  /** SWAPDB changes it. */
  index: number;
  readonly arena: Arena;
  dict: Dict;
  /** Entries of hashes with fields that expire, and of some that were such hashes. */
  readonly fieldsExpiring: Set<number> = new Set();
  hits = 0;
  misses = 0;
  readonly #owner: KeyspaceOwner;
  #objects: (Collection | null)[] = [];
  #freeObjects: number[] = [];
  /** Entries that expire, in no order. */
  #expiring: Int32Array = new Int32Array(0);
  #expiringCount = 0;
  readonly #digits: Buffer = Buffer.alloc(DIGITS_MAX);
  readonly #view: StringView = new StringView(this.#digits);

  constructor(index: number, arena: Arena, owner: KeyspaceOwner) {
    this.index = index;
    this.arena = arena;
    this.#owner = owner;
    this.dict = new Dict(arena, FIELDS);
  }

  get size(): number {
    return this.dict.count;
  }

  get expiringCount(): number {
    return this.#expiringCount;
  }

  /** Memory beside that of the arena. */
  get bytes(): number {
    let bytes = this.dict.bytes + this.#expiring.length * 4;
    for (const object of this.#objects) bytes += object?.bytes ?? 0;
    return bytes;
  }

  /** The entry of a key that is there and has not expired; -1: none. Marks nothing as used. */
  find(bytes: Buffer, start: number, end: number): number {
    const entry = this.dict.find(bytes, start, end);
    if (entry < 0 || this.dict.get(entry, EXPIRE_PLACE) === 0) return entry;
    if (this.expiresAt(entry) > this.#owner.now) return entry;
    this.#owner.onExpired(this, entry);
    this.remove(entry);
    return -1;
  }

  /** The same for a command that reads: counts a hit or a miss, and marks the key as used. */
  read(bytes: Buffer, start: number, end: number): number {
    const entry = this.find(bytes, start, end);
    if (entry < 0) this.#miss(bytes, start, end);
    else {
      this.hits++;
      this.touch(entry);
    }
    return entry;
  }

  /** The same for a command that asks about the key, not for what it holds: it does not count as used. */
  look(bytes: Buffer, start: number, end: number): number {
    const entry = this.find(bytes, start, end);
    if (entry < 0) this.#miss(bytes, start, end);
    else this.hits++;
    return entry;
  }

  /** The same for a command that looks at how a key is kept: nobody is told of a miss. */
  inspect(bytes: Buffer, start: number, end: number): number {
    const entry = this.find(bytes, start, end);
    if (entry < 0) this.misses++;
    else this.hits++;
    return entry;
  }

  /** The same for a command that writes: no hit, no miss. */
  write(bytes: Buffer, start: number, end: number): number {
    const entry = this.find(bytes, start, end);
    if (entry >= 0) this.touch(entry);
    return entry;
  }

  #miss(bytes: Buffer, start: number, end: number): void {
    this.misses++;
    this.#owner.onMissed(this, bytes, start, end);
  }

  #add(bytes: Buffer, start: number, end: number): number {
    this.#owner.onAdded(this, bytes, start, end);
    return this.dict.add(bytes, start, end);
  }

  touch(entry: number): void {
    const chunk = this.dict.chunkOf(entry);
    const at = this.dict.placeOf(entry) + META;
    const meta = chunk[at]!;
    chunk[at] = (meta & 0xff) | (this.#owner.clock(meta >>> CLOCK_SHIFT) << CLOCK_SHIFT);
  }

  clockOf(entry: number): number {
    return this.dict.get(entry, META) >>> CLOCK_SHIFT;
  }

  setClock(entry: number, clock: number): void {
    const meta = this.dict.get(entry, META);
    this.dict.set(entry, META, (meta & 0xff) | (clock << CLOCK_SHIFT));
  }

  kindOf(entry: number): KindNumber {
    return (this.dict.get(entry, META) & KIND_MASK) as KindNumber;
  }

  /** Of a string. */
  encodingOf(entry: number): number {
    return (this.dict.get(entry, META) >>> ENCODING_SHIFT) & ENCODING_MASK;
  }

  keyText(entry: number): string {
    return this.arena.text(this.dict.keyOf(entry));
  }

  /** The value of a key that is no string. The caller has looked at its kind. */
  objectOf(entry: number): Collection {
    const object = this.#objects[this.dict.get(entry, VALUE)];
    assert(object !== null && object !== undefined, 'a key that is no string has an object');
    return object;
  }

  /** The bytes of a string; a number is written out. */
  stringOf(entry: number): StringView {
    const view = this.#view;
    const chunk = this.dict.chunkOf(entry);
    const at = this.dict.placeOf(entry);
    const value = chunk[at + VALUE]!;
    if (((chunk[at + META]! >>> ENCODING_SHIFT) & ENCODING_MASK) === Encoding.small) {
      view.bytes = this.#digits;
      view.start = 0;
      view.end = writeInteger(this.#digits, 0, value);
      return view;
    }
    const { arena } = this;
    view.bytes = arena.bufferOf(value);
    view.start = arena.startOf(value);
    view.end = view.start + arena.lengthOf(value);
    return view;
  }

  /** The number a string is, without reading its digits; NaN: it is kept otherwise. */
  smallOf(entry: number): number {
    const chunk = this.dict.chunkOf(entry);
    const at = this.dict.placeOf(entry);
    const encoding = (chunk[at + META]! >>> ENCODING_SHIFT) & ENCODING_MASK;
    return encoding === Encoding.small ? chunk[at + VALUE]! : Number.NaN;
  }

  /** Adds a key that is not there, holding a string. */
  addString(
    key: Buffer,
    keyStart: number,
    keyEnd: number,
    bytes: Buffer,
    start: number,
    end: number,
  ): number {
    const entry = this.#add(key, keyStart, keyEnd);
    this.#putString(entry, bytes, start, end);
    return entry;
  }

  /** Adds a key that is not there, holding the number 0. */
  addNumber(key: Buffer, keyStart: number, keyEnd: number): number {
    const entry = this.#add(key, keyStart, keyEnd);
    this.#setMeta(entry, Kind.string, Encoding.small);
    return entry;
  }

  /** A new value for a key that is there. `bytes` may be its own old value. */
  replaceString(entry: number, bytes: Buffer, start: number, end: number): void {
    const meta = this.dict.get(entry, META);
    const value = this.dict.get(entry, VALUE);
    const encoding = (meta >>> ENCODING_SHIFT) & ENCODING_MASK;
    const isBlob = (meta & KIND_MASK) === Kind.string && encoding !== Encoding.small;
    // Of the same length nothing has to be allocated, and most values that are replaced are.
    if (isBlob && this.#isTextOf(bytes, start, end, value)) {
      copyBytes(this.arena.bufferOf(value), this.arena.startOf(value), bytes, start, end);
      const kept = end - start <= EMBEDDED_BYTES_MAX ? Encoding.embedded : Encoding.raw;
      if (kept !== encoding) this.#setMeta(entry, Kind.string, kept);
      return;
    }
    this.#putString(entry, bytes, start, end);
    if ((meta & KIND_MASK) === Kind.string) {
      if (isBlob) this.arena.free(value);
    } else {
      this.#dropObject(value);
    }
  }

  /** A string that is a number. */
  setInteger(entry: number, value: number | bigint): void {
    if (typeof value === 'number' && (value | 0) === value) {
      if (this.encodingOf(entry) !== Encoding.small) {
        this.#freeValue(entry);
        this.#setMeta(entry, Kind.string, Encoding.small);
      }
      this.dict.set(entry, VALUE, value);
      return;
    }
    if (typeof value === 'bigint') {
      const text = Buffer.from(String(value), 'latin1');
      this.replaceString(entry, text, 0, text.length);
      return;
    }
    const length = writeInteger(this.#digits, 0, value);
    if (this.encodingOf(entry) !== Encoding.digits || !this.#overwrite(entry, length)) {
      this.replaceString(entry, this.#digits, 0, length);
    }
  }

  /** A string that is never taken for a number, whatever it looks like. */
  setText(entry: number, bytes: Buffer, start: number, end: number): void {
    this.#freeValue(entry);
    this.dict.set(entry, VALUE, this.arena.create(bytes, start, end));
    const encoding = end - start <= EMBEDDED_BYTES_MAX ? Encoding.embedded : Encoding.raw;
    this.#setMeta(entry, Kind.string, encoding);
  }

  /** A new value for a key that is there: a blob, which belongs to this entry from now on. */
  replaceBlob(entry: number, ref: Ref): void {
    this.#freeValue(entry);
    this.setBlob(entry, ref);
  }

  /** The blob of a string, made one if it is a number, to be changed in place; then call `setBlob`. */
  blobOf(entry: number): Ref {
    if (this.encodingOf(entry) !== Encoding.small) return this.dict.get(entry, VALUE);
    const view = this.stringOf(entry);
    const ref = this.arena.create(view.bytes, view.start, view.end);
    this.setBlob(entry, ref);
    return ref;
  }

  /** What a string is from now on: a blob that belongs to this entry. Whatever was there is the caller's. */
  setBlob(entry: number, ref: Ref): void {
    this.dict.set(entry, VALUE, ref);
    this.#setMeta(entry, Kind.string, Encoding.raw);
  }

  /** Adds a key that is not there; without a value yet. */
  add(bytes: Buffer, start: number, end: number): number {
    return this.#add(bytes, start, end);
  }

  /** Adds a key that is not there, holding a collection. */
  addObject(bytes: Buffer, start: number, end: number, object: Collection): number {
    const entry = this.#add(bytes, start, end);
    this.#putObject(entry, object);
    return entry;
  }

  /** A new value for a key that is there. */
  replaceObject(entry: number, object: Collection): void {
    this.#freeValue(entry);
    this.#putObject(entry, object);
  }

  /** A value that no key has got. */
  discard(object: Collection): void {
    if (object.size <= FREED_AT_ONCE_MAX) object.release(Infinity);
    else this.#owner.discard(object);
  }

  /** Takes the value out of a key, and removes the key. */
  take(entry: number): Value {
    const kind = this.kindOf(entry);
    const encoding = this.encodingOf(entry);
    const raw = this.dict.get(entry, VALUE);
    const expiresAt = this.expires(entry) ? this.expiresAt(entry) : 0;
    const clock = this.clockOf(entry);
    const object = kind === Kind.string ? null : this.objectOf(entry);
    if (object !== null) this.#dropSlot(raw);
    // What is left there has nothing to free.
    this.#setMeta(entry, Kind.string, Encoding.small);
    this.remove(entry);
    return { kind, encoding, raw, object, expiresAt, clock };
  }

  /** The value of a key once more, to be put under another one; it expires at the same time. */
  copyOf(entry: number): Value {
    const kind = this.kindOf(entry);
    const encoding = this.encodingOf(entry);
    const expiresAt = this.expires(entry) ? this.expiresAt(entry) : 0;
    const clock = this.#owner.clock(0);
    let raw = this.dict.get(entry, VALUE);
    const object = kind === Kind.string ? null : this.objectOf(entry).copy();
    if (object === null && encoding !== Encoding.small) {
      const { bytes, start, end } = this.stringOf(entry);
      raw = this.arena.create(bytes, start, end);
    }
    return { kind, encoding, raw, object, expiresAt, clock };
  }

  /** Puts a value that was taken, from whichever database, under a key that is not there. */
  put(bytes: Buffer, start: number, end: number, value: Value): number {
    const entry = this.#add(bytes, start, end);
    if (value.object !== null) this.#putObject(entry, value.object);
    else {
      this.dict.set(entry, VALUE, value.raw);
      this.#setMeta(entry, value.kind, value.encoding);
    }
    this.setClock(entry, value.clock);
    if (value.expiresAt !== 0) this.setExpiry(entry, value.expiresAt);
    return entry;
  }

  /** Forgets everything at once; memory comes back a slice at a time. */
  flush(): void {
    if (this.size === 0) return;
    const dict = this.dict;
    const objects = this.#objects;
    this.#owner.discard(new Flushed(dict, objects, this.arena));
    this.dict = new Dict(this.arena, FIELDS);
    this.#objects = [];
    this.#freeObjects = [];
    this.#expiring = new Int32Array(0);
    this.#expiringCount = 0;
    this.fieldsExpiring.clear();
  }

  /** Fields of the hash at this entry expire from now on. */
  expireFields(entry: number): void {
    this.fieldsExpiring.add(entry);
    this.#owner.onExpiring();
  }

  remove(entry: number): void {
    if (this.fieldsExpiring.size > 0) this.fieldsExpiring.delete(entry);
    this.#freeValue(entry);
    this.clearExpiry(entry);
    this.dict.remove(entry);
  }

  /** Milliseconds since 1970; 0: never. Beyond 2^53, in the year 287396, it is not exact. */
  expiresAt(entry: number): number {
    const high = this.dict.get(entry, EXPIRE_HIGH) >>> 0;
    return high * WORD + (this.dict.get(entry, EXPIRE_LOW) >>> 0);
  }

  expires(entry: number): boolean {
    return this.dict.get(entry, EXPIRE_PLACE) !== 0;
  }

  /** `at` is in milliseconds since 1970, and may be past. */
  setExpiry(entry: number, at: number): void {
    if (!this.expires(entry)) {
      this.#joinExpiring(entry);
      this.#owner.onExpiring();
    }
    const high = Math.floor(at / WORD);
    this.dict.set(entry, EXPIRE_HIGH, high);
    this.dict.set(entry, EXPIRE_LOW, at - high * WORD);
  }

  clearExpiry(entry: number): void {
    const place = this.dict.get(entry, EXPIRE_PLACE) - 1;
    if (place < 0) return;
    const last = this.#expiring[--this.#expiringCount]!;
    this.#expiring[place] = last;
    this.dict.set(last, EXPIRE_PLACE, place + 1);
    this.dict.set(entry, EXPIRE_PLACE, 0);
    this.dict.set(entry, EXPIRE_LOW, 0);
    this.dict.set(entry, EXPIRE_HIGH, 0);
  }

  /** One of the entries that expire, at random; -1: there is none. */
  randomExpiring(): number {
    if (this.#expiringCount === 0) return -1;
    return this.#expiring[Math.floor(Math.random() * this.#expiringCount)]!;
  }

  /** Once after every change of a value, also when its key is gone. */
  changed(bytes: Buffer, start: number, end: number): void {
    this.#owner.onChanged(this, bytes, start, end);
  }

  #putString(entry: number, bytes: Buffer, start: number, end: number): void {
    const length = end - start;
    const number = length <= DIGITS_MAX ? parseInteger(bytes, start, end) : null;
    if (typeof number === 'number' && (number | 0) === number) {
      this.dict.set(entry, VALUE, number);
      this.#setMeta(entry, Kind.string, Encoding.small);
      return;
    }
    this.dict.set(entry, VALUE, this.arena.create(bytes, start, end));
    const text = length <= EMBEDDED_BYTES_MAX ? Encoding.embedded : Encoding.raw;
    this.#setMeta(entry, Kind.string, number === null ? text : Encoding.digits);
  }

  /** The digits just written take the place of a number of the same length; false: it has another. */
  #overwrite(entry: number, length: number): boolean {
    const ref = this.dict.get(entry, VALUE);
    if (this.arena.lengthOf(ref) !== length) return false;
    copyBytes(this.arena.bufferOf(ref), this.arena.startOf(ref), this.#digits, 0, length);
    return true;
  }

  /** True: the new bytes are no number and as long as the blob's. */
  #isTextOf(bytes: Buffer, start: number, end: number, ref: Ref): boolean {
    if (this.arena.lengthOf(ref) !== end - start) return false;
    return end - start > DIGITS_MAX || parseInteger(bytes, start, end) === null;
  }

  #putObject(entry: number, object: Collection): void {
    const index = this.#freeObjects.pop() ?? this.#objects.length;
    this.#objects[index] = object;
    this.dict.set(entry, VALUE, index);
    this.#setMeta(entry, object.kind, Encoding.raw);
    if (object.nextExpiry !== undefined && object.nextExpiry !== Infinity) this.expireFields(entry);
  }

  #setMeta(entry: number, kind: number, encoding: number): void {
    const clock = this.dict.get(entry, META) >>> CLOCK_SHIFT;
    const mark = clock === 0 ? this.#owner.clock(0) : clock;
    this.dict.set(entry, META, kind | (encoding << ENCODING_SHIFT) | (mark << CLOCK_SHIFT));
  }

  #freeValue(entry: number): void {
    const meta = this.dict.get(entry, META);
    const kind = meta & KIND_MASK;
    const value = this.dict.get(entry, VALUE);
    if (kind === 0) return;
    if (kind !== Kind.string) this.#dropObject(value);
    else if (((meta >>> ENCODING_SHIFT) & ENCODING_MASK) !== Encoding.small && value !== NONE) {
      this.arena.free(value);
    }
  }

  #dropSlot(index: number): void {
    this.#objects[index] = null;
    this.#freeObjects.push(index);
  }

  #dropObject(index: number): void {
    const object = this.#objects[index]!;
    this.#dropSlot(index);
    this.discard(object);
  }

  #joinExpiring(entry: number): void {
    if (this.#expiringCount === this.#expiring.length) {
      const grown = new Int32Array(Math.max(16, this.#expiring.length * 2));
      grown.set(this.#expiring);
      this.#expiring = grown;
    }
    this.#expiring[this.#expiringCount++] = entry;
    this.dict.set(entry, EXPIRE_PLACE, this.#expiringCount);
  }
}

/** A value on its way from one key to another. */
export interface Value {
  readonly kind: KindNumber;
  readonly encoding: number;
  /** What stands in the entry of a string. */
  readonly raw: number;
  readonly object: Collection | null;
  /** 0: never. */
  readonly expiresAt: number;
  readonly clock: number;
}

/** Keys of a database that was flushed. */
class Flushed implements Discarded {
  readonly #dict: Dict;
  readonly #objects: (Collection | null)[];
  readonly #arena: Arena;
  #at = 0;

  constructor(dict: Dict, objects: (Collection | null)[], arena: Arena) {
    this.#dict = dict;
    this.#objects = objects;
    this.#arena = arena;
  }

  release(limit: number): boolean {
    if (this.#at >= 0) {
      this.#at = this.#dict.release(this.#at, limit, (entry) => this.#freeBlob(entry));
      return false;
    }
    const object = this.#objects.pop();
    if (object === undefined) return true;
    if (object !== null && !object.release(limit)) this.#objects.push(object);
    return false;
  }

  #freeBlob(entry: number): void {
    const meta = this.#dict.get(entry, META);
    const isBlob = ((meta >>> ENCODING_SHIFT) & ENCODING_MASK) !== Encoding.small;
    if ((meta & KIND_MASK) === Kind.string && isBlob)
      this.#arena.free(this.#dict.get(entry, VALUE));
  }
}
