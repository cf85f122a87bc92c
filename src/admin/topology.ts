/** What stands where, and whether it can be used: `/topology` and `/readyz`. */
import type { ClusterRow, ServerRow, Snapshot, UpstreamRow } from './snapshot.ts';

/** What was configured; a reload makes a new one. */
export interface Plan {
  readonly listeners: readonly ListenerPlan[];
  readonly upstreams: readonly UpstreamPlan[];
}

export interface ListenerPlan {
  readonly name: string;
  /** As bound. */
  readonly address: string;
  readonly tls: boolean;
  readonly routes: readonly RoutePlan[];
}

export interface RoutePlan {
  readonly prefix: string;
  readonly removePrefix: boolean;
  readonly keyFormat: string;
  readonly upstream: string;
  readonly readUpstream: string | null;
  readonly mirrors: readonly string[];
}

export interface UpstreamPlan {
  readonly name: string;
  readonly kind: string;
  /** Of a cluster: `slots`. */
  readonly distribution: string;
  readonly hashTags: boolean;
  /** What Sentinels call it; null: of another kind. */
  readonly service: string | null;
  /** Null: of another kind. */
  readonly engine: EnginePlan | null;
  /** Of a cluster: its seeds; of a service: its Sentinels. */
  readonly servers: readonly { readonly name: string; readonly weight: number }[];
}

export interface EnginePlan {
  /** Null: memory only. */
  readonly dir: string | null;
  readonly databases: number;
}

export type ServerState = 'in' | 'unhealthy' | 'ejected';

/** The plan with what is known of each server now. */
export function topologyOf(plan: Plan, snapshot: Snapshot): object {
  const workers = snapshot.workers.length;
  return {
    workers,
    listeners: plan.listeners.map((listener) => {
      const row = snapshot.listeners.find(({ name }) => name === listener.name);
      return { ...listener, accepting: row !== undefined && row.accepting === row.workers };
    }),
    upstreams: plan.upstreams.map((upstream) => {
      const row = snapshot.upstreams.find(({ name }) => name === upstream.name);
      if (row?.cluster != null) return clusterOf(upstream, row, row.cluster, workers);
      if (upstream.engine !== null) return engineOf(upstream, upstream.engine, row);
      const { service: _none, engine: _nor, ...shards } = upstream;
      return {
        ...shards,
        healthIgnored: (row?.panicking ?? 0) > 0,
        servers: upstream.servers.map((server) => ({
          ...server,
          ...found(row, server.name, workers),
        })),
      };
    }),
  };
}

function engineOf({ name, kind }: UpstreamPlan, plan: EnginePlan, row?: UpstreamRow): object {
  const { keys = 0, memoryBytes = 0, maxMemoryBytes = 0 } = row?.engine ?? {};
  return { name, kind, ...plan, keys, memoryBytes, maxMemoryBytes };
}

function clusterOf(
  upstream: UpstreamPlan,
  row: UpstreamRow,
  cluster: ClusterRow,
  workers: number,
): object {
  const { name, kind, service } = upstream;
  const configured = upstream.servers.map((server) => server.name);
  const servers = cluster.nodes.map(({ slotCount: _count, slots, ...node }) => ({
    ...node,
    ...(service === null ? { slots } : {}),
    ...found(row, node.name, workers),
  }));
  if (service !== null) return { name, kind, service, sentinels: configured, servers };
  return { name, kind, seeds: configured, slotsCovered: cluster.covered, servers };
}

function found(row: UpstreamRow | undefined, name: string, workers: number): object {
  const server = row?.servers.find((each) => each.name === name);
  return server === undefined ? {} : healthOf(server, workers);
}

/** The worst that any worker sees; `workersIn` says how many see nothing wrong. */
export function stateOf(server: ServerRow): ServerState {
  if (server.unhealthy > 0) return 'unhealthy';
  return server.ejected > 0 ? 'ejected' : 'in';
}

function healthOf(server: ServerRow, workers: number): object {
  return {
    state: stateOf(server),
    connected: server.connected === workers,
    workersIn: server.inRotation,
    workersConnected: server.connected,
    pending: server.pending,
    lent: server.lent,
  };
}

/**
 * Why clients should not come here; empty: they should. An upstream that only receives copies does not count:
 * a mirror must not be able to disturb.
 */
export function unreadiness(plan: Plan, snapshot: Snapshot, draining: boolean): string[] {
  const reasons = draining ? ['draining'] : [];
  for (const { name, accepting, workers } of snapshot.listeners) {
    if (accepting < workers) reasons.push(`listener ${name} does not accept`);
  }
  const routed = routedUpstreams(plan);
  for (const { name, served } of snapshot.upstreams) {
    if (served < snapshot.workers.length && routed.has(name)) {
      reasons.push(`upstream ${name} has no server that is connected and healthy`);
    }
  }
  return reasons;
}

function routedUpstreams(plan: Plan): ReadonlySet<string> {
  const names = new Set<string>();
  for (const { upstream, readUpstream } of plan.listeners.flatMap(({ routes }) => routes)) {
    names.add(upstream);
    if (readUpstream !== null) names.add(readUpstream);
  }
  return names;
}
