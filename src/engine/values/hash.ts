/**
 * A hash: a listpack of fields and values in turn while they are few and short, else a hash table of fields whose own
 * number names the value's bytes. A hash with fields that expire is a table whatever its size; it still says what it would
 * be in Redis, which has a listpack of its own for these.
 *
 * A slot says where a field is: a position in the listpack or an entry of the table. It is good until a field is added
 * or removed.
 */
import { copyBytes } from '../../core/bytes.ts';
import type { Arena } from '../memory/arena.ts';
import { Dict, OWN } from '../memory/dict.ts';
import type { Settings } from '../settings.ts';
import { type Collection, Kind } from '../types.ts';
import { FieldExpiry } from './field-expiry.ts';
import { Element, Listpack } from './listpack.ts';

/** The field of a record that names the value. */
const VALUE = OWN;

/** What is on its way from one form to the other. */
const movingField: Element = new Element();
const movingValue: Element = new Element();

export class HashValue implements Collection {
  readonly kind: typeof Kind.hash = Kind.hash;
  readonly #arena: Arena;
  readonly #settings: Settings;
  // One of the two is there.
  #pack: Listpack | null;
  #dict: Dict | null = null;
  /** It has, or had, fields that expire. */
  #expiry: FieldExpiry | null = null;
  /** Few and short enough for a listpack until now. */
  #isSmall = true;
  /** Record of the table where `release` goes on. */
  #released = 0;

  constructor(arena: Arena, settings: Settings) {
    this.#arena = arena;
    this.#settings = settings;
    this.#pack = new Listpack(arena);
  }

  /** Takes a listpack of fields and values in turn, which the caller has checked. */
  static fromPack(arena: Arena, settings: Settings, pack: Listpack): HashValue {
    const hash = new HashValue(arena, settings);
    hash.#pack!.free();
    hash.#pack = pack;
    return hash;
  }

  get encoding(): 'listpack' | 'listpackex' | 'hashtable' {
    if (this.#pack !== null) return 'listpack';
    return this.#isSmall ? 'listpackex' : 'hashtable';
  }

  get size(): number {
    if (this.#dict !== null) return this.#dict.count;
    return this.#pack === null ? 0 : this.#pack.count >>> 1;
  }

  get bytes(): number {
    return (this.#dict?.bytes ?? 0) + (this.#expiry?.bytes ?? 0);
  }

  /** When the first of its fields expires, in milliseconds since 1970; Infinity: none does. */
  get nextExpiry(): number {
    return this.#expiry === null ? Infinity : this.#expiry.next;
  }

  /** Its own memory, in the format of Redis; null: a hash table. Good until it changes. */
  get packed(): Buffer | null {
    return this.#pack?.view() ?? null;
  }

  /** The slot of a field; -1: there is none. */
  find(bytes: Buffer, start: number, end: number): number {
    if (this.#dict !== null) return this.#dict.find(bytes, start, end);
    const pack = this.#pack!;
    const position = pack.find(pack.first(), bytes, start, end, 1);
    return position === 0 ? -1 : position;
  }

  readField(slot: number, element: Element): void {
    if (this.#pack !== null) this.#pack.read(slot, element);
    else element.setBlob(this.#arena, this.#dict!.keyOf(slot));
  }

  readValue(slot: number, element: Element): void {
    if (this.#pack !== null) this.#pack.read(this.#pack.next(slot), element);
    else element.setBlob(this.#arena, this.#dict!.get(slot, VALUE));
  }

  /**
   * Gives a field a value; true: the field is new. When it expires stays as it is. Neither of the two is of this hash
   * itself.
   */
  set(
    field: Buffer,
    fieldStart: number,
    fieldEnd: number,
    bytes: Buffer,
    start: number,
    end: number,
  ): boolean {
    if (this.#isSmall) {
      const longest = this.#settings.hashMaxListpackValue;
      if (fieldEnd - fieldStart > longest || end - start > longest) this.#becomeBig();
    }
    const pack = this.#pack;
    if (pack === null) return this.#setInTable(field, fieldStart, fieldEnd, bytes, start, end);
    const position = pack.find(pack.first(), field, fieldStart, fieldEnd, 1);
    if (position !== 0) {
      pack.replace(pack.next(position), bytes, start, end);
      return false;
    }
    pack.append(field, fieldStart, fieldEnd);
    pack.append(bytes, start, end);
    if (this.size > this.#settings.hashMaxListpackEntries) this.#becomeBig();
    return true;
  }

  remove(slot: number): void {
    if (this.#pack !== null) {
      this.#pack.removeRange(slot, 2);
      return;
    }
    this.#expiry?.clear(slot);
    this.#arena.free(this.#dict!.get(slot, VALUE));
    this.#dict!.remove(slot);
  }

  /** A slot, each as likely as any other; -1: the hash is empty. */
  random(): number {
    if (this.#dict !== null) return this.#dict.random();
    const { size } = this;
    return size === 0 ? -1 : this.#pack!.seek(2 * Math.floor(Math.random() * size));
  }

  /** All slots, in the order of a listpack if it is one. */
  slots(): Int32Array {
    const all = new Int32Array(this.size);
    let count = 0;
    this.forEach((slot) => {
      all[count++] = slot;
    });
    return all;
  }

  /** The slot after another, -1 at the end; begins with -1. It may be asked for later, as long as the hash does not change. */
  after(slot: number): number {
    if (this.#dict !== null) return this.#dict.after(slot);
    const pack = this.#pack!;
    const position = slot < 0 ? pack.first() : pack.next(pack.next(slot));
    return position === 0 ? -1 : position;
  }

  /** All slots; the hash does not change meanwhile. */
  forEach(visit: (slot: number) => void): void {
    if (this.#dict !== null) {
      this.#dict.forEach(visit);
      return;
    }
    const pack = this.#pack!;
    let at = pack.first();
    while (at !== 0) {
      visit(at);
      at = pack.next(pack.next(at));
    }
  }

  /** Slots and the cursor of the next call: see Dict.scan. A small hash is shown at once. */
  scan(cursor: number, visit: (slot: number) => void): number {
    if (this.#dict !== null && !this.#isSmall) return this.#dict.scan(cursor, visit);
    this.forEach(visit);
    return 0;
  }

  /** Milliseconds since 1970; 0: never. */
  expiresAt(slot: number): number {
    return this.#expiry === null ? 0 : this.#expiry.at(slot);
  }

  /** Lets the field of a slot expire; where the field is from now on. */
  expire(slot: number, at: number): number {
    let entry = slot;
    if (this.#expiry === null) {
      if (this.#pack !== null) {
        this.readField(slot, movingField);
        // The listpack is about to go.
        const name = Buffer.from(movingField.bytes.subarray(movingField.start, movingField.end));
        this.#becomeTable();
        entry = this.#dict!.find(name, 0, name.length);
      }
      this.#expiry = new FieldExpiry();
    }
    this.#expiry.set(entry, at);
    return entry;
  }

  /** Lets it stay for ever; false: it would have. */
  persist(slot: number): boolean {
    return this.#expiry?.clear(slot) ?? false;
  }

  /** The slot of a field whose time has come; -1: there is none. */
  due(now: number): number {
    const expiry = this.#expiry;
    return expiry === null || expiry.next > now ? -1 : expiry.first;
  }

  /** The same fields and values in memory of its own, to expire at the same times. */
  copy(): HashValue {
    const copy = new HashValue(this.#arena, this.#settings);
    const { packed } = this;
    if (packed !== null) {
      copy.#pack!.free();
      copy.#pack = Listpack.from(this.#arena, packed, 0, packed.length);
      return copy;
    }
    copy.#becomeTable();
    copy.#isSmall = this.#isSmall;
    this.#copyInto(copy.#dict!, (slot, entry) => {
      const at = this.expiresAt(slot);
      if (at !== 0) copy.expire(entry, at);
    });
    if (this.#expiry !== null) copy.#expiry ??= new FieldExpiry();
    return copy;
  }

  release(limit: number): boolean {
    this.#pack?.free();
    this.#pack = null;
    const dict = this.#dict;
    if (dict === null) return true;
    const arena = this.#arena;
    this.#released = dict.release(this.#released, limit, (entry) => {
      arena.free(dict.get(entry, VALUE));
    });
    if (this.#released >= 0) return false;
    this.#dict = null;
    return true;
  }

  #setInTable(
    field: Buffer,
    fieldStart: number,
    fieldEnd: number,
    bytes: Buffer,
    start: number,
    end: number,
  ): boolean {
    const dict = this.#dict!;
    const arena = this.#arena;
    let entry = dict.find(field, fieldStart, fieldEnd);
    if (entry < 0) {
      entry = dict.add(field, fieldStart, fieldEnd);
      dict.set(entry, VALUE, arena.create(bytes, start, end));
      if (this.#isSmall && dict.count > this.#settings.hashMaxListpackEntries) this.#becomeBig();
      return true;
    }
    const before = dict.get(entry, VALUE);
    if (arena.lengthOf(before) === end - start) {
      copyBytes(arena.bufferOf(before), arena.startOf(before), bytes, start, end);
      return false;
    }
    const after = arena.create(bytes, start, end);
    arena.free(before);
    dict.set(entry, VALUE, after);
    return false;
  }

  #becomeBig(): void {
    this.#isSmall = false;
    if (this.#pack !== null) this.#becomeTable();
  }

  #becomeTable(): void {
    const dict = new Dict(this.#arena, 1);
    this.#copyInto(dict, null);
    this.#pack?.free();
    this.#pack = null;
    this.#dict = dict;
  }

  #copyInto(dict: Dict, onCopied: ((slot: number, entry: number) => void) | null): void {
    this.forEach((slot) => {
      this.readField(slot, movingField);
      this.readValue(slot, movingValue);
      const entry = dict.add(movingField.bytes, movingField.start, movingField.end);
      const { bytes, start, end } = movingValue;
      dict.set(entry, VALUE, this.#arena.create(bytes, start, end));
      onCopied?.(slot, entry);
    });
  }
}
