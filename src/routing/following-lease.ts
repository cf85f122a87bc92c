/**
 * A connection lent by a cluster, that goes where its slot goes.
 *
 *   MULTI, SET a, SET b ──▶ A
 *                  EXEC ──▶ A says MOVED … B: nothing has run
 *          MULTI, SET a, SET b, EXEC ──▶ B         QUEUED is told to the client once
 *
 * A node that says MOVED, ASK, TRYAGAIN and the like to one command of a transaction has run none of them: a spoiled
 * transaction is refused whole. So all are kept until EXEC, and sent again to the node that has the slot now.
 * `ASKING` before `MULTI` holds until EXEC (https://redis.io/docs/latest/commands/asking/). A command that waits is sent again
 * likewise and waits as long as is left of its time.
 *
 * Keys that are watched cannot go along, for nobody can tell whether they were changed on the way: the next EXEC is
 * answered as if they were, with null, and the client tries again as it does anyway.
 */
import {
  type Backend,
  type Lease,
  type LeaseHolder,
  nowhere,
  type Refusal,
  type Sink,
} from '../backend/backend.ts';
import type { Command } from '../commands/command.ts';
import { ASKING_NAME, commandLike, TRANSACTION } from '../commands/own.ts';
import { encoded } from '../resp/encoder.ts';
import { CROSSSLOT, linkError } from '../resp/errors.ts';
import { BULK_ERROR, SIMPLE_ERROR } from '../resp/types.ts';
import { NULL_ARRAY, OK, status, type Value } from '../resp/value.ts';
import { replyError } from './answers.ts';
import { LentCopies } from './copies.ts';
import type { Following, Place, Placer } from './place.ts';
import { mayHint } from './redirect.ts';

/** A command that may have to be sent again. */
interface Kept {
  readonly command: Command;
  /** Null: its client has the answer. */
  sink: Sink | null;
  readonly waitMs: number;
  /** When it was sent first; NaN: not yet. */
  sentAt: number;
  /** Between MULTI and EXEC or DISCARD, these included: kept until the end, others until their answer. */
  readonly isCollected: boolean;
}

export class FollowingLease implements Lease, LeaseHolder {
  readonly #placer: Placer;
  readonly #following: Following;
  readonly #holder: LeaseHolder;
  readonly #copies = new LentCopies();
  #server: Backend;
  /** Null: between two servers, or nothing needs one any more. */
  #lease: Lease | null = null;
  /** The next one, which is being given the scripts that are wanted there. */
  #arriving: Lease | null = null;
  /** Counts connections: what one says that was left is heard no more. */
  #generation = 0;
  readonly #slots: Set<number> = new Set();
  #kept: Kept[] = [];
  /** MULTI was sent, and neither EXEC nor DISCARD. */
  #isCollecting = false;
  #watches = false;
  /** What was watched has moved: nothing is run, and EXEC is answered with null. */
  #isVoid = false;
  #isAsking = false;
  /** More than may be kept was sent: from here on the errors of the node are the client's. */
  #isBound = false;
  #redirects = 0;
  #firstRefusedAt = 0;
  readonly #refusedBy: Set<Backend> = new Set();
  #pause: NodeJS.Timeout | null = null;
  #waitEnd: NodeJS.Timeout | null = null;
  #isOver = false;

  private constructor(placer: Placer, following: Following, place: Place, holder: LeaseHolder) {
    this.#placer = placer;
    this.#following = following;
    this.#holder = holder;
    this.#server = place.server;
  }

  static of(
    placer: Placer,
    following: Following,
    place: Place,
    holder: LeaseHolder,
  ): Lease | Refusal {
    const made = new FollowingLease(placer, following, place, holder);
    const lease = place.server.lease(place.command, made);
    if ('reply' in lease) return lease;
    made.#lease = lease;
    made.#note(place);
    return made;
  }

  carries(command: Command): boolean {
    const place = this.#placer.place(command, this.#server);
    return 'server' in place && this.#isHere(place);
  }

  /** Between two servers nothing is prepared now, but when the next one is there. */
  prepare(command: Command, then: () => void): boolean {
    return this.#lease?.prepare(command, then) ?? false;
  }

  dispatch(command: Command, sink: Sink): void {
    this.dispatchWaiting(command, sink, 0);
  }

  dispatchWaiting(command: Command, sink: Sink, waitMs: number): void {
    const place = this.#placer.place(command, this.#server);
    if (this.#isOver) sink.fail(LOST);
    else if ('reply' in place) replyError(sink, place.reply);
    else if (!this.#isHere(place)) replyError(sink, CROSSSLOT);
    else {
      const copies = this.#copies;
      this.#take(place, copies.before(place.command, sink), waitMs);
      copies.after(place.command, place.mirrors);
    }
  }

  unblock(withError: boolean): void {
    this.#lease?.unblock(withError);
  }

  release(): void {
    const lease = this.#lease;
    this.#end();
    lease?.release();
  }

  abandon(): void {
    const lease = this.#lease;
    // Before its end, so that what is under way fails by the connection.
    lease?.abandon();
    this.#end();
  }

  /** The connection is gone, and what was under way on it has failed. */
  onLost(): void {
    this.#lease = null;
    this.#arriving = null;
    this.#end();
    this.#holder.onLost();
  }

  /** The map may know of a move before this connection does: what was here is here until its server denies it. */
  #isHere(place: Place): boolean {
    return place.server === this.#server || this.#slots.has(place.slot);
  }

  #note({ slot }: Place): void {
    if (slot >= 0) this.#slots.add(slot);
  }

  #take(place: Place, sink: Sink, waitMs: number): void {
    this.#note(place);
    const { command } = place;
    const word = TRANSACTION[command.spec.name];
    if (word === 'begin') this.#isCollecting = true;
    const isCollected = this.#isCollecting;
    if (word === 'run' || word === 'drop') this.#isCollecting = false;
    if (this.#isVoid && (isCollected || word !== undefined)) {
      answerVoid(command, sink);
      return;
    }
    if (this.#isBound || !this.#following.luggage.hasRoomFor(command.end - command.start)) {
      this.#sendOnce(command, sink, waitMs);
      return;
    }
    const kept = { command: command.copy(), sink, waitMs, sentAt: Number.NaN, isCollected };
    this.#keep(kept);
    if (this.#lease !== null) this.#send(kept);
    else if (this.#pause === null && this.#arriving === null) this.#arrive(place.server, false);
  }

  /** There is no room to keep it, so this server is the last one. */
  #sendOnce(command: Command, sink: Sink, waitMs: number): void {
    this.#isBound = true;
    if (this.#lease === null) sink.fail(OVERFLOW);
    else this.#lease.dispatchWaiting(command, sink, waitMs);
  }

  #send(kept: Kept): void {
    const lease = this.#lease!;
    const { command, isCollected } = kept;
    const generation = this.#generation;
    const isFirst = TRANSACTION[command.spec.name] === 'begin';
    if (this.#isAsking && (isFirst || !isCollected)) {
      lease.dispatch(commandLike(command, ASKING_NAME), nowhere);
    }
    const sink: Sink = {
      reply: (bytes, start, end) => {
        if (generation === this.#generation) this.#onReply(kept, bytes, start, end);
      },
      fail: (error) => {
        if (generation !== this.#generation) return;
        this.#drop(kept);
        kept.sink?.fail(error);
      },
    };
    lease.dispatchWaiting(command, sink, this.#waitLeft(kept));
  }

  /** A wait that begins anew at another server ends when the first would have. */
  #waitLeft(kept: Kept): number {
    const { waitMs, sentAt } = kept;
    const now = performance.now();
    if (Number.isNaN(sentAt)) kept.sentAt = now;
    if (waitMs === 0 || waitMs === Infinity || Number.isNaN(sentAt)) return waitMs;
    const left = Math.max(0, sentAt + waitMs - now);
    this.#endWaitIn(left);
    return left;
  }

  /** Again and again, for the command may not be there yet. */
  #endWaitIn(ms: number): void {
    this.#waitEnd = setTimeout(
      () => {
        this.#lease?.unblock(false);
        this.#endWaitIn(UNBLOCK_AGAIN_MS);
      },
      Math.min(ms, TIMER_MS_MAX),
    );
  }

  #onReply(kept: Kept, bytes: Buffer, start: number, end: number): void {
    const isError = bytes[start] === SIMPLE_ERROR || bytes[start] === BULK_ERROR;
    if (isError && mayHint(bytes, start, end)) {
      if (this.#goOn(kept, bytes.toString('latin1', start + 1, end - 2))) return;
    }
    if (!isError && TRANSACTION[kept.command.spec.name] === 'watch') this.#watches = true;
    const { sink } = kept;
    kept.sink = null;
    if (!kept.isCollected) {
      this.#drop(kept);
      this.#redirects = 0;
      this.#refusedBy.clear();
      this.#clearTimers();
    }
    sink?.reply(bytes, start, end);
  }

  /** False: the error is the answer. */
  #goOn({ command }: Kept, text: string): boolean {
    if (this.#isBound) return false;
    const now = performance.now();
    if (this.#redirects === 0) this.#firstRefusedAt = now;
    const onward = this.#following.onward({
      by: this.#server,
      command,
      text,
      isAsking: this.#isAsking,
      redirects: this.#redirects,
      ageMs: now - this.#firstRefusedAt,
      refusedBy: this.#refusedBy,
    });
    if (onward === null) return false;
    this.#redirects++;
    this.#refusedBy.add(this.#server);
    this.#leave();
    if (this.#watches) this.#makeVoid();
    if (this.#kept.length === 0 || this.#isOver) return true;
    const { target, isAsking, pauseMs } = onward;
    if (pauseMs === 0) this.#arrive(target, isAsking);
    else this.#pause = setTimeout(() => this.#arrive(target, isAsking), pauseMs);
    return true;
  }

  /** Closed, for it may be within MULTI and have keys watched. */
  #leave(): void {
    const lease = this.#lease;
    this.#generation++;
    this.#lease = null;
    this.#clearTimers();
    lease?.abandon();
  }

  #makeVoid(): void {
    this.#isVoid = true;
    this.#watches = false;
    for (const kept of [...this.#kept]) {
      if (!kept.isCollected && TRANSACTION[kept.command.spec.name] === undefined) continue;
      this.#drop(kept);
      if (kept.sink !== null) answerVoid(kept.command, kept.sink);
    }
  }

  /** Takes another connection, and sends on it what is kept. */
  #arrive(target: Backend | null, isAsking: boolean): void {
    this.#pause = null;
    const [slot = -1] = this.#slots;
    const server = target ?? this.#following.ownerOf(slot);
    const lease = server?.lease(this.#kept[0]!.command, this) ?? NO_HOST;
    if (server === null || 'reply' in lease) {
      const reply = 'reply' in lease ? lease.reply : NO_HOST.reply;
      for (const { sink } of this.#takeKept()) if (sink !== null) replyError(sink, reply);
      this.onLost();
      return;
    }
    this.#server = server;
    this.#isAsking = isAsking;
    this.#arriving = lease;
    this.#prepareKept(lease, 0);
  }

  /** Gives the new server the scripts that what is kept needs, one after the other, then sends it. */
  #prepareKept(lease: Lease, from: number): void {
    if (this.#arriving !== lease) return;
    for (let at = from; at < this.#kept.length; at++) {
      const { command } = this.#kept[at]!;
      if (command.spec.script === null) continue;
      if (lease.prepare(command, () => this.#prepareKept(lease, at + 1))) return;
    }
    this.#arriving = null;
    this.#lease = lease;
    for (const kept of [...this.#kept]) {
      if (this.#lease === lease) this.#send(kept);
    }
  }

  #keep(kept: Kept): void {
    const { luggage } = this.#following;
    luggage.count++;
    luggage.bytes += kept.command.end;
    this.#kept.push(kept);
  }

  #drop(kept: Kept): void {
    const at = this.#kept.indexOf(kept);
    if (at < 0) return;
    this.#kept.splice(at, 1);
    this.#unload(kept);
  }

  #unload({ command }: Kept): void {
    const { luggage } = this.#following;
    luggage.count--;
    luggage.bytes -= command.end;
  }

  #takeKept(): readonly Kept[] {
    const all = this.#kept;
    this.#kept = [];
    for (const kept of all) this.#unload(kept);
    return all;
  }

  #clearTimers(): void {
    if (this.#pause !== null) clearTimeout(this.#pause);
    if (this.#waitEnd !== null) clearTimeout(this.#waitEnd);
    this.#pause = null;
    this.#waitEnd = null;
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#lease = null;
    this.#arriving?.abandon();
    this.#arriving = null;
    this.#generation++;
    this.#clearTimers();
    for (const { sink } of this.#takeKept()) sink?.fail(LOST);
  }
}

const QUEUED: Value = status('QUEUED');
/** By what a command is to a transaction; others are queued. */
const VOID_ANSWERS: Readonly<Record<string, Value>> = {
  begin: OK,
  run: NULL_ARRAY,
  drop: OK,
  watch: OK,
  unwatch: OK,
};

/** What a server would say of a transaction whose keys were changed. */
function answerVoid(command: Command, sink: Sink): void {
  const word = TRANSACTION[command.spec.name];
  const bytes = encoded(VOID_ANSWERS[word ?? ''] ?? QUEUED, command.protocol);
  sink.reply(bytes, 0, bytes.length);
}

const UNBLOCK_AGAIN_MS = 100;
/** A longer time is none to `setTimeout`. */
const TIMER_MS_MAX = 2 ** 31 - 1;
const LOST = linkError('closed', 'the connection lent was lost');
const NO_HOST = linkError('no_host', 'no server has this slot');
const OVERFLOW = linkError('busy', 'too many commands wait for a change of the cluster');
