/** `/stats`: everything that is counted, for people and scripts, with quantiles instead of buckets. */
import { quantileOf } from '../core/histogram.ts';
import type { CommandRow, Latency, ServerRow, Snapshot } from './snapshot.ts';
import { stateOf } from './topology.ts';

export interface ProcessFigures {
  readonly version: string;
  readonly pid: number;
  readonly uptimeSeconds: number;
  readonly cpuSeconds: number;
  readonly residentBytes: number;
}

/** `snapshot` is that of all workers. */
export function statsOf(snapshot: Snapshot, process: ProcessFigures, draining: boolean): object {
  const workers = snapshot.workers.length;
  return {
    process: { ...process, draining },
    workers: snapshot.workers.map(({ lag, ...row }) => ({ ...row, lagMs: quantiles(lag) })),
    listeners: byName(snapshot.listeners, ({ counts, latency, accepting }) => ({
      accepting,
      ...counts,
      latencyMs: quantiles(latency),
    })),
    upstreams: byName(
      snapshot.upstreams,
      ({ panicking, subscriptions, servers, commands, cluster, engine }) => ({
        ...(engine === null ? {} : { engine }),
        ...(cluster === null ? {} : { cluster: { ...cluster.counts, refusals: cluster.refusals } }),
        healthIgnored: panicking > 0,
        subscriptions,
        servers: byName(servers, (server) => serverStats(server, workers)),
        commands: byName(commands, commandStats),
      }),
    ),
  };
}

function serverStats(server: ServerRow, workers: number): object {
  const { counts, failures, latency, pending, lent, healthChecks, healthCheckFailures } = server;
  return {
    state: stateOf(server),
    connected: server.connected === workers,
    pending,
    lent,
    ...counts,
    failures,
    healthChecks,
    healthCheckFailures,
    latencyMs: quantiles(latency),
  };
}

function commandStats({ replies, errors, failures, latency }: CommandRow): object {
  return { replies, errors, failures, latencyMs: quantiles(latency) };
}

function quantiles({ counts, count, sumMs }: Latency): object {
  return {
    count,
    mean: count === 0 ? 0 : round(sumMs / count),
    p50: quantileOf(counts, count, 0.5),
    p90: quantileOf(counts, count, 0.9),
    p99: quantileOf(counts, count, 0.99),
    'p99.9': quantileOf(counts, count, 0.999),
  };
}

/** To a microsecond: the clock is not finer. */
function round(milliseconds: number): number {
  return Math.round(milliseconds * 1000) / 1000;
}

function byName<Row extends { readonly name: string }>(
  rows: readonly Row[],
  toStats: (row: Row) => object,
): object {
  return Object.fromEntries(rows.map((row) => [row.name, toStats(row)]));
}
