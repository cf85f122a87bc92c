/** Scores of sorted sets: read from the bytes of an argument and written to those of a listpack. */
import { doubleText, parseDouble } from '../numbers.ts';
import { writeInteger } from '../reply.ts';

const HYPHEN = 0x2d;
const DOT = 0x2e;
const ZERO = 0x30;
const OPEN = 0x28;
/** Digits, and powers of ten, of which every number is exact: then one division is rounded as it should be. */
const EXACT_DIGITS = 15;
const POWERS: readonly number[] = Array.from({ length: EXACT_DIGITS + 1 }, (_none, i) => 10 ** i);
const SPELLED_INFINITE = /inf/i;
const SOMETHING = /[1-9a-f]/i;
/** What `isspace` of C says. */
const BLANKS = /^[ \t\n\v\f\r]+/;

/** The score an argument is, as Redis takes one from a client; NaN: it is none. */
export function parseScore(bytes: Buffer, start: number, end: number): number {
  const plain = parsePlain(bytes, start, end);
  if (!Number.isNaN(plain)) return plain;
  const text = bytes.toString('latin1', start, end);
  const value = parseDouble(text);
  if (value === null) return Number.NaN;
  // A number too big or too small for a double is none (strtod says ERANGE).
  if (!Number.isFinite(value) && !SPELLED_INFINITE.test(text)) return Number.NaN;
  if (value === 0 && SOMETHING.test(mantissaOf(text))) return Number.NaN;
  return value;
}

function mantissaOf(text: string): string {
  return /^[+-]?0x/i.test(text)
    ? text.slice(text.search(/x/i) + 1).split(/p/i)[0]!
    : text.split(/e/i)[0]!;
}

/**
 * The same for one end of a range, without its bracket: here Redis asks `strtod` only where it stopped, so that blanks may
 * be in front, nothing at all is 0, and what is too big is infinite. NaN: it is none.
 */
export function parseBound(bytes: Buffer, start: number, end: number): number {
  const plain = parsePlain(bytes, start, end);
  if (!Number.isNaN(plain)) return plain;
  const whole = bytes.toString('latin1', start, end);
  const zero = whole.indexOf('\0');
  const text = zero < 0 ? whole : whole.slice(0, zero);
  if (text === '') return 0;
  return parseDouble(text.replace(BLANKS, '')) ?? Number.NaN;
}

/** Lesser numbers are not exact, which `strtod` reports (ERANGE). */
const NORMAL_MIN = 2 ** -1022;

/** The same for what SORT sorts by: there nothing is a number that a double cannot be as it is written. */
export function parseWeight(bytes: Buffer, start: number, end: number): number {
  const plain = parsePlain(bytes, start, end);
  if (!Number.isNaN(plain)) return plain;
  const value = parseBound(bytes, start, end);
  const size = Math.abs(value);
  if (size >= NORMAL_MIN && size < Infinity) return value;
  const text = bytes.toString('latin1', start, end).replace(/\0.*/s, '');
  if (size === Infinity) return SPELLED_INFINITE.test(text) ? value : Number.NaN;
  return size === 0 && !SOMETHING.test(mantissaOf(text)) ? value : Number.NaN;
}

/** One end of a range begins with a bracket: its own score is not in it. */
export function isOpen(bytes: Buffer, start: number, end: number): boolean {
  return start < end && bytes[start] === OPEN;
}

/** Digits with a sign and a point at most, and not too many; NaN: it is something else. */
function parsePlain(bytes: Buffer, start: number, end: number): number {
  const isNegative = start < end && bytes[start] === HYPHEN;
  const first = isNegative ? start + 1 : start;
  if (first === end || end - first > EXACT_DIGITS) return Number.NaN;
  let value = 0;
  let point = -1;
  for (let at = first; at < end; at++) {
    const digit = bytes[at]! - ZERO;
    if (digit >= 0 && digit <= 9) value = value * 10 + digit;
    else if (bytes[at] === DOT && point < 0 && at > first) point = at;
    else return Number.NaN;
  }
  if (point >= 0) value /= POWERS[end - point - 1]!;
  return isNegative ? -value : value;
}

/** Scratch for `writeScore`: more than the longest text of a double. */
export const SCORE_BYTES_MAX = 32;

/** Up to here a listpack has an integer as an integer. */
const INTEGER_MAX = 2 ** 62;

/** Writes the text of a score as a listpack has it; where it ends. There -0 is 0. */
export function writeScore(target: Buffer, score: number): number {
  if (Number.isSafeInteger(score)) return writeInteger(target, 0, score);
  const isInteger = Number.isInteger(score) && Math.abs(score) <= INTEGER_MAX;
  if (isInteger) return target.write(String(BigInt(score)), 0, 'latin1');
  return target.write(doubleText(score), 0, 'latin1');
}
