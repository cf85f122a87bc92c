/** Snapshots: merged, written for Prometheus, for people, and judged for readiness. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Histogram } from '../core/histogram.ts';
import { exposition, FAMILIES } from './metrics.ts';
import {
  emptyLatency,
  type Latency,
  LISTENER_COUNTS,
  type ListenerCounts,
  merge,
  SERVER_COUNTS,
  type ServerCounts,
  type ServerRow,
  type Snapshot,
} from './snapshot.ts';
import { statsOf } from './stats.ts';
import { type Plan, topologyOf, unreadiness } from './topology.ts';

const PROCESS = { version: '1.2.3', pid: 1, uptimeSeconds: 1, cpuSeconds: 1, residentBytes: 1 };

function latency(...milliseconds: number[]): Latency {
  const histogram = new Histogram();
  for (const value of milliseconds) histogram.record(value);
  return histogram;
}

function counts<Name extends string>(names: readonly Name[], value: number): Record<Name, number> {
  return Object.fromEntries(names.map((name) => [name, value])) as Record<Name, number>;
}

function server(name: string, changes: Partial<ServerRow> = {}): ServerRow {
  return {
    name,
    inRotation: 1,
    unhealthy: 0,
    ejected: 0,
    connected: 1,
    pending: 2,
    lent: 1,
    healthChecks: 3,
    healthCheckFailures: 1,
    counts: counts(SERVER_COUNTS, 1) satisfies ServerCounts,
    failures: { no_host: 0, connect: 1, handshake: 0, timeout: 2, closed: 0, protocol: 0, busy: 0 },
    latency: latency(1),
    ...changes,
  };
}

/** One worker with the listener `main` and the upstream `main` of two servers. */
function snapshot(index: number, changes: Partial<ServerRow> = {}): Snapshot {
  return {
    workers: [
      {
        index,
        uptimeSeconds: 1,
        cpuSeconds: 1,
        activeSeconds: 1,
        heapUsedBytes: 1,
        lag: emptyLatency(),
      },
    ],
    listeners: [
      {
        name: 'main',
        workers: 1,
        accepting: 1,
        counts: counts(LISTENER_COUNTS, 5) satisfies ListenerCounts,
        latency: latency(0.0625, 0.125, 20),
      },
    ],
    upstreams: [
      {
        name: 'main',
        cluster: null,
        engine: null,
        panicking: 0,
        subscriptions: 7,
        served: 1,
        servers: [server('a:1', changes), server('b:1')],
        commands: [{ name: 'get', replies: 4, errors: 1, failures: 1, latency: latency(2) }],
      },
    ],
  };
}

function plan(upstreams: readonly string[] = ['main']): Plan {
  const route = { prefix: '', removePrefix: false, keyFormat: '%KEY%' };
  const routes = [{ ...route, upstream: 'main', readUpstream: null, mirrors: upstreams.slice(1) }];
  return {
    listeners: [{ name: 'main', address: '127.0.0.1:1', tls: false, routes }],
    upstreams: upstreams.map((name) => ({
      name,
      kind: 'shards',
      distribution: 'ketama',
      hashTags: false,
      service: null,
      engine: null,
      servers: [
        { name: 'a:1', weight: 2 },
        { name: 'b:1', weight: 1 },
      ],
    })),
  };
}

function linesOf(of: Snapshot, start: string): string[] {
  const text = exposition({
    snapshot: of,
    process: PROCESS,
    startedAt: 5,
    draining: false,
    reloads: { applied: 3, refused: 1, readAt: 7.5 },
  });
  return text.split('\n').filter((line) => line.startsWith(start));
}

test('merging adds up what was counted, bucket by bucket', () => {
  const merged = merge([snapshot(1), snapshot(0)]);
  const [main] = merged.upstreams;
  assert.deepEqual(
    merged.workers.map(({ index }) => index),
    [0, 1],
  );
  assert.equal(merged.listeners[0]!.counts.commands, 10);
  assert.equal(merged.listeners[0]!.latency.count, 6);
  assert.equal(main!.servers[0]!.failures.timeout, 4);
  assert.equal(main!.servers[0]!.pending, 4);
  assert.equal(main!.commands[0]!.replies, 8);
  assert.deepEqual(main!.commands[0]!.latency.counts, latency(2, 2).counts);
});

test('a command that only one worker saw is not lost in merging', () => {
  const other = snapshot(1);
  const commands = [{ name: 'set', replies: 1, errors: 0, failures: 0, latency: latency(1) }];
  const merged = merge([
    snapshot(0),
    { ...other, upstreams: [{ ...other.upstreams[0]!, commands }] },
  ]);
  assert.deepEqual(
    merged.upstreams[0]!.commands.map(({ name, replies }) => [name, replies]),
    [
      ['get', 4],
      ['set', 1],
    ],
  );
});

test('buckets for Prometheus are cumulative and end with all', () => {
  const name = 'tidegate_listener_command_duration_seconds';
  const lines = linesOf(snapshot(0), `${name}_`);
  const of = (le: string): string => `${name}_bucket{listener="main",le="${le}"}`;
  assert.ok(lines.includes(`${of('0.000064')} 1`), lines.join('\n'));
  assert.ok(lines.includes(`${of('0.000128')} 2`));
  assert.ok(lines.includes(`${of('0.016384')} 2`));
  assert.ok(lines.includes(`${of('0.032768')} 3`));
  assert.ok(lines.includes(`${of('+Inf')} 3`));
  assert.ok(lines.includes(`${name}_count{listener="main"} 3`));
  assert.match(lines.join('\n'), /_sum\{listener="main"\} 0\.0201875/);
});

test('a server is in rotation only if every worker sends it keys', () => {
  const merged = merge([snapshot(0), snapshot(1, { inRotation: 0, ejected: 1 })]);
  assert.deepEqual(linesOf(merged, 'tidegate_server_in_rotation{'), [
    'tidegate_server_in_rotation{upstream="main",server="a:1"} 0',
    'tidegate_server_in_rotation{upstream="main",server="b:1"} 1',
  ]);
  assert.deepEqual(linesOf(merged, 'tidegate_upstream_servers_in_rotation{'), [
    'tidegate_upstream_servers_in_rotation{upstream="main"} 1',
  ]);
});

test('labels are escaped', () => {
  const odd = 'unix:/a"b\\c\nd';
  const lines = linesOf(snapshot(0, { name: odd }), 'tidegate_server_ejected{');
  assert.equal(
    lines[0],
    'tidegate_server_ejected{upstream="main",server="unix:/a\\"b\\\\c\\nd"} 0',
  );
});

test('docs/metrics.md explains exactly the metrics there are, with their types', () => {
  const text = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8');
  const rows = [...text.matchAll(/^\| `((?:tidegate|process)_\w+)` \| (\w+) \|/gm)];
  const documented = rows.map(([, name, type]) => `${name} ${type}`);
  assert.deepEqual(
    new Set(documented),
    new Set(FAMILIES.map(({ name, type }) => `${name} ${type}`)),
  );
});

test('/stats gives quantiles in milliseconds, within an eighth', () => {
  const stats = statsOf(merge([snapshot(0)]), PROCESS, false) as {
    listeners: { main: { commands: number; latencyMs: Record<string, number> } };
    upstreams: { main: { servers: Record<string, { state: string }>; commands: object } };
  };
  const { latencyMs } = stats.listeners.main;
  assert.deepEqual(Object.keys(latencyMs), ['count', 'mean', 'p50', 'p90', 'p99', 'p99.9']);
  assert.ok(latencyMs['p50']! >= 0.125 && latencyMs['p50']! <= 0.1407, `${latencyMs['p50']}`);
  assert.ok(latencyMs['p99.9']! >= 20 && latencyMs['p99.9']! <= 22.5, `${latencyMs['p99.9']}`);
  assert.equal(stats.upstreams.main.servers['a:1']!.state, 'in');
});

test('/topology shows each server with its weight and the worst that any worker sees', () => {
  const merged = merge([snapshot(0), snapshot(1, { inRotation: 0, unhealthy: 1 })]);
  const { upstreams } = topologyOf(plan(), merged) as { upstreams: { servers: object[] }[] };
  assert.deepEqual(upstreams[0]!.servers[0], {
    name: 'a:1',
    weight: 2,
    state: 'unhealthy',
    connected: true,
    workersIn: 1,
    workersConnected: 2,
    pending: 4,
    lent: 2,
  });
});

test('readiness wants a usable server for every worker, and every listener open', () => {
  const ready = snapshot(0);
  const lost = { ...ready, upstreams: [{ ...ready.upstreams[0]!, served: 0 }] };
  const shut = { ...ready, listeners: [{ ...ready.listeners[0]!, accepting: 0 }] };
  assert.deepEqual(unreadiness(plan(), ready, false), []);
  assert.deepEqual(unreadiness(plan(), ready, true), ['draining']);
  assert.match(unreadiness(plan(), merge([ready, lost]), false).join(), /^upstream main has no/);
  assert.match(unreadiness(plan(), shut, false).join(), /^listener main does not accept$/);
});

test('an upstream that only receives copies does not count for readiness', () => {
  const ready = snapshot(0);
  const shadow = { ...ready.upstreams[0]!, name: 'shadow', served: 0 };
  const both = { ...ready, upstreams: [...ready.upstreams, shadow] };
  assert.deepEqual(unreadiness(plan(['main', 'shadow']), both, false), []);
});
