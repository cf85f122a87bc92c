/**
 * Bits of strings, the highest of a byte first. Places count bits and may be beyond 2^31, so they are divided, not
 * shifted. Long runs are done in words of 32 bits: memory of the arena begins at multiples of four.
 */

const WORD_BYTES = 4;
/** Below this a view of words costs more than it saves. */
const WORDS_FROM = 64;

/** How many bits of `bytes[start, end)` are set. */
export function countBits(bytes: Buffer, start: number, end: number): number {
  let count = 0;
  let at = start;
  if (end - start >= WORDS_FROM) {
    while ((bytes.byteOffset + at) % WORD_BYTES !== 0) count += bitsOf(bytes[at++]!);
    const words = wordsOf(bytes, at, end);
    for (let i = 0; i < words.length; i++) count += bitsOf(words[i]!);
    at += words.length * WORD_BYTES;
  }
  for (; at < end; at++) count += bitsOf(bytes[at]!);
  return count;
}

function bitsOf(word: number): number {
  let v = word - ((word >>> 1) & 0x55555555);
  v = (v & 0x33333333) + ((v >>> 2) & 0x33333333);
  v = (v + (v >>> 4)) & 0x0f0f0f0f;
  return Math.imul(v, 0x01010101) >>> 24;
}

/** Whole words from `at` on, which is a multiple of four in memory. */
function wordsOf(bytes: Buffer, at: number, end: number): Int32Array {
  return new Int32Array(bytes.buffer, bytes.byteOffset + at, Math.floor((end - at) / WORD_BYTES));
}

/** How many bits are set from bit `first` to `last`, both included, of the string that begins at `start`. */
export function countBitRange(bytes: Buffer, start: number, first: number, last: number): number {
  const firstByte = start + Math.floor(first / 8);
  const lastByte = start + Math.floor(last / 8);
  const before = bytes[firstByte]! & ~(0xff >>> (first % 8));
  const after = bytes[lastByte]! & (0x7f >>> (last % 8));
  return countBits(bytes, firstByte, lastByte + 1) - bitsOf(before) - bitsOf(after);
}

/** The first bit that is `bit` from `first` to `last`, both included; -1: there is none. */
export function findBit(
  bytes: Buffer,
  start: number,
  first: number,
  last: number,
  bit: number,
): number {
  // What is looked for is a 1 in bytes that are turned over for 0.
  const turned = bit === 1 ? 0 : 0xff;
  const lastByte = Math.floor(last / 8);
  let byte = Math.floor(first / 8);
  let found = (bytes[start + byte]! ^ turned) & (0xff >>> (first % 8));
  while (found === 0 && byte < lastByte) {
    byte = skipBytes(bytes, start + byte + 1, start + lastByte, turned) - start;
    found = bytes[start + byte]! ^ turned;
  }
  const place = byte * 8 + Math.clz32(found) - 24;
  return found !== 0 && place <= last ? place : -1;
}

/** The first of `bytes[at, last]` that is not `skipped`; `last` if none before it is. */
function skipBytes(bytes: Buffer, at: number, last: number, skipped: number): number {
  let next = at;
  if (last - at >= WORDS_FROM) {
    for (; (bytes.byteOffset + next) % WORD_BYTES !== 0; next++) {
      if (bytes[next] !== skipped) return next;
    }
    const words = wordsOf(bytes, next, last);
    const word = skipped === 0 ? 0 : -1;
    let i = 0;
    while (i < words.length && words[i] === word) i++;
    next += i * WORD_BYTES;
  }
  while (next < last && bytes[next] === skipped) next++;
  return next;
}

export const AND = 0;
export const OR = 1;
export const XOR = 2;

/** Combines `source[start, end)` with as many bytes of `target` from `at` on. */
export function combineBits(
  operation: number,
  target: Buffer,
  at: number,
  source: Buffer,
  start: number,
  end: number,
): void {
  let done = 0;
  const length = end - start;
  const isAligned = (target.byteOffset + at) % 4 === 0 && (source.byteOffset + start) % 4 === 0;
  if (isAligned && length >= WORDS_FROM) {
    const from = wordsOf(source, start, end);
    combine(operation, wordsOf(target, at, at + length), 0, from, 0, from.length);
    done = from.length * WORD_BYTES;
  }
  combine(operation, target, at + done, source, start + done, length - done);
}

function combine(
  operation: number,
  target: Int32Array | Buffer,
  at: number,
  source: Int32Array | Buffer,
  start: number,
  count: number,
): void {
  if (operation === AND) for (let i = 0; i < count; i++) target[at + i]! &= source[start + i]!;
  else if (operation === OR) for (let i = 0; i < count; i++) target[at + i]! |= source[start + i]!;
  else for (let i = 0; i < count; i++) target[at + i]! ^= source[start + i]!;
}

/** Turns every bit of `bytes[start, end)` over. */
export function invertBits(bytes: Buffer, start: number, end: number): void {
  let at = start;
  if (end - start >= WORDS_FROM && (bytes.byteOffset + start) % WORD_BYTES === 0) {
    const words = wordsOf(bytes, start, end);
    for (let i = 0; i < words.length; i++) words[i] = ~words[i]!;
    at += words.length * WORD_BYTES;
  }
  for (; at < end; at++) bytes[at]! ^= 0xff;
}

/** The unsigned number in `count` bits from bit `first` on; what is behind the end of the string is 0. */
export function readBits(
  bytes: Buffer,
  start: number,
  end: number,
  first: number,
  count: number,
): bigint {
  const firstByte = Math.floor(first / 8);
  const lastByte = Math.floor((first + count - 1) / 8);
  let value = 0n;
  for (let byte = firstByte; byte <= lastByte; byte++) {
    value = (value << 8n) | BigInt(start + byte < end ? bytes[start + byte]! : 0);
  }
  return BigInt.asUintN(count, value >> BigInt((lastByte + 1) * 8 - first - count));
}

/** Writes the low `count` bits of a number; there is room. */
export function writeBits(
  bytes: Buffer,
  start: number,
  first: number,
  count: number,
  value: bigint,
): void {
  const lastByte = Math.floor((first + count - 1) / 8);
  const behind = (lastByte + 1) * 8 - first - count;
  let rest = BigInt.asUintN(count, value) << BigInt(behind);
  let mask = ((1n << BigInt(count)) - 1n) << BigInt(behind);
  for (let byte = lastByte; mask !== 0n; byte--) {
    const kept = bytes[start + byte]! & ~Number(mask & 0xffn);
    bytes[start + byte] = kept | Number(rest & 0xffn);
    rest >>= 8n;
    mask >>= 8n;
  }
}
