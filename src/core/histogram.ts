/**
 * Latencies in buckets whose width grows with their value: exact below 16 µs, then within 12.5 %.
 * Recording is one addition in a typed array; everything else happens when somebody asks.
 */

const EXACT = 16;
const STEPS_PER_DOUBLING = 8;
const DOUBLINGS = 27;
/** Longer ones share the last bucket. */
const MICROSECONDS_MAX = 2 ** 31 - 1;
export const BUCKETS: number = EXACT + DOUBLINGS * STEPS_PER_DOUBLING;

export class Histogram {
  readonly counts: Float64Array = new Float64Array(BUCKETS);
  /** Sum of all values in milliseconds. */
  sumMs = 0;
  count = 0;

  record(milliseconds: number): void {
    this.sumMs += milliseconds;
    this.count++;
    // Capped before it is cut to 32 bits: 36 minutes would wrap around to nothing.
    this.counts[bucketOf(Math.min(milliseconds * 1000, MICROSECONDS_MAX) | 0)]!++;
  }

  /** The value (milliseconds) below which the share `quantile` of all values lies; 0 when empty. */
  quantile(quantile: number): number {
    return quantileOf(this.counts, this.count, quantile);
  }
}

export function quantileOf(counts: ArrayLike<number>, count: number, quantile: number): number {
  if (count === 0) return 0;
  const rank = Math.max(1, Math.ceil(count * quantile));
  let seen = 0;
  for (let i = 0; i < BUCKETS; i++) {
    seen += counts[i]!;
    if (seen >= rank) return upperBoundMs(i);
  }
  return upperBoundMs(BUCKETS - 1);
}

function bucketOf(microseconds: number): number {
  if (microseconds < EXACT) return Math.max(0, microseconds);
  const exponent = 31 - Math.clz32(microseconds);
  return EXACT + (exponent - 4) * STEPS_PER_DOUBLING + ((microseconds >> (exponent - 3)) & 7);
}

/** The end of a bucket, in milliseconds. */
export function upperBoundMs(bucket: number): number {
  if (bucket < EXACT) return (bucket + 1) / 1000;
  const doubling = Math.floor((bucket - EXACT) / STEPS_PER_DOUBLING);
  const step = (bucket - EXACT) % STEPS_PER_DOUBLING;
  return (2 ** (doubling + 1) * (STEPS_PER_DOUBLING + step + 1)) / 1000;
}
