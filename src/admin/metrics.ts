/**
 * `/metrics`: the figures in the text format of Prometheus (version 0.0.4), written from a snapshot.
 *
 * With one worker this runs on the event loop that serves clients, so it has to be quick: 2,300 lines cost
 * about 2 ms of CPU here and 20 to 40 with prom-client, which hashes the labels of every sample, and which
 * costs another 50 to load.
 *
 * Names and units follow Prometheus' conventions; docs/metrics.md explains each (a test compares).
 */
import { upperBoundMs } from '../core/histogram.ts';
import type { ReloadFigures } from './reloads.ts';
import type {
  ClusterCounts,
  ClusterRow,
  CommandRow,
  EngineCounts,
  Latency,
  ListenerCounts,
  ListenerRow,
  ServerCounts,
  ServerRow,
  Snapshot,
  UpstreamRow,
  WorkerRow,
} from './snapshot.ts';
import type { ProcessFigures } from './stats.ts';

export interface Exposed {
  /** Of all workers. */
  readonly snapshot: Snapshot;
  readonly process: ProcessFigures;
  /** Seconds since 1970. */
  readonly startedAt: number;
  readonly draining: boolean;
  readonly reloads: ReloadFigures;
}

interface Family {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly samples: (from: Exposed) => readonly Sample[];
}

type Labels = Readonly<Record<string, string>>;
type Sample = readonly [labels: Labels, value: number | Latency];

/**
 * Upper bounds in microseconds: powers of two, because there our own buckets end too and nothing has to be
 * guessed. From 64 µs to 8.4 s.
 */
const BOUNDS_US: readonly number[] = Array.from({ length: 18 }, (_none, i) => 2 ** (6 + i));

export const FAMILIES: readonly Family[] = [
  gauge('tidegate_info', 'Always 1; the label is the version.', ({ process }) => [
    [{ version: process.version }, 1],
  ]),
  gauge('tidegate_draining', '1 while no new clients are accepted.', ({ draining }) => [
    [{}, draining ? 1 : 0],
  ]),
  gauge('tidegate_workers', 'Event loops that serve clients.', ({ snapshot }) => [
    [{}, snapshot.workers.length],
  ]),
  counter(
    'tidegate_config_reloads_total',
    'Times the configuration was read again, by result.',
    ({ reloads }) => [
      [{ result: 'applied' }, reloads.applied],
      [{ result: 'refused' }, reloads.refused],
    ],
  ),
  gauge(
    'tidegate_config_last_reload_timestamp_seconds',
    'When the configuration in force was read, in seconds since 1970.',
    ({ reloads }) => [[{}, reloads.readAt]],
  ),
  ...listenerFamilies(),
  ...upstreamFamilies(),
  ...clusterFamilies(),
  ...engineFamilies(),
  ...serverFamilies(),
  ...commandFamilies(),
  ...workerFamilies(),
  ...processFamilies(),
];

export const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

export function exposition(exposed: Exposed): string {
  let text = '';
  for (const { name, type, help, samples } of FAMILIES) {
    text += `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
    for (const [labels, value] of samples(exposed)) {
      const written = labelsText(labels);
      if (typeof value !== 'number') text += histogramText(name, written, value);
      else text += `${name}${written === '' ? '' : `{${written}}`} ${value}\n`;
    }
  }
  return text;
}

/** Without the braces. */
function labelsText(labels: Labels): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${escapeLabel(value)}"`)
    .join(',');
}

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

/** Prometheus counts in each bucket what lies in all smaller ones too. */
function histogramText(name: string, labels: string, latency: Latency): string {
  const { counts, count, sumMs } = latency;
  const before = labels === '' ? '' : `${labels},`;
  const braced = labels === '' ? '' : `{${labels}}`;
  let text = '';
  let bucket = 0;
  let below = 0;
  for (const boundUs of BOUNDS_US) {
    while (Math.round(upperBoundMs(bucket) * 1000) <= boundUs) below += counts[bucket++]!;
    text += `${name}_bucket{${before}le="${boundUs / 1e6}"} ${below}\n`;
  }
  return (
    `${text}${name}_bucket{${before}le="+Inf"} ${count}\n` +
    `${name}_sum${braced} ${sumMs / 1000}\n${name}_count${braced} ${count}\n`
  );
}

function gauge(name: string, help: string, samples: Family['samples']): Family {
  return { name, type: 'gauge', help, samples };
}

function counter(name: string, help: string, samples: Family['samples']): Family {
  return { name, type: 'counter', help, samples };
}

function listenerFamilies(): Family[] {
  const each =
    (read: (row: ListenerRow) => number | Latency): Family['samples'] =>
    ({ snapshot }) =>
      snapshot.listeners.map((row) => [{ listener: row.name }, read(row)]);
  const counted = (name: string, key: keyof ListenerCounts, help: string): Family =>
    counter(
      `tidegate_listener_${name}_total`,
      help,
      each(({ counts }) => counts[key]),
    );
  return [
    gauge(
      'tidegate_listener_connections_active',
      'Clients connected.',
      each(({ counts }) => counts.connectionsActive),
    ),
    gauge(
      'tidegate_listener_subscribers',
      'Clients subscribed to something.',
      each(({ counts }) => counts.subscribers),
    ),
    gauge(
      'tidegate_listener_subscriptions',
      'Subscriptions of clients.',
      each(({ counts }) => counts.subscriptions),
    ),
    counted('connections', 'connectionsTotal', 'Clients that connected, refused ones included.'),
    counted('connections_refused', 'connectionsRefused', 'Clients refused: limit, or draining.'),
    counted('slow_readers_closed', 'slowReadersClosed', 'Clients closed: replies were not read.'),
    counted(
      'slow_subscribers_closed',
      'slowSubscribersClosed',
      'Those of them with subscriptions.',
    ),
    counted('messages_delivered', 'messagesDelivered', 'Messages to subscribers, one for each.'),
    counted('idle_closed', 'idleClosed', 'Clients closed by idle_timeout.'),
    counted('protocol_errors', 'protocolErrors', 'Clients closed after bytes that are no command.'),
    counted('unknown_commands', 'unknownCommands', 'Commands nobody knows.'),
    counted('auth_failures', 'authFailures', 'Wrong user names or passwords.'),
    counted(
      'external_auth_errors',
      'externalAuthErrors',
      'Logins that the external service did not answer.',
    ),
    counted('denied', 'denied', 'Commands a user may not run, or not on those keys.'),
    counted('rate_limited', 'rateLimited', 'Commands that waited for the rate of their user.'),
    counted('commands', 'commands', 'Commands received, those answered here included.'),
    counted('error_replies', 'errorReplies', 'Error replies to clients, whoever made them.'),
    counted('monitor_lines_left_out', 'monitorLinesLeftOut', 'Lines of MONITOR not shown.'),
    counted('concurrency_waits', 'concurrencyWaits', 'Commands that waited for concurrency.'),
    counted('fault_delays', 'faultDelays', 'Commands answered late on purpose.'),
    counted('fault_errors', 'faultErrors', 'Commands answered with an error on purpose.'),
    counted('read_bytes', 'bytesRead', 'Bytes read from clients.'),
    counted('written_bytes', 'bytesWritten', 'Bytes written to clients.'),
    {
      name: 'tidegate_listener_command_duration_seconds',
      type: 'histogram',
      help: 'From reading a command to its reply, those answered here included.',
      samples: each(({ latency }) => latency),
    },
  ];
}

function upstreamFamilies(): Family[] {
  const ofServers = ({ snapshot }: Exposed): readonly UpstreamRow[] =>
    snapshot.upstreams.filter(({ engine }) => engine === null);
  return [
    gauge('tidegate_upstream_servers', 'Servers configured.', (from) =>
      ofServers(from).map(({ name, servers }) => [{ upstream: name }, servers.length]),
    ),
    gauge(
      'tidegate_upstream_servers_in_rotation',
      'Servers that every worker sends their keys to.',
      (from) =>
        ofServers(from).map(({ name, servers }) => [
          { upstream: name },
          servers.filter(({ inRotation }) => inRotation === from.snapshot.workers.length).length,
        ]),
    ),
    gauge(
      'tidegate_upstream_subscriptions',
      'Channels and patterns taken from its servers, by each worker.',
      ({ snapshot }) =>
        snapshot.upstreams.map(({ name, subscriptions }) => [{ upstream: name }, subscriptions]),
    ),
    gauge(
      'tidegate_upstream_health_ignored',
      '1 while so many servers are out that health is ignored.',
      ({ snapshot }) =>
        snapshot.upstreams.map(({ name, panicking }) => [
          { upstream: name },
          panicking > 0 ? 1 : 0,
        ]),
    ),
  ];
}

function clusterFamilies(): Family[] {
  const each =
    (read: (row: ClusterRow) => readonly Sample[]): Family['samples'] =>
    ({ snapshot }) =>
      snapshot.upstreams.flatMap(({ name, cluster }) =>
        (cluster === null ? [] : read(cluster)).map(
          ([labels, value]): Sample => [{ upstream: name, ...labels }, value],
        ),
      );
  const counted = (name: string, key: keyof ClusterCounts, help: string): Family =>
    counter(
      `tidegate_cluster_${name}_total`,
      help,
      each(({ counts }) => [[{}, counts[key]]]),
    );
  return [
    gauge(
      'tidegate_cluster_slots_covered',
      'Slots that have a primary; 16384 is all.',
      each(({ covered }) => [[{}, covered]]),
    ),
    gauge(
      'tidegate_cluster_node_slots',
      'Slots of a node; the label says whether it is a primary or a replica.',
      each(({ nodes }) =>
        nodes.map(({ name, role, slotCount }): Sample => [{ server: name, role }, slotCount]),
      ),
    ),
    counter(
      'tidegate_cluster_redirects_total',
      'Errors of nodes that say where or when to ask, by kind.',
      each(({ refusals }) =>
        Object.entries(refusals).map(([kind, count]): Sample => [{ kind }, count]),
      ),
    ),
    counted('errors_passed_on', 'errorsPassedOn', 'Such errors that reached a client.'),
    counter(
      'tidegate_cluster_surveys_total',
      'Times the nodes were asked for the map, by result.',
      each(({ counts }) => [
        [{ result: 'ok' }, counts.surveysOk],
        [{ result: 'failed' }, counts.surveysFailed],
      ]),
    ),
    counted('odd_answers', 'oddAnswers', 'Answers about the map that could not be read.'),
    counted('gates', 'gates', 'Slots held for a moment to keep an order.'),
    gauge(
      'tidegate_cluster_commands_held',
      'Commands held or sent on at present.',
      each(({ counts }) => [[{}, counts.held]]),
    ),
    counted('overflows', 'overflows', 'Commands failed because too many were held.'),
    counted('strangers_refused', 'strangersRefused', 'Redirections to too many unknown hosts.'),
  ];
}

function engineFamilies(): Family[] {
  const read =
    (key: keyof EngineCounts): Family['samples'] =>
    ({ snapshot }) =>
      snapshot.upstreams.flatMap(({ name, engine }) =>
        engine === null ? [] : [[{ upstream: name }, engine[key]] as const],
      );
  const state = (name: string, key: keyof EngineCounts, help: string): Family =>
    gauge(`tidegate_engine_${name}`, help, read(key));
  const counted = (name: string, key: keyof EngineCounts, help: string): Family =>
    counter(`tidegate_engine_${name}_total`, help, read(key));
  return [
    state('keys', 'keys', 'Keys of an embedded engine, over all databases.'),
    state('expiring_keys', 'expiringKeys', 'Those of them that expire.'),
    state('memory_bytes', 'memoryBytes', 'Memory of keys and values.'),
    state('max_memory_bytes', 'maxMemoryBytes', 'Its limit; 0: none.'),
    state('blocked_clients', 'blockedClients', 'Clients that wait in a blocking command.'),
    counted('commands', 'commands', 'Commands run.'),
    counted('changes', 'changes', 'Changes of data.'),
    counted('keyspace_hits', 'hits', 'Reads that found their key.'),
    counted('keyspace_misses', 'misses', 'Reads that did not.'),
    counted('expired_keys', 'expired', 'Keys removed because their time was over.'),
    counted('evicted_keys', 'evicted', 'Keys removed to make room.'),
  ];
}

function serverFamilies(): Family[] {
  const each =
    (read: (row: ServerRow, workers: number) => number | Latency): Family['samples'] =>
    ({ snapshot: { upstreams, workers } }) =>
      upstreams.flatMap((upstream) =>
        upstream.servers.map(
          (row): Sample => [
            { upstream: upstream.name, server: row.name },
            read(row, workers.length),
          ],
        ),
      );
  const counted = (name: string, key: keyof ServerCounts, help: string): Family =>
    counter(
      `tidegate_server_${name}_total`,
      help,
      each(({ counts }) => counts[key]),
    );
  const state = (name: string, help: string, read: Parameters<typeof each>[0]): Family =>
    gauge(`tidegate_server_${name}`, help, each(read));
  return [
    state('in_rotation', '1 if every worker sends it its keys.', (row, workers) =>
      row.inRotation === workers ? 1 : 0,
    ),
    state('connected', '1 if every worker has a connection.', (row, workers) =>
      row.connected === workers ? 1 : 0,
    ),
    state('unhealthy', '1 if a worker left it out for failed health checks.', (row) =>
      row.unhealthy > 0 ? 1 : 0,
    ),
    state('ejected', '1 if a worker left it out for failed commands.', (row) =>
      row.ejected > 0 ? 1 : 0,
    ),
    state('requests_pending', 'Commands under way.', ({ pending }) => pending),
    state('connections_lent', 'Connections lent to one client each.', ({ lent }) => lent),
    state('connections_active', 'Connections.', ({ counts }) => counts.connectionsActive),
    counted('connections_opened', 'connectionsOpened', 'Connections begun.'),
    counted('connections_rate_limited', 'connectionsRateLimited', 'Held back: connection_rate.'),
    counted('requests', 'requests', 'Commands sent, retries and health checks included.'),
    counted('replies', 'replies', 'Replies, error replies included.'),
    counted('error_replies', 'errorReplies', 'Error replies of the server itself.'),
    counted('retries', 'retries', 'Reads sent again.'),
    counted('ejections', 'ejections', 'Times it was ejected for failures.'),
    counted('read_bytes', 'bytesRead', 'Bytes read from it.'),
    counted('written_bytes', 'bytesWritten', 'Bytes written to it.'),
    failureFamily(),
    counter(
      'tidegate_server_health_checks_total',
      'Health checks begun.',
      each(({ healthChecks }) => healthChecks),
    ),
    counter(
      'tidegate_server_health_check_failures_total',
      'Health checks that failed.',
      each(({ healthCheckFailures }) => healthCheckFailures),
    ),
    {
      name: 'tidegate_server_request_duration_seconds',
      type: 'histogram',
      help: 'From handing a command to its connection to the reply.',
      samples: each(({ latency }) => latency),
    },
  ];
}

function failureFamily(): Family {
  const help = 'Connections and commands that failed without a reply, by reason.';
  const samples: Family['samples'] = ({ snapshot }) =>
    snapshot.upstreams.flatMap((upstream) =>
      upstream.servers.flatMap((server) =>
        Object.entries(server.failures).map(
          ([reason, count]): Sample => [
            { upstream: upstream.name, server: server.name, reason },
            count,
          ],
        ),
      ),
    );
  return counter('tidegate_server_failures_total', help, samples);
}

function commandFamilies(): Family[] {
  const each =
    (read: (row: CommandRow) => number | Latency): Family['samples'] =>
    ({ snapshot }) =>
      snapshot.upstreams.flatMap(({ name, commands }) =>
        commands.map((row): Sample => [{ upstream: name, command: row.name }, read(row)]),
      );
  return [
    counter(
      'tidegate_command_replies_total',
      'Replies to it, error replies included.',
      each(({ replies }) => replies),
    ),
    counter(
      'tidegate_command_error_replies_total',
      'Error replies to it.',
      each(({ errors }) => errors),
    ),
    counter(
      'tidegate_command_failures_total',
      'Times it was sent and not answered: time-out or lost connection.',
      each(({ failures }) => failures),
    ),
    {
      name: 'tidegate_command_duration_seconds',
      type: 'histogram',
      help: 'From handing it to a connection to the reply.',
      samples: each(({ latency }) => latency),
    },
  ];
}

function workerFamilies(): Family[] {
  const each =
    (read: (row: WorkerRow) => number | Latency): Family['samples'] =>
    ({ snapshot }) =>
      snapshot.workers.map((row) => [{ worker: String(row.index) }, read(row)]);
  return [
    counter(
      'tidegate_worker_cpu_seconds_total',
      'CPU time of its thread.',
      each(({ cpuSeconds }) => cpuSeconds),
    ),
    counter(
      'tidegate_worker_active_seconds_total',
      'Time its event loop did not wait; a rate near 1 means it is full.',
      each(({ activeSeconds }) => activeSeconds),
    ),
    gauge(
      'tidegate_worker_heap_used_bytes',
      'JavaScript heap in use.',
      each(({ heapUsedBytes }) => heapUsedBytes),
    ),
    {
      name: 'tidegate_worker_event_loop_lag_seconds',
      type: 'histogram',
      help: 'How late a timer ran, asked ten times a second.',
      samples: each(({ lag }) => lag),
    },
  ];
}

/** Named as every exporter names them, so that existing dashboards find them. */
function processFamilies(): Family[] {
  return [
    counter('process_cpu_seconds_total', 'CPU time of all threads.', ({ process }) => [
      [{}, process.cpuSeconds],
    ]),
    gauge('process_resident_memory_bytes', 'Resident memory.', ({ process }) => [
      [{}, process.residentBytes],
    ]),
    gauge('process_start_time_seconds', 'Start, in seconds since 1970.', ({ startedAt }) => [
      [{}, startedAt],
    ]),
  ];
}
