/**
 * An intset: a few integers, sorted, in one piece of memory and in Redis's own format, so that DUMP and the files of a
 * server take it as it is. All have the width of the widest.
 *
 *   width in bytes (u32) | count (u32) | integer …        little-endian
 *
 * Looking for one takes log n, adding and removing time in proportion to the bytes, which is why it is for few.
 */
import type { Arena, Ref } from '../memory/arena.ts';
import { narrow } from '../numbers.ts';

const HEAD_BYTES = 8;
const INT16_MAX = 2 ** 15 - 1;
const INT32_MAX = 2 ** 31 - 1;
const WORD = 2 ** 32;
/** A number of 64 bits is safe if its upper half is between minus this and this. */
const SAFE_HIGH = 2 ** 21;

export class Intset {
  readonly #arena: Arena;
  #ref: Ref;
  #width = 2;
  #count = 0;

  constructor(arena: Arena) {
    this.#arena = arena;
    this.#ref = arena.allocate(HEAD_BYTES);
    this.#writeHead();
  }

  /** Takes the bytes of one, which the caller has checked. */
  static from(arena: Arena, bytes: Buffer, start: number, end: number): Intset {
    const set = new Intset(arena);
    set.#ref = arena.resize(set.#ref, end - start);
    bytes.copy(arena.bufferOf(set.#ref), arena.startOf(set.#ref), start, end);
    set.#width = bytes.readUInt32LE(start);
    set.#count = bytes.readUInt32LE(start + 4);
    return set;
  }

  get count(): number {
    return this.#count;
  }

  /** A view of all of it; good until something changes. */
  view(): Buffer {
    return this.#arena.view(this.#ref);
  }

  /** The integer at a place, `index` < count. */
  at(index: number): number | bigint {
    const bytes = this.#arena.bufferOf(this.#ref);
    const at = this.#arena.startOf(this.#ref) + HEAD_BYTES + index * this.#width;
    if (this.#width === 2) return bytes.readInt16LE(at);
    if (this.#width === 4) return bytes.readInt32LE(at);
    const high = bytes.readInt32LE(at + 4);
    if (high >= -SAFE_HIGH && high < SAFE_HIGH) return narrowed(high, bytes.readUInt32LE(at));
    return narrow(bytes.readBigInt64LE(at));
  }

  /** The place of an integer; if it is not there, the complement (`~`) of where it belongs. */
  find(value: number | bigint): number {
    let low = 0;
    let high = this.#count - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const other = this.at(middle);
      if (other === value) return middle;
      if (other < value) low = middle + 1;
      else high = middle - 1;
    }
    return ~low;
  }

  has(value: number | bigint): boolean {
    return widthOf(value) <= this.#width && this.find(value) >= 0;
  }

  /** False: it was there. */
  add(value: number | bigint): boolean {
    const width = widthOf(value);
    if (width > this.#width) this.#widen(width);
    const found = this.find(value);
    if (found >= 0) return false;
    const index = ~found;
    const size = this.#width;
    const end = HEAD_BYTES + this.#count * size;
    this.#ref = this.#arena.resize(this.#ref, end + size);
    const bytes = this.#arena.bufferOf(this.#ref);
    const base = this.#arena.startOf(this.#ref);
    const at = base + HEAD_BYTES + index * size;
    if (index < this.#count) bytes.copyWithin(at + size, at, base + end);
    writeInto(bytes, at, size, value);
    this.#count++;
    this.#writeHead();
    return true;
  }

  removeAt(index: number): void {
    const size = this.#width;
    const end = HEAD_BYTES + this.#count * size;
    const bytes = this.#arena.bufferOf(this.#ref);
    const base = this.#arena.startOf(this.#ref);
    const at = base + HEAD_BYTES + index * size;
    bytes.copyWithin(at, at + size, base + end);
    this.#ref = this.#arena.resize(this.#ref, end - size);
    this.#count--;
    this.#writeHead();
  }

  /** Forgets it; nobody uses it any more. */
  free(): void {
    this.#arena.free(this.#ref);
  }

  /** What it takes. */
  get cost(): number {
    return this.#arena.costOf(this.#ref);
  }

  /** Rewrites all of it from the back, so that nothing is written over before it was read. */
  #widen(width: number): void {
    const count = this.#count;
    this.#ref = this.#arena.resize(this.#ref, HEAD_BYTES + count * width);
    const bytes = this.#arena.bufferOf(this.#ref);
    const first = this.#arena.startOf(this.#ref) + HEAD_BYTES;
    for (let i = count - 1; i >= 0; i--) writeInto(bytes, first + i * width, width, this.at(i));
    this.#width = width;
    this.#writeHead();
  }

  #writeHead(): void {
    const bytes = this.#arena.bufferOf(this.#ref);
    const at = this.#arena.startOf(this.#ref);
    bytes.writeUInt32LE(this.#width, at);
    bytes.writeUInt32LE(this.#count, at + 4);
  }
}

function widthOf(value: number | bigint): number {
  if (value >= -INT16_MAX - 1 && value <= INT16_MAX) return 2;
  return value >= -INT32_MAX - 1 && value <= INT32_MAX ? 4 : 8;
}

function writeInto(bytes: Buffer, at: number, width: number, value: number | bigint): void {
  if (width === 8) bytes.writeBigInt64LE(BigInt(value), at);
  else if (width === 4) bytes.writeInt32LE(Number(value), at);
  else bytes.writeInt16LE(Number(value), at);
}

/** -2^53 is no safe integer, and numbers that are not safe are bigints everywhere. */
function narrowed(high: number, low: number): number | bigint {
  const value = high * WORD + low;
  return Number.isSafeInteger(value) ? value : BigInt(value);
}
