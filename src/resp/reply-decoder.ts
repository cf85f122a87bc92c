/**
 * Bytes of a server -> frames of replies, resumable at every byte, without decoding any.
 *
 * A reply's end is found by counting what is still owed: one value; an array of n pays one and owes n.
 * So a reply of any shape costs one pass over its heads, without recursion; only lists are remembered, for the
 * limit of nesting.
 * An attribute (`|`) belongs to the value behind it and travels with it.
 */
import { ByteQueue, EMPTY } from '../core/bytes.ts';
import { type DecoderState, FAULT, MORE, READY } from './command-decoder.ts';
import {
  ARRAY,
  ATTRIBUTE,
  BIG_NUMBER,
  BOOLEAN,
  BULK_ERROR,
  BULK_STRING,
  CR,
  DOUBLE,
  INTEGER,
  LF,
  MAP,
  MINUS,
  NINE,
  NULL,
  PUSH,
  SET,
  SIMPLE_ERROR,
  SIMPLE_STRING,
  VERBATIM_STRING,
  ZERO,
} from './types.ts';

/** Elements a single reply may announce in total; a wilder number is a fault, not an allocation. */
const OWED_MAX = 2 ** 40;
const DIGITS_MAX = 15;
/** A head line (`$12\r\n`) longer than this is no head line. */
const HEAD_BYTES_MAX = 32;
const LINE_LOOP_BYTES = 32;

export interface ReplyLimits {
  /** Bytes of one reply. Default 512 MiB. */
  readonly bytesMax: number;
  /** Lists in lists; a client that decodes by recursion would not survive more. Default 128. */
  readonly nestingMax: number;
}

export class ReplyDecoder {
  /** After READY the reply is `bytes[start, end)`, until `settle`. */
  bytes: Buffer = EMPTY;
  start = 0;
  end = 0;
  readonly #limits: ReplyLimits;
  readonly #carry = new ByteQueue();
  #limit = 0;
  #position = 0;
  #scanned = 0;
  #owed = 1;
  /** For each list that is open: what is owed when it is complete. */
  readonly #open: number[] = [];
  #value = 0;
  /** Bytes of the frame at least, as far as its last head tells. */
  #wanted = 0;
  #failed = false;

  constructor(limits: ReplyLimits) {
    this.#limits = limits;
  }

  /** True while a reply has begun and is not whole. */
  get isWithin(): boolean {
    return this.#position < this.#limit;
  }

  push(chunk: Buffer, length: number): void {
    if (this.#carry.length === 0) {
      this.bytes = chunk;
      this.#limit = length;
      this.#position = 0;
      return;
    }
    this.#carry.append(chunk, 0, length);
    this.bytes = this.#carry.bytes;
    this.#limit = this.#carry.length;
  }

  settle(): void {
    const rest = this.#limit - this.#position;
    if (this.bytes === this.#carry.bytes) this.#carry.consume(this.#position);
    else if (rest > 0) {
      this.#carry.reserve(this.#wanted, rest);
      this.#carry.append(this.bytes, this.#position, this.#limit);
    }
    this.#wanted = 0;
    this.bytes = this.#carry.bytes;
    this.#position = 0;
    this.#limit = rest;
  }

  next(): DecoderState {
    if (this.#failed) return FAULT;
    while (this.#owed > 0) {
      const state = this.#skipOne();
      if (state === READY) continue;
      const size = Math.max(this.#limit - this.#position, this.#wanted);
      if (state === FAULT || size > this.#limits.bytesMax) return this.#fail();
      return MORE;
    }
    if (this.#scanned > this.#limits.bytesMax) return this.#fail();
    this.start = this.#position;
    this.end = this.#position + this.#scanned;
    this.#position = this.end;
    this.#scanned = 0;
    this.#owed = 1;
    // Setting the length of an array leaves compiled code even when it changes nothing.
    if (this.#open.length > 0) this.#open.length = 0;
    return READY;
  }

  #fail(): DecoderState {
    this.#failed = true;
    return FAULT;
  }

  /** Moves `#scanned` over one head, or over one whole scalar, and settles what it pays and owes. */
  #skipOne(): DecoderState {
    const at = this.#position + this.#scanned;
    if (at >= this.#limit) return MORE;
    switch (this.bytes[at]) {
      case BULK_STRING:
      case BULK_ERROR:
      case VERBATIM_STRING:
        return this.#skipBulk(at);
      case ARRAY:
      case SET:
      case PUSH:
        return this.#skipHead(at, 1, 1);
      case MAP:
        return this.#skipHead(at, 2, 1);
      case ATTRIBUTE:
        return this.#skipHead(at, 2, 0);
      case SIMPLE_STRING:
      case SIMPLE_ERROR:
      case INTEGER:
      case NULL:
      case BOOLEAN:
      case DOUBLE:
      case BIG_NUMBER:
        return this.#skipLine(at);
      default:
        return FAULT;
    }
  }

  #skipBulk(at: number): DecoderState {
    const end = this.#readLength(at + 1);
    if (end <= 0) return end === 0 ? MORE : FAULT;
    if (this.#value < 0) {
      // `$-1\r\n`, the null of RESP2.
      if (this.bytes[at] !== BULK_STRING) return FAULT;
      this.#scanned = end - this.#position;
      this.#owed--;
      return READY;
    }
    const tail = end + this.#value;
    if (tail + 2 > this.#limit) {
      this.#wanted = tail + 2 - this.#position;
      return MORE;
    }
    if (this.bytes[tail] !== CR || this.bytes[tail + 1] !== LF) return FAULT;
    this.#scanned = tail + 2 - this.#position;
    this.#owed--;
    return READY;
  }

  #skipHead(at: number, perElement: number, pays: number): DecoderState {
    const end = this.#readLength(at + 1);
    if (end <= 0) return end === 0 ? MORE : FAULT;
    if (this.#value < 0 && this.bytes[at] !== ARRAY) return FAULT;
    this.#scanned = end - this.#position;
    // Lists that were completed since the last head are noticed only now: scalars pay nothing for depth.
    const open = this.#open;
    while (open.length > 0 && this.#owed <= open[open.length - 1]!) open.pop();
    this.#owed -= pays;
    if (this.#value > 0) {
      if (open.push(this.#owed) > this.#limits.nestingMax) return FAULT;
      this.#owed += this.#value * perElement;
    }
    return this.#owed > OWED_MAX ? FAULT : READY;
  }

  #skipLine(at: number): DecoderState {
    const lf = this.#findLf(at + 1);
    if (lf < 0) return MORE;
    if (this.bytes[lf - 1] !== CR) return FAULT;
    this.#scanned = lf + 1 - this.#position;
    this.#owed--;
    return READY;
  }

  /** Most lines are `+OK` and `:1`; only a long one (an error with a client's text in it) is searched natively. */
  #findLf(from: number): number {
    const near = Math.min(this.#limit, from + LINE_LOOP_BYTES);
    for (let i = from; i < near; i++) {
      if (this.bytes[i] === LF) return i;
    }
    if (near === this.#limit) return -1;
    const far = this.bytes.indexOf(LF, near);
    return far < this.#limit ? far : -1;
  }

  /** Reads `digits CRLF` or `-1 CRLF` at `at` into `#value`: the place behind it, 0 if bytes are missing, -1 if wrong. */
  #readLength(at: number): number {
    const bytes = this.bytes;
    const limit = this.#limit;
    let i = at;
    let negative = false;
    if (i < limit && bytes[i] === MINUS) {
      negative = true;
      i++;
    }
    const first = i;
    let value = 0;
    while (i < limit) {
      const byte = bytes[i]!;
      if (byte < ZERO || byte > NINE) break;
      value = value * 10 + (byte - ZERO);
      i++;
    }
    if (i - at > HEAD_BYTES_MAX || i - first > DIGITS_MAX) return -1;
    if (i >= limit) return 0;
    if (bytes[i] !== CR || i === first || (negative && value !== 1)) return -1;
    if (i + 1 >= limit) return 0;
    if (bytes[i + 1] !== LF) return -1;
    this.#value = negative ? -value : value;
    return i + 2;
  }
}
