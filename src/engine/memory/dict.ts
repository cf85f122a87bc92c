/**
 * A hash table whose keys are bytes in an arena: the keyspace, and the big sets and hashes in it.
 *
 * An entry is a number: where its record is. Records do not move, so it is good until the entry is removed.
 *
 *   heads ─▶ record: hash, next, key ref, …fields of the owner ─▶ next of the same bucket
 *
 * Growing and shrinking go on bucket by bucket with the commands that come, as in Redis, so none of them waits for
 * all. Meanwhile there are two lists of heads: what falls into a bucket of the first below `moved` is in the second,
 * everything else in the first, so that a key is looked for in one place only.
 */
import { assert } from '../../core/assert.ts';
import { type Arena, NONE, type Ref } from './arena.ts';
import { hashBytes } from './hash.ts';

/** Fields of a record behind its hash, then the owner's. */
const NEXT = 1;
const KEY = 2;
/** The first field that belongs to the owner. */
export const OWN = 3;

/** Records of one piece of memory, in bits: 4096. */
const CHUNK_BITS = 12;
const CHUNK_MASK = (1 << CHUNK_BITS) - 1;
const HEADS_MIN = 4;
/** Buckets that one command moves while the table changes its size; empty ones count a tenth. */
const MOVE_BUCKETS = 1;
const EMPTY_VISITS = 10;
/** Fewer than one entry for so many buckets: the table shrinks. */
const SPARSE = 8;

/** Then it is counted instead. */
const RANDOM_TRIES = 1000;

const NO_HEADS: Int32Array = new Int32Array(0);

export class Dict {
  count = 0;
  readonly #arena: Arena;
  /** Numbers per record. */
  readonly #stride: number;
  #chunks: Int32Array[] = [];
  /** Records that were ever used. */
  #used = 0;
  /** First free record + 1, a list through NEXT; 0: none. */
  #free = 0;
  /** Entry + 1 by bucket; 0: empty. */
  #heads: Int32Array = NO_HEADS;
  #newHeads: Int32Array = NO_HEADS;
  /** Buckets of `#heads` that are in `#newHeads` already; -1: the size does not change. */
  #moved = -1;
  /** Walks under way: nothing moves meanwhile, or they would come by the same entry twice. */
  #walks = 0;
  /** Second result of `#headsOf`. */
  #bucket = 0;

  /** `fields`: numbers (32 bits, signed) that the owner keeps with each entry. */
  constructor(arena: Arena, fields: number) {
    this.#arena = arena;
    this.#stride = OWN + fields;
  }

  /** Memory beside that of the arena. */
  get bytes(): number {
    let bytes = (this.#heads.length + this.#newHeads.length) * 4;
    for (const chunk of this.#chunks) bytes += chunk.length * 4;
    return bytes;
  }

  /** The entry of a key; -1: there is none. */
  find(bytes: Buffer, start: number, end: number): number {
    if (this.count === 0) return -1;
    if (this.#moved >= 0) this.#move();
    const hash = hashBytes(bytes, start, end);
    const arena = this.#arena;
    const stride = this.#stride;
    let next = this.#headsOf(hash)[this.#bucket]!;
    while (next !== 0) {
      const entry = next - 1;
      const chunk = this.#chunks[entry >>> CHUNK_BITS]!;
      const at = (entry & CHUNK_MASK) * stride;
      if (chunk[at] === hash && arena.equals(chunk[at + KEY]!, bytes, start, end)) return entry;
      next = chunk[at + NEXT]!;
    }
    return -1;
  }

  /** Adds a key that is not there; the owner's fields are 0. */
  add(bytes: Buffer, start: number, end: number): number {
    this.#resize();
    const hash = hashBytes(bytes, start, end);
    const entry = this.#takeRecord();
    const chunk = this.#chunks[entry >>> CHUNK_BITS]!;
    const at = (entry & CHUNK_MASK) * this.#stride;
    chunk[at] = hash;
    chunk[at + KEY] = this.#arena.create(bytes, start, end);
    for (let i = OWN; i < this.#stride; i++) chunk[at + i] = 0;
    const heads = this.#headsOf(hash);
    chunk[at + NEXT] = heads[this.#bucket]!;
    heads[this.#bucket] = entry + 1;
    this.count++;
    return entry;
  }

  /** Takes an entry out, and frees its key. */
  remove(entry: number): void {
    const chunk = this.#chunks[entry >>> CHUNK_BITS]!;
    const at = (entry & CHUNK_MASK) * this.#stride;
    this.#unlink(entry, chunk, at);
    this.#arena.free(chunk[at + KEY]!);
    chunk[at + KEY] = NONE;
    chunk[at + NEXT] = this.#free;
    this.#free = entry + 1;
    this.count--;
    if (this.count === 0) this.#reset();
    else if (this.#moved >= 0) this.#move();
    else if (this.count * SPARSE < this.#heads.length) this.#resize();
  }

  keyOf(entry: number): Ref {
    return this.#chunks[entry >>> CHUNK_BITS]![(entry & CHUNK_MASK) * this.#stride + KEY]!;
  }

  /** The numbers that the record of an entry is among, for whoever wants several; good until one is added or removed. */
  chunkOf(entry: number): Int32Array {
    return this.#chunks[entry >>> CHUNK_BITS]!;
  }

  /** Where among them its fields begin. */
  placeOf(entry: number): number {
    return (entry & CHUNK_MASK) * this.#stride;
  }

  get(entry: number, field: number): number {
    return this.#chunks[entry >>> CHUNK_BITS]![(entry & CHUNK_MASK) * this.#stride + field]!;
  }

  set(entry: number, field: number, value: number): void {
    this.#chunks[entry >>> CHUNK_BITS]![(entry & CHUNK_MASK) * this.#stride + field] = value;
  }

  /** The record holds an entry, and not one that was removed. */
  isLive(entry: number): boolean {
    return this.keyOf(entry) !== NONE;
  }

  /**
   * The next entry in the order of records, -1 at the end; begins with -1. However the table grows or shrinks between two
   * calls, an entry that stays is met once.
   */
  after(entry: number): number {
    for (let next = entry + 1; next < this.#used; next++) if (this.isLive(next)) return next;
    return -1;
  }

  /** Some entry, each as likely as any other; -1: it is empty. */
  random(): number {
    if (this.count === 0) return -1;
    for (let i = 0; i < RANDOM_TRIES; i++) {
      const entry = Math.floor(Math.random() * this.#used);
      if (this.keyOf(entry) !== NONE) return entry;
    }
    // Few are left of very many: the heads have shrunk, so all are soon counted.
    let left = Math.floor(Math.random() * this.count);
    let chosen = -1;
    this.forEach((entry) => {
      if (left-- === 0) chosen = entry;
    });
    return chosen;
  }

  /** All entries, in no order; nothing is added or removed meanwhile. */
  forEach(visit: (entry: number) => void): void {
    this.#walks++;
    try {
      for (const heads of [this.#heads, this.#newHeads]) {
        for (let bucket = 0; bucket < heads.length; bucket++) this.#walk(heads, bucket, visit);
      }
    } finally {
      this.#walks--;
    }
  }

  /** Entries in no order until `visit` says true; then true. Nothing is added or removed meanwhile. */
  some(visit: (entry: number) => boolean): boolean {
    this.#walks++;
    try {
      return this.#someOf(visit);
    } finally {
      this.#walks--;
    }
  }

  #someOf(visit: (entry: number) => boolean): boolean {
    for (const heads of [this.#heads, this.#newHeads]) {
      for (let bucket = 0; bucket < heads.length; bucket++) {
        for (let next = heads[bucket]!; next !== 0; next = this.get(next - 1, NEXT)) {
          if (visit(next - 1)) return true;
        }
      }
    }
    return false;
  }

  /**
   * Some entries and the cursor of the next call, 0 when all were shown (https://redis.io/docs/latest/commands/scan/): what
   * is there from the first to the last call is shown at least once, whatever is added or removed between. The cursor counts in
   * reverse binary, so that it stays true when the table grows or shrinks. `visit` removes nothing.
   */
  scan(cursor: number, visit: (entry: number) => void): number {
    if (this.count === 0) return 0;
    const isMoving = this.#moved >= 0;
    const isGrowing = isMoving && this.#newHeads.length >= this.#heads.length;
    const small = !isMoving || isGrowing ? this.#heads : this.#newHeads;
    const smallMask = small.length - 1;
    let next = cursor;
    if (!isMoving) {
      this.#walk(small, next & smallMask, visit);
      next = advance(next, smallMask);
    } else {
      const big = isGrowing ? this.#newHeads : this.#heads;
      const bigMask = big.length - 1;
      this.#walk(small, next & smallMask, visit);
      // Every bucket of the bigger one that the bucket of the smaller one becomes, or came from.
      do {
        this.#walk(big, next & bigMask, visit);
        next = advance(next, bigMask);
      } while ((next & (smallMask ^ bigMask)) !== 0);
    }
    return next;
  }

  /** Frees all keys, from record `from` on, `limit` of them; where to go on, -1 at the end. For whoever forgets it whole. */
  release(from: number, limit: number, freeOwn: (entry: number) => void): number {
    const end = Math.min(this.#used, from + limit);
    for (let entry = from; entry < end; entry++) {
      const key = this.keyOf(entry);
      if (key === NONE) continue;
      freeOwn(entry);
      this.#arena.free(key);
    }
    return end === this.#used ? -1 : end;
  }

  /** The heads that a hash belongs to; its bucket there is left in `#bucket`. */
  #headsOf(hash: number): Int32Array {
    const bucket = hash & (this.#heads.length - 1);
    if (bucket >= this.#moved) {
      this.#bucket = bucket;
      return this.#heads;
    }
    this.#bucket = hash & (this.#newHeads.length - 1);
    return this.#newHeads;
  }

  #unlink(entry: number, chunk: Int32Array, at: number): void {
    const heads = this.#headsOf(chunk[at]!);
    const next = chunk[at + NEXT]!;
    let other = heads[this.#bucket]! - 1;
    if (other === entry) {
      heads[this.#bucket] = next;
      return;
    }
    while (true) {
      assert(other >= 0, 'an entry is in the bucket of its hash');
      const after = this.get(other, NEXT) - 1;
      if (after === entry) break;
      other = after;
    }
    this.set(other, NEXT, next);
  }

  #takeRecord(): number {
    if (this.#free !== 0) {
      const entry = this.#free - 1;
      this.#free = this.get(entry, NEXT);
      return entry;
    }
    const entry = this.#used++;
    const index = entry >>> CHUNK_BITS;
    const chunk = this.#chunks[index];
    const needed = ((entry & CHUNK_MASK) + 1) * this.#stride;
    if (chunk === undefined) {
      // A small table has small memory; in a big one whole pieces come one after the other.
      const records = index === 0 ? HEADS_MIN : CHUNK_MASK + 1;
      this.#chunks.push(new Int32Array(records * this.#stride));
    } else if (chunk.length < needed) {
      const grown = new Int32Array(Math.min(chunk.length * 2, (CHUNK_MASK + 1) * this.#stride));
      grown.set(chunk);
      this.#chunks[index] = grown;
    }
    return entry;
  }

  #reset(): void {
    this.#chunks = [];
    this.#used = 0;
    this.#free = 0;
    this.#heads = NO_HEADS;
    this.#newHeads = NO_HEADS;
    this.#moved = -1;
  }

  /** Goes on with a change of size, or begins one. */
  #resize(): void {
    const size = this.#heads.length;
    if (this.#moved >= 0) this.#move();
    else if (size === 0) this.#heads = new Int32Array(HEADS_MIN);
    else if (this.count >= size) this.#begin(size * 2);
    else if (size > HEADS_MIN && this.count * SPARSE < size) this.#begin(size >>> 2);
  }

  #begin(size: number): void {
    this.#newHeads = new Int32Array(Math.max(HEADS_MIN, size));
    this.#moved = 0;
    this.#move();
  }

  #move(): void {
    if (this.#walks > 0) return;
    let buckets = MOVE_BUCKETS;
    let visits = MOVE_BUCKETS * EMPTY_VISITS;
    const heads = this.#heads;
    const newHeads = this.#newHeads;
    const mask = newHeads.length - 1;
    while (buckets > 0 && visits-- > 0 && this.#moved < heads.length) {
      let next = heads[this.#moved]!;
      if (next !== 0) buckets--;
      while (next !== 0) {
        const entry = next - 1;
        const chunk = this.#chunks[entry >>> CHUNK_BITS]!;
        const at = (entry & CHUNK_MASK) * this.#stride;
        const bucket = chunk[at]! & mask;
        next = chunk[at + NEXT]!;
        chunk[at + NEXT] = newHeads[bucket]!;
        newHeads[bucket] = entry + 1;
      }
      heads[this.#moved++] = 0;
    }
    if (this.#moved < heads.length) return;
    this.#heads = newHeads;
    this.#newHeads = NO_HEADS;
    this.#moved = -1;
  }

  #walk(heads: Int32Array, bucket: number, visit: (entry: number) => void): void {
    let next = heads[bucket]!;
    while (next !== 0) {
      const entry = next - 1;
      next = this.get(entry, NEXT);
      visit(entry);
    }
  }
}

/** The next cursor of a table of `mask + 1` buckets: 1 is added at its highest bit, carried downward. */
function advance(cursor: number, mask: number): number {
  return reverse(reverse(cursor | ~mask) + 1);
}

function reverse(bits: number): number {
  let v = bits;
  v = ((v >>> 1) & 0x55555555) | ((v & 0x55555555) << 1);
  v = ((v >>> 2) & 0x33333333) | ((v & 0x33333333) << 2);
  v = ((v >>> 4) & 0x0f0f0f0f) | ((v & 0x0f0f0f0f) << 4);
  v = ((v >>> 8) & 0x00ff00ff) | ((v & 0x00ff00ff) << 8);
  return ((v >>> 16) | (v << 16)) >>> 0;
}
