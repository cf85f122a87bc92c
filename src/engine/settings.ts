/** What CONFIG SET can change of the engine, under the names of redis.conf, with Redis's defaults. */
export interface Settings {
  hashMaxListpackEntries: number;
  hashMaxListpackValue: number;
  /** Positive: elements of one node; -1 to -5: its bytes, 4 to 64 KiB. */
  listMaxListpackSize: number;
  setMaxIntsetEntries: number;
  /** Since Redis 7.2; 0 here, as before it, if a set of few short members is to be a hash table at once. */
  setMaxListpackEntries: number;
  setMaxListpackValue: number;
  zsetMaxListpackEntries: number;
  zsetMaxListpackValue: number;
  streamNodeMaxBytes: number;
  streamNodeMaxEntries: number;
  hllSparseMaxBytes: number;
  protoMaxBulkLength: number;
}

export function defaultSettings(): Settings {
  return {
    hashMaxListpackEntries: 512,
    hashMaxListpackValue: 64,
    listMaxListpackSize: -2,
    setMaxIntsetEntries: 512,
    setMaxListpackEntries: 0,
    setMaxListpackValue: 64,
    zsetMaxListpackEntries: 128,
    zsetMaxListpackValue: 64,
    streamNodeMaxBytes: 4096,
    streamNodeMaxEntries: 100,
    hllSparseMaxBytes: 3000,
    protoMaxBulkLength: 512 * 1024 * 1024,
  };
}
