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

/** A list that is emptied once per turn without touching the length of its array, which is slow to set. */
class DirtyList {
  readonly #items: (Flushable | null)[] = [];
  #count = 0;

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  push(item: Flushable): void {
    if (this.#count < this.#items.length) this.#items[this.#count] = item;
    else this.#items.push(item);
    this.#count++;
  }

  /** Flushes what is there now; what is marked meanwhile stays for the next round. */
  flush(): void {
    const items = this.#items;
    const count = this.#count;
    for (let i = 0; i < count; i++) {
      const item = items[i]!;
      items[i] = null;
      item.flush();
    }
    const marked = this.#count - count;
    for (let i = 0; i < marked; i++) {
      items[i] = items[count + i]!;
      items[count + i] = null;
    }
    this.#count = marked;
  }
}

export class Tick {
  /** Milliseconds since the process began, fractional, as of the first event of this turn. */
  now: number = performance.now();
  #armed = false;
  readonly #upstream = new DirtyList();
  readonly #client = new DirtyList();
  readonly #run = (): void => {
    this.#armed = false;
    for (let round = 0; round < ROUNDS_MAX; round++) {
      if (this.#upstream.isEmpty && this.#client.isEmpty) return;
      this.#upstream.flush();
      this.#client.flush();
    }
    if (!(this.#upstream.isEmpty && this.#client.isEmpty)) this.begin();
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
