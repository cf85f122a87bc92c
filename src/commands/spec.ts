/**
 * What is known about a command before it runs: the shape of one row of the command table.
 *
 * Everything here is a fact of Redis or Valkey (arity, flags, where keys stand) or a decision of this
 * product about the command (`door`). Nothing here does anything; `table.ts` holds the rows, `keys.ts`
 * reads key positions from them.
 */

/** Bits of `CommandSpec.flags`, in the words of `COMMAND INFO`. */
export const Flag = {
  write: 1 << 0,
  readonly: 1 << 1,
  denyoom: 1 << 2,
  admin: 1 << 3,
  pubsub: 1 << 4,
  noscript: 1 << 5,
  blocking: 1 << 6,
  loading: 1 << 7,
  stale: 1 << 8,
  skip_monitor: 1 << 9,
  skip_slowlog: 1 << 10,
  asking: 1 << 11,
  fast: 1 << 12,
  no_auth: 1 << 13,
  may_replicate: 1 << 14,
  no_async_loading: 1 << 15,
  no_multi: 1 << 16,
  movablekeys: 1 << 17,
  allow_busy: 1 << 18,
} as const;

export type FlagName = keyof typeof Flag;

/** Bits of `CommandSpec.categories`: the ACL categories, in the order of `ACL CAT` of Redis 7. */
export const Category = {
  keyspace: 1 << 0,
  read: 1 << 1,
  write: 1 << 2,
  set: 1 << 3,
  sortedset: 1 << 4,
  list: 1 << 5,
  hash: 1 << 6,
  string: 1 << 7,
  bitmap: 1 << 8,
  hyperloglog: 1 << 9,
  geo: 1 << 10,
  stream: 1 << 11,
  pubsub: 1 << 12,
  admin: 1 << 13,
  fast: 1 << 14,
  slow: 1 << 15,
  blocking: 1 << 16,
  dangerous: 1 << 17,
  connection: 1 << 18,
  transaction: 1 << 19,
  scripting: 1 << 20,
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
 * What the door does with a command.
 * - `route`: to the server of its keys, unchanged but for rewritten keys (the default)
 * - `split`: into one command per server, replies gathered
 * - `local`: answered by the session itself
 * - `lease`: needs a connection of its own (blocking, MULTI, SUBSCRIBE, MONITOR)
 * - `refuse`: cannot work through a door; `why` is the sentence for the client
 */
export type Door = 'route' | 'split' | 'local' | 'lease' | 'refuse';

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
  /** With `door: 'refuse'`: the sentence that tells a client why. */
  readonly why: string | null;
  /** Which versions know it, for documentation: `redis 1.0.0`, `valkey 9.0.0`. */
  readonly since: string;
  readonly group: string;
  /** Subcommands by lower-case name, null for a command that has none. */
  readonly subcommands: ReadonlyMap<string, CommandSpec> | null;
}
