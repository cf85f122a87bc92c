/** Random numbers that can be repeated: every run prints its seed, `TIDEGATE_SEED` brings it back. */

export class Random {
  readonly seed: number;
  #state: number;

  constructor(seed: number) {
    this.seed = seed >>> 0;
    this.#state = this.seed;
  }

  /** 32 bits (mulberry32). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }

  /** 0 <= result < limit. */
  below(limit: number): number {
    return this.next() % limit;
  }

  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  pick<T>(from: readonly T[]): T {
    const one = from[this.below(from.length)];
    if (one === undefined) throw new Error('nothing to pick from');
    return one;
  }

  bytes(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.below(256)));
  }
}

/** The seed of this run; printed by whoever asks. */
export function seedOfRun(): number {
  const given = process.env['TIDEGATE_SEED'];
  return given === undefined ? (Math.random() * 2 ** 32) >>> 0 : Number(given);
}

/** Seconds a long-running test takes: short by default, `npm run test:long` asks for more. */
export function secondsOfRun(short: number, share = 1): number {
  const given = Number(process.env['TIDEGATE_TEST_SECONDS'] ?? 0);
  return given > 0 ? given * share : short;
}
