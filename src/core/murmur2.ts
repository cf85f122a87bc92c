/**
 * MurmurHash2, 64 bits (MurmurHash64A), as GNU libstdc++ has it (`std::_Hash_bytes`): the hash Envoy takes of every
 * key, and with another seed Redis of every element of a HyperLogLog.
 *
 * It runs once per command, so it neither allocates nor touches BigInt: a 64-bit number is two 32-bit
 * halves, and one 64-bit product is seven 32-bit ones. bench/routing/hash.ts measures it.
 * Words are read from the lowest byte up, as on the machines libstdc++ runs on.
 */

/** Seed of `std::hash` in libstdc++, which Envoy takes too. */
const SEED = 0xc70f6907 | 0;
/** The multiplier 0xc6a4a7935bd1e995 in halves, the lower one in quarters as well. */
const FACTOR_HIGH = 0xc6a4a793 | 0;
const FACTOR_LOW = 0x5bd1e995 | 0;
const FACTOR_LOW_1 = 0x5bd1;
const FACTOR_LOW_0 = 0xe995;

/** Hashes `bytes[start, end)`; the result is `out[0] * 2**32 + out[1]`. */
export function murmur2(
  bytes: Uint8Array,
  start: number,
  end: number,
  out: Uint32Array,
  seed: number = SEED,
): void {
  const length = (end - start) | 0;
  let low = seed ^ Math.imul(length, FACTOR_LOW);
  let high = (timesHigh(length) + Math.imul(length, FACTOR_HIGH)) | 0;
  let at = start;
  for (const last = end - 8; at <= last; at += 8) {
    const wordLow = word(bytes, at);
    const wordHigh = word(bytes, at + 4);
    const onceLow = Math.imul(wordLow, FACTOR_LOW);
    const onceHigh = product(wordHigh, wordLow);
    // v ^ v >> 47: the upper 17 bits fall upon the lower half, none upon the upper half.
    const mixedLow = onceLow ^ (onceHigh >>> 15);
    low ^= Math.imul(mixedLow, FACTOR_LOW);
    high ^= product(onceHigh, mixedLow);
    high = product(high, low);
    low = Math.imul(low, FACTOR_LOW);
  }
  if (at < end) {
    const rest = end - at;
    if (rest >= 4) {
      low ^= word(bytes, at);
      high ^= tail(bytes, at + 4, rest - 4);
    } else {
      low ^= tail(bytes, at, rest);
    }
    high = product(high, low);
    low = Math.imul(low, FACTOR_LOW);
  }
  low ^= high >>> 15;
  high = product(high, low);
  low = Math.imul(low, FACTOR_LOW);
  out[0] = high;
  out[1] = low ^ (high >>> 15);
}

/** The upper half of `(high, low) * factor`. */
function product(high: number, low: number): number {
  return (timesHigh(low) + Math.imul(low, FACTOR_HIGH) + Math.imul(high, FACTOR_LOW)) | 0;
}

/** The upper 32 of the 64 bits of `value * FACTOR_LOW`, both unsigned. */
function timesHigh(value: number): number {
  const low = value & 0xffff;
  const high = value >>> 16;
  const lower = (Math.imul(high, FACTOR_LOW_0) + (Math.imul(low, FACTOR_LOW_0) >>> 16)) | 0;
  const upper = (Math.imul(low, FACTOR_LOW_1) + (lower & 0xffff)) | 0;
  return (Math.imul(high, FACTOR_LOW_1) + (lower >>> 16) + (upper >>> 16)) | 0;
}

function word(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

/** The 0 to 3 bytes from `at` on, the first one lowest. */
function tail(bytes: Uint8Array, at: number, count: number): number {
  let value = 0;
  if (count > 0) value = bytes[at]!;
  if (count > 1) value |= bytes[at + 1]! << 8;
  if (count > 2) value |= bytes[at + 2]! << 16;
  return value;
}
