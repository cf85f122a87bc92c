/**
 * Ids in order, with a few numbers beside each: the entries that a group or a consumer has not confirmed yet.
 *
 *   chunks ─▶ [ id | extra, id | extra, … ]  up to 128 records in one typed array, ids rising
 *
 * Looking one up costs two binary searches, adding at the end is constant, adding or removing elsewhere moves one
 * chunk at most.
 */
import { joined, type StreamId } from './stream-id.ts';

const ID_WORDS = 4;
const CHUNK_RECORDS = 128;
const CHUNK_RECORDS_MIN = 8;
/** Two chunks that have so few together become one. */
const MERGED_RECORDS_MAX = CHUNK_RECORDS / 2;
const CHUNK_COST = 120;
const WORD = 2 ** 32;

interface Chunk {
  words: Uint32Array;
  count: number;
}

/** Where one stands in a table; good until it changes. */
export class Pending {
  count = 0;
  readonly #stride: number;
  readonly #chunks: Chunk[] = [];
  /** Where `seek`, `find` and `next` have arrived. */
  #chunk = 0;
  #index = 0;

  /** `extras`: words beside each id. */
  constructor(extras: number) {
    this.#stride = ID_WORDS + extras;
  }

  get bytes(): number {
    let bytes = 0;
    for (const { words } of this.#chunks) bytes += words.length * 4 + CHUNK_COST;
    return bytes;
  }

  /** Goes to an id; false: it is not there. */
  find(id: StreamId): boolean {
    this.seek(id);
    const chunk = this.#chunks[this.#chunk];
    return chunk !== undefined && compareAt(chunk.words, this.#index * this.#stride, id) === 0;
  }

  /** Goes to the first record whose id is not before this; false: there is none. */
  seek(id: StreamId): boolean {
    const chunks = this.#chunks;
    const stride = this.#stride;
    let low = 0;
    let high = chunks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const { words, count } = chunks[middle]!;
      if (compareAt(words, (count - 1) * stride, id) < 0) low = middle + 1;
      else high = middle;
    }
    this.#chunk = low;
    this.#index = 0;
    const chunk = chunks[low];
    if (chunk === undefined) return false;
    let from = 0;
    let to = chunk.count;
    while (from < to) {
      const middle = (from + to) >>> 1;
      if (compareAt(chunk.words, middle * stride, id) < 0) from = middle + 1;
      else to = middle;
    }
    this.#index = from;
    return true;
  }

  first(): boolean {
    this.#chunk = 0;
    this.#index = 0;
    return this.count > 0;
  }

  last(): boolean {
    this.#chunk = Math.max(0, this.#chunks.length - 1);
    this.#index = Math.max(0, (this.#chunks[this.#chunk]?.count ?? 0) - 1);
    return this.count > 0;
  }

  /** Goes on; false: that was the last. */
  next(): boolean {
    this.#index++;
    if (this.#index >= this.#chunks[this.#chunk]!.count) {
      this.#chunk++;
      this.#index = 0;
    }
    return this.#chunk < this.#chunks.length;
  }

  readId(id: StreamId): void {
    const { words } = this.#chunks[this.#chunk]!;
    const at = this.#index * this.#stride;
    id.msHigh = words[at]!;
    id.msLow = words[at + 1]!;
    id.seqHigh = words[at + 2]!;
    id.seqLow = words[at + 3]!;
  }

  /** A word of the record one stands at. */
  word(extra: number): number {
    return this.#chunks[this.#chunk]!.words[this.#index * this.#stride + ID_WORDS + extra]!;
  }

  setWord(extra: number, value: number): void {
    this.#chunks[this.#chunk]!.words[this.#index * this.#stride + ID_WORDS + extra] = value;
  }

  /** Two words as one number: the high one at `extra`. */
  wide(extra: number): number | bigint {
    return joined(this.word(extra), this.word(extra + 1));
  }

  setWide(extra: number, value: number | bigint): void {
    const high = typeof value === 'number' ? Math.floor(value / WORD) : Number(value >> 32n);
    const low = typeof value === 'number' ? value % WORD : Number(value & 0xffffffffn);
    this.setWord(extra, high);
    this.setWord(extra + 1, low);
  }

  /** Adds an id that is not there, and stands there; its words are 0. */
  add(id: StreamId): void {
    this.count++;
    const isLast = !this.seek(id);
    let at = isLast ? this.#chunks.length - 1 : this.#chunk;
    let index = isLast ? (this.#chunks[at]?.count ?? 0) : this.#index;
    if (at < 0 || (isLast && index === CHUNK_RECORDS)) {
      this.#chunks.push(this.#newChunk());
      at++;
      index = 0;
    } else if (this.#chunks[at]!.count === CHUNK_RECORDS) {
      const half = this.#divide(at);
      if (index > half) {
        at++;
        index -= half;
      }
    }
    this.#insert(this.#chunks[at]!, index, id);
    this.#chunk = at;
    this.#index = index;
  }

  /** Removes the record one stands at; one stands nowhere then. */
  remove(): void {
    const chunk = this.#chunks[this.#chunk]!;
    const at = this.#index * this.#stride;
    chunk.words.copyWithin(at, at + this.#stride, chunk.count * this.#stride);
    chunk.count--;
    this.count--;
    if (chunk.count === 0) {
      if (this.#chunk === 0) this.#chunks.shift();
      else this.#chunks.splice(this.#chunk, 1);
    } else this.#merge(this.#chunk);
  }

  #newChunk(): Chunk {
    return { words: new Uint32Array(CHUNK_RECORDS_MIN * this.#stride), count: 0 };
  }

  #insert(chunk: Chunk, index: number, id: StreamId): void {
    const stride = this.#stride;
    if (chunk.count * stride === chunk.words.length) {
      const grown = new Uint32Array(chunk.words.length * 2);
      grown.set(chunk.words);
      chunk.words = grown;
    }
    const { words } = chunk;
    const at = index * stride;
    if (index < chunk.count) words.copyWithin(at + stride, at, chunk.count * stride);
    chunk.count++;
    words[at] = id.msHigh;
    words[at + 1] = id.msLow;
    words[at + 2] = id.seqHigh;
    words[at + 3] = id.seqLow;
    words.fill(0, at + ID_WORDS, at + stride);
  }

  /** Moves the second half of a full chunk to a new one behind it; how many stay. */
  #divide(at: number): number {
    const chunk = this.#chunks[at]!;
    const half = CHUNK_RECORDS / 2;
    const words = new Uint32Array(CHUNK_RECORDS * this.#stride);
    words.set(chunk.words.subarray(half * this.#stride));
    this.#chunks.splice(at + 1, 0, { words, count: chunk.count - half });
    chunk.count = half;
    return half;
  }

  #merge(at: number): void {
    const chunk = this.#chunks[at]!;
    const next = this.#chunks[at + 1];
    if (next === undefined || chunk.count + next.count > MERGED_RECORDS_MAX) return;
    const stride = this.#stride;
    const words = new Uint32Array(CHUNK_RECORDS * stride);
    words.set(chunk.words.subarray(0, chunk.count * stride));
    words.set(next.words.subarray(0, next.count * stride), chunk.count * stride);
    this.#chunks.splice(at, 2, { words, count: chunk.count + next.count });
  }
}

function compareAt(words: Uint32Array, at: number, id: StreamId): number {
  const msHigh = words[at]!;
  if (msHigh !== id.msHigh) return msHigh < id.msHigh ? -1 : 1;
  const msLow = words[at + 1]!;
  if (msLow !== id.msLow) return msLow < id.msLow ? -1 : 1;
  const seqHigh = words[at + 2]!;
  if (seqHigh !== id.seqHigh) return seqHigh < id.seqHigh ? -1 : 1;
  const seqLow = words[at + 3]!;
  if (seqLow !== id.seqLow) return seqLow < id.seqLow ? -1 : 1;
  return 0;
}
