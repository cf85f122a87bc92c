/**
 * What is known about a command before it runs: the shape of one row of the command table.
 *
 * Everything here is a fact of Redis or Valkey (arity, flags, where keys stand) or a decision of this
 * product about the command (`door`). Nothing here does anything; `table.ts` holds the rows, `keys.ts`
 * reads key positions from them.
 */

/** Bits of `CommandSpec.flags`, in the words of `COMMAND INFO`, but for `may_replicate`, which servers keep to themselves. */
export const Flag = {
  write: 0x1,
  readonly: 0x2,
  denyoom: 0x4,
  admin: 0x8,
  pubsub: 0x10,
  noscript: 0x20,
  blocking: 0x40,
  loading: 0x80,
  stale: 0x100,
  skip_monitor: 0x200,
  skip_slowlog: 0x400,
  asking: 0x800,
  fast: 0x1000,
  no_auth: 0x2000,
  may_replicate: 0x4000,
  no_async_loading: 0x8000,
  no_multi: 0x10000,
  movablekeys: 0x20000,
  allow_busy: 0x40000,
  no_mandatory_keys: 0x80000,
  module: 0x100000,
} as const;

export type FlagName = keyof typeof Flag;

/**
 * Bits of `CommandSpec.categories`: the ACL categories, in the order of `ACL CAT` of Redis 7, then those
 * that Redis 8 has for its modules and newer types.
 */
export const Category = {
  keyspace: 0x1,
  read: 0x2,
  write: 0x4,
  set: 0x8,
  sortedset: 0x10,
  list: 0x20,
  hash: 0x40,
  string: 0x80,
  bitmap: 0x100,
  hyperloglog: 0x200,
  geo: 0x400,
  stream: 0x800,
  pubsub: 0x1000,
  admin: 0x2000,
  fast: 0x4000,
  slow: 0x8000,
  blocking: 0x10000,
  dangerous: 0x20000,
  connection: 0x40000,
  transaction: 0x80000,
  scripting: 0x100000,
  json: 0x200000,
  bloom: 0x400000,
  cuckoo: 0x800000,
  cms: 0x1000000,
  topk: 0x2000000,
  tdigest: 0x4000000,
  timeseries: 0x8000000,
  search: 0x10000000,
  array: 0x20000000,
  ratelimit: 0x40000000,
} as const;

export type CategoryName = keyof typeof Category;

/** Where the search for keys begins: an argument index, or the first place of a keyword. */
export type BeginSearch =
  | { readonly kind: 'index'; readonly index: number }
  | { readonly kind: 'keyword'; readonly keyword: string; readonly startFrom: number }
  | { readonly kind: 'unknown' };

/** How keys go on from there (`COMMAND INFO`, "key specifications"). */
export type FindKeys =
  | {
      readonly kind: 'range';
      readonly lastKey: number;
      readonly keyStep: number;
      readonly limit: number;
    }
  | {
      readonly kind: 'keynum';
      readonly keyNumIndex: number;
      readonly firstKey: number;
      readonly keyStep: number;
    }
  | { readonly kind: 'unknown' };

export interface KeySpec {
  /** `RO`, `RW`, `OW`, `RM`, `access`, `update`, `insert`, `delete`, `not_key`, `incomplete`, `variable_flags`. */
  readonly flags: readonly string[];
  readonly notes?: string;
  readonly beginSearch: BeginSearch;
  readonly findKeys: FindKeys;
}

/** Which servers a command concerns when there are several (`request_policy` tip; absent: by its keys). */
export type RequestPolicy = 'all_nodes' | 'all_shards' | 'multi_shard' | 'special' | null;

/** How replies of several servers become one (`response_policy` tip). */
export type ResponsePolicy =
  | 'one_succeeded'
  | 'all_succeeded'
  | 'agg_logical_and'
  | 'agg_logical_or'
  | 'agg_min'
  | 'agg_max'
  | 'agg_sum'
  | 'special'
  | null;

/**
 * Whom a command without keys concerns when several servers stand behind the door; with one server it goes there.
 * - `primaries`: every server that owns keys, each once
 * - `nodes`: replicas and servers for reads too
 * - `any`: one of them, because all answer alike
 * - `channel`: the server of its first argument, which is placed as a key would be
 * - `cluster`: any node of a Redis Cluster; where there is none, a server says so
 * - `slot`: the node of a Redis Cluster that owns the slot which is the second argument
 * - `shard`: the server with the number which is the first argument
 * - `here`: none; the door knows the answer
 */
export type Over =
  | 'primaries'
  | 'nodes'
  | 'any'
  | 'channel'
  | 'cluster'
  | 'slot'
  | 'shard'
  | 'here';

/**
 * How the replies of several servers become one.
 * - `sum` `min` `max` `and` `or`: of integers, element by element where they stand in arrays
 * - `all`: the first reply, if every server did what it was told
 * - `one`: the first reply that is no error
 * - `concat`: the elements of all arrays
 * - `same`: the first reply, if all say the same, in whatever order
 * - `text`: each server's under a heading, if they differ; `graph`: of those that have one
 * - the others are for the command they are named after
 */
export type Merge =
  | 'sum'
  | 'min'
  | 'max'
  | 'and'
  | 'or'
  | 'all'
  | 'one'
  | 'concat'
  | 'same'
  | 'text'
  | 'graph'
  | 'config'
  | 'dump'
  | 'function_stats'
  | 'info'
  | 'latency_histogram'
  | 'latency_history'
  | 'latency_latest'
  | 'memory_stats'
  | 'randomkey'
  | 'role'
  | 'scan'
  | 'slowlog';

/**
 * What the door does with a command.
 * - `route`: to the server of its keys, unchanged but for rewritten keys (the default)
 * - `all`: to every server, if there are several; replies joined
 * - `split`: into one command per server, replies gathered
 * - `local`: answered by the session itself
 * - `channel`: to the server of its channel, or to all, with the subscribers known here counted in
 * - `subscribe`: joins the client to subscriptions that all clients share
 * - `block`: may wait at its server, then on a connection lent to this client alone
 * - `transaction`: MULTI, EXEC and those that belong to them; on a connection lent for as long
 * - `refuse`: cannot work through a door; `why` is the sentence for the client
 */
export type Door =
  | 'route'
  | 'all'
  | 'split'
  | 'local'
  | 'channel'
  | 'subscribe'
  | 'block'
  | 'transaction'
  | 'refuse';

/** Where a command says how long it may wait; 0 there means for ever. */
export interface WaitSpec {
  /** The argument; negative: counted from the end. */
  readonly at?: number;
  /** Or the argument behind this word; without the word the command does not wait. */
  readonly keyword?: string;
  readonly unit: 's' | 'ms';
}

/**
 * What a command has to do with the scripts that servers keep by their SHA1.
 * - `source`: the argument `at` is a script, which the server keeps
 * - `digest`: the argument `at` is the SHA1 of one that the server should have
 * - `flush`: the server forgets them all
 */
export interface ScriptSpec {
  readonly role: 'source' | 'digest' | 'flush';
  readonly at: number;
}

/** Arguments that are passwords: all of them, or so many behind a word (upper case). */
export type Secrets = 'all' | Readonly<Record<string, number>>;

export interface CommandSpec {
  /** Dense index, stable within one build: figures per command are arrays indexed by it. */
  readonly id: number;
  /** Lower case; a subcommand carries its container: `client|getname`. */
  readonly name: string;
  /** As Redis counts: the name included; negative: at least that many. */
  readonly arity: number;
  /** Bit set of `Flag`. */
  readonly flags: number;
  /** Bit set of `Category`. */
  readonly categories: number;
  readonly keySpecs: readonly KeySpec[];
  /**
   * The short cut of the hot path. Greater than 0: the command has exactly one key, always this argument.
   * 0: no key at all. -1: ask `keysOf`.
   */
  readonly keyAt: number;
  /** `COMMAND INFO` positions 4 to 6 (legacy first key, last key, step). */
  readonly firstKey: number;
  readonly lastKey: number;
  readonly keyStep: number;
  readonly tips: readonly string[];
  readonly requestPolicy: RequestPolicy;
  readonly responsePolicy: ResponsePolicy;
  /** A near cache may answer it: read-only, depends on its keys alone, the same each time. */
  readonly cacheable: boolean;
  readonly isRead: boolean;
  readonly isWrite: boolean;
  readonly door: Door;
  /** null: it has keys, or cannot be answered where there are several servers. */
  readonly over: Over | null;
  /** null: one server answers. */
  readonly merge: Merge | null;
  /** A client of RESP2 may send it while it is subscribed to something. */
  readonly whileSubscribed: boolean;
  /** With `door: 'refuse'`: the sentence that tells a client why. */
  readonly why: string | null;
  /** Null: it never waits at the server. */
  readonly wait: WaitSpec | null;
  /** Null: it has nothing to do with scripts kept by servers. */
  readonly script: ScriptSpec | null;
  /** Inside MULTI it is not queued but runs. */
  readonly atOnce: boolean;
  /** What nobody may be shown; null: nothing. */
  readonly secrets: Secrets | null;
  /** Which versions know it, for documentation: `redis 1.0.0`, `valkey 9.0.0`. */
  readonly since: string;
  readonly group: string;
  /** Subcommands by lower-case name, null for a command that has none. */
  readonly subcommands: ReadonlyMap<string, CommandSpec> | null;
}
