/**
 * Everything that is counted, as plain data: what a worker hands over when somebody asks, and what several
 * workers say as one. It survives a structured clone, so it passes between threads as it is.
 *
 * Nothing is counted here. Whoever knows sessions and servers fills a `Snapshot` in; that a server is in
 * rotation, connected and so on stands as a number of workers that see it so, and so merging is adding.
 */
import { BUCKETS } from '../core/histogram.ts';
import type { LinkErrorCode } from '../resp/errors.ts';

/** Named as in the figures of a listener (session/figures.ts); a test holds both lists together. */
export const LISTENER_COUNTS = [
  'connectionsActive',
  'connectionsTotal',
  'connectionsRefused',
  'slowReadersClosed',
  'slowSubscribersClosed',
  'subscribers',
  'subscriptions',
  'messagesDelivered',
  'idleClosed',
  'protocolErrors',
  'unknownCommands',
  'authFailures',
  'externalAuthErrors',
  'denied',
  'rateLimited',
  'commands',
  'errorReplies',
  'monitorLinesLeftOut',
  'concurrencyWaits',
  'faultDelays',
  'faultErrors',
  'bytesRead',
  'bytesWritten',
] as const;

/** Named as in `ServerFigures`. */
export const SERVER_COUNTS = [
  'requests',
  'replies',
  'errorReplies',
  'retries',
  'connectionsActive',
  'connectionsOpened',
  'connectionsRateLimited',
  'ejections',
  'bytesRead',
  'bytesWritten',
] as const;

/** Of an engine in this process; up to `blockedClients` as of now. */
export const ENGINE_COUNTS = [
  'keys',
  'expiringKeys',
  'memoryBytes',
  'maxMemoryBytes',
  'blockedClients',
  'commands',
  'changes',
  'hits',
  'misses',
  'expired',
  'evicted',
] as const;

export type EngineCounts = Record<(typeof ENGINE_COUNTS)[number], number>;
export type ListenerCounts = Record<(typeof LISTENER_COUNTS)[number], number>;
export type ServerCounts = Record<(typeof SERVER_COUNTS)[number], number>;

/** The buckets of `Histogram`. */
export interface Latency {
  readonly counts: Float64Array;
  readonly sumMs: number;
  readonly count: number;
}

export interface ListenerRow {
  readonly name: string;
  /** Workers that have it: all, or one for a unix socket. */
  readonly workers: number;
  /** Workers that take connections on it. */
  readonly accepting: number;
  readonly counts: ListenerCounts;
  readonly latency: Latency;
}

/** `inRotation` to `connected`: so many workers see it so. */
export interface ServerRow {
  readonly name: string;
  /** It takes its keys. */
  readonly inRotation: number;
  readonly unhealthy: number;
  readonly ejected: number;
  readonly connected: number;
  /** Commands under way. */
  readonly pending: number;
  /** Connections lent. */
  readonly lent: number;
  readonly healthChecks: number;
  readonly healthCheckFailures: number;
  readonly counts: ServerCounts;
  readonly failures: Readonly<Record<LinkErrorCode, number>>;
  readonly latency: Latency;
}

export interface CommandRow {
  readonly name: string;
  readonly replies: number;
  readonly errors: number;
  readonly failures: number;
  readonly latency: Latency;
}

export interface UpstreamRow {
  readonly name: string;
  /** Null: no Redis Cluster. */
  readonly cluster: ClusterRow | null;
  /** Null: no engine in this process. */
  readonly engine: EngineCounts | null;
  /** Workers in which so many servers are out that health is ignored. */
  readonly panicking: number;
  /** Workers that have a server in rotation and a connection to it. */
  readonly served: number;
  /** Channels and patterns taken from its servers; each worker counts its own. */
  readonly subscriptions: number;
  readonly servers: readonly ServerRow[];
  /** Only those that came. */
  readonly commands: readonly CommandRow[];
}

/** Counts of what a cluster's changes cost; `held` is as of now. */
export const CLUSTER_COUNTS = [
  'errorsPassedOn',
  'surveysOk',
  'surveysFailed',
  'oddAnswers',
  'gates',
  'held',
  'overflows',
  'strangersRefused',
] as const;

export type ClusterCounts = Record<(typeof CLUSTER_COUNTS)[number], number>;

export interface ClusterNodeRow {
  readonly name: string;
  readonly role: 'primary' | 'replica';
  /** Of a replica. */
  readonly primary: string | null;
  /** `0-5460`, `7000`; empty for a replica. */
  readonly slots: readonly string[];
  readonly slotCount: number;
  /** Empty: not told, or not asked for. */
  readonly zone: string;
}

export interface ClusterRow {
  /** Slots that have a primary, in the worker that knows fewest. */
  readonly covered: number;
  /** As the first worker sees them. */
  readonly nodes: readonly ClusterNodeRow[];
  readonly counts: ClusterCounts;
  /** Errors of nodes by kind: `moved`, `ask` … */
  readonly refusals: Readonly<Record<string, number>>;
}

/** One event loop; never merged. */
export interface WorkerRow {
  readonly index: number;
  readonly uptimeSeconds: number;
  readonly cpuSeconds: number;
  /** Time the event loop did not wait. */
  readonly activeSeconds: number;
  readonly heapUsedBytes: number;
  /** How late timers ran. */
  readonly lag: Latency;
}

export interface Snapshot {
  readonly workers: readonly WorkerRow[];
  readonly listeners: readonly ListenerRow[];
  readonly upstreams: readonly UpstreamRow[];
}

/** What all workers together did. */
export function merge(snapshots: readonly Snapshot[]): Snapshot {
  return {
    workers: snapshots.flatMap(({ workers }) => workers).sort((a, b) => a.index - b.index),
    listeners: mergeRows(
      snapshots.map(({ listeners }) => listeners),
      addListeners,
    ),
    upstreams: mergeRows(
      snapshots.map(({ upstreams }) => upstreams),
      addUpstreams,
    ),
  };
}

export function emptyLatency(): Latency {
  return { counts: new Float64Array(BUCKETS), sumMs: 0, count: 0 };
}

/** Rows of one name become one; in the order in which the names first come. */
function mergeRows<Row extends { readonly name: string }>(
  lists: readonly (readonly Row[])[],
  add: (one: Row, other: Row) => Row,
): Row[] {
  const merged = new Map<string, Row>();
  for (const row of lists.flat()) {
    const before = merged.get(row.name);
    merged.set(row.name, before === undefined ? row : add(before, row));
  }
  return [...merged.values()];
}

function addListeners(one: ListenerRow, other: ListenerRow): ListenerRow {
  return {
    name: one.name,
    workers: one.workers + other.workers,
    accepting: one.accepting + other.accepting,
    counts: addCounts(one.counts, other.counts),
    latency: addLatencies(one.latency, other.latency),
  };
}

function addUpstreams(one: UpstreamRow, other: UpstreamRow): UpstreamRow {
  return {
    name: one.name,
    cluster: addClusters(one.cluster, other.cluster),
    // One worker alone has it.
    engine: one.engine ?? other.engine,
    panicking: one.panicking + other.panicking,
    served: one.served + other.served,
    subscriptions: one.subscriptions + other.subscriptions,
    servers: mergeRows([one.servers, other.servers], addServers),
    commands: mergeRows([one.commands, other.commands], addCommands),
  };
}

function addClusters(one: ClusterRow | null, other: ClusterRow | null): ClusterRow | null {
  if (one === null || other === null) return one ?? other;
  return {
    covered: Math.min(one.covered, other.covered),
    nodes: one.nodes.length > 0 ? one.nodes : other.nodes,
    counts: addCounts(one.counts, other.counts),
    refusals: addCounts(one.refusals, other.refusals),
  };
}

function addServers(one: ServerRow, other: ServerRow): ServerRow {
  return {
    name: one.name,
    inRotation: one.inRotation + other.inRotation,
    unhealthy: one.unhealthy + other.unhealthy,
    ejected: one.ejected + other.ejected,
    connected: one.connected + other.connected,
    pending: one.pending + other.pending,
    lent: one.lent + other.lent,
    healthChecks: one.healthChecks + other.healthChecks,
    healthCheckFailures: one.healthCheckFailures + other.healthCheckFailures,
    counts: addCounts(one.counts, other.counts),
    failures: addCounts(one.failures, other.failures),
    latency: addLatencies(one.latency, other.latency),
  };
}

function addCommands(one: CommandRow, other: CommandRow): CommandRow {
  return {
    name: one.name,
    replies: one.replies + other.replies,
    errors: one.errors + other.errors,
    failures: one.failures + other.failures,
    latency: addLatencies(one.latency, other.latency),
  };
}

function addCounts<Counts extends Readonly<Record<string, number>>>(
  one: Counts,
  other: Counts,
): Counts {
  const sums = Object.entries(one).map(([name, value]) => [name, value + (other[name] ?? 0)]);
  return Object.fromEntries(sums) as Counts;
}

function addLatencies(one: Latency, other: Latency): Latency {
  return {
    counts: one.counts.map((count, bucket) => count + (other.counts[bucket] ?? 0)),
    sumMs: one.sumMs + other.sumMs,
    count: one.count + other.count,
  };
}
