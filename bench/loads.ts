/** What is asked of every peer. Names are what `--only` matches and what the results say. */

export interface Load {
  readonly name: string;
  readonly shards: 1 | 4;
  readonly kind: 'GET' | 'SET' | 'MGET' | 'mixed';
  readonly valueBytes: number;
  readonly clients: number;
  readonly pipeline: number;
  /** Keys of one command: more than one only for MGET. */
  readonly keys: number;
}

/** Bytes of values under way at once: more would measure the memory of two cores' caches, not a proxy. */
export const IN_FLIGHT_BYTES_MAX: number = 64 * 1024 * 1024;

export function allLoads(): Load[] {
  const loads: Load[] = [];
  for (const shards of [1, 4] as const) {
    for (const valueBytes of [3, 1024, 65_536]) {
      for (const kind of ['GET', 'SET'] as const) {
        for (const clients of [1, 50, 500]) {
          for (const pipeline of [1, 16, 64]) {
            loads.push(load({ shards, kind, valueBytes, clients, pipeline }));
          }
        }
      }
      if (valueBytes !== 3) continue;
      for (const pipeline of [1, 16]) loads.push(load({ shards, kind: 'mixed', pipeline }));
      if (shards === 1) continue;
      for (const keys of [10, 100]) loads.push(load({ shards, kind: 'MGET', keys }));
    }
  }
  return loads.filter(
    ({ clients, pipeline, keys, valueBytes }) =>
      clients * pipeline * keys * valueBytes <= IN_FLIGHT_BYTES_MAX,
  );
}

/** What the acceptance lines on speed speak of. */
export function acceptanceLoads(): Load[] {
  return [
    load({ kind: 'GET' }),
    load({ kind: 'SET' }),
    load({ kind: 'GET', pipeline: 16 }),
    load({ kind: 'SET', pipeline: 16 }),
    load({ shards: 4, kind: 'MGET', keys: 100 }),
    load({ shards: 4, kind: 'mixed', pipeline: 16 }),
  ];
}

export function load(given: Partial<Load>): Load {
  const { shards = 1, kind = 'GET', valueBytes = 3, clients = 50, pipeline = 1, keys = 1 } = given;
  const what = kind === 'MGET' ? `MGET of ${keys}` : kind;
  const who = clients === 1 ? '1 client' : `${clients} clients`;
  const where = shards === 1 ? '1 shard' : `${shards} shards`;
  const name = `${where}, ${what}, ${sizeText(valueBytes)}, ${who}, pipeline ${pipeline}`;
  return { name, shards, kind, valueBytes, clients, pipeline, keys };
}

/** Different keys: many while values are small, few enough that large ones fit. */
export function keySpace({ valueBytes }: Pick<Load, 'valueBytes'>): number {
  return valueBytes > 4096 ? 200 : 10_000;
}

/** The names redis-benchmark gives to its keys. */
export function keyName(index: number): string {
  return `key:${String(index).padStart(12, '0')}`;
}

function sizeText(bytes: number): string {
  return bytes < 1024 ? `${bytes} B` : `${bytes / 1024} KiB`;
}
