/**
 * A piece of a list: elements as in a listpack, in one blob with room at both ends, so that neither end costs a move of the
 * others.
 *
 *   room │ element │ element │ … │ room        `start`, `end`: where the elements are in the blob
 *
 * A position counts from `start`: that of the first element is 0, that behind the last is `size`. It is good until something
 * before it changes. Head and end of a listpack are only written when one is asked for.
 */
import { copyBytes } from '../../core/bytes.ts';
import type { Arena, Ref } from '../memory/arena.ts';
import { parseInteger } from '../numbers.ts';
import type { Reply } from '../reply.ts';
import {
  backSize,
  COUNT_UNKNOWN,
  DIGITS_MAX,
  Element,
  END,
  encoded,
  entrySize,
  HEAD_BYTES,
  integerAt,
  isSame,
  stringHead,
  stringSize,
  writeBack,
  writeIntegerEncoding,
  writeStringHead,
} from './listpack.ts';

/** Of a listpack beside its elements. */
export const PACK_BYTES: number = HEAD_BYTES + 1;
/** Blobs up to here are not made smaller. */
const KEPT_BYTES_MAX = 128;
/** Others are when so many times their elements fit. */
const SHRINK_FACTOR = 4;

/** The element that is about to be put somewhere, see `stage`. */
let head = 0;
let content = 0;
let staged = 0;

/** For the digits of integers. */
const number = new Element();

/** Encodes the head of an element. */
function stage(bytes: Buffer, start: number, end: number): void {
  const value = end - start <= DIGITS_MAX ? parseInteger(bytes, start, end) : null;
  content = value === null ? end - start : 0;
  head = value === null ? writeStringHead(content) : writeIntegerEncoding(value);
  staged = head + content + backSize(head + content);
}

export class ListNode {
  readonly #arena: Arena;
  previous: ListNode | null = null;
  next: ListNode | null = null;
  /** Elements. */
  count = 0;
  #ref: Ref;
  #start: number;
  #end: number;

  /** `room`: bytes for elements; `atFront`: it is going to be filled from its end. */
  constructor(arena: Arena, room: number, atFront: boolean) {
    this.#arena = arena;
    this.#ref = arena.allocate(room);
    this.#start = atFront ? arena.capacityOf(this.#ref) : 0;
    this.#end = this.#start;
  }

  /** Bytes of its elements. */
  get size(): number {
    return this.#end - this.#start;
  }

  /** What it takes in the arena. */
  get cost(): number {
    return this.#arena.costOf(this.#ref);
  }

  free(): void {
    this.#arena.free(this.#ref);
  }

  /** `limit`: bytes that it may grow to before it has to be exact. */
  pushFront(bytes: Buffer, start: number, end: number, limit: number): void {
    stage(bytes, start, end);
    if (staged > this.#start) this.#makeRoom(staged, true, limit);
    this.#start -= staged;
    this.count++;
    this.#write(this.#start, bytes, start);
  }

  pushBack(bytes: Buffer, start: number, end: number, limit: number): void {
    stage(bytes, start, end);
    if (this.#end + staged > this.#arena.capacityOf(this.#ref)) {
      this.#makeRoom(staged, false, limit);
    }
    this.#end += staged;
    this.count++;
    this.#write(this.#end - staged, bytes, start);
  }

  /** Puts an element where another one, or the end, is. `bytes` are not those of this node. */
  insert(position: number, bytes: Buffer, start: number, end: number, limit: number): void {
    stage(bytes, start, end);
    this.#splice(position, 0, limit);
    this.count++;
    this.#write(this.#start + position, bytes, start);
  }

  replace(position: number, bytes: Buffer, start: number, end: number, limit: number): void {
    stage(bytes, start, end);
    this.#splice(position, this.#sizeAt(position), limit);
    this.#write(this.#start + position, bytes, start);
  }

  /** Removes what is before `position`, which is `count` elements. */
  cutFront(position: number, count: number): void {
    this.#start += position;
    this.count -= count;
    this.#shrink();
  }

  /** Removes what is from `position` on, which is `count` elements. */
  cutBack(position: number, count: number): void {
    this.#end = this.#start + position;
    this.count -= count;
    this.#shrink();
  }

  /** Removes one element, moving the shorter side. */
  remove(position: number): void {
    const size = this.#sizeAt(position);
    const buffer = this.#arena.bufferOf(this.#ref);
    const first = this.#arena.startOf(this.#ref) + this.#start;
    const after = position + size;
    if (position < this.size - after) {
      buffer.copyWithin(first + size, first, first + position);
      this.#start += size;
    } else {
      buffer.copyWithin(first + position, first + after, first + this.size);
      this.#end -= size;
    }
    this.count--;
    this.#shrink();
  }

  /** Puts what is from `position` on, which is `count` elements, into a node of its own, which nothing names yet. */
  split(position: number, count: number): ListNode {
    const node = new ListNode(this.#arena, this.size - position, false);
    node.#copyFrom(this, position);
    node.count = count;
    this.cutBack(position, count);
    return node;
  }

  /** Takes a copy of all elements of another node behind its own. */
  appendAll(other: ListNode, limit: number): void {
    const { size } = other;
    if (this.#end + size > this.#arena.capacityOf(this.#ref)) this.#makeRoom(size, false, limit);
    this.#copyFrom(other, 0);
    this.count += other.count;
  }

  /** Takes elements as they lie in a listpack. */
  appendEncoded(bytes: Buffer, start: number, end: number, count: number): void {
    const size = end - start;
    if (this.#end + size > this.#arena.capacityOf(this.#ref)) this.#makeRoom(size, false, 0);
    bytes.copy(
      this.#arena.bufferOf(this.#ref),
      this.#arena.startOf(this.#ref) + this.#end,
      start,
      end,
    );
    this.#end += size;
    this.count += count;
  }

  /** The position after this one; `size`: there is nothing more. */
  after(position: number): number {
    return position + this.#sizeAt(position);
  }

  /** The position of the element that ends where this one begins, which is not the first. */
  before(position: number): number {
    const buffer = this.#arena.bufferOf(this.#ref);
    let at = this.#arena.startOf(this.#ref) + this.#start + position - 1;
    let inner = buffer[at]!;
    if (inner < 128) return position - inner - 1;
    inner &= 127;
    for (let factor = 128; ; factor *= 128) {
      const byte = buffer[--at]!;
      inner += (byte & 127) * factor;
      if (byte < 128) return position - inner - backSize(inner);
    }
  }

  /** The position of an element by its place, from the nearer end. */
  seek(index: number): number {
    if (index > this.count >>> 1) {
      let position = this.size;
      for (let i = this.count; i > index; i--) position = this.before(position);
      return position;
    }
    const buffer = this.#arena.bufferOf(this.#ref);
    const first = this.#arena.startOf(this.#ref) + this.#start;
    let at = first;
    for (let i = 0; i < index; i++) at += entrySize(buffer, at);
    return at - first;
  }

  read(position: number, element: Element): void {
    const buffer = this.#arena.bufferOf(this.#ref);
    const at = this.#arena.startOf(this.#ref) + this.#start + position;
    const size = stringSize(buffer, at);
    if (size < 0) {
      element.setInteger(integerAt(buffer, at));
      return;
    }
    element.integer = null;
    element.bytes = buffer;
    element.start = at + stringHead(buffer[at]!);
    element.end = element.start + size;
  }

  /** `value` is the integer that the bytes are, or null. */
  equals(
    position: number,
    value: number | bigint | null,
    bytes: Buffer,
    start: number,
    end: number,
  ): boolean {
    const at = this.#arena.startOf(this.#ref) + this.#start + position;
    return isSame(this.#arena.bufferOf(this.#ref), at, value, bytes, start, end);
  }

  /** Writes `count` elements from `position` on as bulk strings. */
  writeTo(reply: Reply, position: number, count: number): void {
    const buffer = this.#arena.bufferOf(this.#ref);
    let at = this.#arena.startOf(this.#ref) + this.#start + position;
    for (let i = 0; i < count; i++) {
      const size = stringSize(buffer, at);
      if (size < 0) {
        number.setInteger(integerAt(buffer, at));
        reply.bulk(number.bytes, number.start, number.end);
        at += entrySize(buffer, at);
      } else {
        const inner = stringHead(buffer[at]!) + size;
        reply.bulk(buffer, at + inner - size, at + inner);
        at += inner + backSize(inner);
      }
    }
  }

  /** The listpack that it is to everybody else, in bytes of its own. */
  toPack(): Buffer {
    const pack = Buffer.allocUnsafe(this.size + PACK_BYTES);
    pack.writeUInt32LE(pack.length, 0);
    pack.writeUInt16LE(Math.min(this.count, COUNT_UNKNOWN), 4);
    const first = this.#arena.startOf(this.#ref) + this.#start;
    this.#arena.bufferOf(this.#ref).copy(pack, HEAD_BYTES, first, first + this.size);
    pack[pack.length - 1] = END;
    return pack;
  }

  #sizeAt(position: number): number {
    const at = this.#arena.startOf(this.#ref) + this.#start + position;
    return entrySize(this.#arena.bufferOf(this.#ref), at);
  }

  /** Writes the staged element at this offset of the blob. */
  #write(offset: number, bytes: Buffer, start: number): void {
    const buffer = this.#arena.bufferOf(this.#ref);
    let at = this.#arena.startOf(this.#ref) + offset;
    for (let i = 0; i < head; i++) buffer[at++] = encoded[i]!;
    if (content > 0) copyBytes(buffer, at, bytes, start, start + content);
    writeBack(buffer, at + content, head + content);
  }

  /** Makes the place of `removed` bytes at `position` as large as the staged element. */
  #splice(position: number, removed: number, limit: number): void {
    const change = staged - removed;
    const atFront = position < this.size >>> 1;
    const room = atFront ? this.#start : this.#arena.capacityOf(this.#ref) - this.#end;
    if (change > room) this.#makeRoom(change, atFront, limit);
    const buffer = this.#arena.bufferOf(this.#ref);
    const first = this.#arena.startOf(this.#ref) + this.#start;
    if (atFront) {
      buffer.copyWithin(first - change, first, first + position);
      this.#start -= change;
    } else {
      const after = first + position + removed;
      buffer.copyWithin(after + change, after, first + this.size);
      this.#end += change;
    }
  }

  /** Room for so many bytes at one end: elsewhere in its blob, if there is enough, or in a larger one. */
  #makeRoom(size: number, atFront: boolean, limit: number): void {
    const capacity = this.#arena.capacityOf(this.#ref);
    const needed = this.size + size;
    const isRoomy = needed <= capacity - (capacity >>> 2) || capacity >= limit;
    if (needed <= capacity && isRoomy) {
      const gap = capacity - this.size;
      const half = gap >>> 1;
      this.#moveTo(this.#ref, atFront ? Math.max(size, half) : Math.min(gap - size, half));
      return;
    }
    const larger = this.#arena.allocate(Math.max(needed, Math.min(needed * 2, limit)));
    this.#moveTo(larger, atFront ? this.#arena.capacityOf(larger) - this.size : 0);
  }

  /** Gives back room that few elements do not need. */
  #shrink(): void {
    const capacity = this.#arena.capacityOf(this.#ref);
    const { size } = this;
    if (capacity <= KEPT_BYTES_MAX || size * SHRINK_FACTOR > capacity || this.count === 0) return;
    const smaller = this.#arena.allocate(size * 2);
    this.#moveTo(smaller, (this.#arena.capacityOf(smaller) - size) >>> 1);
  }

  #moveTo(ref: Ref, start: number): void {
    const arena = this.#arena;
    const first = arena.startOf(this.#ref) + this.#start;
    const { size } = this;
    arena
      .bufferOf(this.#ref)
      .copy(arena.bufferOf(ref), arena.startOf(ref) + start, first, first + size);
    if (ref !== this.#ref) arena.free(this.#ref);
    this.#ref = ref;
    this.#start = start;
    this.#end = start + size;
  }

  #copyFrom(other: ListNode, position: number): void {
    const arena = this.#arena;
    const base = arena.startOf(other.#ref);
    const target = arena.startOf(this.#ref) + this.#end;
    const from = base + other.#start + position;
    const to = base + other.#end;
    arena.bufferOf(other.#ref).copy(arena.bufferOf(this.#ref), target, from, to);
    this.#end += to - from;
  }
}
