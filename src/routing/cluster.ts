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
import { SLOT_COUNT, slotOf } from '../commands/slot.ts';
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
import type { ClusterNodes, OwnedGroup, SlottedKeys } from './group.ts';
import { Lobby } from './lobby.ts';
import { type ClusterNode, Nodes } from './nodes.ts';
import type { Following } from './place.ts';
import { LatencyProbe, zoneOf } from './probes.ts';
import { type ReadPolicy, Shard } from './readers.ts';
import { mayHint, type RetryPolicy } from './redirect.ts';
import { Redirector, type RedirectorHost } from './redirector.ts';
import { type Current, ownersOf, type Settled } from './settle.ts';
import { Slots } from './slots.ts';
import { Survey, type SurveyOptions, type Witness } from './survey.ts';
import { nodeKey, type TopologyNode } from './topology.ts';

export interface ClusterOptions {
  readonly name: string;
  /** Asked until a node is known, and when no known one answers. */
  readonly seeds: readonly Address[];
  /** What a link to this place is told. */
  readonly optionsOf: (address: Address, name: string) => UpstreamOptions;
  readonly opTimeoutMs: number;
  readonly tls: boolean;
  readonly retry: RetryPolicy;
  /** What clients sent here; default: none are remembered from before. */
  readonly scripts?: Scripts;
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

/** Changes of the map are told after this, together. */
const ANNOUNCE_MS = 20;

/** What is under way at a node that leaves is waited for so many time-outs at most. */
const DRAIN_FACTOR = 2;

export class Cluster implements OwnedGroup, SlottedKeys, ClusterNodes, RedirectorHost {
  readonly name: string;
  readonly tally: CommandTally = new CommandTally();
  readonly slotted: SlottedKeys = this;
  readonly hasBus = true;
  readonly cluster: ClusterNodes = this;
  readonly following: Following;
  readonly slots: Slots;
  readonly readsReplicasOnly: boolean;
  readonly redirector: Redirector;
  readonly survey: Survey;
  readonly #options: ClusterOptions;
  readonly #tick: Tick;
  readonly #log: Log;
  readonly #nodes: Nodes;
  readonly #lobby: Lobby;
  readonly #owner: UpstreamOwner;
  readonly #scripts: Scripts;
  readonly #probe: LatencyProbe | null;
  readonly #readsElsewhere: boolean;
  /** By primary. */
  #shards: ReadonlyMap<ClusterNode, Shard> = new Map();
  /** As of `#primariesVersion` of the map. */
  #primaries: readonly Upstream[] = [];
  #primariesVersion = -1;
  #listed: readonly ClusterNode[] = [];
  /** Who wants to know of changes of the map. */
  readonly #listeners = new Set<() => void>();
  #announcement: NodeJS.Timeout | null = null;
  #outliers: Outliers | null = null;
  #epoch = -1;
  #isClosed = false;

  constructor(options: ClusterOptions, tick: Tick, log: Log) {
    this.name = options.name;
    this.#options = options;
    this.#scripts = options.scripts ?? new Scripts();
    this.#tick = tick;
    this.#log = log;
    this.#readsElsewhere = options.readPolicy !== 'primary';
    this.readsReplicasOnly = options.readPolicy === 'replica';
    this.#owner = this.#makeOwner();
    this.#nodes = new Nodes(
      (host, port) => this.#connect({ kind: 'tcp', host, port }),
      options.opTimeoutMs * DRAIN_FACTOR,
    );
    const policy = { redirectsMax: options.redirectsMax, opTimeoutMs: options.opTimeoutMs };
    this.redirector = new Redirector(this, policy, options.retry);
    const { redirector } = this;
    this.following = {
      luggage: redirector.luggage,
      ownerOf: (slot) => (slot < 0 ? this.any() : this.ownerOf(slot)),
      onward: (refused) => redirector.onward(refused),
    };
    this.#lobby = new Lobby((command, sink) => this.redirector.hold(command, sink, UNPLACED));
    this.slots = new Slots(this.#lobby, {
      hold: (command, sink, slot) => this.redirector.hold(command, sink, slot),
      slotOf: (bytes, spec) => this.redirector.slotOf(bytes, spec),
      upstreams: () => this.servers,
    });
    this.#probe =
      options.readPolicy === 'nearest'
        ? new LatencyProbe(
            () => this.#listed,
            options.topology.timeoutMs,
            () => this.#chooseReaders(),
          )
        : null;
    this.survey = this.#makeSurvey();
    this.survey.request();
  }

  serverOf(bytes: Buffer, start: number, end: number, command?: Command): Backend | null {
    const slot = slotOf(bytes, start, end);
    if (this.#readsElsewhere && command?.spec.isRead) {
      return this.#readServer(slot, command.affinity);
    }
    return this.slots.entries[slot]!;
  }

  ofSlot(slot: number, command: Command): Backend | null {
    if (this.#readsElsewhere && command.spec.isRead)
      return this.#readServer(slot, command.affinity);
    return this.slots.entries[slot]!;
  }

  /** Who has the slot; null: nobody known. */
  ownerOf(slot: number): Backend | null {
    return this.slots.owners[slot]?.upstream ?? null;
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
    return this.slots.owners[slotOf(bytes, start, end)]?.upstream ?? null;
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  refresh(): void {
    this.survey.request();
  }

  /** A slot that moves key by key is many changes, and those who listen look at everything they have. */
  #announce(): void {
    if (this.#listeners.size === 0) return;
    this.#announcement ??= setTimeout(() => {
      this.#announcement = null;
      for (const listener of this.#listeners) listener();
    }, ANNOUNCE_MS);
  }

  /** Every server that links are kept to. */
  get servers(): readonly Upstream[] {
    return [...this.#nodes.all].map(({ upstream }) => upstream);
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
  nodes(): readonly Upstream[] {
    const upstreams = this.primaries().flatMap((primary) => {
      const shard = this.#shards.get(this.#nodes.of(primary)!);
      return [primary, ...(shard?.replicas ?? []).map(({ upstream }) => upstream)];
    });
    return [...new Set(upstreams)];
  }

  /** It is known what the cluster looks like, or that nobody says so. */
  get isSurveyed(): boolean {
    return this.survey.ok + this.survey.failed > 0;
  }

  get isReady(): boolean {
    const primaries = this.primaries();
    return primaries.length > 0 && primaries.every((server) => server.isConnected);
  }

  get isIdle(): boolean {
    return this.redirector.luggage.count === 0 && this.servers.every((server) => server.isIdle);
  }

  /** What is thought of a server. `isIn`: it takes what is its own, slots or reads. */
  standingOf(server: Upstream): { isIn: boolean; isEjected: boolean; check: HealthCheck | null } {
    const node = this.#nodes.of(server);
    if (node === undefined) return { isIn: false, isEjected: false, check: null };
    const isOut = !node.isUsable || node.isEjected || !(node.check?.isHealthy ?? true);
    const isIn = node.isPrimary ? this.slots.owners.includes(node) : !isOut;
    return { isIn: node.isListed && isIn, isEjected: node.isEjected, check: node.check };
  }

  /** Who is primary of what, and who replicates whom. */
  roster(): RosterEntry[] {
    const ranges = rangesOf(this.slots.owners);
    return this.nodes().map((server): RosterEntry => {
      const node = this.#nodes.of(server)!;
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

  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#announcement !== null) clearTimeout(this.#announcement);
    this.survey.close();
    this.#probe?.close();
    this.#outliers?.close();
    this.redirector.close();
    await this.#lobby.close();
    await this.#nodes.close();
    await this.slots.close();
  }

  meet(host: string, port: number): ClusterNode | null {
    return this.#nodes.meet(host, port);
  }

  hostOf(server: Upstream): string {
    return this.#nodes.of(server)?.host ?? '';
  }

  readerOf(slot: number, affinity: number): Upstream | null {
    const { readPolicy } = this.#options;
    const reader = this.#readsElsewhere ? this.#shardOf(slot)?.pick(readPolicy, affinity) : null;
    return (reader ?? this.slots.owners[slot])?.upstream ?? null;
  }

  onMoved(): void {
    this.survey.onRedirect();
    this.#announce();
  }

  onTrouble(): void {
    this.survey.request();
  }

  #readServer(slot: number, affinity: number): Backend | null {
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
    return {
      onOrphans: (server, lane, orphans, error) =>
        this.redirector.onOrphans(server, lane, orphans, error, this.tally),
      mends: (bytes, start, end) => mayHint(bytes, start, end) || isNoScript(bytes, start),
      onRefused: (server, lane, refused) => this.redirector.onRefused(server, lane, refused),
      onLentError: (server, bytes, start, end) => {
        if (mayHint(bytes, start, end)) this.redirector.onLentError(server, bytes, start, end);
      },
      onFailure: (server) => this.#onFailure(server),
      onAlive: (server) => this.#onAlive(server),
    };
  }

  #connect(address: Address): Upstream {
    const name = address.kind === 'tcp' ? nodeKey(address) : address.path;
    const options = { ...this.#options.optionsOf(address, name), scripts: this.#scripts };
    return new Upstream(options, this.#owner, this.#tick, this.tally, this.#log);
  }

  /** An owner of slots is away, so that somebody else is about to take them. */
  #isBroken(): boolean {
    return this.primaries().some((server) => this.#nodes.of(server)?.isFailing ?? false);
  }

  #makeSurvey(): Survey {
    const host = {
      isBroken: () => this.#isBroken(),
      witnesses: () => this.#witnesses(),
      current: () => this.#current(),
      keyOf: (node: TopologyNode) => this.#nodes.keyOf(node),
      adopt: (settled: Settled) => this.#adopt(settled),
      onNothing: () => this.#onNothing(),
    };
    return new Survey(this.#options.topology, host, this.#log);
  }

  /** Nodes that answer first, in random order; then the rest; then the seeds, whose names are resolved anew. */
  *#witnesses(): Iterable<Witness> {
    const known = this.#listed.map((node) => ({
      node,
      rank: Math.random() + (node.upstream.isConnected ? 0 : 1),
    }));
    known.sort((a, b) => a.rank - b.rank);
    for (const { node } of known) {
      yield this.#witness(node.host, node.upstream, () => {});
    }
    for (const seed of this.#options.seeds) {
      const upstream = this.#connect(seed);
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
    const { owners, covered } = this.slots;
    return { epoch: this.#epoch, covered, ownerOf: (slot) => owners[slot]?.key ?? null };
  }

  #adopt({ epoch, topology, isCertain }: Settled): void {
    const shards = new Map<ClusterNode, Shard>();
    const listed = new Set<ClusterNode>();
    for (const { primary, replicas } of topology.shards) {
      const others = replicas.map((replica) => this.#nodes.list(replica, false));
      for (const node of others) listed.add(node);
      if (primary === null) continue;
      const node = this.#nodes.list(primary, true);
      listed.add(node);
      const shard = new Shard(node, others);
      // Who was near is remembered, or nodes alike would take turns at every survey.
      shard.readers = this.#shards.get(node)?.readers ?? [];
      shards.set(node, shard);
    }
    const owners = ownersOf(topology, (node) => this.#nodes.keyOf(node));
    const byKey = new Map([...listed].map((node) => [node.key, node]));
    const isFirst = this.#epoch < 0;
    this.slots.change(() => {
      for (let slot = 0; slot < SLOT_COUNT; slot++) {
        const owner = byKey.get(owners[slot] ?? '');
        const before = this.slots.owners[slot]!;
        if (owner === undefined || owner === before) continue;
        const stays = before !== null && listed.has(before);
        if (stays && (!isCertain(slot) || this.slots.isFresh(slot))) continue;
        this.slots.assign(slot, owner);
      }
    });
    this.#epoch = epoch;
    this.#shards = shards;
    this.#replaceListed([...listed]);
    this.#announce();
    if (isFirst) this.#openDoors();
  }

  #replaceListed(listed: readonly ClusterNode[]): void {
    const owning = new Set(this.slots.owners);
    const gone = this.#listed.filter((node) => !listed.includes(node) && !owning.has(node));
    const fresh = listed.filter((node) => !this.#listed.includes(node));
    this.#listed = listed;
    for (const node of this.#nodes.all) {
      if (listed.includes(node)) continue;
      node.isListed = false;
      if (!owning.has(node)) this.#nodes.drop(node);
    }
    if (fresh.length + gone.length > 0) this.#onMembership(fresh, gone);
    for (const { isPrimary, upstream } of listed)
      if (isPrimary || this.#readsElsewhere) upstream.warm();
    this.#chooseReaders();
  }

  #onMembership(fresh: readonly ClusterNode[], gone: readonly ClusterNode[]): void {
    const names = (nodes: readonly ClusterNode[]): string[] => nodes.map(({ key }) => key);
    this.#log.info(
      { upstream: this.name, joined: names(fresh), left: names(gone) },
      'nodes of the cluster',
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
    const node = this.#nodes.of(server);
    if (node === undefined || this.#isClosed) return;
    this.survey.onFailure();
    this.#outliers?.onFailure(this.#listed.indexOf(node), server.failuresInRow);
    if (node.isFailing) return;
    node.isFailing = true;
    this.#chooseReaders();
  }

  #onAlive(server: Upstream): void {
    const node = this.#nodes.of(server);
    if (node === undefined || this.#isClosed) return;
    const index = this.#listed.indexOf(node);
    if (index >= 0) this.#outliers?.onAlive(index);
    node.isFailing = false;
    this.#chooseReaders();
  }

  #chooseReaders(): void {
    if (!this.#readsElsewhere) return;
    const { readPolicy, zone } = this.#options;
    for (const shard of this.#shards.values()) shard.choose(readPolicy, zone);
  }

  /** The first map is there: what came before it goes its way. */
  #openDoors(): void {
    const { entries, owners } = this.slots;
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      if (owners[slot] === null) entries[slot] = null;
    }
    this.#lobby.leave((trip) => {
      const slot = this.redirector.slotOf(trip.command.bytes, trip.command.spec);
      const { spec, affinity } = trip.command;
      const placed = spec.isRead ? this.readerOf(slot, affinity) : this.ownerOf(slot);
      const owner = slot < 0 ? this.any() : placed;
      if (owner instanceof Upstream) trip.send(owner);
      else trip.fail(NO_HOST);
    });
  }

  #onNothing(): void {
    if (this.#epoch >= 0) return;
    this.#log.error({ upstream: this.name }, 'no seed of the cluster answers');
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      if (this.slots.entries[slot] === this.#lobby) this.slots.entries[slot] = null;
    }
    this.#lobby.fail(NO_HOST);
  }
}

interface RosterEntry {
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
  for (let first = 0; first < SLOT_COUNT; ) {
    const owner = owners[first]!;
    let next = first + 1;
    while (next < SLOT_COUNT && owners[next] === owner) next++;
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

/** The slot of a command that came before the map; it is looked for when it leaves. */
const UNPLACED = -1;
const NO_HOST = linkError('no_host', 'the cluster is not known yet');
