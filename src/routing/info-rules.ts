/**
 * How each field of INFO of several servers becomes one. What is not listed is added if it is a number, and else
 * taken from the first server: most figures are counters, bytes or numbers of things.
 */

/** `part / (whole - less)` of the joint figures, as the server computes it of its own. */
export interface Share {
  readonly part: string;
  readonly whole: string;
  readonly less?: string;
  readonly percent?: boolean;
}

export type NumberRule =
  | 'min'
  | 'max'
  | 'average'
  /** Added, but no limit at all if one server has none: 0. */
  | 'limit';

export type Rule =
  | NumberRule
  | 'first'
  /** The first that is not well: `err`, `down`. */
  | 'worst'
  /** The door's own word: it stands for one server, and says the same in HELLO. */
  | { readonly fixed: string }
  | Share;

const FIRST = `
arch_bits cluster_announce_ip config_file gcc_version hz configured_hz executable monotonic_clock os
process_id process_supervised redis_build_id redis_git_dirty redis_git_sha1 redis_version run_id server_name
tcp_port valkey_version valkey_release_stage availability_zone io_threads_active maxmemory_policy mem_allocator
master_failover_state master_host master_port master_replid master_replid2 role second_repl_offset
slave_priority slave_read_only replica_announced`;

const MAX = `
uptime_in_seconds uptime_in_days lru_clock server_time_usec client_recent_max_input_buffer
client_recent_max_output_buffer client_longest_output_list client_biggest_input_buf number_of_cached_scripts
number_of_functions number_of_libraries number_of_engines active_defrag_running loading async_loading
loading_start_time loading_eta_seconds current_cow_size_age rdb_bgsave_in_progress rdb_last_bgsave_time_sec
rdb_current_bgsave_time_sec aof_enabled aof_rewrite_in_progress aof_rewrite_scheduled aof_last_rewrite_time_sec
aof_current_rewrite_time_sec aof_rewrites_consecutive_failures module_fork_in_progress latest_fork_usec
repl_backlog_active master_last_io_seconds_ago master_sync_in_progress master_sync_last_io_seconds_ago
master_link_down_since_seconds`;

const MIN = `
rdb_last_save_time min_slaves_good_slaves repl_backlog_first_byte_offset`;

const AVERAGE = `
current_fork_perc expired_stale_perc loading_loaded_perc instantaneous_eventloop_duration_usec`;

const WORST = `
rdb_last_bgsave_status aof_last_bgrewrite_status aof_last_write_status master_link_status`;

const SHARES: Readonly<Record<string, Share>> = {
  used_memory_peak_perc: { part: 'used_memory', whole: 'used_memory_peak', percent: true },
  used_memory_dataset_perc: {
    part: 'used_memory_dataset',
    whole: 'used_memory',
    less: 'used_memory_startup',
    percent: true,
  },
  mem_fragmentation_ratio: { part: 'used_memory_rss', whole: 'used_memory' },
  allocator_frag_ratio: { part: 'allocator_active', whole: 'allocator_allocated' },
  allocator_rss_ratio: { part: 'allocator_resident', whole: 'allocator_active' },
  rss_overhead_ratio: { part: 'used_memory_rss', whole: 'allocator_resident' },
};

export const RULES: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ...listed(FIRST, 'first'),
  ...listed(MAX, 'max'),
  ...listed(MIN, 'min'),
  ...listed(AVERAGE, 'average'),
  ...listed(WORST, 'worst'),
  ['maxmemory', 'limit'],
  ['redis_mode', { fixed: 'standalone' }],
  ['server_mode', { fixed: 'standalone' }],
  ['cluster_enabled', { fixed: '0' }],
  ...Object.entries(SHARES),
]);

function listed(names: string, rule: Rule): [string, Rule][] {
  return names
    .trim()
    .split(/\s+/)
    .map((name) => [name, rule]);
}

/** The words for which nothing is wrong. */
export const WELL: readonly string[] = ['ok', 'up'];

/** A field of fields, `calls=1,usec=2`: what is not listed is added. */
export interface PartRules {
  readonly fields: RegExp;
  readonly rules: Readonly<Record<string, PartRule>>;
}

export type PartRule =
  | 'sum'
  | 'max'
  /** A mean of the part named: `sum(value * weight) / sum(weight)`. */
  | { readonly weight: string }
  | { readonly part: string; readonly whole: string };

export const PART_RULES: readonly PartRules[] = [
  {
    fields: /^cmdstat_/,
    rules: { usec_per_call: { part: 'usec', whole: 'calls' } },
  },
  // The percentile of all lies between the least and the greatest: this is the bound that matters.
  {
    fields: /^latency_percentiles_usec_/,
    rules: { '*': 'max' },
  },
  // A mean over the keys that expire.
  {
    fields: /^db\d+$/,
    rules: { avg_ttl: { weight: 'expires' } },
  },
  { fields: /^(errorstat_|db\d+_distrib_|io_thread_)/, rules: {} },
];

/** Numbered by each server from 0: numbered anew over all. */
export const NUMBERED: RegExp = /^(slave)\d+$/;

/** Stands once per thing named: lines that are the same are one. */
export const REPEATED: RegExp = /^module$/;
