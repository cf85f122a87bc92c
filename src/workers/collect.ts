/** Gathers what one worker counted into plain data. Runs only when somebody asks. */
import { memoryUsage, threadCpuUsage } from 'node:process';
import { LoopLag } from '../admin/lag.ts';
import {
  CLUSTER_COUNTS,
  type ClusterRow,
  type CommandRow,
  type EngineCounts,
  type Latency,
  LISTENER_COUNTS,
  type ListenerRow,
  SERVER_COUNTS,
  type ServerRow,
  type Snapshot,
  type UpstreamRow,
  type WorkerRow,
} from '../admin/snapshot.ts';
import { allCommands, idCount } from '../commands/lookup.ts';
import { SLOT_COUNT } from '../commands/slot.ts';
import type { Histogram } from '../core/histogram.ts';
import type { Engine } from '../engine/engine.ts';
import type { Database } from '../engine/keyspace.ts';
import type { Cluster } from '../routing/cluster.ts';
import { Embedded } from '../routing/embedded.ts';
import type { Sentinel } from '../routing/sentinel.ts';
import { Shards } from '../routing/shards.ts';
import type { Listener } from '../session/listener.ts';
import type { HealthCheck } from '../upstream/health.ts';
import type { Upstream } from '../upstream/upstream.ts';
import type { UpstreamGroup, Worker } from '../worker.ts';

/** What a group thinks of one of its servers. */
interface Standing {
  readonly isIn: boolean;
  readonly isEjected: boolean;
  readonly check: HealthCheck | null;
}

const UNKNOWN_NAME = 'unknown';

export class Collector {
  readonly #worker: Worker;
  readonly #index: number;
  readonly #lag = new LoopLag();
  readonly #openedAt: number = performance.now();
  /** By `CommandSpec.id`. */
  #commandNames: readonly string[] = [];

  constructor(worker: Worker, index: number) {
    this.#worker = worker;
    this.#index = index;
  }

  collect(): Snapshot {
    const { listeners, groups } = this.#worker;
    // A reload may declare more commands; names of those it takes back are still needed for their figures.
    if (this.#commandNames.length < idCount()) this.#nameCommands();
    return {
      workers: [this.#workerRow()],
      listeners: listeners.map(listenerRow),
      upstreams: [...groups.values()].map((group) => this.#upstreamRow(group)),
    };
  }

  #nameCommands(): void {
    const custom = this.#worker.listeners.flatMap(({ host }) => host.table.topLevel());
    const names = [...this.#commandNames];
    names[0] = UNKNOWN_NAME;
    for (const { id, name } of [...allCommands(), ...custom]) names[id] = name;
    this.#commandNames = names;
  }

  close(): void {
    this.#lag.close();
  }

  #workerRow(): WorkerRow {
    const { user, system } = threadCpuUsage();
    return {
      index: this.#index,
      uptimeSeconds: (performance.now() - this.#openedAt) / 1000,
      cpuSeconds: (user + system) / 1e6,
      activeSeconds: performance.eventLoopUtilization().active / 1000,
      heapUsedBytes: memoryUsage().heapUsed,
      lag: latencyOf(this.#lag.histogram),
    };
  }

  #upstreamRow(group: UpstreamGroup): UpstreamRow {
    const subscriptions = this.#worker.hubs.find(group)?.size ?? 0;
    return group instanceof Embedded
      ? engineRow(group, subscriptions)
      : this.#serversRow(group, subscriptions);
  }

  #serversRow(group: Exclude<UpstreamGroup, Embedded>, subscriptions: number): UpstreamRow {
    const { name, tally } = group;
    const { servers } = group instanceof Shards ? group : group.fleet;
    const standings = servers.map((server, index) =>
      group instanceof Shards ? shardStanding(group, index) : group.fleet.standingOf(server),
    );
    return {
      name,
      cluster: group instanceof Shards ? null : clusterRow(group),
      engine: null,
      panicking: one(group instanceof Shards && group.isPanicking),
      subscriptions,
      served: one(servers.some((server, index) => standings[index]!.isIn && server.isConnected)),
      servers: servers.map((server, index) => serverRow(server, standings[index]!)),
      commands: tally.rows.flatMap((row, id): CommandRow[] => {
        if (row === undefined) return [];
        const { replies, errors, failures, latency } = row;
        const command = this.#commandNames[id] ?? UNKNOWN_NAME;
        return [{ name: command, replies, errors, failures, latency: latencyOf(latency) }];
      }),
    };
  }
}

function listenerRow(listener: Listener): ListenerRow {
  const { figures } = listener.host;
  return {
    name: listener.name,
    workers: 1,
    accepting: one(listener.isAccepting),
    counts: pick(figures, LISTENER_COUNTS),
    latency: latencyOf(figures.latency),
  };
}

/** It is here as long as we are. */
function engineRow({ name, engine }: Embedded, subscriptions: number): UpstreamRow {
  return {
    name,
    cluster: null,
    engine: engineCounts(engine),
    panicking: 0,
    subscriptions,
    served: 1,
    servers: [],
    commands: [],
  };
}

function engineCounts(engine: Engine): EngineCounts {
  const { databases } = engine;
  const sum = (read: (database: Database) => number): number =>
    databases.reduce((total, database) => total + read(database), 0);
  return {
    keys: sum(({ size }) => size),
    expiringKeys: sum(({ expiringCount }) => expiringCount),
    memoryBytes: engine.eviction.usedBytes,
    maxMemoryBytes: engine.eviction.maxBytes,
    blockedClients: engine.blocked.count,
    commands: engine.commandsRun,
    changes: engine.changes,
    hits: sum(({ hits }) => hits),
    misses: sum(({ misses }) => misses),
    expired: engine.expired,
    evicted: engine.evicted,
  };
}

function shardStanding(group: Shards, index: number): Standing {
  return {
    isIn: group.isIn(index),
    isEjected: group.isEjected(index),
    check: group.checkOf(index),
  };
}

function clusterRow(group: Cluster | Sentinel): ClusterRow {
  const { survey, inquiry, fleet } = group;
  const { slots, redirector } = fleet;
  // Whoever has no slots in the eyes of clients has one for everything.
  const share = SLOT_COUNT / slots.entries.length;
  const counts = {
    errorsPassedOn: redirector.passedOn,
    surveysOk: survey.ok,
    surveysFailed: survey.failed,
    oddAnswers: inquiry.odd,
    gates: slots.gatesMade,
    held: redirector.luggage.count,
    overflows: redirector.overflows,
    strangersRefused: redirector.strangersRefused,
  };
  return {
    covered: slots.covered * share,
    nodes: fleet.roster().map((node) => ({ ...node, slotCount: node.slotCount * share })),
    counts: pick(counts, CLUSTER_COUNTS),
    refusals: { ...redirector.refusals },
  };
}

function serverRow(server: Upstream, { isIn, isEjected, check }: Standing): ServerRow {
  const { figures } = server;
  return {
    name: server.name,
    inRotation: one(isIn),
    unhealthy: one(check !== null && !check.isHealthy),
    ejected: one(isEjected),
    connected: one(server.isConnected),
    pending: server.pendingCount,
    lent: server.leaseCount,
    healthChecks: check?.checks ?? 0,
    healthCheckFailures: check?.failures ?? 0,
    counts: pick(figures, SERVER_COUNTS),
    failures: { ...figures.failures },
    latency: latencyOf(figures.latency),
  };
}

/** A copy: the histogram goes on counting. */
function latencyOf({ counts, sumMs, count }: Histogram): Latency {
  return { counts: counts.slice(), sumMs, count };
}

function pick<Name extends string>(
  from: Readonly<Record<Name, number>>,
  names: readonly Name[],
): Record<Name, number> {
  return Object.fromEntries(names.map((name) => [name, from[name]])) as Record<Name, number>;
}

function one(fact: boolean): number {
  return fact ? 1 : 0;
}
