/**
 * How many commands per second all clients of one user may run together.
 *
 *   session ── admit ──▶ tokens left, nobody waits: runs
 *      ▲                 else: its command is put back, and it is not read until its turn comes
 *      └── runNext ── first of the line, one token, one command; whoever has more goes to the end
 *
 * Nothing is refused and nothing is stored: what is too fast waits in the client's socket. A line of one
 * place per client is as fair as it gets: who sends much waits behind those who send little.
 */
import { Alarm } from '../core/alarm.ts';
import { Rate } from '../core/rate.ts';

export interface Waiter {
  /** Runs the command that was put back; false if that is not possible now, then the token is not used. */
  runAdmitted(): boolean;
}

export class UserRate {
  readonly #rate: Rate;
  /** In the order of their turns; no more than there are clients. */
  readonly #waiting: Set<Waiter> = new Set();
  readonly #alarm = new Alarm();

  constructor(perSecond: number) {
    this.#rate = new Rate(perSecond, performance.now());
  }

  /** False: `runAdmitted` will be called when it may. */
  admit(waiter: Waiter): boolean {
    if (this.#waiting.size === 0 && this.#rate.take(performance.now())) return true;
    this.#waiting.add(waiter);
    if (!this.#alarm.isSet) this.#wait();
    return false;
  }

  /** It has left, or belongs to somebody else now. */
  forget(waiter: Waiter): void {
    this.#waiting.delete(waiter);
  }

  #wait(): void {
    const ms = Math.ceil(this.#rate.msToToken(performance.now()));
    this.#alarm.set(ms, () => this.#serve());
  }

  #serve(): void {
    const now = performance.now();
    // Who waits again while this runs stands at the end of the set, and the loop comes to it.
    for (const waiter of this.#waiting) {
      if (!this.#rate.take(now)) break;
      this.#waiting.delete(waiter);
      if (!waiter.runAdmitted()) this.#rate.giveBack();
    }
    if (this.#waiting.size > 0) this.#wait();
  }
}

/** A client whose command waits for its place. */
export interface Paced {
  /** Runs the command that was put back, if nothing else keeps it from that. */
  runNext(): void;
}

/** One client in the lines of its users. */
export class Pace implements Waiter {
  readonly #client: Paced;
  #rate: UserRate | null = null;
  /** The command at hand has its place. */
  #isAdmitted = false;

  constructor(client: Paced) {
    this.#client = client;
  }

  /** The rate that counts from now on; null: none. */
  follow(rate: UserRate | null): void {
    this.#rate?.forget(this);
    this.#rate = rate;
  }

  /** May the command at hand run now? If not, `runNext` will be called when it may. */
  admits(): boolean {
    if (this.#rate === null) return true;
    if (!this.#isAdmitted) return this.#rate.admit(this);
    this.#isAdmitted = false;
    return true;
  }

  runAdmitted(): boolean {
    this.#isAdmitted = true;
    this.#client.runNext();
    const isUsed = !this.#isAdmitted;
    this.#isAdmitted = false;
    return isUsed;
  }
}
