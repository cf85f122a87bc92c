/**
 * How late the event loop is: ten times a second a timer says when it should have run and when it did. What
 * it finds goes into buckets that are only ever added to, so any number of readers see the same.
 */
import { Histogram } from '../core/histogram.ts';

const STEP_MS = 100;

export class LoopLag {
  readonly histogram: Histogram = new Histogram();
  #due: number = performance.now() + STEP_MS;
  readonly #timer: NodeJS.Timeout;

  constructor() {
    this.#timer = setInterval(() => {
      const now = performance.now();
      this.histogram.record(Math.max(0, now - this.#due));
      this.#due = now + STEP_MS;
    }, STEP_MS);
    this.#timer.unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }
}
