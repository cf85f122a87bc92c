/**
 * The map of slots: by slot the server that owns it, or for a moment a gate in its place. The path of a command is
 * one look into an array.
 *
 *   owner A ──change, A has work under way──▶ gate ──fences passed──▶ owner B
 *        └───change, A is idle─────────────────────────────────────────▲
 */
import type { Backend, Sink } from '../backend/backend.ts';
import type { Command } from '../commands/command.ts';
import type { CommandSpec } from '../commands/spec.ts';
import type { Upstream } from '../upstream/upstream.ts';
import { Gate, type GateHost } from './gate.ts';
import type { ClusterNode } from './nodes.ts';
import type { Trip } from './trip.ts';

/** What was learnt from a redirection is not given up for an older answer that is still on its way. */
const LEARNT_KEPT_MS = 2000;

export interface SlotsHost {
  hold(command: Command, sink: Sink, slot: number): Trip | null;
  slotOf(bytes: Buffer, spec: CommandSpec): number;
  upstreams(): Iterable<Upstream>;
}

export class Slots implements GateHost {
  /** Where commands go; null: nowhere. */
  readonly entries: (Backend | null)[];
  readonly owners: (ClusterNode | null)[];
  /** Gates opened since the start. */
  gatesMade = 0;
  /** Slots that have an owner. */
  covered = 0;
  /** Changes so far. */
  version = 0;
  readonly #host: SlotsHost;
  readonly #learntAt: Float64Array;
  /** Fences of one change of many slots: one PING serves them all. */
  #batch: Map<Upstream, (() => void)[] | null> | null = null;

  /** `first` takes commands until the map is known. */
  constructor(first: Backend, host: SlotsHost, count: number) {
    this.entries = new Array<Backend | null>(count).fill(first);
    this.owners = new Array<ClusterNode | null>(count).fill(null);
    this.#learntAt = new Float64Array(count).fill(-Infinity);
    this.#host = host;
  }

  /** Several changes as one. */
  change(make: () => void): void {
    this.#batch = new Map();
    make();
    this.#batch = null;
  }

  /** A redirection says so. */
  learn(slot: number, owner: ClusterNode): void {
    this.#learntAt[slot] = performance.now();
    this.assign(slot, owner);
  }

  /** The slot was learnt a moment ago, and not from an answer about all of them. */
  isFresh(slot: number): boolean {
    return performance.now() - this.#learntAt[slot]! < LEARNT_KEPT_MS;
  }

  assign(slot: number, owner: ClusterNode): void {
    const before = this.owners[slot]!;
    if (before === owner) return;
    this.owners[slot] = owner;
    this.version++;
    const { upstream } = owner;
    const entry = this.entries[slot]!;
    if (before === null) {
      this.covered++;
      this.entries[slot] = upstream;
    } else if (entry instanceof Gate) {
      entry.retarget(upstream, entry.target);
    } else {
      const gate = new Gate(slot, upstream, this);
      gate.retarget(upstream, before.upstream);
      this.entries[slot] = gate.isClosed ? this.#count(gate) : upstream;
    }
  }

  /** The gate of a slot, made if there is none. */
  gateOf(slot: number, server: Upstream): Gate {
    const entry = this.entries[slot]!;
    if (entry instanceof Gate) return entry;
    const gate = new Gate(slot, this.owners[slot]?.upstream ?? server, this);
    this.entries[slot] = this.#count(gate);
    return gate;
  }

  /** Null: the slot has none. */
  gateAt(slot: number): Gate | null {
    const entry = this.entries[slot]!;
    return entry instanceof Gate ? entry : null;
  }

  async close(): Promise<void> {
    for (const entry of this.entries) if (entry instanceof Gate) await entry.close();
  }

  hold(command: Command, sink: Sink, slot: number): Trip | null {
    return this.#host.hold(command, sink, slot);
  }

  slotOf(bytes: Buffer, spec: CommandSpec): number {
    return this.#host.slotOf(bytes, spec);
  }

  *serversFrom(first: Upstream): Iterable<Upstream> {
    yield first;
    for (const upstream of this.#host.upstreams()) if (upstream !== first) yield upstream;
  }

  fence(server: Upstream, passed: () => void): boolean {
    const batch = this.#batch;
    if (batch === null) return server.fence(passed);
    let waiting = batch.get(server);
    if (waiting === undefined) {
      const all: (() => void)[] = [];
      const isBusy = server.fence(() => {
        for (const each of all) each();
      });
      waiting = isBusy ? all : null;
      batch.set(server, waiting);
    }
    waiting?.push(passed);
    return waiting !== null;
  }

  onOpen(gate: Gate): void {
    if (this.entries[gate.slot] === gate) this.entries[gate.slot] = gate.target;
  }

  #count(gate: Gate): Gate {
    this.gatesMade++;
    return gate;
  }
}
