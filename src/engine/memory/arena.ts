/**
 * Where the engine keeps bytes: keys, values, members. They are not objects of the garbage collector, so a million
 * of them cost it nothing, and each costs little more than itself.
 *
 *   ref ─▶ page (1 MiB, one size of block) ─▶ block: length, bytes
 *      └─▶ large one: memory of its own      (ref < 0)
 *
 * A page whose blocks are all free goes back to the others, whatever their size. Blocks are not moved: memory that is
 * freed here and there serves blocks of its size only, until its whole page is free.
 */
import { assert } from '../../core/assert.ts';
import { copyBytes } from '../../core/bytes.ts';

/** Of a page, of which there are 16384 at most: 16 GiB of small blobs. */
const PAGE_BYTES = 1024 * 1024;
const UNIT_BYTES = 8;
const UNIT_BITS = 17;
const UNIT_MASK = (1 << UNIT_BITS) - 1;
const PAGES_MAX = 16_384;
/** In front of each blob: its length. */
const HEAD_BYTES = 4;
/** Blocks beyond this have memory of their own. */
const BLOCK_BYTES_MAX = 64 * 1024;
/** Sizes are multiples of 8 up to here, then each an eighth more than the last. */
const FINE_BYTES_MAX = 128;
const GROWTH = 1.125;
/** What the memory of a large blob costs beside its bytes, about. */
const LARGE_COST = 160;

/** Names a blob. 0 names none: the first unit of the first page is never given out. */
export type Ref = number;
export const NONE: Ref = 0;

class Page {
  readonly bytes: Buffer = Buffer.allocUnsafeSlow(PAGE_BYTES);
  /** The same bytes: blocks begin at multiples of 8. */
  readonly words: Int32Array = new Int32Array(
    this.bytes.buffer,
    this.bytes.byteOffset,
    PAGE_BYTES / 4,
  );
  readonly index: number;
  /** Index into SIZES. */
  size = 0;
  /** First free block, in units; 0: none. Each names the next in its first word. */
  free = 0;
  /** Units that were never given out begin here. */
  fresh = 0;
  live = 0;
  /** Place among those of its size that have room; -1: not there. */
  place = -1;

  constructor(index: number) {
    this.index = index;
  }
}

/** Block sizes in bytes, multiples of 8, rising. */
const SIZES: readonly number[] = blockSizes();
/** By units: the index of the smallest size that has them. */
const SIZE_OF: Uint8Array = sizeOfUnits();

export class Arena {
  /** What blobs take, in blocks. */
  bytes = 0;
  readonly #pages: Page[] = [];
  /** Pages that nothing is in. */
  readonly #empty: Page[] = [];
  /** By size: pages with room. */
  readonly #roomy: Page[][] = SIZES.map(() => []);
  readonly #large: (Buffer | null)[] = [];
  readonly #largeFree: number[] = [];

  /** What is taken from the system. */
  get reservedBytes(): number {
    let large = 0;
    for (const buffer of this.#large) large += buffer?.length ?? 0;
    return this.#pages.length * PAGE_BYTES + large;
  }

  /** Keeps a copy of `source[start, end)`. */
  create(source: Buffer, start: number, end: number): Ref {
    const ref = this.allocate(end - start);
    copyBytes(this.bufferOf(ref), this.startOf(ref), source, start, end);
    return ref;
  }

  /** Room for `length` bytes, which hold whatever was there before. */
  allocate(length: number): Ref {
    const needed = length + HEAD_BYTES;
    if (needed > BLOCK_BYTES_MAX) return this.#allocateLarge(length);
    const size = SIZE_OF[(needed + UNIT_BYTES - 1) >>> 3]!;
    const roomy = this.#roomy[size]!;
    const page = roomy.length > 0 ? roomy[roomy.length - 1]! : this.#openPage(size);
    let unit = page.free;
    if (unit !== 0) {
      page.free = page.words[unit << 1]!;
    } else {
      unit = page.fresh;
      page.fresh += SIZES[size]! >>> 3;
    }
    page.live++;
    this.bytes += SIZES[size]!;
    if (page.free === 0 && !hasFresh(page)) this.#leaveRoomy(page);
    page.words[unit << 1] = length;
    return (page.index << UNIT_BITS) | unit;
  }

  free(ref: Ref): void {
    if (ref < 0) {
      this.#freeLarge(~ref);
      return;
    }
    const page = this.#pages[ref >>> UNIT_BITS]!;
    const unit = ref & UNIT_MASK;
    page.words[unit << 1] = page.free;
    page.free = unit;
    this.bytes -= SIZES[page.size]!;
    page.live--;
    if (page.live === 0) this.#closePage(page);
    else if (page.place < 0) this.#joinRoomy(page);
  }

  lengthOf(ref: Ref): number {
    if (ref < 0) return this.#large[~ref]!.readInt32LE(0);
    return this.#pages[ref >>> UNIT_BITS]!.words[(ref & UNIT_MASK) << 1]!;
  }

  /** The buffer that the bytes are in; valid until the blob is freed or resized. */
  bufferOf(ref: Ref): Buffer {
    return ref < 0 ? this.#large[~ref]! : this.#pages[ref >>> UNIT_BITS]!.bytes;
  }

  /** Where in that buffer they begin. */
  startOf(ref: Ref): number {
    return ref < 0 ? HEAD_BYTES : ((ref & UNIT_MASK) << 3) + HEAD_BYTES;
  }

  /** How long the blob can be without moving. */
  capacityOf(ref: Ref): number {
    if (ref < 0) return this.#large[~ref]!.length - HEAD_BYTES;
    return SIZES[this.#pages[ref >>> UNIT_BITS]!.size]! - HEAD_BYTES;
  }

  /** What it takes, in bytes. */
  costOf(ref: Ref): number {
    return this.capacityOf(ref) + HEAD_BYTES + (ref < 0 ? LARGE_COST : 0);
  }

  /** Makes it longer or shorter, in place if that can be; new bytes hold anything. What it is called from now on. */
  resize(ref: Ref, length: number): Ref {
    const capacity = this.capacityOf(ref);
    const isWasteful = length + HEAD_BYTES < capacity >>> 1 && capacity > FINE_BYTES_MAX;
    if (length <= capacity && !isWasteful) {
      this.#setLength(ref, length);
      return ref;
    }
    // Whoever grows once grows again.
    const isGrowing = length > capacity;
    const room = isGrowing && length > FINE_BYTES_MAX ? Math.floor(length * GROWTH) + 64 : length;
    const moved = this.allocate(room);
    const kept = Math.min(length, this.lengthOf(ref));
    const start = this.startOf(ref);
    this.bufferOf(ref).copy(this.bufferOf(moved), this.startOf(moved), start, start + kept);
    this.free(ref);
    this.#setLength(moved, length);
    return moved;
  }

  equals(ref: Ref, source: Buffer, start: number, end: number): boolean {
    const size = end - start;
    if (ref < 0 || size > COMPARE_LOOP_MAX) return this.#equalsLong(ref, source, start, end);
    const { words, bytes } = this.#pages[ref >>> UNIT_BITS]!;
    let word = (ref & UNIT_MASK) << 1;
    if (words[word++] !== size) return false;
    let i = start;
    for (const whole = end - 3; i < whole; i += 4) {
      const wanted =
        source[i]! | (source[i + 1]! << 8) | (source[i + 2]! << 16) | (source[i + 3]! << 24);
      if (words[word++] !== wanted) return false;
    }
    for (let at = word << 2; i < end; i++, at++) if (bytes[at] !== source[i]) return false;
    return true;
  }

  #equalsLong(ref: Ref, source: Buffer, start: number, end: number): boolean {
    if (this.lengthOf(ref) !== end - start) return false;
    const at = this.startOf(ref);
    return source.compare(this.bufferOf(ref), at, at + (end - start), start, end) === 0;
  }

  /** A view; valid until the blob is freed or resized. */
  view(ref: Ref): Buffer {
    const start = this.startOf(ref);
    return this.bufferOf(ref).subarray(start, start + this.lengthOf(ref));
  }

  /** One character per byte. */
  text(ref: Ref): string {
    const start = this.startOf(ref);
    return this.bufferOf(ref).toString('latin1', start, start + this.lengthOf(ref));
  }

  #setLength(ref: Ref, length: number): void {
    if (ref < 0) this.#large[~ref]!.writeInt32LE(length, 0);
    else this.#pages[ref >>> UNIT_BITS]!.words[(ref & UNIT_MASK) << 1] = length;
  }

  #openPage(size: number): Page {
    let page = this.#empty.pop();
    if (page === undefined) {
      assert(this.#pages.length < PAGES_MAX, 'small values fit in 16 GiB');
      page = new Page(this.#pages.length);
      this.#pages.push(page);
    }
    page.size = size;
    page.free = 0;
    // Unit 0 ends the list of free blocks, so it is no block.
    page.fresh = 1;
    page.live = 0;
    this.#joinRoomy(page);
    return page;
  }

  #closePage(page: Page): void {
    const roomy = this.#roomy[page.size]!;
    // One stays open, or a value that comes and goes would open and close a page each time.
    if (roomy.length === 1 && page.place >= 0) return;
    this.#leaveRoomy(page);
    this.#empty.push(page);
  }

  #joinRoomy(page: Page): void {
    const roomy = this.#roomy[page.size]!;
    page.place = roomy.length;
    roomy.push(page);
  }

  #leaveRoomy(page: Page): void {
    if (page.place < 0) return;
    const roomy = this.#roomy[page.size]!;
    const last = roomy.pop()!;
    if (last !== page) {
      roomy[page.place] = last;
      last.place = page.place;
    }
    page.place = -1;
  }

  #allocateLarge(length: number): Ref {
    const buffer = Buffer.allocUnsafeSlow(length + HEAD_BYTES);
    buffer.writeInt32LE(length, 0);
    const index = this.#largeFree.pop() ?? this.#large.length;
    this.#large[index] = buffer;
    this.bytes += buffer.length + LARGE_COST;
    return ~index;
  }

  #freeLarge(index: number): void {
    this.bytes -= this.#large[index]!.length + LARGE_COST;
    this.#large[index] = null;
    this.#largeFree.push(index);
  }
}

/** Below this a loop beats the call into native code. */
const COMPARE_LOOP_MAX = 48;

function hasFresh(page: Page): boolean {
  return (page.fresh << 3) + SIZES[page.size]! <= PAGE_BYTES;
}

function blockSizes(): number[] {
  const sizes: number[] = [];
  for (let bytes = UNIT_BYTES; bytes <= FINE_BYTES_MAX; bytes += UNIT_BYTES) sizes.push(bytes);
  while (sizes.at(-1)! < BLOCK_BYTES_MAX) {
    const next = Math.ceil((sizes.at(-1)! * GROWTH) / UNIT_BYTES) * UNIT_BYTES;
    sizes.push(Math.min(next, BLOCK_BYTES_MAX));
  }
  return sizes;
}

function sizeOfUnits(): Uint8Array {
  const table = new Uint8Array(BLOCK_BYTES_MAX / UNIT_BYTES + 1);
  let size = 0;
  for (let units = 0; units < table.length; units++) {
    while (SIZES[size]! < units * UNIT_BYTES) size++;
    table[units] = size;
  }
  return table;
}
