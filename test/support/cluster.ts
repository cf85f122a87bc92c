/**
 * A real Redis Cluster of real `redis-server` processes: made by its own commands in about two seconds, changed while
 * it runs, gone when the test is.
 */
import { slotOf } from '../../src/commands/slot.ts';
import { until } from './bounded.ts';
import { freePort } from './ports.ts';
import { startRedis, type TestRedis } from './redis.ts';
import type { Certificates } from './tls.ts';
import type { Value } from './wire.ts';

export const SLOTS = 16_384;

export interface ClusterOptions {
  readonly primaries?: number;
  /** Of each primary. */
  readonly replicas?: number;
  /** Fixed ports, as many as nodes. */
  readonly ports?: readonly number[];
  /** The address under which nodes meet. */
  readonly host?: '127.0.0.1' | '::1';
  /** Nodes have TLS ports with these certificates, and talk TLS to each other. */
  readonly tls?: Certificates;
  /** More `--name value…` pairs; a function is asked per node. */
  readonly config?: (index: number) => Readonly<Record<string, string | readonly string[]>>;
  /** How long a node may be silent before it counts as failed. */
  readonly nodeTimeoutMs?: number;
}

export async function startCluster(options: ClusterOptions = {}): Promise<TestCluster> {
  const { primaries = 3, replicas = 1 } = options;
  const count = primaries * (replicas + 1);
  const started = await Promise.allSettled(
    Array.from({ length: count }, (_none, index) => startNode(index, options)),
  );
  const nodes = started.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const cluster = new TestCluster(nodes, primaries, options.host ?? '127.0.0.1');
  try {
    const failed = started.find((one) => one.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    await cluster.form();
    return cluster;
  } catch (error) {
    await cluster[Symbol.asyncDispose]();
    throw error;
  }
}

async function startNode(index: number, options: ClusterOptions): Promise<TestRedis> {
  const port = options.ports?.[index];
  return await startRedis({
    ...(port === undefined ? {} : { port }),
    ...(options.tls === undefined ? {} : { tls: options.tls }),
    config: {
      'cluster-enabled': 'yes',
      // Not the port plus 10000: that may be one the kernel gives to outgoing connections.
      'cluster-port': String(await freePort()),
      'cluster-node-timeout': String(options.nodeTimeoutMs ?? 1000),
      'cluster-replica-validity-factor': '0',
      'cluster-allow-replica-migration': 'no',
      'repl-diskless-sync-delay': '0',
      'repl-ping-replica-period': '1',
      'enable-debug-command': 'yes',
      ...(options.host === '::1' ? { bind: ['127.0.0.1', '::1'] } : {}),
      ...(options.tls === undefined ? {} : { 'tls-cluster': 'yes', 'tls-replication': 'yes' }),
      ...options.config?.(index),
    },
  });
}

export class TestCluster {
  /** Primaries first, as they were at the start; then replicas, of each primary in turn. */
  readonly nodes: readonly TestRedis[];
  readonly #primaries: number;
  readonly #host: string;

  constructor(nodes: readonly TestRedis[], primaries: number, host: string) {
    this.nodes = nodes;
    this.#primaries = primaries;
    this.#host = host;
  }

  get addresses(): string[] {
    return this.nodes.map(({ address }) => address);
  }

  /** The primaries at the start. */
  get primaries(): readonly TestRedis[] {
    return this.nodes.slice(0, this.#primaries);
  }

  /** The replicas at the start. */
  get replicas(): readonly TestRedis[] {
    return this.nodes.slice(this.#primaries);
  }

  /** Its first replica at the start. */
  replicaOf(primary: number): TestRedis {
    return this.replicas[primary]!;
  }

  async form(): Promise<void> {
    const [first] = this.nodes;
    await Promise.all(
      this.primaries.map(async (node, index) => {
        const from = Math.floor((SLOTS * index) / this.#primaries);
        const to = Math.floor((SLOTS * (index + 1)) / this.#primaries) - 1;
        await must(node, 'CLUSTER', 'ADDSLOTSRANGE', String(from), String(to));
        await must(node, 'CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1));
      }),
    );
    for (const node of this.nodes.slice(1)) {
      const busPort = (await node.value('CONFIG', 'GET', 'cluster-port')) as string[];
      await must(
        first!,
        'CLUSTER',
        'MEET',
        this.#host,
        String(node.tlsPort || node.port),
        busPort[1]!,
      );
    }
    await this.everyNode('knows all', async (node) => {
      const lines = await nodeLines(node);
      return lines.length === this.nodes.length && lines.every((line) => !/handshake/.test(line));
    });
    await Promise.all(
      this.replicas.map(async (node, index) => {
        const primary = this.primaries[index % this.#primaries]!;
        await must(node, 'CLUSTER', 'REPLICATE', await this.idOf(primary));
      }),
    );
    await this.settled();
  }

  /** Waits until every living node sees all slots served and its replication in step. */
  async settled(limitMs = 20_000): Promise<void> {
    await this.everyNode(
      'sees the cluster well',
      async (node) => {
        const info = String(await node.value('CLUSTER', 'INFO'));
        if (!/cluster_state:ok/.test(info) || !info.includes(`cluster_slots_ok:${SLOTS}`))
          return false;
        const replication = String(await node.value('INFO', 'replication'));
        return !/role:slave/.test(replication) || /master_link_status:up/.test(replication);
      },
      limitMs,
    );
    await this.agreed(limitMs);
  }

  /** Waits until all living nodes name the same owner for each slot. */
  async agreed(limitMs = 20_000): Promise<void> {
    await until(
      async () => {
        const maps = await Promise.all(this.living().map((node) => ownersSeenBy(node)));
        return new Set(maps).size === 1 && maps[0] !== '';
      },
      'all nodes agree',
      limitMs,
      2,
    );
  }

  living(): TestRedis[] {
    return this.nodes.filter(({ isRunning }) => isRunning);
  }

  async idOf(node: TestRedis): Promise<string> {
    return String(await node.value('CLUSTER', 'MYID'));
  }

  /** The node that owns a slot, as most see it now. */
  async ownerOf(slot: number): Promise<TestRedis> {
    for (const node of this.living()) {
      const lines = await nodeLines(node);
      const own = lines.find((line) => line.includes('myself'))!;
      if (own.includes('master') && slotsIn(own).some(([a, b]) => a <= slot && slot <= b))
        return node;
    }
    throw new Error(`nobody owns slot ${slot}`);
  }

  /** Names keys of one slot's server: `count` keys that the node owns at the start. */
  keysOf(primary: number, count = 1, prefix = 'key'): string[] {
    const from = Math.floor((SLOTS * primary) / this.#primaries);
    const to = Math.floor((SLOTS * (primary + 1)) / this.#primaries) - 1;
    const keys: string[] = [];
    for (let i = 0; keys.length < count; i++) {
      const key = `${prefix}:${i}`;
      const slot = slotOfKey(key);
      if (slot >= from && slot <= to) keys.push(key);
    }
    return keys;
  }

  /** Marks a slot as on its way; keys stay where they are. */
  async beginMove(slot: number, from: TestRedis, to: TestRedis): Promise<void> {
    await must(to, 'CLUSTER', 'SETSLOT', String(slot), 'IMPORTING', await this.idOf(from));
    await must(from, 'CLUSTER', 'SETSLOT', String(slot), 'MIGRATING', await this.idOf(to));
  }

  async moveKeys(slot: number, from: TestRedis, to: TestRedis): Promise<void> {
    for (;;) {
      const keys = (await from.value('CLUSTER', 'GETKEYSINSLOT', String(slot), '100')) as string[];
      if (keys.length === 0) return;
      const target = [this.#host, String(to.port), '', '0', '5000', 'KEYS'];
      await must(from, 'MIGRATE', ...target, ...keys);
    }
  }

  /**
   * Gives the slot away: the new owner hears of it first, so that it is nobody's at no time; then all other primaries,
   * as redis-cli does, because gossip alone may leave one of them behind when epochs collide.
   */
  async endMove(slot: number, from: TestRedis, to: TestRedis): Promise<void> {
    const id = await this.idOf(to);
    const others = this.living().filter((node) => node !== to && node !== from);
    for (const node of [to, from, ...others]) {
      const role = String(await node.value('INFO', 'replication'));
      if (!role.includes('role:master')) continue;
      await must(node, 'CLUSTER', 'SETSLOT', String(slot), 'NODE', id);
    }
  }

  /**
   * Moves a slot and waits until every node has heard of it: a server that claims a slot with an epoch older than
   * another's may lose it again, to nobody.
   */
  async move(slot: number, from: TestRedis, to: TestRedis): Promise<void> {
    await this.beginMove(slot, from, to);
    await this.moveKeys(slot, from, to);
    await this.endMove(slot, from, to);
    await this.agreed();
  }

  /** A failover that the replica asks for: nothing is lost. */
  async failover(replica: TestRedis): Promise<void> {
    await until(
      async () => (await replica.ask('CLUSTER', 'FAILOVER')) === '+OK\r\n',
      'the failover is begun',
      10_000,
    );
    await this.promoted(replica);
  }

  async promoted(replica: TestRedis, limitMs = 20_000): Promise<void> {
    await until(
      async () => String(await replica.value('INFO', 'replication')).includes('role:master'),
      'the replica is primary',
      limitMs,
    );
  }

  async everyNode(
    what: string,
    condition: (node: TestRedis) => Promise<boolean>,
    limitMs = 20_000,
  ): Promise<void> {
    await until(
      async () => (await Promise.all(this.living().map(condition))).every(Boolean),
      `every node ${what}`,
      limitMs,
      20,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.nodes.map((node) => node[Symbol.asyncDispose]()));
  }
}

export function slotOfKey(key: string): number {
  const bytes = Buffer.from(key);
  return slotOf(bytes, 0, bytes.length);
}

async function must(node: TestRedis, ...args: readonly string[]): Promise<Value> {
  const reply = await node.ask(...args);
  if (reply.startsWith('-')) throw new Error(`${args.slice(0, 4).join(' ')}: ${reply.trim()}`);
  return reply;
}

async function nodeLines(node: TestRedis): Promise<string[]> {
  return String(await node.value('CLUSTER', 'NODES'))
    .trim()
    .split('\n');
}

function slotsIn(line: string): (readonly [number, number])[] {
  return line
    .split(' ')
    .slice(8)
    .filter((word) => !word.startsWith('['))
    .map((word) => {
      const [first, last] = word.split('-').map(Number);
      return [first!, last ?? first!] as const;
    });
}

/** Who is primary of what and since which epoch, in one text: a node that missed an epoch may not outdo it. */
async function ownersSeenBy(node: TestRedis): Promise<string> {
  const lines = await nodeLines(node);
  return lines
    .filter((line) => line.includes('master') && slotsIn(line).length > 0)
    .map((line) => `${line.split(' ')[0]} ${line.split(' ')[6]} ${slotsIn(line).join(' ')}`)
    .sort((a, b) => a.localeCompare(b))
    .join('\n');
}
