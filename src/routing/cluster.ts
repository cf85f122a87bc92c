/**
 * A Redis Cluster: `kind: cluster`.
 *
 *   key ─▶ slot ─▶ entry ─▶ Upstream                     (one look into an array)
 *                     └───▶ Gate, while the slot changes hands
 *   error of a node ─▶ decide ─▶ Trip ─▶ where it says, or later
 *   time, redirections, failures ─▶ Survey ─▶ settle ─▶ the map
 *
 * Commands of one client to one slot take effect in the order in which they were sent, through redirections,
 * retries and changes of the map: see gate.ts. Reads that replicas may answer are not part of that order.
 */
import type { Backend } from '../backend/backend.ts';
import type { Command } from '../commands/command.ts';
import { UNKNOWN } from '../commands/lookup.ts';
import { SLOT_COUNT, slotOf } from '../commands/slot.ts';
import type { Log } from '../core/log.ts';
import type { Tick } from '../core/tick.ts';
import type { Address } from '../upstream/dial.ts';
import type { CommandTally } from '../upstream/figures.ts';
import type { Upstream } from '../upstream/upstream.ts';
import { ClusterInquiry, type Witness } from './cluster-inquiry.ts';
import { Fleet, type FleetOptions } from './fleet.ts';
import { FrameSlots } from './frame-slot.ts';
import type { ClusterNodes, OwnedGroup, SlottedKeys } from './group.ts';
import type { Following } from './place.ts';
import { mayHint } from './redirect.ts';
import { type Current, ownersOf, type Settled } from './settle.ts';
import { Survey } from './survey.ts';
import type { TopologyNode } from './topology.ts';

export interface ClusterOptions extends FleetOptions {
  /** Asked until a node is known, and when no known one answers. */
  readonly seeds: readonly Address[];
  readonly tls: boolean;
}

export class Cluster implements OwnedGroup, SlottedKeys, ClusterNodes {
  readonly name: string;
  readonly tally: CommandTally;
  readonly slotted: SlottedKeys = this;
  readonly hasBus = true;
  readonly cluster: ClusterNodes = this;
  readonly following: Following;
  readonly fleet: Fleet;
  readonly survey: Survey<Settled>;
  readonly inquiry: ClusterInquiry;
  readonly #options: ClusterOptions;
  readonly #log: Log;
  #epoch = -1;

  constructor(options: ClusterOptions, tick: Tick, log: Log) {
    this.name = options.name;
    this.#options = options;
    this.#log = log;
    const frames = new FrameSlots(UNKNOWN);
    const host = {
      slotCount: SLOT_COUNT,
      slotOf: frames.slotOf.bind(frames),
      mends: mayHint,
      onMoved: () => this.survey.onRedirect(),
      onTrouble: () => this.survey.request(),
      onFailure: () => this.survey.onFailure(),
    };
    this.fleet = new Fleet(options, host, tick, log);
    this.tally = this.fleet.tally;
    const { redirector } = this.fleet;
    this.following = {
      luggage: redirector.luggage,
      ownerOf: (slot) => (slot < 0 ? this.any() : this.ownerOf(slot)),
      onward: (refused) => redirector.onward(refused),
    };
    const asked = {
      witnesses: () => this.#witnesses(),
      current: () => this.#current(),
      keyOf: (node: TopologyNode) => this.fleet.nodes.keyOf(node),
    };
    this.inquiry = new ClusterInquiry(asked, options.topology.timeoutMs, log);
    this.survey = new Survey(options.topology, {
      inquire: (isOver) => this.inquiry.settle(isOver),
      adopt: (settled) => this.#adopt(settled),
      isBroken: () => this.fleet.isBroken,
      onNothing: () => this.#onNothing(),
    });
    this.survey.request();
  }

  serverOf(bytes: Buffer, start: number, end: number, command?: Command): Backend | null {
    const slot = slotOf(bytes, start, end);
    return command === undefined
      ? this.fleet.slots.entries[slot]!
      : this.fleet.backendOf(slot, command);
  }

  ofSlot(slot: number, command: Command): Backend | null {
    return this.fleet.backendOf(slot, command);
  }

  ownerOf(slot: number): Backend | null {
    return this.fleet.ownerOf(slot);
  }

  get only(): Backend | null {
    const primaries = this.primaries();
    return primaries.length === 1 ? primaries[0]! : null;
  }

  any(): Backend | null {
    const primaries = this.primaries();
    return primaries.find((server) => server.failuresInRow === 0) ?? primaries[0] ?? null;
  }

  /** Where a channel of slots lives, and where an ordinary one is subscribed to: the bus carries it there. */
  homeOf(bytes: Buffer, start: number, end: number): Upstream | null {
    return this.fleet.ownerOf(slotOf(bytes, start, end));
  }

  onChange(listener: () => void): () => void {
    return this.fleet.onChange(listener);
  }

  refresh(): void {
    this.survey.request();
  }

  primaries(): readonly Upstream[] {
    return this.fleet.primaries();
  }

  nodes(): readonly Upstream[] {
    return this.fleet.members();
  }

  get isReady(): boolean {
    return this.fleet.isReady;
  }

  get isIdle(): boolean {
    return this.fleet.isIdle;
  }

  async close(): Promise<void> {
    this.survey.close();
    await this.fleet.close();
  }

  /** Nodes that answer first, in random order; then the rest; then the seeds, whose names are resolved anew. */
  *#witnesses(): Iterable<Witness> {
    const known = this.fleet.listed.map((node) => ({
      node,
      rank: Math.random() + (node.upstream.isConnected ? 0 : 1),
    }));
    known.sort((a, b) => a.rank - b.rank);
    for (const { node } of known) {
      yield this.#witness(node.host, node.upstream, () => {});
    }
    for (const seed of this.#options.seeds) {
      const upstream = this.fleet.connect(seed);
      yield this.#witness(seed.kind === 'tcp' ? seed.host : 'localhost', upstream, () => {
        // Closing ends sockets and is done when it returns.
        void upstream.close();
      });
    }
  }

  #witness(host: string, upstream: Upstream, release: () => void): Witness {
    const asked = { host, tls: this.#options.tls };
    return { name: upstream.name, asked, lane: upstream.ownLane(), release };
  }

  #current(): Current | null {
    if (this.#epoch < 0) return null;
    const { owners, covered } = this.fleet.slots;
    return { epoch: this.#epoch, covered, ownerOf: (slot) => owners[slot]?.key ?? null };
  }

  #adopt({ epoch, topology, isCertain }: Settled): void {
    const { slots, nodes } = this.fleet;
    this.#epoch = epoch;
    this.fleet.adopt(topology.shards, (listed) => {
      const owners = ownersOf(topology, (node) => nodes.keyOf(node));
      for (let slot = 0; slot < SLOT_COUNT; slot++) {
        const owner = listed.get(owners[slot] ?? '');
        const before = slots.owners[slot]!;
        if (owner === undefined || owner === before) continue;
        const stays = before !== null && listed.get(before.key) === before;
        if (stays && (!isCertain(slot) || slots.isFresh(slot))) continue;
        slots.assign(slot, owner);
      }
    });
  }

  #onNothing(): void {
    if (this.#epoch >= 0) return;
    this.#log.error({ upstream: this.name }, 'no seed of the cluster answers');
    this.fleet.giveUp();
  }
}
