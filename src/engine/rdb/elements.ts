/** Elements one after the other, whatever they are packed in; each is checked when it is read, so nothing in them is believed. */
import { parseInteger } from '../numbers.ts';
import {
  backSize,
  COUNT_UNKNOWN,
  DIGITS_MAX,
  type Element,
  END,
  encoded,
  HEAD_BYTES,
  integerAt,
  stringHead,
  stringSize,
  writeBack,
  writeIntegerEncoding,
  writeStringHead,
} from '../values/listpack.ts';
import { RdbError, type RdbReader } from './primitives.ts';

export interface Elements {
  /** The next one, valid until the one after it is read; false: that was the last. Throws `RdbError`. */
  next(into: Element): boolean;
}

/** Strings of an RDB, `count` of them. */
export class Strings implements Elements {
  readonly #reader: RdbReader;
  #left: number;

  constructor(reader: RdbReader, count: number) {
    this.#reader = reader;
    this.#left = count;
  }

  next(into: Element): boolean {
    if (this.#left === 0) return false;
    this.#left--;
    setText(into, this.#reader.string());
    return true;
  }
}

export function setText(element: Element, bytes: Buffer): void {
  element.integer = null;
  element.bytes = bytes;
  element.start = 0;
  element.end = bytes.length;
}

const BACK_BYTES_MAX = 5;
const back: Buffer = Buffer.alloc(BACK_BYTES_MAX);

export class ListpackElements implements Elements {
  /** Those that were read. */
  count = 0;
  /** Where the next one begins. */
  at: number = HEAD_BYTES;
  /** All read so far are as a listpack has them that was made element by element: nothing is longer than it need be. */
  isCanonical = true;
  readonly #bytes: Buffer;
  readonly #end: number;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.#end = bytes.length - 1;
    if (bytes.length <= HEAD_BYTES || bytes.readUInt32LE(0) !== bytes.length) {
      throw new RdbError('a listpack of another length');
    }
    if (bytes[this.#end] !== END) throw new RdbError('a listpack without an end');
  }

  next(into: Element): boolean {
    const { at } = this;
    if (at === this.#end) {
      this.#checkCount();
      return false;
    }
    const inner = this.#innerSize(at);
    const behind = at + inner;
    const size = backSize(inner);
    if (behind + size > this.#end) throw new RdbError('an element beyond its listpack');
    writeBack(back, 0, inner);
    for (let i = 0; i < size; i++) {
      if (this.#bytes[behind + i] !== back[i]) throw new RdbError('a listpack not read backwards');
    }
    this.#read(at, behind, into);
    this.at = behind + size;
    this.count++;
    return true;
  }

  /** Bytes of the element without its length backwards, which may be beyond the end. */
  #innerSize(at: number): number {
    const first = this.#bytes[at]!;
    if (first < 0x80) return 1;
    if (first < 0xc0) return 1 + (first & 0x3f);
    if (first < 0xe0) return 2;
    // A listpack ends with a byte, so there is another one.
    if (first < 0xf0) return 2 + (((first & 0xf) << 8) | this.#bytes[at + 1]!);
    switch (first) {
      case 0xf0:
        if (at + 5 > this.#end) throw new RdbError('an element beyond its listpack');
        return 5 + this.#bytes.readUInt32LE(at + 1);
      case 0xf1:
      case 0xf2:
      case 0xf3:
        return first - 0xf1 + 3;
      case 0xf4:
        return 9;
      default:
        throw new RdbError('an unknown kind of element');
    }
  }

  #read(at: number, behind: number, into: Element): void {
    const size = stringSize(this.#bytes, at);
    if (size < 0) {
      const value = integerAt(this.#bytes, at);
      const head = writeIntegerEncoding(value);
      if (head !== behind - at || encoded[0] !== this.#bytes[at]) this.isCanonical = false;
      into.setInteger(value);
      return;
    }
    into.integer = null;
    into.bytes = this.#bytes;
    into.start = at + stringHead(this.#bytes[at]!);
    into.end = into.start + size;
    if (writeStringHead(size) !== into.start - at || isInteger(into)) this.isCanonical = false;
  }

  #checkCount(): void {
    const told = this.#bytes.readUInt16LE(4);
    if (told !== COUNT_UNKNOWN && told !== this.count) {
      throw new RdbError('a listpack of another count');
    }
  }
}

function isInteger({ bytes, start, end }: Element): boolean {
  return end - start <= DIGITS_MAX && parseInteger(bytes, start, end) !== null;
}

const INTSET_HEAD_BYTES = 8;

/** Integers, rising, all of one width. */
export class IntsetElements implements Elements {
  readonly #bytes: Buffer;
  readonly #width: number;
  #at: number = INTSET_HEAD_BYTES;
  #before: number | bigint | null = null;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    if (bytes.length < INTSET_HEAD_BYTES) throw new RdbError('an intset without a head');
    this.#width = bytes.readUInt32LE(0);
    if (this.#width !== 2 && this.#width !== 4 && this.#width !== 8) {
      throw new RdbError('an intset of an unknown width');
    }
    if (bytes.readUInt32LE(4) * this.#width !== bytes.length - INTSET_HEAD_BYTES) {
      throw new RdbError('an intset of another length');
    }
  }

  next(into: Element): boolean {
    if (this.#at === this.#bytes.length) return false;
    const value = readInteger(this.#bytes, this.#at, this.#width);
    if (this.#before !== null && value <= this.#before)
      throw new RdbError('an intset out of order');
    this.#before = value;
    this.#at += this.#width;
    into.setInteger(value);
    return true;
  }
}

/** A signed integer of so many bytes, the lowest first. */
export function readInteger(bytes: Buffer, at: number, width: number): number | bigint {
  if (width < 8) return bytes.readIntLE(at, width);
  const value = bytes.readBigInt64LE(at);
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
