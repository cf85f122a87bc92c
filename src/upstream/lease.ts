/**
 * One link in the hands of one borrower.
 *
 * Its time-out is the borrower's own: when it passes the link is closed, for a transaction whose command got no
 * answer cannot go on, and nobody else is on the link.
 */
import type { Lease, LeaseHolder, Sink } from '../backend/backend.ts';
import type { Command } from '../commands/command.ts';
import { assert } from '../core/assert.ts';
import { type LinkError, linkError } from '../resp/errors.ts';
import type { Link } from './link.ts';
import { SPARE } from './pool.ts';

/** What a lease asks of its server. */
export interface LeaseHome {
  giveBack(link: Link): void;
  /** Ends the wait of the connection that the server knows by this number. */
  unblock(serverClientId: number, withError: boolean): void;
  /** See `Lease.prepare`. */
  prepare(link: Link, command: Command, then: () => void): boolean;
}

/** A longer time is none to `setTimeout`. */
const TIMER_MS_MAX = 2 ** 31 - 1;

export class LinkLease implements Lease {
  readonly #link: Link;
  readonly #home: LeaseHome;
  readonly #opTimeoutMs: number;
  #holder: LeaseHolder | null;
  #underWay = 0;
  #isRecalled = false;
  #dueAt = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(link: Link, home: LeaseHome, opTimeoutMs: number, holder: LeaseHolder) {
    this.#link = link;
    this.#home = home;
    this.#opTimeoutMs = opTimeoutMs;
    this.#holder = holder;
  }

  carries(): boolean {
    return true;
  }

  prepare(command: Command, then: () => void): boolean {
    return this.#holder !== null && this.#home.prepare(this.#link, command, then);
  }

  dispatch(command: Command, sink: Sink): void {
    this.dispatchWaiting(command, sink, 0);
  }

  dispatchWaiting(command: Command, sink: Sink, waitMs: number): void {
    if (this.#holder === null) {
      sink.fail(LOST);
      return;
    }
    this.#underWay++;
    this.#dueAt = Math.max(this.#dueAt, performance.now() + waitMs + this.#opTimeoutMs);
    this.#arm();
    this.#link.dispatch(command, {
      reply: (bytes, start, end) => {
        this.#settle();
        sink.reply(bytes, start, end);
      },
      fail: (error) => {
        this.#settle();
        sink.fail(error);
      },
    });
  }

  unblock(withError: boolean): void {
    if (this.#link.serverClientId > 0) this.#home.unblock(this.#link.serverClientId, withError);
  }

  release(): void {
    assert(this.#underWay === 0, 'a connection is given back when all on it is answered');
    if (this.#end()) this.#home.giveBack(this.#link);
  }

  abandon(): void {
    if (this.#end()) this.#link.destroy(SPARE);
  }

  onPush(bytes: Buffer, start: number, end: number): void {
    this.#holder?.onPush?.(bytes, start, end);
  }

  /**
   * The server is not the one to ask any more: ends once what is under way is answered. A wait ends at once, for what
   * it waits for will happen elsewhere.
   */
  recall(): void {
    const isWaiting = this.#dueAt > performance.now() + this.#opTimeoutMs;
    if (this.#underWay === 0 || isWaiting) this.#link.destroy(RECALLED);
    else this.#isRecalled = true;
  }

  /** The link is gone, and what was under way on it has failed. */
  onClosed(): void {
    const holder = this.#holder;
    if (this.#end()) holder?.onLost();
  }

  /** False if it had ended before. */
  #end(): boolean {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const wasOpen = this.#holder !== null;
    this.#holder = null;
    return wasOpen;
  }

  #settle(): void {
    if (--this.#underWay > 0) return;
    this.#dueAt = 0;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    // After the answer that is about to be handed on.
    if (this.#isRecalled) queueMicrotask(() => this.#link.destroy(RECALLED));
  }

  #arm(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const due = this.#dueAt - performance.now();
    // For ever: a peer that is gone without a word is found by TCP keep-alive.
    if (due > TIMER_MS_MAX) return;
    this.#timer = setTimeout(() => this.#link.destroy(TIMEOUT), due);
  }
}

/** No failure of the server. */
export const RECALLED: LinkError = linkError('closed', 'the server is not primary any more');
const LOST: LinkError = linkError('closed', 'the connection lent was lost');
const TIMEOUT: LinkError = linkError('timeout', 'no reply in time on a connection that was lent');
