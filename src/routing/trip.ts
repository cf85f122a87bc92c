/**
 * A command that is not simply under way: refused by a node and sent on, or kept back until it may go.
 *
 * It owns a copy of the bytes and stands in for the client's sink, so that it can be sent again. It ends, at the
 * latest, when `op_timeout` has passed since the command was first sent.
 */
import type { Sink } from '../backend/backend.ts';
import { Command } from '../commands/command.ts';
import type { CommandSpec } from '../commands/spec.ts';
import { type LinkError, linkError } from '../resp/errors.ts';
import type { Protocol } from '../resp/types.ts';
import type { Upstream } from '../upstream/upstream.ts';

/** Trips of one upstream at one time; more fail, or get the error they were to be spared. */
const TRIPS_MAX = 16_384;
const TRIP_BYTES_MAX = 64 * 1024 * 1024;

/** Bounds what all trips of a group hold. */
export class Luggage {
  count = 0;
  bytes = 0;

  hasRoomFor(size: number): boolean {
    // One command may exceed the limit of bytes, or it could never pass.
    return this.count < TRIPS_MAX && (this.count === 0 || this.bytes + size <= TRIP_BYTES_MAX);
  }
}

export interface TripSource {
  readonly sink: Sink;
  readonly spec: CommandSpec;
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
  readonly affinity: number;
  readonly database: number;
  readonly protocol: Protocol;
  readonly slot: number;
  readonly sentAt: number;
  /** It was kept back before it was sent at all. */
  readonly isFresh: boolean;
}

let tripsMade = 0;

export class Trip implements Sink {
  readonly command: Command;
  readonly slot: number;
  /** When the command was first sent, in the milliseconds of `Tick.now`. */
  readonly sentAt: number;
  redirects = 0;
  /** Servers that have refused it. */
  readonly refusedBy: Set<Upstream> = new Set();
  /** Where it goes next, if not to whoever has the slot. */
  next: Upstream | null = null;
  isAsking = false;
  /** Told once it has an answer, whichever. */
  onSettled: ((trip: Trip) => void) | null = null;
  #isSettled = false;
  #isUnderWay = false;
  /** The server's last word, while it holds: `-…\r\n`. */
  #error: Buffer | null = null;
  #timer: NodeJS.Timeout | null = null;
  readonly #sink: Sink;
  readonly #luggage: Luggage;
  readonly #size: number;
  readonly #isFresh: boolean;
  readonly #number: number = tripsMade++;

  constructor(source: TripSource, luggage: Luggage, opTimeoutMs: number) {
    const { sink, spec, bytes, start, end, sentAt } = source;
    const command = new Command(spec, Buffer.from(bytes.subarray(start, end)));
    command.end = end - start;
    command.affinity = source.affinity;
    command.database = source.database;
    command.protocol = source.protocol;
    this.command = command;
    this.slot = source.slot;
    this.sentAt = sentAt;
    this.#sink = sink;
    this.#size = command.end;
    this.#isFresh = source.isFresh;
    this.#luggage = luggage;
    luggage.count++;
    luggage.bytes += this.#size;
    if (opTimeoutMs > 0) {
      const due = sentAt + opTimeoutMs - performance.now();
      this.#timer = setTimeout(() => this.#expire(), Math.max(1, Math.ceil(due)));
    }
  }

  get isSettled(): boolean {
    return this.#isSettled;
  }

  /** The sink that waits: what a pending entry of the command's first sending holds. */
  get sink(): Sink {
    return this.#sink;
  }

  /** Of two commands of one client to one slot, this one was sent first. In doubt it was not. */
  isBefore(other: Trip): boolean {
    if (this.sentAt !== other.sentAt) return this.sentAt < other.sentAt;
    return !this.#isFresh && this.#number < other.#number;
  }

  send(server: Upstream): void {
    if (this.#isSettled) return;
    this.#isUnderWay = true;
    this.next = null;
    if (this.isAsking) server.dispatchAsking(this.command, this);
    else server.dispatch(this.command, this);
  }

  /** A server says that it did not run the command. */
  refuse(by: Upstream, text: string): void {
    this.#isUnderWay = false;
    this.#error = Buffer.from(`-${text}\r\n`, 'latin1');
    this.refusedBy.add(by);
  }

  /** Ends it with what the last server said. */
  giveUp(): void {
    const error = this.#error;
    if (error === null || this.#isUnderWay) this.fail(TIMEOUT);
    else this.reply(error, 0, error.length);
  }

  reply(bytes: Buffer, start: number, end: number): void {
    if (!this.#settle()) return;
    this.#sink.reply(bytes, start, end);
    this.onSettled?.(this);
  }

  fail(error: LinkError): void {
    if (!this.#settle()) return;
    this.#sink.fail(error);
    this.onSettled?.(this);
  }

  /** False: too late, for it was settled before; a reply that comes after its time is dropped here. */
  #settle(): boolean {
    if (this.#isSettled) return false;
    this.#isSettled = true;
    this.#luggage.count--;
    this.#luggage.bytes -= this.#size;
    if (this.#timer !== null) clearTimeout(this.#timer);
    return true;
  }

  #expire(): void {
    this.#timer = null;
    this.giveUp();
  }
}

const TIMEOUT = linkError('timeout', 'no reply in time');
