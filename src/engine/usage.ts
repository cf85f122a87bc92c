/**
 * How a key is marked when it is used, in 24 bits, and what the mark says later.
 *
 * - LRU: seconds, modulo 2^24
 * - LFU: minutes modulo 2^16, then a counter of 8 bits that rises by chance, the more seldom the higher it is, and falls with the
 *   minutes in which nobody asked (https://redis.io/docs/latest/develop/reference/eviction/)
 */

const SECONDS_MASK = 0xffffff;
const SECONDS_RANGE: number = SECONDS_MASK + 1;
const MINUTES_MASK = 0xffff;
const COUNTER_BITS = 8;
const COUNTER_MAX = 255;
/** What a new key has, so that it is not the first to go. */
const COUNTER_NEW = 5;

export class Usage {
  isFrequency = false;
  /** How many uses it takes to rise, about. */
  logFactor = 10;
  /** Minutes without a use that cost one. */
  decayMinutes = 1;

  /** The mark of a key used now; `before`: the one it had, 0 for a new key. */
  mark(before: number, nowMs: number): number {
    if (!this.isFrequency) return Math.floor(nowMs / 1000) & SECONDS_MASK;
    const minutes = Math.floor(nowMs / 60_000) & MINUTES_MASK;
    const counter = before === 0 ? COUNTER_NEW : this.#rise(this.#decayed(before, minutes));
    return (minutes << COUNTER_BITS) | counter;
  }

  /** Seconds since a key was used. */
  idleSeconds(mark: number, nowMs: number): number {
    return ((Math.floor(nowMs / 1000) & SECONDS_MASK) - mark) & SECONDS_MASK;
  }

  /** The counter as of now. */
  frequency(mark: number, nowMs: number): number {
    return this.#decayed(mark, Math.floor(nowMs / 60_000) & MINUTES_MASK);
  }

  /** The mark of a key that was used last so many seconds ago. */
  markOfIdle(seconds: number, nowMs: number): number {
    const at = (Math.floor(nowMs / 1000) & SECONDS_MASK) - seconds;
    const wrapped = at < 0 ? at + SECONDS_MASK : at;
    return ((wrapped % SECONDS_RANGE) + SECONDS_RANGE) % SECONDS_RANGE;
  }

  /** The mark of a key whose counter is this. */
  markOfFrequency(counter: number, nowMs: number): number {
    return ((Math.floor(nowMs / 60_000) & MINUTES_MASK) << COUNTER_BITS) | counter;
  }

  /** The greater, the sooner it goes. */
  badness(mark: number, nowMs: number): number {
    return this.isFrequency
      ? COUNTER_MAX - this.frequency(mark, nowMs)
      : this.idleSeconds(mark, nowMs);
  }

  #decayed(mark: number, minutes: number): number {
    const counter = mark & COUNTER_MAX;
    if (this.decayMinutes === 0) return counter;
    const passed = (minutes - (mark >>> COUNTER_BITS)) & MINUTES_MASK;
    return Math.max(0, counter - Math.floor(passed / this.decayMinutes));
  }

  #rise(counter: number): number {
    if (counter === COUNTER_MAX) return counter;
    const base = Math.max(0, counter - COUNTER_NEW);
    return Math.random() < 1 / (base * this.logFactor + 1) ? counter + 1 : counter;
  }
}
