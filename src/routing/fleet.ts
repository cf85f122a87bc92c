/**
 * Servers of which some own slots and others replicate those: what a Redis Cluster and a primary kept by Sentinels
 * have in common. Who owns what is told from outside, by `adopt`; the fleet keeps the servers, a client's order while
 * that changes, who is well, and who answers reads.
 *
 *   adopt ─▶ nodes made, kept, let go ─▶ slots given away, through gates ─▶ doors opened, listeners told
 *
 * What has no slots in the eyes of clients is a fleet with one slot for everything.
 */
import type { Backend, Sink } from '../backend/backend.ts';
import type { Command } from '../commands/command.ts';
import type { CommandSpec } from '../commands/spec.ts';
import type { Log } from '../core/log.ts';
import type { Tick } from '../core/tick.ts';
import { linkError } from '../resp/errors.ts';
import type { Address } from '../upstream/dial.ts';
import { CommandTally } from '../upstream/figures.ts';
import { HealthCheck, type HealthCheckOptions } from '../upstream/health.ts';
import { type OutlierOptions, Outliers } from '../upstream/outlier.ts';
import { isNoScript } from '../upstream/script-giver.ts';
import { Scripts } from '../upstream/scripts.ts';
import { Upstream, type UpstreamOptions, type UpstreamOwner } from '../upstream/upstream.ts';
import { Lobby } from './lobby.ts';
import { type ClusterNode, Nodes } from './nodes.ts';
import { LatencyProbe, zoneOf } from './probes.ts';
import { type ReadPolicy, Shard } from './readers.ts';
import type { RetryPolicy } from './redirect.ts';
import { Redirector, type RedirectorHost } from './redirector.ts';
import { Slots } from './slots.ts';
import type { SurveyOptions } from './survey.ts';
import { nodeKey, type TopologyNode } from './topology.ts';

export interface FleetOptions {
  readonly name: string;
  /** What a link to this place is told. */
  readonly optionsOf: (address: Address, name: string) => UpstreamOptions;
  /** What clients sent here; default: none are remembered from before. */
  readonly scripts?: Scripts;
  readonly opTimeoutMs: number;
  readonly retry: RetryPolicy;
  readonly redirectsMax: number;
  readonly topology: SurveyOptions;
  readonly readPolicy: ReadPolicy;
  /** Where the door stands; empty: anywhere. */
  readonly zone: string;
  /** null: no active check. */
  readonly healthCheck: HealthCheckOptions | null;
  /** null: nobody is left out for failures. */
  readonly outliers: OutlierOptions | null;
}

/** What a fleet asks of its group. */
export interface FleetHost {
  readonly slotCount: number;
  /** The slot of a command of which only the frame is left; -1: none. */
  slotOf(bytes: Buffer, spec: CommandSpec): number;
  /** An error of a server that is no answer, as `mayHint` finds it. */
  mends(bytes: Buffer, start: number, end: number): boolean;
  /** A redirection says that a slot is elsewhere. */
  onMoved(): void;
  /** An error says that something is changing. */
  onTrouble(): void;
  /** A server cannot be reached, or does not answer. */
  onFailure(): void;
}

/** A primary, if there is one at present, and who replicates it. */
export interface Members {
  readonly primary: TopologyNode | null;
  readonly replicas: readonly TopologyNode[];
}

/** Changes of the map are told after this, together. */
const ANNOUNCE_MS = 20;

/** How often a node that failed is asked whether it is back: no client may ask it before. */
const KNOCK_MS = 500;

/** What is under way at a node that leaves is waited for so many time-outs at most. */
const DRAIN_FACTOR = 2;

export class Fleet implements RedirectorHost {
  readonly name: string;
  readonly tally: CommandTally = new CommandTally();
  readonly slots: Slots;
  readonly redirector: Redirector;
  readonly nodes: Nodes;
  readonly readsElsewhere: boolean;
  readonly readsReplicasOnly: boolean;
  readonly #options: FleetOptions;
  readonly #host: FleetHost;
  readonly #tick: Tick;
  readonly #log: Log;
  readonly #lobby: Lobby;
  readonly #owner: UpstreamOwner;
  readonly #scripts: Scripts;
  readonly #probe: LatencyProbe | null;
  /** By primary. */
  #shards: ReadonlyMap<ClusterNode, Shard> = new Map();
  /** As of `#primariesVersion` of the map. */
  #primaries: readonly Upstream[] = [];
  #primariesVersion = -1;
  #listed: readonly ClusterNode[] = [];
  /** Who wants to know of changes of the map. */
  readonly #listeners = new Set<() => void>();
  #announcement: NodeJS.Timeout | null = null;
  #knocking: NodeJS.Timeout | null = null;
  #outliers: Outliers | null = null;
  #isOpen = false;
  #isClosed = false;

  constructor(options: FleetOptions, host: FleetHost, tick: Tick, log: Log) {
    this.name = options.name;
    this.#options = options;
    this.#host = host;
    this.#tick = tick;
    this.#log = log;
    this.#scripts = options.scripts ?? new Scripts();
    this.readsElsewhere = options.readPolicy !== 'primary';
    this.readsReplicasOnly = options.readPolicy === 'replica';
    this.#owner = this.#makeOwner();
    this.nodes = new Nodes(
      (address, port) => this.connect({ kind: 'tcp', host: address, port }),
      options.opTimeoutMs * DRAIN_FACTOR,
    );
    const policy = { redirectsMax: options.redirectsMax, opTimeoutMs: options.opTimeoutMs };
    this.redirector = new Redirector(this, policy, options.retry);
    this.#lobby = new Lobby((command, sink) => {
      const { bytes, start, end, spec } = command;
      return this.redirector.hold(command, sink, host.slotOf(bytes.subarray(start, end), spec));
    });
    const slotsHost = {
      hold: (command: Command, sink: Sink, slot: number) =>
        this.redirector.hold(command, sink, slot),
      slotOf: (bytes: Buffer, spec: CommandSpec) => host.slotOf(bytes, spec),
      upstreams: () => this.servers,
    };
    this.slots = new Slots(this.#lobby, slotsHost, host.slotCount);
    this.#probe =
      options.readPolicy === 'nearest'
        ? new LatencyProbe(
            () => this.#listed,
            options.topology.timeoutMs,
            () => this.#chooseReaders(),
          )
        : null;
  }

  /** Every server that links are kept to. */
  get servers(): readonly Upstream[] {
    return [...this.nodes.all].map(({ upstream }) => upstream);
  }

  /** Nodes of the last map. */
  get listed(): readonly ClusterNode[] {
    return this.#listed;
  }

  /** Servers that own slots, in the order of their lowest. */
  primaries(): readonly Upstream[] {
    const { owners, version } = this.slots;
    if (this.#primariesVersion !== version) {
      // A set keeps the order in which its members came.
      this.#primaries = [...new Set(owners)].flatMap((owner) => owner?.upstream ?? []);
      this.#primariesVersion = version;
    }
    return this.#primaries;
  }

  /** The same, each followed by its replicas. */
  members(): readonly Upstream[] {
    const upstreams = this.primaries().flatMap((primary) => {
      const shard = this.#shards.get(this.nodes.of(primary)!);
      return [primary, ...(shard?.replicas ?? []).map(({ upstream }) => upstream)];
    });
    return [...new Set(upstreams)];
  }

  /** Servers that reads may go to, besides those that own slots. */
  readers(): Upstream[] {
    return [...this.#shards.values()].flatMap(({ primary, readers }) =>
      readers.filter((node) => node !== primary).map(({ upstream }) => upstream),
    );
  }

  /** Where a command goes now. */
  backendOf(slot: number, command: Command): Backend | null {
    if (this.readsElsewhere && command.spec.isRead) return this.#reader(slot, command.affinity);
    return this.slots.entries[slot]!;
  }

  /** Who has the slot; null: nobody known. */
  ownerOf(slot: number): Upstream | null {
    return this.slots.owners[slot]?.upstream ?? null;
  }

  get isReady(): boolean {
    const primaries = this.primaries();
    return primaries.length > 0 && primaries.every((server) => server.isConnected);
  }

  get isIdle(): boolean {
    return this.redirector.luggage.count === 0 && this.servers.every((server) => server.isIdle);
  }

  /** An owner of slots is away, so that somebody else is about to take them. */
  get isBroken(): boolean {
    return this.primaries().some((server) => this.nodes.of(server)?.isFailing ?? false);
  }

  /** What is thought of a server. `isIn`: it takes what is its own, slots or reads. */
  standingOf(server: Upstream): { isIn: boolean; isEjected: boolean; check: HealthCheck | null } {
    const node = this.nodes.of(server);
    if (node === undefined) return { isIn: false, isEjected: false, check: null };
    const isOut = !node.isUsable || node.isEjected || !(node.check?.isHealthy ?? true);
    const isIn = node.isPrimary ? this.slots.owners.includes(node) : !isOut;
    return { isIn: node.isListed && isIn, isEjected: node.isEjected, check: node.check };
  }

  /** Who is primary of what, and who replicates whom. */
  roster(): RosterEntry[] {
    const ranges = rangesOf(this.slots.owners);
    return this.members().map((server): RosterEntry => {
      const node = this.nodes.of(server)!;
      const own = ranges.get(node);
      const shard = [...this.#shards.values()].find(({ replicas }) => replicas.includes(node));
      return {
        name: node.key,
        role: own === undefined ? 'replica' : 'primary',
        primary: own === undefined ? (shard?.primary.key ?? null) : null,
        slots: own?.texts ?? [],
        slotCount: own?.count ?? 0,
        zone: node.zone,
      };
    });
  }

  /** A server of this fleet, for a node or for somebody who is only asked. */
  connect(address: Address): Upstream {
    const name = address.kind === 'tcp' ? nodeKey(address) : address.path;
    const options = { ...this.#options.optionsOf(address, name), scripts: this.#scripts };
    return new Upstream(options, this.#owner, this.#tick, this.tally, this.#log);
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * The members are these from now on. `assign` gives slots away, knowing the nodes by their keys; what it does
   * not give away stays where it is.
   */
  adopt(
    members: readonly Members[],
    assign: (listed: ReadonlyMap<string, ClusterNode>) => void,
  ): void {
    const shards = new Map<ClusterNode, Shard>();
    const listed = new Map<string, ClusterNode>();
    for (const { primary, replicas } of members) {
      const others = replicas.map((replica) => this.nodes.list(replica, false));
      for (const node of others) listed.set(node.key, node);
      if (primary === null) continue;
      const node = this.nodes.list(primary, true);
      listed.set(node.key, node);
      const shard = new Shard(node, others);
      // Who was near is remembered, or nodes alike would take turns at every survey.
      shard.readers = this.#shards.get(node)?.readers ?? [];
      shards.set(node, shard);
    }
    this.slots.change(() => assign(listed));
    this.#shards = shards;
    this.#replaceListed([...listed.values()]);
    this.#announce();
    if (!this.#isOpen) this.#openDoors();
  }

  /** Nobody says what there is: whoever waits for that does so in vain. */
  giveUp(): void {
    if (this.#isOpen) return;
    const { entries } = this.slots;
    for (let slot = 0; slot < entries.length; slot++) {
      if (entries[slot] === this.#lobby) entries[slot] = null;
    }
    this.#lobby.fail(NO_HOST);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#announcement !== null) clearTimeout(this.#announcement);
    if (this.#knocking !== null) clearTimeout(this.#knocking);
    this.#probe?.close();
    this.#outliers?.close();
    this.redirector.close();
    await this.#lobby.close();
    await this.nodes.close();
    await this.slots.close();
  }

  slotOf(bytes: Buffer, spec: CommandSpec): number {
    return this.#host.slotOf(bytes, spec);
  }

  meet(host: string, port: number): ClusterNode | null {
    return this.nodes.meet(host, port);
  }

  hostOf(server: Upstream): string {
    return this.nodes.of(server)?.host ?? '';
  }

  placeOf(slot: number, spec: CommandSpec, affinity: number): Upstream | null {
    const { readPolicy } = this.#options;
    // What reads without a key, as a walk through all of them does, reads where it began.
    const mayMove = this.readsElsewhere && spec.isRead && spec.keyAt !== 0;
    const reader = mayMove ? this.#shardOf(slot)?.pick(readPolicy, affinity) : null;
    return (reader ?? this.slots.owners[slot])?.upstream ?? null;
  }

  onMoved(): void {
    this.#host.onMoved();
    this.#announce();
  }

  onTrouble(): void {
    this.#host.onTrouble();
  }

  #reader(slot: number, affinity: number): Backend | null {
    const shard = this.#shardOf(slot);
    if (shard === undefined) return this.slots.entries[slot]!;
    const reader = shard.pick(this.#options.readPolicy, affinity);
    if (reader !== null && reader !== shard.primary) return reader.upstream;
    return reader === null && this.readsReplicasOnly ? null : this.slots.entries[slot]!;
  }

  #shardOf(slot: number): Shard | undefined {
    const owner = this.slots.owners[slot]!;
    return owner === null ? undefined : this.#shards.get(owner);
  }

  #makeOwner(): UpstreamOwner {
    const host = this.#host;
    return {
      onOrphans: (server, lane, orphans, error) =>
        this.redirector.onOrphans(server, lane, orphans, error, this.tally),
      mends: (bytes, start, end) => host.mends(bytes, start, end) || isNoScript(bytes, start),
      onRefused: (server, lane, refused) => this.redirector.onRefused(server, lane, refused),
      onLentError: (server, bytes, start, end) => {
        if (host.mends(bytes, start, end)) this.redirector.onLentError(server, bytes, start, end);
      },
      onFailure: (server) => this.#onFailure(server),
      onAlive: (server) => this.#onAlive(server),
    };
  }

  /** A slot that moves key by key is many changes, and those who listen look at everything they have. */
  #announce(): void {
    if (this.#listeners.size === 0) return;
    this.#announcement ??= setTimeout(() => {
      this.#announcement = null;
      for (const listener of this.#listeners) listener();
    }, ANNOUNCE_MS);
  }

  #replaceListed(listed: readonly ClusterNode[]): void {
    const owning = new Set(this.slots.owners);
    const gone = this.#listed.filter((node) => !listed.includes(node) && !owning.has(node));
    const fresh = listed.filter((node) => !this.#listed.includes(node));
    this.#listed = listed;
    for (const node of this.nodes.all) {
      if (listed.includes(node)) continue;
      node.isListed = false;
      if (!owning.has(node)) this.nodes.drop(node);
    }
    if (fresh.length + gone.length > 0) this.#onMembership(fresh, gone);
    for (const { isPrimary, upstream } of listed)
      if (isPrimary || this.readsElsewhere) upstream.warm();
    this.#chooseReaders();
  }

  #onMembership(fresh: readonly ClusterNode[], gone: readonly ClusterNode[]): void {
    const names = (nodes: readonly ClusterNode[]): string[] => nodes.map(({ key }) => key);
    this.#log.info(
      { upstream: this.name, joined: names(fresh), left: names(gone) },
      'nodes of the upstream',
    );
    const { healthCheck, zone } = this.#options;
    for (const node of fresh) {
      if (healthCheck !== null) this.#check(node, healthCheck);
      if (zone !== '') void this.#findZone(node);
    }
    this.#watchOutliers();
    // Never rejects: each node's failure is its own.
    void this.#probe?.measure();
  }

  #check(node: ClusterNode, options: HealthCheckOptions): void {
    node.check = new HealthCheck(options, node.upstream.ownLane(), (healthy) => {
      const fields = { upstream: this.name, server: node.key };
      this.#log.warn(fields, `server ${healthy ? 'healthy again' : 'unhealthy'}`);
      this.#chooseReaders();
    });
  }

  async #findZone(node: ClusterNode): Promise<void> {
    node.zone = await zoneOf(node, this.#options.topology.timeoutMs);
    if (!this.#isClosed) this.#chooseReaders();
  }

  /** Ejections do not outlive a change of membership: who is to be left out is a share of all. */
  #watchOutliers(): void {
    const { outliers } = this.#options;
    this.#outliers?.close();
    for (const node of this.#listed) node.isEjected = false;
    if (outliers === null) return;
    const nodes = this.#listed;
    this.#outliers = new Outliers(outliers, nodes.length, (index, ejected) => {
      const node = nodes[index]!;
      node.isEjected = ejected;
      if (ejected) node.upstream.figures.ejections++;
      const what = ejected ? 'ejected after failures' : 'back after its ejection';
      this.#log.warn({ upstream: this.name, server: node.key }, `server ${what}`);
      this.#chooseReaders();
    });
  }

  #onFailure(server: Upstream): void {
    const node = this.nodes.of(server);
    if (node === undefined || this.#isClosed) return;
    this.#host.onFailure();
    this.#outliers?.onFailure(this.#listed.indexOf(node), server.failuresInRow);
    if (node.isFailing) return;
    node.isFailing = true;
    this.#chooseReaders();
    this.#knock();
  }

  /** Any answer brings `#onAlive` about. */
  #knock(): void {
    this.#knocking ??= setTimeout(() => {
      this.#knocking = null;
      const failing = this.#listed.filter(({ isFailing }) => isFailing);
      for (const { upstream } of failing) upstream.knock();
      if (failing.length > 0) this.#knock();
    }, KNOCK_MS);
    this.#knocking.unref();
  }

  #onAlive(server: Upstream): void {
    const node = this.nodes.of(server);
    if (node === undefined || this.#isClosed) return;
    const index = this.#listed.indexOf(node);
    if (index >= 0) this.#outliers?.onAlive(index);
    node.isFailing = false;
    this.#chooseReaders();
  }

  #chooseReaders(): void {
    if (!this.readsElsewhere) return;
    const { readPolicy, zone } = this.#options;
    for (const shard of this.#shards.values()) shard.choose(readPolicy, zone);
  }

  /** The first map is there: what came before it goes its way. */
  #openDoors(): void {
    this.#isOpen = true;
    const { entries, owners } = this.slots;
    for (let slot = 0; slot < entries.length; slot++) {
      if (owners[slot] === null) entries[slot] = null;
    }
    this.#lobby.leave((trip) => {
      const { slot, command } = trip;
      const { spec, affinity } = command;
      const server = slot < 0 ? this.primaries()[0] : this.placeOf(slot, spec, affinity);
      if (server == null) trip.fail(NO_HOST);
      else trip.send(server);
    });
  }
}

export interface RosterEntry {
  readonly name: string;
  readonly role: 'primary' | 'replica';
  readonly primary: string | null;
  readonly slots: readonly string[];
  readonly slotCount: number;
  readonly zone: string;
}

interface Ranges {
  readonly texts: string[];
  count: number;
}

/** Slots of each owner, `first-last`. */
function rangesOf(owners: readonly (ClusterNode | null)[]): Map<ClusterNode, Ranges> {
  const ranges = new Map<ClusterNode, Ranges>();
  for (let first = 0; first < owners.length; ) {
    const owner = owners[first]!;
    let next = first + 1;
    while (next < owners.length && owners[next] === owner) next++;
    if (owner !== null) {
      const own = ranges.get(owner) ?? { texts: [], count: 0 };
      own.texts.push(next - first === 1 ? `${first}` : `${first}-${next - 1}`);
      own.count += next - first;
      ranges.set(owner, own);
    }
    first = next;
  }
  return ranges;
}

const NO_HOST = linkError('no_host', 'no server is known yet');
