/**
 * One turn of the event loop, made visible.
 *
 *   poll phase:  client read, client read, upstream read, …   each marks what it made dirty
 *   check phase: every dirty link, then every dirty session, is flushed once
 *
 * So a socket is written at most once per turn however many commands or replies came in, and the clock is
 * read once per turn. Links go first: requests leave before answers, so servers work while we write.
 */

/** Something with bytes to write at the end of the turn. It calls `mark` again only after `flush` began. */
export interface Flushable {
  flush(): void;
}

/** Rounds of flushing in one turn before control goes back to the loop; more would starve reads. */
const ROUNDS_MAX = 8;

export class Tick {
  /** Milliseconds since the process began, fractional, as of the first event of this turn. */
  now: number = performance.now();
  #armed = false;
  #upstream: Flushable[] = [];
  #client: Flushable[] = [];
  readonly #run = (): void => {
    this.#armed = false;
    for (let round = 0; round < ROUNDS_MAX; round++) {
      if (this.#upstream.length === 0 && this.#client.length === 0) return;
      if (this.#upstream.length > 0) this.#upstream = drain(this.#upstream);
      if (this.#client.length > 0) this.#client = drain(this.#client);
    }
    if (this.#upstream.length > 0 || this.#client.length > 0) this.begin();
  };

  /** To be called first by every socket event: reads the clock and arms the flush of this turn. */
  begin(): void {
    if (this.#armed) return;
    this.#armed = true;
    this.now = performance.now();
    setImmediate(this.#run);
  }

  markUpstream(target: Flushable): void {
    this.#upstream.push(target);
    if (!this.#armed) this.begin();
  }

  markClient(target: Flushable): void {
    this.#client.push(target);
    if (!this.#armed) this.begin();
  }
}

/** Flushes all of `list`; what is marked meanwhile is appended to it and flushed in the same pass or kept. */
function drain(list: Flushable[]): Flushable[] {
  const count = list.length;
  for (let i = 0; i < count; i++) list[i]!.flush();
  if (list.length === count) {
    list.length = 0;
    return list;
  }
  return list.slice(count);
}
