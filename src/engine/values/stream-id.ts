/**
 * Ids of stream entries: 64 bits of milliseconds and 64 of a sequence. They are kept as four words of 32 bits, which
 * stay exact, fit typed arrays and need no bigint for the times of this century.
 */
import { narrow } from '../numbers.ts';
import { writeInteger } from '../reply.ts';

const WORD = 2 ** 32;
const WORD_MAX = WORD - 1;
/** Below this a high word and its low word are one safe number. */
const HIGH_SAFE = 2 ** 21;
/** Sums of a word and less than this are exact. */
const DELTA_SAFE = 2 ** 52;
const HIGH_DIFFERENCE_SAFE = 2 ** 19;
const SAFE_DIGITS = 15;
const UINT64_MAX = 2n ** 64n - 1n;
/** Redis reads no longer text as an id. */
const TEXT_BYTES_MAX = 127;

const HYPHEN = 0x2d;
const PLUS = 0x2b;
const STAR = 0x2a;
const ZERO = 0x30;
const NINE = 0x39;

/** Of an id as text. */
export const ID_BYTES_MAX = 41;

export class StreamId {
  msHigh = 0;
  msLow = 0;
  seqHigh = 0;
  seqLow = 0;

  get isZero(): boolean {
    return this.msHigh === 0 && this.msLow === 0 && this.seqHigh === 0 && this.seqLow === 0;
  }

  get isMax(): boolean {
    return (
      this.msHigh === WORD_MAX &&
      this.msLow === WORD_MAX &&
      this.seqHigh === WORD_MAX &&
      this.seqLow === WORD_MAX
    );
  }

  copy(other: StreamId): void {
    this.msHigh = other.msHigh;
    this.msLow = other.msLow;
    this.seqHigh = other.seqHigh;
    this.seqLow = other.seqLow;
  }

  clone(): StreamId {
    const clone = new StreamId();
    clone.copy(this);
    return clone;
  }

  clear(): void {
    this.#fill(0);
  }

  setMax(): void {
    this.#fill(WORD_MAX);
  }

  /** The first id of a time in milliseconds, a safe number. */
  setTime(ms: number): void {
    this.msHigh = Math.floor(ms / WORD);
    this.msLow = ms % WORD;
    this.seqHigh = 0;
    this.seqLow = 0;
  }

  /** The next id; false: there is none, and this is 0-0 now. */
  increment(): boolean {
    if (this.seqLow < WORD_MAX) this.seqLow++;
    else {
      this.seqLow = 0;
      if (this.seqHigh < WORD_MAX) this.seqHigh++;
      else {
        this.seqHigh = 0;
        return this.#incrementTime();
      }
    }
    return true;
  }

  /** The id before; false: there is none, and this is the last of all now. */
  decrement(): boolean {
    if (this.seqLow > 0) this.seqLow--;
    else {
      this.seqLow = WORD_MAX;
      if (this.seqHigh > 0) this.seqHigh--;
      else {
        this.seqHigh = WORD_MAX;
        return this.#decrementTime();
      }
    }
    return true;
  }

  /** Another id plus differences of 64 bits, as the entries of a node are kept. */
  setSum(base: StreamId, ms: number | bigint, seq: number | bigint): void {
    sum(base.msHigh, base.msLow, ms);
    this.msHigh = sumHigh;
    this.msLow = sumLow;
    sum(base.seqHigh, base.seqLow, seq);
    this.seqHigh = sumHigh;
    this.seqLow = sumLow;
  }

  /** The same time. */
  isOfTime(other: StreamId): boolean {
    return this.msHigh === other.msHigh && this.msLow === other.msLow;
  }

  get text(): string {
    return `${joined(this.msHigh, this.msLow)}-${joined(this.seqHigh, this.seqLow)}`;
  }

  #fill(word: number): void {
    this.msHigh = word;
    this.msLow = word;
    this.seqHigh = word;
    this.seqLow = word;
  }

  #incrementTime(): boolean {
    if (this.msLow < WORD_MAX) this.msLow++;
    else {
      this.msLow = 0;
      this.msHigh = this.msHigh < WORD_MAX ? this.msHigh + 1 : 0;
      return this.msHigh !== 0;
    }
    return true;
  }

  #decrementTime(): boolean {
    if (this.msLow > 0) this.msLow--;
    else {
      this.msLow = WORD_MAX;
      this.msHigh = this.msHigh > 0 ? this.msHigh - 1 : WORD_MAX;
      return this.msHigh !== WORD_MAX;
    }
    return true;
  }
}

/** Below 0: `a` comes first. */
export function compareIds(a: StreamId, b: StreamId): number {
  if (a.msHigh !== b.msHigh) return a.msHigh < b.msHigh ? -1 : 1;
  if (a.msLow !== b.msLow) return a.msLow < b.msLow ? -1 : 1;
  if (a.seqHigh !== b.seqHigh) return a.seqHigh < b.seqHigh ? -1 : 1;
  if (a.seqLow !== b.seqLow) return a.seqLow < b.seqLow ? -1 : 1;
  return 0;
}

/** What must be added to the milliseconds of `base`, as a signed number of 64 bits. */
export function msDifference(id: StreamId, base: StreamId): number | bigint {
  return difference(id.msHigh, id.msLow, base.msHigh, base.msLow);
}

export function seqDifference(id: StreamId, base: StreamId): number | bigint {
  return difference(id.seqHigh, id.seqLow, base.seqHigh, base.seqLow);
}

/** Writes `ms-seq`; where it ends. There is room for `ID_BYTES_MAX`. */
export function writeId(bytes: Buffer, start: number, id: StreamId): number {
  const middle = writeWords(bytes, start, id.msHigh, id.msLow);
  bytes[middle] = HYPHEN;
  return writeWords(bytes, middle + 1, id.seqHigh, id.seqLow);
}

/** What an id leaves open; bits of what `parseId` gives. */
export const IdForm = { wrong: 0, whole: 1, autoSequence: 2 } as const;
export type IdFormNumber = (typeof IdForm)[keyof typeof IdForm];

/**
 * Reads `ms`, `ms-seq`, `ms-*`, and unless `strict` `-` and `+`, into `id`. Without a sequence it is 0, or the last one
 * there is (`last`). What `id` holds after a wrong one is nothing.
 */
export function parseId(
  bytes: Buffer,
  start: number,
  end: number,
  id: StreamId,
  strict: boolean,
  last: boolean,
): IdFormNumber {
  if (end - start > TEXT_BYTES_MAX) return IdForm.wrong;
  if (end - start === 1 && !strict) {
    if (bytes[start] === HYPHEN) id.clear();
    else if (bytes[start] === PLUS) id.setMax();
    if (bytes[start] === HYPHEN || bytes[start] === PLUS) return IdForm.whole;
  }
  const stop = endOfText(bytes, start, end);
  let middle = start;
  while (middle < stop && bytes[middle] !== HYPHEN) middle++;
  if (!parseWords(bytes, start, middle)) return IdForm.wrong;
  id.msHigh = sumHigh;
  id.msLow = sumLow;
  id.seqHigh = last ? WORD_MAX : 0;
  id.seqLow = id.seqHigh;
  if (middle === stop) return IdForm.whole;
  if (middle + 2 === stop && bytes[middle + 1] === STAR) {
    id.seqHigh = 0;
    id.seqLow = 0;
    return IdForm.autoSequence;
  }
  if (!parseWords(bytes, middle + 1, stop)) return IdForm.wrong;
  id.seqHigh = sumHigh;
  id.seqLow = sumLow;
  return IdForm.whole;
}

/** A text of C ends at its first zero. */
function endOfText(bytes: Buffer, start: number, end: number): number {
  let at = start;
  while (at < end && bytes[at] !== 0) at++;
  return at;
}

/** Results of `sum` and `parseWords`. */
let sumHigh = 0;
let sumLow = 0;

function sum(high: number, low: number, delta: number | bigint): void {
  if (typeof delta === 'number' && delta < DELTA_SAFE && delta > -DELTA_SAFE) {
    const total = low + delta;
    const carry = Math.floor(total / WORD);
    sumLow = total - carry * WORD;
    sumHigh = (high + carry) >>> 0;
    return;
  }
  split(((BigInt(high) << 32n) | BigInt(low)) + BigInt(delta));
}

function split(value: bigint): void {
  sumHigh = Number((value >> 32n) & 0xffffffffn);
  sumLow = Number(value & 0xffffffffn);
}

function difference(high: number, low: number, baseHigh: number, baseLow: number): number | bigint {
  const highs = high - baseHigh;
  if (highs < HIGH_DIFFERENCE_SAFE && highs > -HIGH_DIFFERENCE_SAFE) {
    return highs * WORD + (low - baseLow);
  }
  return narrow(BigInt.asIntN(64, wide(high, low) - wide(baseHigh, baseLow)));
}

function wide(high: number, low: number): bigint {
  return (BigInt(high) << 32n) | BigInt(low);
}

/** Two words as the plainest number they are. */
export function joined(high: number, low: number): number | bigint {
  return high < HIGH_SAFE ? high * WORD + low : wide(high, low);
}

function writeWords(bytes: Buffer, start: number, high: number, low: number): number {
  if (high < HIGH_SAFE) return writeInteger(bytes, start, high * WORD + low);
  return start + bytes.write(String(wide(high, low)), start, 'latin1');
}

function parseWords(bytes: Buffer, start: number, end: number): boolean {
  if (end - start > SAFE_DIGITS || end === start) return parseLong(bytes, start, end);
  let value = 0;
  for (let at = start; at < end; at++) {
    const digit = bytes[at]!;
    if (digit < ZERO || digit > NINE) return parseLong(bytes, start, end);
    value = value * 10 + (digit - ZERO);
  }
  sumHigh = Math.floor(value / WORD);
  sumLow = value - sumHigh * WORD;
  return true;
}

/** As `strtoull` reads it, which takes blanks, a sign, and a minus as the other end of the numbers. */
const C_NUMBER = /^[ \t\n\v\f\r]*([+-]?)(\d+)$/;

function parseLong(bytes: Buffer, start: number, end: number): boolean {
  const match = C_NUMBER.exec(bytes.toString('latin1', start, end));
  if (match === null) return false;
  const value = BigInt(match[2]!);
  if (value > UINT64_MAX) return false;
  const isNegative = match[1] === '-';
  // A plain negative number is refused before.
  if (isNegative && match[0].startsWith('-') && isCanonical(match[2]!, value)) return false;
  split(isNegative ? BigInt.asUintN(64, -value) : value);
  return true;
}

function isCanonical(digits: string, value: bigint): boolean {
  return value !== 0n && value <= 2n ** 63n && !digits.startsWith('0');
}
