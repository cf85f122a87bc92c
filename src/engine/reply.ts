/**
 * Writes one reply: what a handler says, in the protocol of whoever asked. RESP3's own types become for RESP2 what
 * Redis makes of them: a map a flat array, a set an array, a double a bulk string.
 */
import { copyBytes } from '../core/bytes.ts';
import { errorLine } from '../resp/errors.ts';
import type { Protocol } from '../resp/types.ts';
import type { Arena, Ref } from './memory/arena.ts';
import { doubleText } from './numbers.ts';

const START_BYTES = 16 * 1024;
/** A buffer that had to grow beyond this is not kept for the next reply. */
const KEPT_BYTES_MAX = 1024 * 1024;
const DIGITS_MAX = 20;

const STAR = 0x2a;
const DOLLAR = 0x24;
const COLON = 0x3a;
const COMMA = 0x2c;
const PERCENT = 0x25;
const TILDE = 0x7e;
const ANGLE = 0x3e;
const CR = 0x0d;
const LF = 0x0a;
const ZERO = 0x30;
const HYPHEN = 0x2d;

export class Reply {
  /** The reply is `bytes[0, length)`. */
  bytes: Buffer = Buffer.allocUnsafeSlow(START_BYTES);
  length = 0;
  protocol: Protocol = 2;

  begin(protocol: Protocol): void {
    this.protocol = protocol;
    this.length = 0;
    if (this.bytes.length > KEPT_BYTES_MAX) this.bytes = Buffer.allocUnsafeSlow(START_BYTES);
  }

  ok(): void {
    this.raw('+OK\r\n');
  }

  /** A simple string. */
  status(text: string): void {
    this.raw(`+${text}\r\n`);
  }

  /** With its first word: `ERR …`. */
  error(text: string): void {
    this.raw(`-${errorLine(text)}\r\n`);
  }

  integer(value: number): void {
    this.#head(COLON, value);
  }

  /** Of 64 bits. */
  bigInteger(value: bigint): void {
    this.raw(`:${value}\r\n`);
  }

  bulk(source: Buffer, start: number, end: number): void {
    const size = end - start;
    this.#reserve(size + DIGITS_MAX + 5);
    this.#number(DOLLAR, size);
    copyBytes(this.bytes, this.length, source, start, end);
    this.length += size;
    this.bytes[this.length++] = CR;
    this.bytes[this.length++] = LF;
  }

  bulkRef(arena: Arena, ref: Ref): void {
    const start = arena.startOf(ref);
    this.bulk(arena.bufferOf(ref), start, start + arena.lengthOf(ref));
  }

  /** A bulk string of one byte per character. */
  bulkText(text: string): void {
    this.#reserve(text.length + DIGITS_MAX + 5);
    this.#number(DOLLAR, text.length);
    this.length += this.bytes.write(text, this.length, 'latin1');
    this.bytes[this.length++] = CR;
    this.bytes[this.length++] = LF;
  }

  /** An integer as a bulk string. */
  bulkInteger(value: number | bigint): void {
    this.bulkText(String(value));
  }

  null(): void {
    this.raw(this.protocol === 3 ? '_\r\n' : '$-1\r\n');
  }

  /** Where an array was to be expected. */
  nullArray(): void {
    this.raw(this.protocol === 3 ? '_\r\n' : '*-1\r\n');
  }

  /** The head; `count` elements follow. */
  array(count: number): void {
    this.#head(STAR, count);
  }

  /** `count` pairs follow. */
  map(count: number): void {
    if (this.protocol === 3) this.#head(PERCENT, count);
    else this.#head(STAR, count * 2);
  }

  set(count: number): void {
    this.#head(this.protocol === 3 ? TILDE : STAR, count);
  }

  push(count: number): void {
    this.#head(this.protocol === 3 ? ANGLE : STAR, count);
  }

  boolean(value: boolean): void {
    if (this.protocol === 3) this.raw(value ? '#t\r\n' : '#f\r\n');
    else this.integer(value ? 1 : 0);
  }

  /** As `doubleText` writes it; for RESP2 a bulk string. */
  double(value: number): void {
    if (this.protocol === 2) this.#bulkDouble(value);
    else if (Number.isSafeInteger(value) && !Object.is(value, -0)) this.#head(COMMA, value);
    else this.raw(`,${doubleText(value)}\r\n`);
  }

  #bulkDouble(value: number): void {
    if (value >= 0 && value < 10 && Number.isInteger(value) && !Object.is(value, -0)) {
      this.raw('$1\r\n0\r\n');
      this.bytes[this.length - 3] = ZERO + value;
    } else this.bulkText(doubleText(value));
  }

  /** Text for people; `bytes` is UTF-8. */
  verbatim(format: 'txt' | 'mkd', bytes: Buffer): void {
    if (this.protocol === 2) {
      this.bulk(bytes, 0, bytes.length);
      return;
    }
    this.raw(`=${bytes.length + 4}\r\n${format}:`);
    this.append(bytes, 0, bytes.length);
    this.raw('\r\n');
  }

  /** Bytes of the protocol, as they are. */
  raw(text: string): void {
    this.#reserve(text.length);
    const { bytes } = this;
    let at = this.length;
    for (let i = 0; i < text.length; i++) bytes[at++] = text.charCodeAt(i);
    this.length = at;
  }

  /** Bytes of the protocol in front of what was written since `openArray`. */
  insert(place: number, text: string): void {
    this.#reserve(text.length);
    this.bytes.copyWithin(place + text.length, place, this.length);
    this.bytes.write(text, place, 'latin1');
    this.length += text.length;
  }

  append(source: Buffer, start: number, end: number): void {
    this.#reserve(end - start);
    copyBytes(this.bytes, this.length, source, start, end);
    this.length += end - start;
  }

  /**
   * Leaves room for the head of an array whose count is not known yet; `finishArray` writes it there. The place to
   * give back.
   */
  openArray(): number {
    this.#reserve(DIGITS_MAX + 3);
    return this.length;
  }

  /** Puts the head in front of what was written since `openArray`. */
  closeArray(place: number, count: number): void {
    this.#closeHead(place, STAR, count);
  }

  closeSet(place: number, count: number): void {
    this.#closeHead(place, this.protocol === 3 ? TILDE : STAR, count);
  }

  /** Of pairs: in RESP3 a map; in RESP2 an array, and whoever writes a pair begins an array of two. */
  closePairs(place: number, count: number): void {
    this.#closeHead(place, this.protocol === 3 ? PERCENT : STAR, count);
  }

  #closeHead(place: number, type: number, count: number): void {
    this.insert(place, `${String.fromCharCode(type)}${count}\r\n`);
  }

  #head(type: number, value: number): void {
    this.#reserve(DIGITS_MAX + 3);
    this.#number(type, value);
  }

  /** Type, digits, CRLF; there is room. */
  #number(type: number, value: number): void {
    const { bytes } = this;
    let at = this.length;
    bytes[at++] = type;
    if (value >= 0 && value < 10) {
      bytes[at++] = ZERO + value;
    } else {
      at = writeInteger(bytes, at, value);
    }
    bytes[at++] = CR;
    bytes[at++] = LF;
    this.length = at;
  }

  #reserve(size: number): void {
    const needed = this.length + size;
    if (needed <= this.bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.bytes.length * 2));
    this.bytes.copy(grown, 0, 0, this.length);
    this.bytes = grown;
  }
}

/** Writes the digits of a safe integer; where they end. There is room for 20. */
export function writeInteger(bytes: Uint8Array, start: number, value: number): number {
  let at = start;
  let rest = value;
  if (rest < 0) {
    bytes[at++] = HYPHEN;
    rest = -rest;
  }
  let digits = 1;
  for (let power = 10; power <= rest; power *= 10) digits++;
  for (let i = at + digits - 1; i >= at; i--) {
    const next = Math.floor(rest / 10);
    bytes[i] = ZERO + (rest - next * 10);
    rest = next;
  }
  return at + digits;
}
