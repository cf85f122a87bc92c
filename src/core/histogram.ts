/**
 * Latencies in buckets whose width grows with their value: exact below 16 µs, then within 12.5 %.
 * Recording is a comparison and an addition; everything else happens when somebody asks.
 */

const EXACT = 16;
const STEPS_PER_DOUBLING = 8;
const DOUBLINGS = 27;
/** Longer ones share the last bucket. */
const MICROSECONDS_MAX = 2 ** 31 - 1;
export const BUCKETS: number = EXACT + DOUBLINGS * STEPS_PER_DOUBLING;

export class Histogram {
  readonly #counts = new Float64Array(BUCKETS);
  #sumMs = 0;
  #count = 0;
  /** Values equal to the last one are counted here first: a pipeline that came together leaves together. */
  #lastMs = 0;
  #times = 0;

  record(milliseconds: number): void {
    if (milliseconds !== this.#lastMs) {
      this.#settle();
      this.#lastMs = milliseconds;
    }
    this.#times++;
  }

  /** Per bucket. */
  get counts(): Float64Array {
    this.#settle();
    return this.#counts;
  }

  /** Sum of all values in milliseconds. */
  get sumMs(): number {
    this.#settle();
    return this.#sumMs;
  }

  get count(): number {
    this.#settle();
    return this.#count;
  }

  /** The value (milliseconds) below which the share `quantile` of all values lies; 0 when empty. */
  quantile(quantile: number): number {
    return quantileOf(this.counts, this.#count, quantile);
  }

  #settle(): void {
    const times = this.#times;
    if (times === 0) return;
    this.#times = 0;
    this.#count += times;
    this.#sumMs += this.#lastMs * times;
    // Capped before it is cut to 32 bits: 36 minutes would wrap around to nothing.
    const microseconds = Math.min(this.#lastMs * 1000, MICROSECONDS_MAX) | 0;
    this.#counts[bucketOf(microseconds)]! += times;
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
