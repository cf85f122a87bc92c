/** A timer of Node ends at once if it is set for more than 24 days: longer times take several. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/** One timer that is set, set anew, and cleared; for any time, and no reason to keep the process alive. */
export class Alarm {
  #timer: NodeJS.Timeout | null = null;

  set(ms: number, ring: () => void): void {
    this.clear();
    const due = Math.min(Math.max(0, ms), TIMER_MS_MAX);
    this.#timer = setTimeout(() => {
      if (ms > due) this.set(ms - due, ring);
      else {
        this.#timer = null;
        ring();
      }
    }, due).unref();
  }

  get isSet(): boolean {
    return this.#timer !== null;
  }

  clear(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
