/**
 * How many commands per second all clients of one user may run together.
 *
 *   session ── admit ──▶ tokens left, nobody waits: runs
 *      ▲                 else: its command is put back, and it is not read until its turn comes
 *      └── runAdmitted ── first of the line, one token, one command; whoever has more goes to the end
 *
 * Nothing is refused and nothing is stored: what is too fast waits in the client's socket. A line of one
 * place per client is as fair as it gets: who sends much waits behind those who send little.
 */
import { Rate } from '../core/rate.ts';

export interface Waiter {
  /** Runs the command that was put back; false if that is not possible now, then the token is not used. */
  runAdmitted(): boolean;
}

/** A timer that is due later would be rounded to 1 ms by Node, and the longest it knows is 24 days. */
const WAIT_MS_MIN = 1;
const WAIT_MS_MAX = 2 ** 31 - 1;

export class UserRate {
  readonly #rate: Rate;
  /** In the order of their turns; no more than there are clients. */
  readonly #waiting: Set<Waiter> = new Set();
  #timer: NodeJS.Timeout | null = null;

  constructor(perSecond: number) {
    this.#rate = new Rate(perSecond, performance.now());
  }

  /** False: `runAdmitted` will be called when it may. */
  admit(waiter: Waiter): boolean {
    if (this.#waiting.size === 0 && this.#rate.take(performance.now())) return true;
    this.#waiting.add(waiter);
    this.#timer ??= this.#wait();
    return false;
  }

  /** It has left, or belongs to somebody else now. */
  forget(waiter: Waiter): void {
    this.#waiting.delete(waiter);
  }

  #wait(): NodeJS.Timeout {
    const ms = this.#rate.msToToken(performance.now());
    const due = Math.min(WAIT_MS_MAX, Math.max(WAIT_MS_MIN, Math.ceil(ms)));
    return setTimeout(() => this.#serve(), due).unref();
  }

  #serve(): void {
    const now = performance.now();
    // Who waits again while this runs stands at the end of the set, and the loop comes to it.
    for (const waiter of this.#waiting) {
      if (!this.#rate.take(now)) break;
      this.#waiting.delete(waiter);
      if (!waiter.runAdmitted()) this.#rate.giveBack();
    }
    this.#timer = this.#waiting.size > 0 ? this.#wait() : null;
  }
}
