/**
 * A listpack: a few elements one after the other in one piece of memory, in Redis's own format, so that DUMP and the files
 * of a server take it as it is. https://github.com/antirez/listpack/blob/master/listpack.md
 *
 *   bytes (u32) | count (u16) | element … | 0xff        element: encoding, content, length backwards
 *
 * A position is the offset of an element; 0: none. It is good until something before it changes. Everything here takes time
 * in proportion to the bytes, which is why it is for few.
 */
import { copyBytes } from '../../core/bytes.ts';
import type { Arena, Ref } from '../memory/arena.ts';
import { parseInteger } from '../numbers.ts';
import { writeInteger } from '../reply.ts';

export const HEAD_BYTES = 6;
export const END = 0xff;
/** The count does not fit its field: it has to be counted. */
export const COUNT_UNKNOWN = 0xffff;
export const DIGITS_MAX = 20;
/** Encoding and length backwards beside the content, at most. */
export const OVERHEAD_BYTES_MAX = 10;

/** Scratch for an integer's encoding and its digits. */
export const encoded: Buffer = Buffer.alloc(9);

/** What an element is, filled by whoever has it. Good until the next is read or anything changes. */
export class Element {
  /** Its bytes, of an integer its digits. */
  bytes: Buffer;
  start = 0;
  end = 0;
  /** Null: it is no integer. */
  integer: number | bigint | null = null;
  readonly #digits: Buffer = Buffer.alloc(DIGITS_MAX + 1);

  constructor() {
    this.bytes = this.#digits;
  }

  setInteger(value: number | bigint): void {
    this.integer = value;
    this.bytes = this.#digits;
    this.start = 0;
    this.end =
      typeof value === 'number'
        ? writeInteger(this.#digits, 0, value)
        : this.#digits.write(String(value), 'latin1');
  }

  /** What a blob holds, if it is a hash table's: the same for whoever reads it. */
  setBlob(arena: Arena, ref: Ref): void {
    this.integer = null;
    this.bytes = arena.bufferOf(ref);
    this.start = arena.startOf(ref);
    this.end = this.start + arena.lengthOf(ref);
  }

  get text(): string {
    return this.bytes.toString('latin1', this.start, this.end);
  }
}

export class Listpack {
  readonly #arena: Arena;
  #ref: Ref;

  constructor(arena: Arena) {
    this.#arena = arena;
    this.#ref = arena.allocate(HEAD_BYTES + 1);
    const bytes = arena.bufferOf(this.#ref);
    const at = arena.startOf(this.#ref);
    bytes.fill(0, at, at + HEAD_BYTES);
    bytes[at] = HEAD_BYTES + 1;
    bytes[at + HEAD_BYTES] = END;
  }

  /** Takes the bytes of one, which the caller has checked. */
  static from(arena: Arena, bytes: Buffer, start: number, end: number): Listpack {
    const pack = new Listpack(arena);
    pack.#ref = arena.resize(pack.#ref, end - start);
    bytes.copy(arena.bufferOf(pack.#ref), arena.startOf(pack.#ref), start, end);
    return pack;
  }

  /** All of it, head and end included. */
  get byteLength(): number {
    return this.#arena.lengthOf(this.#ref);
  }

  get count(): number {
    const bytes = this.#arena.bufferOf(this.#ref);
    const at = this.#arena.startOf(this.#ref);
    const told = bytes[at + 4]! | (bytes[at + 5]! << 8);
    if (told !== COUNT_UNKNOWN) return told;
    let count = 0;
    for (let position = this.first(); position !== 0; position = this.next(position)) count++;
    return count;
  }

  /** A view of all of it; good until something changes. */
  view(): Buffer {
    return this.#arena.view(this.#ref);
  }

  first(): number {
    return this.#byte(HEAD_BYTES) === END ? 0 : HEAD_BYTES;
  }

  last(): number {
    const end = this.byteLength - 1;
    return end === HEAD_BYTES ? 0 : this.#before(end);
  }

  next(position: number): number {
    const after = position + this.#sizeAt(position);
    return this.#byte(after) === END ? 0 : after;
  }

  /** The position `count` elements further on, which must be there or be the end; 0: it is the end. */
  skip(position: number, count: number): number {
    const bytes = this.#arena.bufferOf(this.#ref);
    const base = this.#arena.startOf(this.#ref);
    let at = base + position;
    for (let i = 0; i < count; i++) at += entrySize(bytes, at);
    return bytes[at] === END ? 0 : at - base;
  }

  previous(position: number): number {
    return position === HEAD_BYTES ? 0 : this.#before(position);
  }

  /** The position of an element by its place; negative: from the end; 0 (none): there are fewer. */
  seek(index: number): number {
    if (index < 0) {
      let position = this.last();
      for (let i = -1; i > index && position !== 0; i--) position = this.previous(position);
      return position;
    }
    let position = this.first();
    for (let i = 0; i < index && position !== 0; i++) position = this.next(position);
    return position;
  }

  /** What is there, into `element`. */
  read(position: number, element: Element): void {
    const bytes = this.#arena.bufferOf(this.#ref);
    const at = this.#arena.startOf(this.#ref) + position;
    const size = stringSize(bytes, at);
    if (size < 0) {
      element.setInteger(integerAt(bytes, at));
      return;
    }
    element.integer = null;
    element.bytes = bytes;
    element.start = at + stringHead(bytes[at]!);
    element.end = element.start + size;
  }

  /** The number that is there, without its digits; null: a string is. */
  integerAt(position: number): number | bigint | null {
    const bytes = this.#arena.bufferOf(this.#ref);
    const at = this.#arena.startOf(this.#ref) + position;
    return stringSize(bytes, at) < 0 ? integerAt(bytes, at) : null;
  }

  equals(position: number, other: Buffer, start: number, end: number): boolean {
    const bytes = this.#arena.bufferOf(this.#ref);
    const at = this.#arena.startOf(this.#ref) + position;
    const size = stringSize(bytes, at);
    if (size < 0) {
      const value = end - start <= DIGITS_MAX ? parseInteger(other, start, end) : null;
      return value !== null && value === integerAt(bytes, at);
    }
    if (size !== end - start) return false;
    const from = at + stringHead(bytes[at]!);
    for (let i = 0; i < size; i++) if (bytes[from + i] !== other[start + i]) return false;
    return true;
  }

  /**
   * The first element from `position` on that has these bytes; 0: none. `skip` elements are passed over between two
   * that are compared: 1 for the fields of a hash.
   */
  find(position: number, other: Buffer, start: number, end: number, skip: number): number {
    const bytes = this.#arena.bufferOf(this.#ref);
    const base = this.#arena.startOf(this.#ref);
    const value = end - start <= DIGITS_MAX ? parseInteger(other, start, end) : null;
    const head = headOf(value, end - start);
    let passed = 0;
    let at = base + position;
    if (position === 0) return 0;
    for (let first = bytes[at]!; first !== END; first = bytes[at]!) {
      if (passed === 0) {
        const maySame = head < 0 || first === head;
        if (maySame && isSame(bytes, at, value, other, start, end)) return at - base;
        passed = skip;
      } else passed--;
      // Most are short strings and small numbers, whose size is in the first byte.
      if (first < 0x80) at += 2;
      else if (first < 0xc0) at += (first & 0x3f) + 2;
      else at += entrySize(bytes, at);
    }
    return 0;
  }

  append(bytes: Buffer, start: number, end: number): void {
    this.insert(this.byteLength - 1, bytes, start, end);
  }

  prepend(bytes: Buffer, start: number, end: number): void {
    this.insert(HEAD_BYTES, bytes, start, end);
  }

  appendInteger(value: number): void {
    const end = writeInteger(digits, 0, value);
    this.append(digits, 0, end);
  }

  replaceInteger(position: number, value: number): void {
    const end = writeInteger(digits, 0, value);
    this.replace(position, digits, 0, end);
  }

  /** Puts an element where another one, or the end, is. `bytes` are not those of this listpack. */
  insert(position: number, bytes: Buffer, start: number, end: number): void {
    this.#splice(position, 0, bytes, start, end);
    this.#setCount(1);
  }

  replace(position: number, bytes: Buffer, start: number, end: number): void {
    this.#splice(position, this.#sizeAt(position), bytes, start, end);
  }

  /** The position of what comes after it; 0: nothing. */
  remove(position: number): number {
    return this.removeRange(position, 1);
  }

  /** Removes up to `count` elements from `position` on; the position of what comes after them; 0: nothing. */
  removeRange(position: number, count: number): number {
    const buffer = this.#arena.bufferOf(this.#ref);
    const base = this.#arena.startOf(this.#ref);
    const length = this.byteLength;
    let end = position;
    let removed = 0;
    while (removed < count && buffer[base + end] !== END) {
      end += entrySize(buffer, base + end);
      removed++;
    }
    buffer.copyWithin(base + position, base + end, base + length);
    this.#setLength(length - (end - position));
    this.#setCount(-removed);
    return this.#byte(position) === END ? 0 : position;
  }

  /** Forgets it; nobody uses it any more. */
  free(): void {
    this.#arena.free(this.#ref);
  }

  /** What it takes. */
  get cost(): number {
    return this.#arena.costOf(this.#ref);
  }

  #byte(position: number): number {
    return this.#arena.bufferOf(this.#ref)[this.#arena.startOf(this.#ref) + position]!;
  }

  #sizeAt(position: number): number {
    const bytes = this.#arena.bufferOf(this.#ref);
    return entrySize(bytes, this.#arena.startOf(this.#ref) + position);
  }

  /** The element that ends where `position` begins. */
  #before(position: number): number {
    const bytes = this.#arena.bufferOf(this.#ref);
    const base = this.#arena.startOf(this.#ref);
    let size = 0;
    let shift = 0;
    let at = base + position - 1;
    while (true) {
      const byte = bytes[at]!;
      size += (byte & 127) * 2 ** shift;
      if ((byte & 128) === 0) break;
      shift += 7;
      at--;
    }
    return position - size - backSize(size);
  }

  /** Puts one element in the place of `removed` bytes. */
  #splice(position: number, removed: number, bytes: Buffer, start: number, end: number): void {
    const value = end - start <= DIGITS_MAX ? parseInteger(bytes, start, end) : null;
    const head = value === null ? writeStringHead(end - start) : writeIntegerEncoding(value);
    const content = value === null ? end - start : 0;
    const inner = head + content;
    const added = inner + backSize(inner);
    if (added === removed) {
      this.#write(position, head, bytes, start, content);
      return;
    }
    const before = this.byteLength;
    const after = before + added - removed;
    if (after > before) this.#setLength(after);
    const buffer = this.#arena.bufferOf(this.#ref);
    const base = this.#arena.startOf(this.#ref);
    if (after !== before) {
      buffer.copyWithin(base + position + added, base + position + removed, base + before);
    }
    if (after < before) this.#setLength(after);
    this.#write(position, head, bytes, start, content);
  }

  #write(position: number, head: number, bytes: Buffer, start: number, content: number): void {
    const buffer = this.#arena.bufferOf(this.#ref);
    let at = this.#arena.startOf(this.#ref) + position;
    for (let i = 0; i < head; i++) buffer[at++] = encoded[i]!;
    copyBytes(buffer, at, bytes, start, start + content);
    at += content;
    writeBack(buffer, at, head + content);
  }

  #setLength(length: number): void {
    this.#ref = this.#arena.resize(this.#ref, length);
    const buffer = this.#arena.bufferOf(this.#ref);
    buffer.writeUInt32LE(length, this.#arena.startOf(this.#ref));
  }

  #setCount(change: number): void {
    const bytes = this.#arena.bufferOf(this.#ref);
    const at = this.#arena.startOf(this.#ref) + 4;
    const told = bytes[at]! | (bytes[at + 1]! << 8);
    if (told === COUNT_UNKNOWN) return;
    const count = Math.min(COUNT_UNKNOWN, told + change);
    bytes[at] = count & 0xff;
    bytes[at + 1] = count >> 8;
  }
}

const digits: Buffer = Buffer.alloc(DIGITS_MAX + 1);

/** The byte that an element with this content begins with, if one byte says all; else -1. */
function headOf(value: number | bigint | null, size: number): number {
  if (value === null) return size < 64 ? 0x80 | size : -1;
  return value >= 0 && value < 128 ? Number(value) : -1;
}

export function isSame(
  bytes: Buffer,
  at: number,
  value: number | bigint | null,
  other: Buffer,
  start: number,
  end: number,
): boolean {
  const size = stringSize(bytes, at);
  if (size < 0) return value !== null && value === integerAt(bytes, at);
  // What reads as an integer is kept as one, so a string is none.
  if (value !== null || size !== end - start) return false;
  const from = at + stringHead(bytes[at]!);
  for (let i = 0; i < size; i++) if (bytes[from + i] !== other[start + i]) return false;
  return true;
}

/** Bytes of the string at `at`; -1: an integer is there. */
export function stringSize(bytes: Buffer, at: number): number {
  const first = bytes[at]!;
  if (first >> 6 === 0b10) return first & 0x3f;
  if (first >> 4 === 0b1110) return ((first & 0xf) << 8) | bytes[at + 1]!;
  return first === 0xf0 ? bytes.readUInt32LE(at + 1) : -1;
}

/** Bytes in front of a string's content. */
export function stringHead(first: number): number {
  if (first === 0xf0) return 5;
  return first >> 4 === 0b1110 ? 2 : 1;
}

/** Bytes of the integer at `at`, its encoding included. */
function integerSize(first: number): number {
  if (first < 0x80) return 1;
  if (first < 0xe0) return 2;
  return first === 0xf4 ? 9 : first - 0xf1 + 3;
}

export function integerAt(bytes: Buffer, at: number): number | bigint {
  const first = bytes[at]!;
  if (first < 0x80) return first;
  if (first < 0xe0) {
    const value = ((first & 0x1f) << 8) | bytes[at + 1]!;
    return value >= 4096 ? value - 8192 : value;
  }
  if (first !== 0xf4) return bytes.readIntLE(at + 1, first - 0xf1 + 2);
  const value = bytes.readBigInt64LE(at + 1);
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** All of an element, its length backwards included. */
export function entrySize(bytes: Buffer, at: number): number {
  const size = stringSize(bytes, at);
  const inner = size < 0 ? integerSize(bytes[at]!) : stringHead(bytes[at]!) + size;
  return inner + backSize(inner);
}

export function backSize(inner: number): number {
  if (inner < 128) return 1;
  if (inner < 16_384) return 2;
  if (inner < 2_097_152) return 3;
  return inner < 268_435_456 ? 4 : 5;
}

export function writeBack(bytes: Buffer, start: number, inner: number): void {
  let rest = inner;
  for (let at = start + backSize(inner) - 1; at >= start; at--) {
    bytes[at] = (rest & 127) | (at > start ? 128 : 0);
    rest = Math.floor(rest / 128);
  }
}

/** Into `encoded`; how many bytes. */
export function writeStringHead(size: number): number {
  if (size < 64) {
    encoded[0] = 0x80 | size;
    return 1;
  }
  if (size < 4096) {
    encoded[0] = 0xe0 | (size >> 8);
    encoded[1] = size & 0xff;
    return 2;
  }
  encoded[0] = 0xf0;
  encoded.writeUInt32LE(size, 1);
  return 5;
}

export function writeIntegerEncoding(value: number | bigint): number {
  if (typeof value === 'bigint') return writeBigEncoding(value);
  if (value >= 0 && value < 128) {
    encoded[0] = value;
    return 1;
  }
  if (value >= -4096 && value < 4096) {
    const bits = value < 0 ? value + 8192 : value;
    encoded[0] = 0xc0 | (bits >> 8);
    encoded[1] = bits & 0xff;
    return 2;
  }
  if (value < -(2 ** 31) || value >= 2 ** 31) return writeBigEncoding(BigInt(value));
  let size = 4;
  if (value >= -(2 ** 15) && value < 2 ** 15) size = 2;
  else if (value >= -(2 ** 23) && value < 2 ** 23) size = 3;
  encoded[0] = 0xf1 + size - 2;
  for (let i = 0, rest = value; i < size; i++, rest >>= 8) encoded[i + 1] = rest & 0xff;
  return size + 1;
}

function writeBigEncoding(value: bigint): number {
  encoded[0] = 0xf4;
  encoded.writeBigInt64LE(value, 1);
  return 9;
}
