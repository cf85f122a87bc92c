/**
 * How servers before 7.0 packed few elements: ziplists, and before 2.6 hashes in zipmaps. Read only. Facts:
 * https://github.com/sripathikrishnan/redis-rdb-tools/wiki/Redis-RDB-Dump-File-Format
 */
import { type Element, END } from '../values/listpack.ts';
import { type Elements, readInteger } from './elements.ts';
import { RdbError } from './primitives.ts';

/** Bytes | offset of the last element | count. */
const ZIPLIST_HEAD_BYTES = 10;
const COUNT_UNKNOWN = 0xffff;
/** A length that does not fit into one byte follows. */
const LONG = 254;
/** A count of a zipmap that does not fit: it has to be counted. */
const ZIPMAP_COUNT_UNKNOWN = 254;

export class ZiplistElements implements Elements {
  readonly #bytes: Buffer;
  readonly #end: number;
  #at: number = ZIPLIST_HEAD_BYTES;
  #count = 0;
  /** Of the element before, which the next one repeats. */
  #size = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.#end = bytes.length - 1;
    if (bytes.length <= ZIPLIST_HEAD_BYTES || bytes.readUInt32LE(0) !== bytes.length) {
      throw new RdbError('a ziplist of another length');
    }
    if (bytes[this.#end] !== END) throw new RdbError('a ziplist without an end');
  }

  next(into: Element): boolean {
    const begin = this.#at;
    if (begin === this.#end) {
      this.#checkCount();
      return false;
    }
    let at = this.#passBefore(begin);
    const first = this.#byte(at);
    if (first < 0xc0) at = this.#readText(at, first, into);
    else at = this.#readNumber(at, first, into);
    this.#size = at - begin;
    this.#at = at;
    this.#count++;
    return true;
  }

  /** The size of the element before. */
  #passBefore(at: number): number {
    const short = this.#byte(at);
    if (short > LONG) throw new RdbError('a ziplist ends in its middle');
    if (short === LONG) this.#demand(at, 5);
    const size = short === LONG ? this.#bytes.readUInt32LE(at + 1) : short;
    if (size !== this.#size) throw new RdbError('a ziplist not read backwards');
    return short === LONG ? at + 5 : at + 1;
  }

  #readText(at: number, first: number, into: Element): number {
    const bytes = this.#bytes;
    let head = 1;
    let size = first & 0x3f;
    if (first >= 0x80) {
      head = 5;
      this.#demand(at, head);
      size = bytes.readUInt32BE(at + 1);
    } else if (first >= 0x40) {
      head = 2;
      size = (size << 8) | this.#byte(at + 1);
    }
    this.#demand(at + head, size);
    into.integer = null;
    into.bytes = bytes;
    into.start = at + head;
    into.end = into.start + size;
    return into.end;
  }

  #readNumber(at: number, first: number, into: Element): number {
    // The number is in the byte itself.
    if (first > 0xf0 && first < 0xfe) {
      into.setInteger((first & 0xf) - 1);
      return at + 1;
    }
    const width = WIDTHS[first];
    if (width === undefined) throw new RdbError('an unknown kind of element');
    this.#demand(at + 1, width);
    into.setInteger(readInteger(this.#bytes, at + 1, width));
    return at + 1 + width;
  }

  #byte(at: number): number {
    this.#demand(at, 1);
    return this.#bytes[at]!;
  }

  #demand(at: number, size: number): void {
    if (at + size > this.#end) throw new RdbError('an element beyond its ziplist');
  }

  #checkCount(): void {
    const told = this.#bytes.readUInt16LE(8);
    if (told !== COUNT_UNKNOWN && told !== this.#count) {
      throw new RdbError('a ziplist of another count');
    }
  }
}

/** Bytes of an integer. */
const WIDTHS: Readonly<Record<number, number>> = {
  192: 2,
  208: 4,
  224: 8,
  240: 3,
  254: 1,
};

/** Fields and values in turn; behind a value may be room that is of no use. */
export class ZipmapElements implements Elements {
  readonly #bytes: Buffer;
  readonly #end: number;
  #at = 1;
  #count = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.#end = bytes.length - 1;
    if (bytes.length < 2 || bytes[this.#end] !== END) throw new RdbError('a zipmap without an end');
  }

  next(into: Element): boolean {
    if (this.#at === this.#end) {
      const told = this.#bytes[0]!;
      if (told < ZIPMAP_COUNT_UNKNOWN && told * 2 !== this.#count) {
        throw new RdbError('a zipmap of another count');
      }
      return false;
    }
    const isValue = this.#count++ % 2 === 1;
    const size = this.#length();
    const room = isValue ? this.#take(1) : -1;
    into.integer = null;
    into.bytes = this.#bytes;
    into.start = this.#take(size);
    into.end = into.start + size;
    if (isValue) this.#take(this.#bytes[room]!);
    return true;
  }

  #length(): number {
    const first = this.#bytes[this.#take(1)]!;
    if (first < LONG) return first;
    if (first > LONG) throw new RdbError('a zipmap ends in its middle');
    return this.#bytes.readUInt32LE(this.#take(4));
  }

  #take(size: number): number {
    const at = this.#at;
    if (at + size > this.#end) throw new RdbError('an element beyond its zipmap');
    this.#at += size;
    return at;
  }
}
