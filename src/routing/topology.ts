/**
 * What a node of a cluster says about it: CLUSTER SHARDS, CLUSTER SLOTS and CLUSTER INFO, read strictly. Whatever is
 * odd makes the whole answer void: half a map would send commands to the wrong place.
 *
 * A host may be missing: a node that does not know under which name it is reached leaves it out, and means the one
 * it was asked under. https://redis.io/docs/latest/commands/cluster-shards/
 */
import { SLOT_COUNT } from '../commands/slot.ts';
import { pairsOf, textOf, type Value } from '../resp/value.ts';

export interface TopologyNode {
  readonly host: string;
  readonly port: number;
  /** Other names of the same place. */
  readonly otherHosts: readonly string[];
  /** False: failing or loading, not to be read from. */
  readonly isUsable: boolean;
}

export interface TopologyShard {
  /** Pairs of first and last slot; empty for a shard that has none. */
  readonly ranges: readonly (readonly [number, number])[];
  /** Null: no node of it is primary at present. */
  readonly primary: TopologyNode | null;
  readonly replicas: readonly TopologyNode[];
}

export interface Topology {
  readonly shards: readonly TopologyShard[];
  /** Slots that have a primary. */
  readonly covered: number;
}

export interface ClusterState {
  readonly isOk: boolean;
  /** The highest configuration epoch that the node has heard of. */
  readonly epoch: number;
}

/** How the door reached the node that answers. */
export interface Asked {
  readonly host: string;
  readonly tls: boolean;
}

/** An answer that is not what it should be. */
export class OddAnswer extends Error {
  override readonly name = 'OddAnswer';
}

const NODES_MAX = 4096;
const PORT_MAX = 65_535;

export function readState(value: Value): ClusterState {
  const text = textOf(value) ?? odd('CLUSTER INFO is no text');
  const fields = new Map(
    text.split('\r\n').map((line): [string, string] => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon), line.slice(colon + 1)];
    }),
  );
  const epoch = Number(fields.get('cluster_current_epoch') ?? Number.NaN);
  if (!Number.isSafeInteger(epoch) || epoch < 0) odd('CLUSTER INFO has no epoch');
  return { isOk: fields.get('cluster_state') === 'ok', epoch };
}

export function readShards(value: Value, asked: Asked): Topology {
  const shards = listOf(value, 'the answer').map((entry): TopologyShard => {
    const fields = fieldsOf(entry, 'a shard');
    const numbers = listOf(fields.get('slots') ?? [], 'slots').map(slotNumber);
    if (numbers.length % 2 !== 0) odd('slots do not come in pairs');
    const ranges = Array.from({ length: numbers.length / 2 }, (_none, i) =>
      rangeOf(numbers[i * 2]!, numbers[i * 2 + 1]!),
    );
    const nodes = listOf(fields.get('nodes') ?? null, 'nodes').map((node) =>
      shardNode(fieldsOf(node, 'a node'), asked),
    );
    const primaries = nodes.filter(({ isPrimary }) => isPrimary).map(({ node }) => node);
    const primary = primaries.find(({ isUsable }) => isUsable) ?? primaries[0] ?? null;
    return {
      ranges,
      primary,
      replicas: nodes.filter(({ isPrimary }) => !isPrimary).map(({ node }) => node),
    };
  });
  return checked(shards);
}

export function readSlots(value: Value, asked: Asked): Topology {
  const shards = new Map<string, { -readonly [Key in keyof TopologyShard]: TopologyShard[Key] }>();
  for (const entry of listOf(value, 'the answer')) {
    const [first, last, ...nodes] = listOf(entry, 'a range');
    const range = rangeOf(slotNumber(first ?? null), slotNumber(last ?? null));
    const [primary, ...replicas] = nodes.map((node) => slotsNode(node, asked));
    if (primary === undefined) odd('a range has no node');
    const key = nodeKey(primary!);
    const shard = shards.get(key) ?? { ranges: [], primary: primary!, replicas };
    shard.ranges = [...shard.ranges, range];
    shards.set(key, shard);
  }
  return checked([...shards.values()]);
}

/** One text per place. */
export function nodeKey({ host, port }: { readonly host: string; readonly port: number }): string {
  const name = host.toLowerCase();
  return name.includes(':') ? `[${name}]:${port}` : `${name}:${port}`;
}

function shardNode(
  fields: ReadonlyMap<string, Value>,
  asked: Asked,
): { node: TopologyNode; isPrimary: boolean } {
  const role = textOf(fields.get('role') ?? null);
  if (role !== 'master' && role !== 'primary' && role !== 'replica' && role !== 'slave') {
    odd(`a node has the role ${role}`);
  }
  const port =
    (asked.tls ? fields.get('tls-port') : undefined) ??
    fields.get('port') ??
    fields.get('tls-port');
  const names = ['endpoint', 'ip', 'hostname'].map((name) => hostOf(fields.get(name) ?? null));
  const [endpoint, ip] = names;
  // `?` is a name that was to be told and is not known; the address beside it is better than a guess.
  const isUnknown = textOf(fields.get('endpoint') ?? null) === '?';
  const host = endpoint || (isUnknown ? ip : '') || asked.host;
  const health = textOf(fields.get('health') ?? null) ?? 'online';
  return {
    node: {
      host,
      port: portNumber(port ?? null),
      otherHosts: others(names, host),
      isUsable: health === 'online',
    },
    isPrimary: role === 'master' || role === 'primary',
  };
}

/** `[host, port, id, [name, value…]]`; the last two came with later versions. */
function slotsNode(value: Value, asked: Asked): TopologyNode {
  const [endpoint, port, , more] = listOf(value, 'a node');
  if (endpoint === undefined) odd('a node has no endpoint');
  const extra = Array.isArray(more) ? fieldsOf(more, 'what is said of a node') : new Map();
  const names = [
    hostOf(endpoint ?? null),
    ...['ip', 'hostname'].map((name) => hostOf(extra.get(name) ?? null)),
  ];
  const isUnknown = textOf(endpoint ?? null) === '?';
  const host = names[0] || (isUnknown ? names[1] : '') || asked.host;
  return { host, port: portNumber(port ?? null), otherHosts: others(names, host), isUsable: true };
}

/** Empty: not told. */
function hostOf(value: Value): string {
  if (value === null) return '';
  const text = textOf(value) ?? odd('a host is no text');
  if (!/^[\w.:%?-]*$/.test(text)) odd(`${JSON.stringify(text)} is no host`);
  return text === '?' ? '' : text;
}

function others(names: readonly string[], host: string): string[] {
  return [...new Set(names)].filter((name) => name !== '' && name !== host);
}

function checked(shards: readonly TopologyShard[]): Topology {
  const owned = new Uint8Array(SLOT_COUNT);
  let nodes = 0;
  let covered = 0;
  for (const { ranges, primary, replicas } of shards) {
    nodes += replicas.length + 1;
    for (const [first, last] of ranges) {
      for (let slot = first; slot <= last; slot++) {
        if (owned[slot] === 1) odd(`slot ${slot} has two owners`);
        owned[slot] = 1;
        if (primary !== null) covered++;
      }
    }
  }
  if (nodes > NODES_MAX) odd(`more than ${NODES_MAX} nodes`);
  return { shards, covered };
}

function rangeOf(first: number, last: number): readonly [number, number] {
  if (first > last) odd(`slots ${first} to ${last}`);
  return [first, last];
}

function slotNumber(value: Value): number {
  return typeof value === 'number' && value >= 0 && value < SLOT_COUNT
    ? value
    : odd('a slot is no number from 0 to 16383');
}

function portNumber(value: Value): number {
  return typeof value === 'number' && value > 0 && value <= PORT_MAX
    ? value
    : odd('a port is no number from 1 to 65535');
}

export function listOf(value: Value, what: string): readonly Value[] {
  return Array.isArray(value) ? value : odd(`${what} is no list`);
}

export function fieldsOf(value: Value, what: string): ReadonlyMap<string, Value> {
  const pairs = pairsOf(value) ?? odd(`${what} has no fields`);
  return new Map(pairs.map(([name, field]) => [textOf(name) ?? odd('a name is no text'), field]));
}

export function odd(what: string): never {
  throw new OddAnswer(what);
}
