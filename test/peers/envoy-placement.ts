/**
 * Do we put keys where Envoy puts them? Asked of a real Envoy over four real servers:
 *
 *   node test/peers/envoy-placement.ts [keys]        10000 unless given; `TIDEGATE_SEED` repeats a run
 *
 * For each case, random keys are written through Envoy, then every server is asked which keys it holds, and
 * our own distribution must name that server for each of them. Then every key is read through our gateway with
 * the same set-up in its configuration, which must find it. Exit code 0 when all agree and all are found.
 */
import {
  createDistribution,
  type DistributionOptions,
} from '../../src/routing/hash/distribution.ts';
import { Random, seedOfRun } from '../support/random.ts';
import { type RedisGroup, startRedises } from '../support/redis.ts';
import { type Section, startTidegate, type Tidegate } from '../support/tidegate.ts';
import { Wire } from '../support/wire.ts';
import { type EnvoyDoor, obtainEnvoy, startEnvoy } from './envoy.ts';

const SERVERS = 4;
const PIPELINE = 500;

interface PlacementCase {
  readonly name: string;
  readonly kind: 'ketama' | 'maglev';
  readonly weights?: readonly number[];
  readonly options?: DistributionOptions;
}

const CASES: readonly PlacementCase[] = [
  { name: 'ketama', kind: 'ketama' },
  { name: 'ketama, weights 1 2 3 4', kind: 'ketama', weights: [1, 2, 3, 4] },
  { name: 'ketama, weights 5 1 7 3', kind: 'ketama', weights: [5, 1, 7, 3] },
  { name: 'ketama, ring of 64', kind: 'ketama', options: { minimumRingSize: 64 } },
  {
    name: 'ketama, ring of 100000, weights 3 1 1 2',
    kind: 'ketama',
    weights: [3, 1, 1, 2],
    options: { minimumRingSize: 100_000 },
  },
  { name: 'ketama, murmur2', kind: 'ketama', options: { ringHash: 'murmur2' } },
  {
    name: 'ketama, murmur2, weights 2 9 1 4',
    kind: 'ketama',
    weights: [2, 9, 1, 4],
    options: { ringHash: 'murmur2' },
  },
  { name: 'ketama, hash tags', kind: 'ketama', options: { hashTags: true } },
  { name: 'maglev', kind: 'maglev' },
  { name: 'maglev, weights 1 2 3 4', kind: 'maglev', weights: [1, 2, 3, 4] },
  { name: 'maglev, weights 7 1 1 5', kind: 'maglev', weights: [7, 1, 1, 5] },
  {
    name: 'maglev, table of 1009, weights 1 1 2 1',
    kind: 'maglev',
    weights: [1, 1, 2, 1],
    options: { tableSize: 1009 },
  },
  { name: 'maglev, hash tags', kind: 'maglev', options: { hashTags: true } },
];

export interface Placement {
  readonly name: string;
  /** Keys written, and how many of them our distribution puts on the server that holds them. */
  readonly keys: number;
  readonly agreed: number;
  /** Keys found through our gateway; null where its configuration cannot name the set-up. */
  readonly found: number | null;
  /** Keys on each server. */
  readonly shares: readonly number[];
}

/** Runs every case; ends what it started and removes what it made. */
export async function comparePlacements(
  keyCount: number,
  random: Random,
  report: (placement: Placement) => void = () => undefined,
): Promise<Placement[]> {
  using binary = await obtainEnvoy();
  await using servers = await startRedises(SERVERS);
  const doors = CASES.map((one) => doorOf(one, servers));
  await using envoy = await startEnvoy(binary, doors);
  await using gate = await startGate(servers);
  const placements: Placement[] = [];
  for (const [index, one] of CASES.entries()) {
    await servers.flush();
    const keys = randomKeys(keyCount, random);
    await writeThrough(envoy.ports[index] ?? 0, keys);
    const found = isConfigurable(one) ? await readThrough(gate, nameOf(index), keys) : null;
    const placement = { ...(await compare(one, servers, keys)), found };
    report(placement);
    placements.push(placement);
  }
  return placements;
}

function doorOf(one: PlacementCase, servers: RedisGroup): EnvoyDoor {
  const { minimumRingSize, ringHash, tableSize, hashTags } = one.options ?? {};
  return {
    servers: Array.from(servers, ({ port }, index) => ({ port, weight: weightOf(one, index) })),
    policy: one.kind === 'ketama' ? 'RING_HASH' : 'MAGLEV',
    ...(minimumRingSize !== undefined && { minimumRingSize }),
    ...(tableSize !== undefined && { tableSize }),
    ringHash: ringHash === 'murmur2' ? 'MURMUR_HASH_2' : 'XX_HASH',
    hashTags: hashTags ?? false,
  };
}

function weightOf(one: PlacementCase, index: number): number {
  return one.weights?.[index] ?? 1;
}

/** Different keys, as latin1 text: any bytes, lengths around the hash's steps of 8, many with braces. */
function randomKeys(count: number, random: Random): Set<string> {
  const keys = new Set<string>();
  while (keys.size < count) {
    const bytes = random.bytes(random.between(1, random.chance(10) ? 200 : 24));
    const text = bytes.toString('latin1');
    const tagged = `user:{${random.below(1000)}}:${text}`;
    const braces = text.replaceAll(/[0-9a-zA-Z]/g, () => random.pick(['{', '}', '{}']));
    keys.add(random.pick([text, text, tagged, braces]));
  }
  return keys;
}

async function writeThrough(port: number, keys: ReadonlySet<string>): Promise<void> {
  await using wire = await Wire.connect({ port });
  const all = [...keys];
  for (let at = 0; at < all.length; at += PIPELINE) {
    const batch = all.slice(at, at + PIPELINE);
    const replies = await wire.askAll(batch.map((key) => ['SET', Buffer.from(key, 'latin1'), '1']));
    const wrong = replies.find((reply) => reply !== '+OK\r\n');
    if (wrong !== undefined) throw new Error(`Envoy answered SET with ${wrong}`);
  }
}

/** Our gateway, with one listener and one upstream for each case its configuration can name. */
function startGate(servers: RedisGroup): Promise<Tidegate> {
  const listeners: Record<string, Section> = {};
  const upstreams: Record<string, Section> = {};
  for (const [index, one] of CASES.entries()) {
    if (!isConfigurable(one)) continue;
    const { minimumRingSize = 1024, ringHash = 'xxhash64', hashTags = false } = one.options ?? {};
    listeners[nameOf(index)] = { routes: [{ prefix: '', upstream: nameOf(index) }] };
    upstreams[nameOf(index)] = {
      kind: 'shards',
      servers: servers.addresses.map((address, server) => `${address}=${weightOf(one, server)}`),
      distribution: one.kind,
      hash_tags: hashTags,
      ...(one.kind === 'ketama' && { ring: { minimum_size: minimumRingSize, hash: ringHash } }),
    };
  }
  return startTidegate({ listeners, upstreams });
}

function isConfigurable(one: PlacementCase): boolean {
  return one.options?.tableSize === undefined;
}

function nameOf(index: number): string {
  return `case${index}`;
}

async function readThrough(
  gate: Tidegate,
  listener: string,
  keys: ReadonlySet<string>,
): Promise<number> {
  await using wire = await gate.connect({ listener });
  const all = [...keys];
  let found = 0;
  for (let at = 0; at < all.length; at += PIPELINE) {
    const batch = all.slice(at, at + PIPELINE);
    const replies = await wire.askAll(batch.map((key) => ['GET', Buffer.from(key, 'latin1')]));
    found += replies.filter((reply) => reply === '$1\r\n1\r\n').length;
  }
  return found;
}

async function compare(
  one: PlacementCase,
  servers: RedisGroup,
  keys: ReadonlySet<string>,
): Promise<Omit<Placement, 'found'>> {
  const shares = Array.from(servers, ({ address }, index) => ({
    key: address,
    weight: weightOf(one, index),
  }));
  const distribution = createDistribution(one.kind, shares, one.options);
  const held: number[] = [];
  let agreed = 0;
  for (const [index, server] of servers.entries()) {
    const names = (await server.value('KEYS', '*')) as string[];
    for (const name of names) {
      const bytes = Buffer.from(name, 'latin1');
      if (keys.has(name) && distribution.pick(bytes, 0, bytes.length) === index) agreed++;
    }
    held.push(names.length);
  }
  return { name: one.name, keys: keys.size, agreed, shares: held };
}

if (import.meta.main) {
  const random = new Random(seedOfRun());
  console.log(`seed ${random.seed}`);
  const placements = await comparePlacements(Number(process.argv[2] ?? 10_000), random, (one) => {
    const shares = one.shares.join(' ');
    const found = one.found === null ? 'not asked' : `${one.found}/${one.keys} found`;
    console.log(`${one.name.padEnd(42)} ${one.agreed}/${one.keys} agree, ${found}   (${shares})`);
  });
  const isGood = ({ keys, agreed, found }: Placement): boolean =>
    agreed === keys && (found ?? keys) === keys;
  process.exitCode = placements.every(isGood) ? 0 : 1;
}
