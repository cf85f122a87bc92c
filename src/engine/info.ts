/** What INFO says (https://redis.io/docs/latest/commands/info/): the names of Redis, the figures of this engine. */
import type { Engine } from './engine.ts';

/** The version that the engine is held against. */
export const REDIS_VERSION = '7.0.15';

type Field = readonly [string, string | number];
type Section = (engine: Engine) => readonly Field[];

const SECONDS_PER_DAY = 86_400;

function server({ startedAt, runId, now }: Engine): Field[] {
  const uptime = Math.floor((now - startedAt) / 1000);
  return [
    ['redis_version', REDIS_VERSION],
    ['redis_mode', 'standalone'],
    ['os', `${process.platform} ${process.arch}`],
    ['arch_bits', 64],
    ['process_id', process.pid],
    ['run_id', runId],
    ['server_time_usec', now * 1000],
    ['uptime_in_seconds', uptime],
    ['uptime_in_days', Math.floor(uptime / SECONDS_PER_DAY)],
    ['hz', 10],
    ['configured_hz', 10],
    ['engine', 'tidegate'],
  ];
}

function clients({ blocked }: Engine): Field[] {
  return [
    ['connected_clients', 1],
    ['maxclients', 10_000],
    ['blocked_clients', blocked.count],
  ];
}

function memory({ eviction, arena, databases }: Engine): Field[] {
  const used = eviction.usedBytes;
  const { rss, heapUsed } = process.memoryUsage();
  const tables = databases.reduce((sum, { bytes }) => sum + bytes, 0);
  return [
    ['used_memory', used],
    ['used_memory_human', human(used)],
    ['used_memory_rss', rss],
    ['used_memory_rss_human', human(rss)],
    ['used_memory_overhead', tables],
    ['used_memory_dataset', arena.bytes],
    ['used_memory_heap', heapUsed],
    ['allocator_allocated', arena.bytes],
    ['allocator_active', arena.reservedBytes],
    ['maxmemory', eviction.maxBytes],
    ['maxmemory_human', human(eviction.maxBytes)],
    ['maxmemory_policy', eviction.policy],
    ['mem_fragmentation_ratio', (rss / Math.max(1, used)).toFixed(2)],
    ['mem_allocator', 'pages of 1 MiB'],
  ];
}

function persistence({ persistence: kept, changes, startedAt }: Engine): Field[] {
  return [
    ['loading', 0],
    ['async_loading', 0],
    ['rdb_changes_since_last_save', changes],
    ['rdb_bgsave_in_progress', 0],
    ['rdb_last_save_time', Math.floor(startedAt / 1000)],
    ['rdb_last_bgsave_status', 'ok'],
    ['aof_enabled', kept === null ? 0 : 1],
    ['aof_rewrite_in_progress', kept?.isRewriting ? 1 : 0],
    ['aof_rewrite_scheduled', 0],
    ['aof_last_bgrewrite_status', kept?.lastRewriteFailed ? 'err' : 'ok'],
    ['aof_rewrites', kept?.rewrites ?? 0],
    ['aof_last_write_status', 'ok'],
    ...(kept === null
      ? []
      : ([
          ['aof_current_size', kept.store.bytes],
          ['aof_base_size', kept.store.baseBytes],
        ] as const)),
  ];
}

function stats({ databases, commandsRun, expired, evicted }: Engine): Field[] {
  return [
    ['total_commands_processed', commandsRun],
    ['expired_keys', expired],
    ['evicted_keys', evicted],
    ['keyspace_hits', databases.reduce((sum, { hits }) => sum + hits, 0)],
    ['keyspace_misses', databases.reduce((sum, { misses }) => sum + misses, 0)],
  ];
}

function replication({ runId }: Engine): Field[] {
  return [
    ['role', 'master'],
    ['connected_slaves', 0],
    ['master_failover_state', 'no-failover'],
    ['master_replid', runId],
    ['master_repl_offset', 0],
  ];
}

function cpu(): Field[] {
  const { user, system } = process.cpuUsage();
  return [
    ['used_cpu_sys', (system / 1e6).toFixed(6)],
    ['used_cpu_user', (user / 1e6).toFixed(6)],
  ];
}

function keyspace({ databases }: Engine): Field[] {
  return databases
    .filter(({ size }) => size > 0)
    .map(
      ({ index, size, expiringCount }): Field => [
        `db${index}`,
        `keys=${size},expires=${expiringCount},avg_ttl=0`,
      ],
    );
}

/** In the order of Redis; the names are those INFO is asked with. */
const SECTIONS: ReadonlyMap<string, Section> = new Map<string, Section>([
  ['Server', server],
  ['Clients', clients],
  ['Memory', memory],
  ['Persistence', persistence],
  ['Stats', stats],
  ['Replication', replication],
  ['CPU', cpu],
  ['Modules', () => []],
  ['Commandstats', () => []],
  ['Errorstats', () => []],
  ['Latencystats', () => []],
  ['Cluster', () => [['cluster_enabled', 0]]],
  ['Keyspace', keyspace],
]);
/** Shown only when asked for. */
const EXTRA: ReadonlySet<string> = new Set(['commandstats', 'latencystats']);

/** `wanted`: names of sections in lower case; none: the usual ones. */
export function infoText(engine: Engine, wanted: readonly string[]): string {
  const names = new Set(wanted);
  const isAll = names.has('all') || names.has('everything');
  const isUsual = names.size === 0 || names.has('default');
  const shown: string[] = [];
  for (const [name, section] of SECTIONS) {
    const key = name.toLowerCase();
    if (!(isAll || names.has(key) || (isUsual && !EXTRA.has(key)))) continue;
    const lines = section(engine).map(([field, value]) => `${field}:${value}\r\n`);
    shown.push(`# ${name}\r\n${lines.join('')}`);
  }
  return shown.join('\r\n');
}

const UNITS = ['B', 'K', 'M', 'G', 'T'];

/** As Redis shortens bytes: 1.21M. */
export function human(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return unit === 0 ? `${bytes}B` : `${value.toFixed(2)}${UNITS[unit]}`;
}
