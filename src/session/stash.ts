/** Replies of one client that came before it is their turn, until the turns before them are answered. */
import { ByteQueue } from '../core/bytes.ts';
import { giveBack } from '../core/pool.ts';
import type { Turn } from './turn.ts';

/** So many bytes written out are worth moving the rest. */
const SPENT_MIN = 64 * 1024;

export class Stash {
  readonly #bytes = new ByteQueue();
  #count = 0;
  /** Bytes that were written out; the rest is waited for. */
  #spent = 0;

  /** Keeps the reply of `turn`; says how many bytes are held now. */
  hold(turn: Turn, bytes: Buffer, start: number, end: number): number {
    turn.stashStart = this.#bytes.length;
    this.#bytes.append(bytes, start, end);
    turn.stashEnd = this.#bytes.length;
    this.#count++;
    return turn.stashEnd - this.#spent;
  }

  writeTo(out: ByteQueue, turn: Turn): void {
    out.append(this.#bytes.bytes, turn.stashStart, turn.stashEnd);
    this.#spent += turn.stashEnd - turn.stashStart;
    this.#count--;
  }

  /** A client that never pauses always has something held: what was written must not pile up before it. */
  tidy(head: Turn | null): void {
    if (this.#spent === 0) return;
    if (this.#count === 0) this.#bytes.clear();
    else if (this.#spent < SPENT_MIN || this.#spent * 2 < this.#bytes.length) return;
    else this.#compact(head);
    this.#spent = 0;
  }

  clear(): void {
    this.#bytes.clear();
  }

  #compact(head: Turn | null): void {
    const old = this.#bytes.take();
    for (let turn = head; turn !== null; turn = turn.next) {
      if (turn.waits || turn.silent) continue;
      const start = this.#bytes.length;
      this.#bytes.append(old, turn.stashStart, turn.stashEnd);
      turn.stashStart = start;
      turn.stashEnd = this.#bytes.length;
    }
    giveBack(old);
  }
}
