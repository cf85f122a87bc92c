/**
 * How many different elements there were, about, in 12 KiB at most: HyperLogLog, as the bytes of a string in the very
 * format of Redis (https://redis.io/docs/latest/develop/data-types/probabilistic/hyperloglogs/).
 *
 *   "HYLL" | encoding | 3 unused | last estimate, 8 bytes, low first; highest bit: out of date | registers
 *
 * 16384 registers: each holds the longest run of zeros, plus one, among the hashes of its elements. Dense, each takes
 * six bits; sparse, see hyperloglog-sparse.ts.
 */
import { murmur2 } from '../../core/murmur2.ts';
import { readSparse, SPARSE_EMPTY } from './hyperloglog-sparse.ts';

export const HEAD_BYTES = 16;
export const REGISTERS = 16_384;
export const DENSE_BYTES: number = HEAD_BYTES + (REGISTERS * 6) / 8;
const MAGIC = [0x48, 0x59, 0x4c, 0x4c];
const ENCODING = 4;
const CARD = 8;
const CARD_END = 15;
const DENSE = 0;
const SPARSE = 1;
const OUTDATED = 0x80;

/** Of Redis's choice; whoever merges two of them needs the same. */
const SEED = 0xadc83b19 | 0;
const INDEX_BITS = 14;
/** Bits of a hash that runs are looked for in. */
const RUN_BITS = 50;

/** A new one: sparse, all registers 0, the estimate 0. */
export const EMPTY_HYPERLOGLOG: Buffer = Buffer.from([
  ...MAGIC,
  SPARSE,
  ...new Array<number>(HEAD_BYTES - ENCODING - 1).fill(0),
  ...SPARSE_EMPTY,
]);

export function isHyperLogLog(bytes: Buffer, start: number, end: number): boolean {
  if (end - start < HEAD_BYTES) return false;
  for (let i = 0; i < MAGIC.length; i++) if (bytes[start + i] !== MAGIC[i]) return false;
  const encoding = bytes[start + ENCODING]!;
  return encoding === SPARSE || (encoding === DENSE && end - start === DENSE_BYTES);
}

export function isDense(bytes: Buffer, start: number): boolean {
  return bytes[start + ENCODING] === DENSE;
}

/** The estimate that was kept; -1: it is out of date. */
export function keptCount(bytes: Buffer, start: number): bigint {
  if ((bytes[start + CARD_END]! & OUTDATED) !== 0) return -1n;
  return bytes.readBigUInt64LE(start + CARD);
}

export function keepCount(bytes: Buffer, start: number, count: bigint): void {
  bytes.writeBigUInt64LE(count, start + CARD);
}

export function forgetCount(bytes: Buffer, start: number): void {
  bytes[start + CARD_END]! |= OUTDATED;
}

/** Where an element falls, and its run. */
export const place = { register: 0, run: 0 };
const hash: Uint32Array = new Uint32Array(2);

/** Finds the place of an element. */
export function locate(bytes: Buffer, start: number, end: number): void {
  murmur2(bytes, start, end, hash, SEED);
  const high = hash[0]!;
  const low = hash[1]!;
  place.register = low & (REGISTERS - 1);
  // 18 bits are left of the lower half, then all of the upper half.
  const rest = low >>> INDEX_BITS;
  if (rest !== 0) place.run = trailingZeros(rest) + 1;
  else place.run = Math.min(32 - INDEX_BITS + trailingZeros(high), RUN_BITS) + 1;
}

function trailingZeros(word: number): number {
  return word === 0 ? 32 : 31 - Math.clz32(word & -word);
}

/** A register of a dense one. */
export function denseRegister(bytes: Buffer, start: number, index: number): number {
  const at = start + HEAD_BYTES + ((index * 6) >>> 3);
  const shift = (index * 6) & 7;
  const above = shift > 2 ? bytes[at + 1]! << 8 : 0;
  return ((bytes[at]! | above) >>> shift) & 63;
}

/** Raises a register of a dense one; false: it was as high. */
export function raiseDense(bytes: Buffer, start: number, index: number, run: number): boolean {
  if (denseRegister(bytes, start, index) >= run) return false;
  const at = start + HEAD_BYTES + ((index * 6) >>> 3);
  const shift = (index * 6) & 7;
  bytes[at] = (bytes[at]! & ~(63 << shift)) | (run << shift);
  if (shift > 2) bytes[at + 1] = (bytes[at + 1]! & ~(63 >>> (8 - shift))) | (run >>> (8 - shift));
  return true;
}

/** Makes a dense one of a sparse one, in `target`, which has room; false: it is corrupt. */
export function toDense(
  bytes: Buffer,
  start: number,
  end: number,
  target: Buffer,
  at: number,
): boolean {
  bytes.copy(target, at, start, start + HEAD_BYTES);
  target[at + ENCODING] = DENSE;
  target.fill(0, at + HEAD_BYTES, at + DENSE_BYTES);
  return readSparse(bytes, start + HEAD_BYTES, end, (index, count, run) => {
    for (let i = index; i < index + count; i++) raiseDense(target, at, i, run);
  });
}

/** All registers of several, the highest of each. */
export const union: Uint8Array = new Uint8Array(REGISTERS);

/** False: it is corrupt. */
export function uniteInto(bytes: Buffer, start: number, end: number): boolean {
  if (isDense(bytes, start)) {
    for (let i = 0; i < REGISTERS; i++) {
      const run = denseRegister(bytes, start, i);
      if (run > union[i]!) union[i] = run;
    }
    return true;
  }
  return readSparse(bytes, start + HEAD_BYTES, end, (index, count, run) => {
    for (let i = index; i < index + count; i++) if (run > union[i]!) union[i] = run;
  });
}

/** How many registers have which run. */
const histogram: Int32Array = new Int32Array(64);

/** The estimate of `union`. */
export function estimateUnion(): bigint {
  histogram.fill(0);
  for (let i = 0; i < REGISTERS; i++) histogram[union[i]!]!++;
  return estimate();
}

/** The estimate of one; -1: it is corrupt. */
export function estimateOf(bytes: Buffer, start: number, end: number): bigint {
  histogram.fill(0);
  if (isDense(bytes, start)) {
    for (let i = 0; i < REGISTERS; i++) histogram[denseRegister(bytes, start, i)]!++;
    return estimate();
  }
  let raised = 0;
  const isSound = readSparse(bytes, start + HEAD_BYTES, end, (_index, count, run) => {
    histogram[run]! += count;
    raised += count;
  });
  histogram[0] = REGISTERS - raised;
  return isSound ? estimate() : -1n;
}

/** 1 / (2 ln 2). */
const ALPHA = 0.7213475204444817;

/** Otmar Ertl's estimate, "New cardinality estimation algorithms for HyperLogLog sketches", algorithm 6. */
function estimate(): bigint {
  let z = REGISTERS * tau((REGISTERS - histogram[RUN_BITS + 1]!) / REGISTERS);
  for (let run = RUN_BITS; run >= 1; run--) z = 0.5 * (z + histogram[run]!);
  z += REGISTERS * sigma(histogram[0]! / REGISTERS);
  return BigInt(Math.round((ALPHA * REGISTERS * REGISTERS) / z));
}

function sigma(x: number): number {
  if (x === 1) return Infinity;
  let power = x;
  let weight = 1;
  let sum = x;
  for (let before = Number.NaN; sum !== before; ) {
    power *= power;
    before = sum;
    sum += power * weight;
    weight += weight;
  }
  return sum;
}

function tau(x: number): number {
  if (x === 0 || x === 1) return 0;
  let root = x;
  let weight = 1;
  let sum = 1 - x;
  for (let before = Number.NaN; sum !== before; ) {
    root = Math.sqrt(root);
    before = sum;
    weight *= 0.5;
    sum -= (1 - root) ** 2 * weight;
  }
  return sum / 3;
}
