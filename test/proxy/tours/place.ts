/** What a tour of a client runs against: a door, and the servers behind it. */
import { until } from '../../support/bounded.ts';
import { startCluster } from '../../support/cluster.ts';
import { kept } from '../../support/kept.ts';
import { startRedises, type TestRedis } from '../../support/redis.ts';
import { cluster, shards, startTidegate, type Tidegate } from '../../support/tidegate.ts';

const SHARDS = 4;
export const LIMIT_MS = 20_000;

export class Place {
  readonly name: string;
  readonly gate: Tidegate;
  /** A Redis Cluster has one only. */
  readonly hasDatabases: boolean;
  readonly #owners: readonly TestRedis[];

  constructor(name: string, gate: Tidegate, owners: readonly TestRedis[]) {
    this.name = name;
    this.gate = gate;
    this.hasDatabases = name !== 'cluster';
    this.#owners = owners;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.gate.port}`;
  }

  /** Neither keys nor scripts nor functions are left. */
  async empty(): Promise<void> {
    const commands = [['FLUSHALL'], ['SCRIPT', 'FLUSH'], ['FUNCTION', 'FLUSH']];
    await Promise.all(
      Array.from(this.#owners, async (server) => {
        for (const command of commands) await server.ask(...command);
      }),
    );
  }

  /** Waits until so many clients wait at the servers. */
  async blocked(count: number): Promise<void> {
    await until(async () => {
      const counts = await Promise.all(
        Array.from(this.#owners, (server) => server.clientsBlocked()),
      );
      return counts.reduce((one, other) => one + other, 0) === count;
    }, `${count} clients wait`);
  }
}

/** Four shards, and a cluster of three primaries with a replica each; gone when the test file is. */
export async function places(): Promise<readonly Place[]> {
  const servers = kept(await startRedises(SHARDS));
  const nodes = kept(await startCluster({ nodeTimeoutMs: 15_000 }));
  const toShards = kept(
    await startTidegate(
      // Ports differ from run to run; places of keys should not.
      shards(servers.addresses, { hash_tags: true, distribution: 'modula' }),
    ),
  );
  const toCluster = kept(await startTidegate(cluster(nodes.addresses)));
  return [new Place('shards', toShards, servers), new Place('cluster', toCluster, nodes.primaries)];
}

export interface Tour<Client> {
  readonly what: string;
  readonly play: (place: Place, client: Client) => Promise<void>;
}

export const BINARY: Buffer = Buffer.from([0, 255, 13, 10, 36, 42, 0]);
export const ADD = "return redis.call('INCRBY', KEYS[1], ARGV[1])";
export const LIBRARY = `#!lua name=adding
redis.register_function('add', function(keys, args) return redis.call('INCRBY', keys[1], args[1]) end)`;
/** On several servers, whatever stands behind the door. */
export const NAMES: readonly string[] = Array.from(
  { length: 60 },
  (_none, index) => `key:${index}`,
);
