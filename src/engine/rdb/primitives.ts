/**
 * The small parts of the RDB format: lengths and strings. Facts:
 * https://github.com/sripathikrishnan/redis-rdb-tools/wiki/Redis-RDB-Dump-File-Format
 */
import { parseInteger } from '../numbers.ts';
import { unpackLzf } from './lzf.ts';

const BITS_6 = 0;
const BITS_14 = 1;
const SPECIAL = 3;
const BITS_32 = 0x80;
const BITS_64 = 0x81;
/** Of a special string. */
const INT8 = 0;
const INT16 = 1;
const INT32 = 2;
const LZF = 3;
const INTEGER_DIGITS_MAX = 11;

/** Bytes that grow, as an RDB wants them written. */
export class RdbWriter {
  #bytes: Buffer = Buffer.allocUnsafe(256);
  #length = 0;

  /** All that was written; a view. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  raw(bytes: Uint8Array, start = 0, end: number = bytes.length): void {
    this.#reserve(end - start);
    this.#bytes.set(bytes.subarray(start, end), this.#length);
    this.#length += end - start;
  }

  length(value: number): void {
    this.#reserve(9);
    if (value < 64) this.#bytes[this.#length++] = value;
    else if (value < 16_384) {
      this.#bytes[this.#length++] = (BITS_14 << 6) | (value >> 8);
      this.#bytes[this.#length++] = value & 0xff;
    } else if (value < 2 ** 32) {
      this.#bytes[this.#length++] = BITS_32;
      this.#length = this.#bytes.writeUInt32BE(value, this.#length);
    } else {
      this.#bytes[this.#length++] = BITS_64;
      this.#length = this.#bytes.writeBigUInt64BE(BigInt(value), this.#length);
    }
  }

  /** A 64-bit number without sign as a length. */
  bigLength(value: bigint): void {
    if (value < 2n ** 32n) {
      this.length(Number(value));
      return;
    }
    this.#reserve(9);
    this.#bytes[this.#length++] = BITS_64;
    this.#length = this.#bytes.writeBigUInt64BE(value, this.#length);
  }

  /** A string, as an integer where it is one of 32 bits. */
  string(bytes: Buffer, start = 0, end: number = bytes.length): void {
    const value = end - start <= INTEGER_DIGITS_MAX ? parseInteger(bytes, start, end) : null;
    if (typeof value === 'number' && (value | 0) === value) {
      this.#integer(value);
      return;
    }
    this.length(end - start);
    this.raw(bytes, start, end);
  }

  double(value: number): void {
    this.#reserve(8);
    this.#length = this.#bytes.writeDoubleLE(value, this.#length);
  }

  /** Milliseconds since 1970. */
  time(ms: number | bigint): void {
    this.#reserve(8);
    this.#length = this.#bytes.writeBigInt64LE(BigInt(ms), this.#length);
  }

  #integer(value: number): void {
    this.#reserve(5);
    const bytes = this.#bytes;
    if (value >= -128 && value < 128) {
      bytes[this.#length++] = (SPECIAL << 6) | INT8;
      this.#length = bytes.writeInt8(value, this.#length);
    } else if (value >= -32_768 && value < 32_768) {
      bytes[this.#length++] = (SPECIAL << 6) | INT16;
      this.#length = bytes.writeInt16LE(value, this.#length);
    } else {
      bytes[this.#length++] = (SPECIAL << 6) | INT32;
      this.#length = bytes.writeInt32LE(value, this.#length);
    }
  }

  #reserve(size: number): void {
    const needed = this.#length + size;
    if (needed <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(needed, this.#bytes.length * 2));
    this.#bytes.copy(grown, 0, 0, this.#length);
    this.#bytes = grown;
  }
}

/** Bytes that are not what they should be. */
export class RdbError extends Error {
  override readonly name = 'RdbError';
}

/** Reads what `RdbWriter` and every server writes; throws `RdbError`. */
export class RdbReader {
  readonly #bytes: Buffer;
  #at: number;
  readonly #end: number;

  constructor(bytes: Buffer, start = 0, end: number = bytes.length) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  /** Another one that reads on from here. */
  fork(): RdbReader {
    return new RdbReader(this.#bytes, this.#at, this.#end);
  }

  byte(): number {
    return this.#bytes[this.#take(1)]!;
  }

  /** A view. */
  raw(length: number): Buffer {
    const at = this.#take(length);
    return this.#bytes.subarray(at, at + length);
  }

  length(): number {
    const value = this.bigLength();
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new RdbError('a length is too large');
    return Number(value);
  }

  /** How many of something; each takes at least a byte, so there are not more than bytes. */
  count(): number {
    const count = this.length();
    if (count > this.#end - this.#at) throw new RdbError('more elements than bytes');
    return count;
  }

  bigLength(): bigint {
    const first = this.byte();
    if (first >> 6 === SPECIAL) throw new RdbError('a length is expected');
    return this.#lengthAfter(first);
  }

  /** A view, or bytes of their own. */
  string(): Buffer {
    const first = this.byte();
    if (first >> 6 !== SPECIAL) {
      const length = this.#lengthAfter(first);
      if (length > BigInt(this.#end - this.#at)) throw new RdbError('a string ends too early');
      return this.raw(Number(length));
    }
    switch (first & 0x3f) {
      case INT8:
        return text(this.#bytes.readInt8(this.#take(1)));
      case INT16:
        return text(this.#bytes.readInt16LE(this.#take(2)));
      case INT32:
        return text(this.#bytes.readInt32LE(this.#take(4)));
      case LZF:
        return this.#packed();
      default:
        throw new RdbError('an unknown kind of string');
    }
  }

  double(): number {
    return this.#bytes.readDoubleLE(this.#take(8));
  }

  /** A double as digits, the form of old servers. */
  textDouble(): number {
    const length = this.byte();
    if (length === 253) return Number.NaN;
    if (length === 254) return Infinity;
    if (length === 255) return -Infinity;
    const value = Number(this.raw(length).toString('latin1'));
    if (Number.isNaN(value)) throw new RdbError('a double is no number');
    return value;
  }

  time(): bigint {
    return this.#bytes.readBigInt64LE(this.#take(8));
  }

  #packed(): Buffer {
    const packedLength = this.length();
    const length = this.length();
    const bytes = unpackLzf(this.raw(packedLength), length);
    if (bytes === null) throw new RdbError('a compressed string is damaged');
    return bytes;
  }

  #lengthAfter(first: number): bigint {
    switch (first >> 6) {
      case BITS_6:
        return BigInt(first & 0x3f);
      case BITS_14:
        return BigInt(((first & 0x3f) << 8) | this.byte());
      default:
        if (first === BITS_32) return BigInt(this.#bytes.readUInt32BE(this.#take(4)));
        if (first === BITS_64) return this.#bytes.readBigUInt64BE(this.#take(8));
        throw new RdbError('an unknown kind of length');
    }
  }

  #take(length: number): number {
    const at = this.#at;
    if (length > this.#end - at) throw new RdbError('it ends too early');
    this.#at += length;
    return at;
  }
}

function text(value: number): Buffer {
  return Buffer.from(String(value), 'latin1');
}
