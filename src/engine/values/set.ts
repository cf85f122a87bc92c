/**
 * A set: an intset while all members are integers and few, else a hash table; in between a listpack, if the settings
 * give it any entries (Redis 7.2).
 *
 * A slot says where a member is: a place in the intset, a position in the listpack, an entry of the table. It is good
 * until the set changes.
 */
import type { Arena } from '../memory/arena.ts';
import { Dict } from '../memory/dict.ts';
import { parseInteger } from '../numbers.ts';
import type { Settings } from '../settings.ts';
import { type Collection, Kind } from '../types.ts';
import { Intset } from './intset.ts';
import { Element, Listpack } from './listpack.ts';

/** The longest integer has so many digits. */
const DIGITS_MAX = 20;

/** For whoever has no element of his own: what a member is while it is moved between two forms. */
const moving: Element = new Element();

export class SetValue implements Collection {
  readonly kind: typeof Kind.set = Kind.set;
  readonly #arena: Arena;
  readonly #settings: Settings;
  // One of the three is there, or none and the set is empty.
  #ints: Intset | null = null;
  #pack: Listpack | null = null;
  #dict: Dict | null = null;
  /** Record of the table where `release` goes on. */
  #released = 0;

  constructor(arena: Arena, settings: Settings) {
    this.#arena = arena;
    this.#settings = settings;
  }

  get encoding(): 'intset' | 'listpack' | 'hashtable' {
    if (this.#dict !== null) return 'hashtable';
    return this.#pack === null ? 'intset' : 'listpack';
  }

  get size(): number {
    if (this.#dict !== null) return this.#dict.count;
    return this.#ints?.count ?? this.#pack?.count ?? 0;
  }

  get bytes(): number {
    return this.#dict?.bytes ?? 0;
  }

  /** Its own memory, in the format of Redis: an intset or a listpack; null: a hash table. Good until it changes. */
  get packed(): Buffer | null {
    return this.#ints?.view() ?? this.#pack?.view() ?? null;
  }

  has(bytes: Buffer, start: number, end: number): boolean {
    return this.find(bytes, start, end) >= 0;
  }

  /** The slot of a member; -1: it is none. */
  find(bytes: Buffer, start: number, end: number): number {
    if (this.#dict !== null) return this.#dict.find(bytes, start, end);
    if (this.#ints !== null) {
      const value = integerIn(bytes, start, end);
      return value === null ? -1 : Math.max(-1, this.#ints.find(value));
    }
    if (this.#pack === null) return -1;
    const position = this.#pack.find(this.#pack.first(), bytes, start, end, 0);
    return position === 0 ? -1 : position;
  }

  /** False: it is a member already. */
  add(bytes: Buffer, start: number, end: number): boolean {
    if (this.#dict === null && this.#addSmall(bytes, start, end)) return true;
    const dict = this.#dict;
    if (dict === null || dict.find(bytes, start, end) >= 0) return false;
    dict.add(bytes, start, end);
    return true;
  }

  /** False: it is no member. */
  remove(bytes: Buffer, start: number, end: number): boolean {
    const slot = this.find(bytes, start, end);
    if (slot < 0) return false;
    this.removeAt(slot);
    return true;
  }

  removeAt(slot: number): void {
    if (this.#dict !== null) this.#dict.remove(slot);
    else if (this.#ints !== null) this.#ints.removeAt(slot);
    else this.#pack?.remove(slot);
  }

  /** The member of a slot, into `element`. */
  read(slot: number, element: Element): void {
    if (this.#dict !== null) element.setBlob(this.#arena, this.#dict.keyOf(slot));
    else if (this.#ints !== null) element.setInteger(this.#ints.at(slot));
    else this.#pack?.read(slot, element);
  }

  /** A slot, each as likely as any other; -1: the set is empty. */
  random(): number {
    if (this.#dict !== null) return this.#dict.random();
    const { size } = this;
    if (size === 0) return -1;
    const index = Math.floor(Math.random() * size);
    return this.#pack === null ? index : this.#pack.seek(index);
  }

  /** All slots; the set does not change meanwhile. */
  slots(): Int32Array {
    const all = new Int32Array(this.size);
    let count = 0;
    this.#someSlot((slot) => {
      all[count++] = slot;
      return false;
    });
    return all;
  }

  /** The slot after another, -1 at the end; begins with -1. It may be asked for later, as long as the set does not change. */
  after(slot: number): number {
    if (this.#dict !== null) return this.#dict.after(slot);
    if (this.#ints !== null) return slot + 1 < this.#ints.count ? slot + 1 : -1;
    return positionOrEnd(this.#pack, slot);
  }

  /** All members, an intset's in their order, until `visit` says true; then true. The set does not change meanwhile. */
  some(element: Element, visit: () => boolean): boolean {
    return this.#someSlot((slot) => {
      this.read(slot, element);
      return visit();
    });
  }

  /** Slots and the cursor of the next call: see Dict.scan. A small set is shown at once. */
  scan(cursor: number, visit: (slot: number) => void): number {
    if (this.#dict !== null) return this.#dict.scan(cursor, visit);
    this.#someSlot((slot) => {
      visit(slot);
      return false;
    });
    return 0;
  }

  /** The same members in memory of its own. */
  copy(): SetValue {
    const copy = new SetValue(this.#arena, this.#settings);
    const packed = this.packed;
    if (packed === null) {
      const dict = new Dict(this.#arena, 0);
      copy.#dict = dict;
      this.some(moving, () => {
        dict.add(moving.bytes, moving.start, moving.end);
        return false;
      });
    } else if (this.#ints !== null) {
      copy.#ints = Intset.from(this.#arena, packed, 0, packed.length);
    } else copy.#pack = Listpack.from(this.#arena, packed, 0, packed.length);
    return copy;
  }

  release(limit: number): boolean {
    this.#ints?.free();
    this.#ints = null;
    this.#pack?.free();
    this.#pack = null;
    if (this.#dict === null) return true;
    this.#released = this.#dict.release(this.#released, limit, nothing);
    if (this.#released >= 0) return false;
    this.#dict = null;
    return true;
  }

  /** False: it is a member already, or the set is a table now and it is for that to say. */
  #addSmall(bytes: Buffer, start: number, end: number): boolean {
    if (this.#pack !== null) return this.#addToPack(this.#pack, bytes, start, end);
    const value = integerIn(bytes, start, end);
    if (value !== null) {
      this.#ints ??= new Intset(this.#arena);
      if (!this.#ints.add(value)) return false;
      if (this.#ints.count > this.#settings.setMaxIntsetEntries) this.#becomeTable();
      return true;
    }
    if (!this.#mayBePacked(end - start)) {
      this.#becomeTable();
      return false;
    }
    return this.#addToPack(this.#becomePack(), bytes, start, end);
  }

  #addToPack(pack: Listpack, bytes: Buffer, start: number, end: number): boolean {
    if (pack.find(pack.first(), bytes, start, end, 0) !== 0) return false;
    if (this.#mayBePacked(end - start)) {
      pack.append(bytes, start, end);
      return true;
    }
    this.#becomeTable();
    return false;
  }

  /** Is one more member of this length allowed in a listpack? */
  #mayBePacked(length: number): boolean {
    const { setMaxListpackEntries, setMaxListpackValue } = this.#settings;
    return this.size < setMaxListpackEntries && length <= setMaxListpackValue;
  }

  #becomePack(): Listpack {
    const pack = new Listpack(this.#arena);
    this.some(moving, () => {
      pack.append(moving.bytes, moving.start, moving.end);
      return false;
    });
    this.#ints?.free();
    this.#ints = null;
    this.#pack = pack;
    return pack;
  }

  #becomeTable(): void {
    const dict = new Dict(this.#arena, 0);
    this.some(moving, () => {
      dict.add(moving.bytes, moving.start, moving.end);
      return false;
    });
    this.#ints?.free();
    this.#ints = null;
    this.#pack?.free();
    this.#pack = null;
    this.#dict = dict;
  }

  #someSlot(visit: (slot: number) => boolean): boolean {
    if (this.#dict !== null) return this.#dict.some(visit);
    if (this.#ints !== null) {
      for (let i = 0; i < this.#ints.count; i++) if (visit(i)) return true;
      return false;
    }
    const pack = this.#pack;
    if (pack === null) return false;
    for (let at = pack.first(); at !== 0; at = pack.next(at)) if (visit(at)) return true;
    return false;
  }
}

function positionOrEnd(pack: Listpack | null, slot: number): number {
  if (pack === null) return -1;
  const position = slot < 0 ? pack.first() : pack.next(slot);
  return position === 0 ? -1 : position;
}

function integerIn(bytes: Buffer, start: number, end: number): number | bigint | null {
  return end - start <= DIGITS_MAX ? parseInteger(bytes, start, end) : null;
}

function nothing(): void {
  // A member has nothing beside itself.
}
