/**
 * Stands in the place of a server in the map of slots while a client's order is at stake.
 *
 * Two reasons, and both may hold at once:
 *
 * 1. The slot changed hands. What is under way at the old owner may come back and be sent to the new one; what came
 *    later must not be there before it. So everything is held until fences have passed: a PING behind all that is
 *    under way at the old owner, on each of its links.
 *
 *      held ──(all fences passed)──▶ target
 *
 * 2. A command was told to come later (TRYAGAIN, CLUSTERDOWN …). Its client's later commands for the slot wait in
 *    its line; other clients pass.
 *
 *      line of one client:  refused, refused ──one at a time, after a pause──▶ target
 *                           held, held       ──when none is refused any more──▶ target
 *
 * Later commands of that client that had been sent before the line began cannot be held. If one of them was run, it
 * overtook what waits, which then gets its error instead of a second chance that would turn the order round.
 */
import type { Backend, Lease, LeaseHolder, Refusal, Sink } from '../backend/backend.ts';
import type { Command } from '../commands/command.ts';
import type { CommandSpec } from '../commands/spec.ts';
import { assert } from '../core/assert.ts';
import type { Upstream } from '../upstream/upstream.ts';
import type { Trip } from './trip.ts';

export interface GateHost {
  /** A copy of the command to keep; null: there is no room, and the sink was told so. */
  hold(command: Command, sink: Sink, slot: number): Trip | null;
  /** Servers that may have commands of the slot under way, the one named first. */
  serversFrom(first: Upstream): Iterable<Upstream>;
  slotOf(bytes: Buffer, spec: CommandSpec): number;
  /** See `Upstream.fence`. */
  fence(server: Upstream, passed: () => void): boolean;
  /** Nothing has to wait any more: the slot may have its server instead of the gate. */
  onOpen(gate: Gate): void;
}

/** A command that had been sent when its client's line began. */
interface Follower {
  readonly sink: Sink | null;
  readonly isRead: boolean;
  isRefused: boolean;
}

export class Gate implements Backend {
  readonly slot: number;
  target: Upstream;
  readonly #host: GateHost;
  #fences = 0;
  #isReleasing = false;
  #held: Trip[] = [];
  readonly #lines: Map<number, Line> = new Map();
  #isOpen = false;

  constructor(slot: number, target: Upstream, host: GateHost) {
    this.slot = slot;
    this.target = target;
    this.#host = host;
  }

  get isClosed(): boolean {
    return this.#fences > 0 || this.#isReleasing;
  }

  dispatch(command: Command, sink: Sink): void {
    const line = this.#lines.get(command.affinity);
    if (!this.isClosed && line === undefined) {
      this.target.dispatch(command, sink);
      return;
    }
    const trip = this.#host.hold(command, sink, this.slot);
    if (trip === null) return;
    if (this.isClosed) this.#held.push(trip);
    else line!.held.push(trip);
  }

  /** Whoever borrows a connection has no commands under way, so there is no order to keep. */
  lease(command: Command, holder: LeaseHolder): Lease | Refusal {
    return this.target.lease(command, holder);
  }

  async close(): Promise<void> {
    for (const trip of this.#held) trip.giveUp();
    for (const line of this.#lines.values()) line.close();
  }

  /** The slot belongs to `target` from now on; `before` may still have commands of it under way. */
  retarget(target: Upstream, before: Upstream): void {
    this.target = target;
    if (before === target) return;
    if (this.#host.fence(before, () => this.#onFence())) this.#fences++;
  }

  /** True: later commands of this client wait for the trip, or for one before it. */
  hasLine(affinity: number): boolean {
    return this.#lines.has(affinity);
  }

  /** Takes a trip that `by` refused; it goes out again after the pause, in its turn. */
  wait(trip: Trip, by: Upstream, pauseMs: number): void {
    const { affinity } = trip.command;
    let line = this.#lines.get(affinity);
    if (line === undefined) {
      line = new Line(this, () => this.#onLineEnd(affinity));
      this.#lines.set(affinity, line);
      line.watch(trip, this.#host, by);
    }
    line.join(trip, pauseMs);
  }

  /** Sends what a line held, or keeps it longer if the slot is just changing hands: before all that came later. */
  release(trips: readonly Trip[]): void {
    if (this.isClosed) this.#held.unshift(...trips);
    else for (const trip of trips) trip.send(this.target);
  }

  #onFence(): void {
    if (--this.#fences > 0) return;
    this.#isReleasing = true;
    // What comes while these are sent, because a sink was answered at once, waits behind them.
    for (let i = 0; i < this.#held.length; i++) {
      const trip = this.#held[i]!;
      const line = this.#lines.get(trip.command.affinity);
      if (line === undefined) trip.send(this.target);
      else line.held.push(trip);
    }
    this.#held = [];
    this.#isReleasing = false;
    this.#openIfFree();
  }

  #onLineEnd(affinity: number): void {
    this.#lines.delete(affinity);
    this.#openIfFree();
  }

  #openIfFree(): void {
    if (this.#isOpen || this.isClosed || this.#lines.size > 0) return;
    this.#isOpen = true;
    this.#host.onOpen(this);
  }
}

/** Commands of one client for one slot, in their order. */
class Line {
  readonly held: Trip[] = [];
  readonly #gate: Gate;
  readonly #onEnd: () => void;
  /** Refused and not settled; the first may be under way. */
  readonly #refused: Trip[] = [];
  /** How many followers there were before each of them was refused. */
  readonly #ranks: Map<Trip, number> = new Map();
  #followers: Follower[] = [];
  #fences = 0;
  #timer: NodeJS.Timeout | null = null;
  #isSending = false;
  #isJudging = false;
  #isEnding = false;

  constructor(gate: Gate, onEnd: () => void) {
    this.#gate = gate;
    this.#onEnd = onEnd;
  }

  /** Notes what the client has under way behind `trip`, and waits until that is answered. */
  watch(trip: Trip, host: GateHost, by: Upstream): void {
    for (const server of host.serversFrom(by)) {
      const before = this.#followers.length;
      server.eachUnderWay(trip.command.affinity, (bytes, spec, sink) => {
        if (host.slotOf(bytes, spec) !== trip.slot) return;
        if (server !== by && isTrip(sink) && sink.isBefore(trip)) return;
        this.#followers.push({ sink, isRead: spec.isRead, isRefused: false });
      });
      if (this.#followers.length === before) continue;
      if (host.fence(server, () => this.#onFence())) this.#fences++;
    }
  }

  join(trip: Trip, pauseMs: number): void {
    if (this.#refused[0] !== trip) {
      const rank = this.#followers.findIndex(({ sink }) => sink === trip || sink === trip.sink);
      if (rank >= 0) this.#followers[rank]!.isRefused = true;
      this.#ranks.set(trip, rank);
      this.#refused.push(trip);
      trip.onSettled = (settled) => this.#onSettled(settled);
    }
    this.#isSending = false;
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.#goOn();
    }, pauseMs);
  }

  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    for (const trip of [...this.#refused, ...this.held]) trip.giveUp();
  }

  #onFence(): void {
    this.#fences--;
    if (this.#fences === 0) this.#judge();
    this.#goOn();
  }

  /** Whatever has been overtaken gets its error. Two reads cannot overtake each other. */
  #judge(): void {
    const followers = this.#followers;
    this.#followers = [];
    const overtaken = [...this.#ranks].filter(([trip, rank]) =>
      followers.some(
        ({ isRefused, isRead }, at) =>
          at > rank && !isRefused && !(isRead && trip.command.spec.isRead),
      ),
    );
    this.#ranks.clear();
    // Nothing is sent before all of them have their errors: one of them might be the next.
    this.#isJudging = true;
    for (const [trip] of overtaken) trip.giveUp();
    this.#isJudging = false;
  }

  /** Sends the first of those refused; when there is none any more, what was held behind them. */
  #goOn(): void {
    if (this.#fences > 0 || this.#timer !== null || this.#isSending) return;
    if (this.#isJudging || this.#isEnding) return;
    const first = this.#refused[0];
    if (first !== undefined) {
      this.#isSending = true;
      first.send(first.next ?? this.#gate.target);
      return;
    }
    this.#end();
  }

  #end(): void {
    this.#isEnding = true;
    // A sink answered at once may ask for something new, which joins those held.
    while (this.held.length > 0) this.#gate.release(this.held.splice(0));
    assert(this.#refused.length === 0, 'a line ends when nothing in it is refused');
    this.#onEnd();
  }

  #onSettled(trip: Trip): void {
    const at = this.#refused.indexOf(trip);
    if (at < 0) return;
    this.#refused.splice(at, 1);
    this.#ranks.delete(trip);
    if (at === 0) this.#isSending = false;
    if (this.#refused.length === 0 && this.#timer !== null) {
      clearTimeout(this.#timer);
      this.#timer = null;
    }
    this.#goOn();
  }
}

function isTrip(sink: Sink | null): sink is Trip {
  return sink !== null && 'isBefore' in sink;
}
