/**
 * Bytes of a client -> frames of commands, resumable at every byte.
 *
 *   push(chunk) ─▶ next() next() next() … ─▶ settle()
 *                  └ a view into the chunk     └ what is left is copied to `#carry`
 *
 * The chunk belongs to the caller and is read again by the next socket, hence `settle`. While nothing is
 * carried over, frames are views of the chunk itself: no copy. A frame cut in two is carried and parsing
 * goes on where it stopped, so bytes are looked at once however they are cut.
 *
 * What is accepted and how faults are worded follows Redis (networking.c, processMultibulkBuffer and
 * processInlineBuffer). Redis does not look at the byte after CR nor at the two after a bulk string; such
 * frames are written anew before anyone forwards them, so that no server can read another boundary.
 */
import { ByteQueue, EMPTY } from '../core/bytes.ts';
import type { Frame } from './frame.ts';
import { splitInline } from './inline.ts';
import { ARRAY, BULK_STRING, CR, LF, MINUS, NINE, ZERO } from './types.ts';

export interface CommandLimits {
  /** Bytes of one argument; Redis calls it proto-max-bulk-len. Default 512 MiB. */
  bulkBytesMax: number;
  /** Arguments of one command. Default 1,048,576. */
  elementsMax: number;
  /** Bytes of an inline command and of every line. Default 64 KiB. */
  inlineBytesMax: number;
}

/** What `next` found. */
export const MORE = 0;
export const READY = 1;
export const FAULT = 2;
export type DecoderState = typeof MORE | typeof READY | typeof FAULT;

/** Limits of Redis for clients that have not authenticated yet. */
const UNAUTHENTICATED_ELEMENTS_MAX = 10;
const UNAUTHENTICATED_BULK_BYTES_MAX = 16384;
/** A frame's offsets are 32-bit; Redis's query buffer ends at 1 GiB too. */
const FRAME_BYTES_MAX = 1024 * 1024 * 1024;
/** First byte of a TLS connection; no command begins with it. */
const TLS_HANDSHAKE = 0x16;
/** Digits of a length: more cannot be within any limit. */
const DIGITS_MAX = 18;

export class CommandDecoder {
  /** After FAULT: the sentence, as Redis words it, without `-ERR Protocol error: `. */
  fault = '';
  /** Until then Redis's tighter limits hold. */
  authenticated = true;
  /** They may change between two calls of `next`, and hold for what is read from then on. */
  limits: CommandLimits;
  readonly #frame: Frame;
  readonly #carry = new ByteQueue();
  #source: Buffer = EMPTY;
  #limit = 0;
  /** Start of the frame being read. */
  #position = 0;
  /** Start of the frame last given out. */
  #previous = 0;
  /** How far the frame has been read, relative to `#position`. */
  #scanned = 0;
  /** Arguments announced; -1 while the header is not read. */
  #expected = -1;
  #found = 0;
  /** Where the search for the end of a long line goes on, relative to `#position`. */
  #searched = 0;
  /** The frame is written exactly as every server would write it. */
  #canonical = true;
  /** Bytes of the frame at least, as far as its last head tells. */
  #wanted = 0;
  /** The integer last read by `#readLength`. */
  #value = 0;

  /** `frame` is filled anew by each `next` that finds one. */
  constructor(limits: CommandLimits, frame: Frame) {
    this.limits = limits;
    this.#frame = frame;
  }

  /** Bytes held over from earlier chunks. */
  get carriedBytes(): number {
    return this.#carry.length;
  }

  /** True if something unread is left, be it whole commands or a part of one. */
  get hasRest(): boolean {
    return this.#position < this.#limit;
  }

  /** Takes a chunk; it must stay untouched until `settle`. */
  push(chunk: Buffer, length: number): void {
    if (this.#carry.length === 0) {
      this.#source = chunk;
      this.#limit = length;
      this.#position = 0;
      return;
    }
    this.#carry.append(chunk, 0, length);
    this.#source = this.#carry.bytes;
    this.#limit = this.#carry.length;
  }

  /** Copies what was not read; from here on the pushed chunk may be used for something else. */
  settle(): void {
    const rest = this.#limit - this.#position;
    if (this.#source === this.#carry.bytes) this.#carry.consume(this.#position);
    else if (rest > 0) {
      this.#carry.reserve(this.#wanted, rest);
      this.#carry.append(this.#source, this.#position, this.#limit);
    }
    this.#wanted = 0;
    this.#source = this.#carry.bytes;
    this.#position = 0;
    this.#limit = rest;
  }

  /** Takes back the frame last given out: the next `next` finds it again. */
  unread(): void {
    this.#position = this.#previous;
  }

  /** Finds the next frame and leaves it in the frame given. */
  next(): DecoderState {
    if (this.fault !== '') return FAULT;
    while (this.#expected < 0) {
      if (this.#position >= this.#limit) return MORE;
      if (this.#source[this.#position] !== ARRAY) {
        const state = this.#nextInline();
        if (state !== READY || this.#frame.argc > 0) return state;
        continue;
      }
      const state = this.#readHeader();
      if (state !== READY) return state;
    }
    const state = this.#readArguments();
    if (state !== READY) return state;
    this.#finish();
    return READY;
  }

  #fail(fault: string): DecoderState {
    this.fault = fault;
    return FAULT;
  }

  /** `*N\r\n`; a count of zero or less is an empty command, passed over as Redis does. */
  #readHeader(): DecoderState {
    const state = this.#readLength(this.#position + 1);
    if (state === FAULT) return this.#fail(this.fault || 'invalid multibulk length');
    if (state === MORE) {
      if (this.#lineTooLong()) return this.#fail('too big mbulk count string');
      return MORE;
    }
    const count = this.#value;
    if (count > this.limits.elementsMax) return this.#fail('invalid multibulk length');
    if (!this.authenticated && count > UNAUTHENTICATED_ELEMENTS_MAX) {
      return this.#fail('unauthenticated multibulk length');
    }
    if (count <= 0) {
      this.#position += this.#scanned;
      this.#scanned = 0;
      this.#canonical = true;
      return READY;
    }
    this.#expected = count;
    this.#found = 0;
    return READY;
  }

  #readArguments(): DecoderState {
    const frame = this.#frame;
    while (this.#found < this.#expected) {
      const at = this.#position + this.#scanned;
      if (at >= this.#limit) return MORE;
      const byte = this.#source[at]!;
      if (byte !== BULK_STRING) {
        return this.#fail(`expected '$', got '${String.fromCharCode(byte)}'`);
      }
      // The length is read again if its bulk string is not whole: a few bytes, and no further state.
      const scanned = this.#scanned;
      const state = this.#readLength(at + 1);
      if (state === FAULT) return this.#fail('invalid bulk length');
      if (state === MORE) {
        return this.#lineTooLong() ? this.#fail('too big bulk count string') : MORE;
      }
      const length = this.#value;
      if (length < 0 || length > this.limits.bulkBytesMax) return this.#fail('invalid bulk length');
      if (!this.authenticated && length > UNAUTHENTICATED_BULK_BYTES_MAX) {
        return this.#fail('unauthenticated bulk length');
      }
      const end = this.#scanned + length;
      if (end > FRAME_BYTES_MAX) return this.#fail('too big request');
      if (this.#position + end + 2 > this.#limit) {
        this.#scanned = scanned;
        this.#wanted = end + 2;
        return MORE;
      }
      if (this.#found * 2 + 2 > frame.offsets.length) frame.reserve(this.#found + 1);
      frame.offsets[this.#found * 2] = this.#scanned;
      frame.offsets[this.#found * 2 + 1] = end;
      this.#found++;
      const tail = this.#position + end;
      if (this.#source[tail] !== CR || this.#source[tail + 1] !== LF) this.#canonical = false;
      this.#scanned = end + 2;
    }
    return READY;
  }

  #finish(): void {
    const frame = this.#frame;
    frame.bytes = this.#source;
    frame.start = this.#position;
    frame.end = this.#position + this.#scanned;
    frame.argc = this.#found;
    this.#previous = this.#position;
    if (!this.#canonical) frame.rewrite();
    this.#position += this.#scanned;
    this.#scanned = 0;
    this.#expected = -1;
    this.#canonical = true;
  }

  /**
   * Reads `digits CR any` at `at` into `#value` and moves `#scanned` behind it. Strict as Redis's string2ll:
   * no plus, no leading zero, no blank.
   */
  #readLength(at: number): DecoderState {
    const source = this.#source;
    const limit = this.#limit;
    let i = at;
    let negative = false;
    if (i < limit && source[i] === MINUS) {
      negative = true;
      i++;
    }
    let value = 0;
    const first = i;
    while (i < limit) {
      const byte = source[i]!;
      if (byte < ZERO || byte > NINE) break;
      value = value * 10 + (byte - ZERO);
      i++;
      if (i - first > DIGITS_MAX) break;
    }
    // Redis needs the byte after CR before it judges the line at all.
    const end = i < limit && source[i] === CR ? i : this.#findCr(i);
    if (end < 0 || end + 1 >= limit) return MORE;
    if (end !== i || i === first) return FAULT;
    if (source[first] === ZERO && (i - first > 1 || negative)) return FAULT;
    if (source[i + 1] !== LF) this.#canonical = false;
    this.#value = negative ? -value : value;
    this.#scanned = i + 2 - this.#position;
    this.#searched = 0;
    return READY;
  }

  /** The end of a line that is not only digits: its fault is told only when it is complete, as Redis does. */
  #findCr(from: number): number {
    const begin = Math.max(from, this.#position + this.#searched);
    for (let i = begin; i < this.#limit; i++) {
      if (this.#source[i] === CR) return i;
    }
    this.#searched = this.#limit - this.#position;
    return -1;
  }

  /** The line begun at `#scanned` has no end within the limit. */
  #lineTooLong(): boolean {
    return (
      this.#limit - this.#position - Math.max(0, this.#scanned) > this.limits.inlineBytesMax &&
      this.#searched === this.#limit - this.#position
    );
  }

  /** A line of words; leaves `argc` 0 for an empty line. */
  #nextInline(): DecoderState {
    const source = this.#source;
    // Redis would wait for the end of the line, and the client for its handshake, until one gives up.
    if (source[this.#position] === TLS_HANDSHAKE) return this.#fail('this port does not speak TLS');
    let lf = this.#position + this.#searched;
    while (lf < this.#limit && source[lf] !== LF) lf++;
    if (lf - this.#position > this.limits.inlineBytesMax)
      return this.#fail('too big inline request');
    if (lf === this.#limit) {
      this.#searched = this.#limit - this.#position;
      return MORE;
    }
    const end = lf > this.#position && source[lf - 1] === CR ? lf - 1 : lf;
    const words = splitInline(source, this.#position, end);
    if (words === null) return this.#fail('unbalanced quotes in request');
    this.#previous = this.#position;
    this.#position = lf + 1;
    this.#searched = 0;
    this.#frame.fill(words);
    return READY;
  }
}
