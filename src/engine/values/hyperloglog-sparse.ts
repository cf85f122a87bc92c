/**
 * Registers of a HyperLogLog of few elements: runs of equal ones, one after the other, in Redis's three forms.
 *
 *   00xxxxxx            x + 1 registers are 0
 *   01xxxxxx yyyyyyyy   x * 256 + y + 1 registers are 0
 *   1vvvvvxx            x + 1 registers are v + 1
 */
import { copyBytes } from '../../core/bytes.ts';

const REGISTERS = 16_384;
const VALUE_BIT = 0x80;
const LONG_BIT = 0x40;
/** Registers that one byte can stand for: zeros, others. */
const SHORT_MAX = 64;
const VALUES_MAX = 4;
/** A higher register needs the dense form. */
const HIGHEST = 32;
/** Runs that are looked at for two that can be one. */
const MERGE_LOOKS = 5;

/** All registers 0. */
export const SPARSE_EMPTY: readonly number[] = [0x7f, 0xff];

/** By how many bytes one call of `raiseSparse` may make it longer. */
export const SPARSE_GROWTH_MAX = 3;

/** What `raiseSparse` says instead of a length. */
export const UNCHANGED = 0;
export const CORRUPT = -1;
export const TOO_DENSE = -2;

function isValue(byte: number): boolean {
  return (byte & VALUE_BIT) !== 0;
}

function isLong(byte: number): boolean {
  return (byte & (VALUE_BIT | LONG_BIT)) === LONG_BIT;
}

function heightOf(byte: number): number {
  return ((byte >>> 2) & 31) + 1;
}

function valueByte(value: number, count: number): number {
  return VALUE_BIT | ((value - 1) << 2) | (count - 1);
}

/** Registers of the run at a place. */
function countAt(bytes: Buffer, at: number, end: number): number {
  const byte = bytes[at]!;
  if (isValue(byte)) return (byte & 3) + 1;
  if (!isLong(byte)) return byte + 1;
  return (((byte & 63) << 8) | (at + 1 < end ? bytes[at + 1]! : 0)) + 1;
}

/** Shows every run of registers that are not 0; false: they are not as many as they have to be. */
export function readSparse(
  bytes: Buffer,
  start: number,
  end: number,
  show: (index: number, count: number, value: number) => void,
): boolean {
  let index = 0;
  for (let at = start; at < end; at += isLong(bytes[at]!) ? 2 : 1) {
    const count = countAt(bytes, at, end);
    if (index + count > REGISTERS) return false;
    if (isValue(bytes[at]!)) show(index, count, heightOf(bytes[at]!));
    index += count;
  }
  return index === REGISTERS;
}

/** The bytes that take the place of a run, and how many they are. */
const pieces: Buffer = Buffer.alloc(5);
let piecesLength = 0;

function addZeros(count: number): void {
  if (count === 0) return;
  if (count > SHORT_MAX) {
    pieces[piecesLength++] = LONG_BIT | ((count - 1) >>> 8);
    pieces[piecesLength++] = (count - 1) & 0xff;
  } else {
    pieces[piecesLength++] = count - 1;
  }
}

function addValues(value: number, count: number): void {
  if (count > 0) pieces[piecesLength++] = valueByte(value, count);
}

/**
 * Raises a register to `run` in `bytes[start, end)`, behind which there is room for three more; `limit` is how many
 * bytes there may be. How many there are then, or one of the words above.
 */
export function raiseSparse(
  bytes: Buffer,
  start: number,
  end: number,
  index: number,
  run: number,
  limit: number,
): number {
  if (run > HIGHEST) return TOO_DENSE;
  let at = start;
  let before = -1;
  let first = 0;
  let count = 0;
  while (at < end) {
    count = countAt(bytes, at, end);
    if (index < first + count) break;
    before = at;
    at += isLong(bytes[at]!) ? 2 : 1;
    first += count;
  }
  if (at >= end) return CORRUPT;
  const old = isValue(bytes[at]!) ? heightOf(bytes[at]!) : 0;
  if (old >= run) return UNCHANGED;
  piecesLength = 0;
  addPieces(old, index - first);
  addValues(run, 1);
  addPieces(old, first + count - 1 - index);
  const oldLength = isLong(bytes[at]!) ? 2 : 1;
  const growth = piecesLength - oldLength;
  // One byte for one is how Redis replaces a single register, whatever the limit.
  if (growth > 0 && end - start + growth > limit) return TOO_DENSE;
  if (growth !== 0) bytes.copyWithin(at + piecesLength, at + oldLength, end);
  copyBytes(bytes, at, pieces, 0, piecesLength);
  return mergeValues(bytes, before < 0 ? start : before, end + growth) - start;
}

function addPieces(value: number, count: number): void {
  if (value === 0) addZeros(count);
  else addValues(value, count);
}

/** Makes one of neighbours of the same value near a place; where the last byte is then. */
function mergeValues(bytes: Buffer, from: number, end: number): number {
  let last = end;
  let at = from;
  for (let looks = MERGE_LOOKS; at < last && looks > 0; looks--) {
    const byte = bytes[at]!;
    if (!isValue(byte)) {
      at += isLong(byte) ? 2 : 1;
      continue;
    }
    const next = at + 1 < last ? bytes[at + 1]! : 0;
    const count = (byte & 3) + (next & 3) + 2;
    if (isValue(next) && heightOf(byte) === heightOf(next) && count <= VALUES_MAX) {
      bytes.copyWithin(at, at + 1, last);
      last--;
      bytes[at] = valueByte(heightOf(byte), count);
    } else {
      at++;
    }
  }
  return last;
}

/** For people: `Z:8436 v:1,1 z:3`, long runs of zeros, values with their counts, short runs of zeros. */
export function sparseText(bytes: Buffer, start: number, end: number): string {
  const words: string[] = [];
  for (let at = start; at < end; at += isLong(bytes[at]!) ? 2 : 1) {
    const byte = bytes[at]!;
    const count = countAt(bytes, at, end);
    if (isValue(byte)) words.push(`v:${heightOf(byte)},${count}`);
    else words.push(`${isLong(byte) ? 'Z' : 'z'}:${count}`);
  }
  return words.join(' ');
}
