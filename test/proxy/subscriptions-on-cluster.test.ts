/**
 * Subscriptions in front of a real Redis Cluster of three primaries: what its bus carries is heard once, what
 * it does not carry is heard from every node. The group here knows just enough of slots for that.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BUILT_IN, UNKNOWN } from '../../src/commands/lookup.ts';
import { slotOf } from '../../src/commands/slot.ts';
import { silent } from '../../src/core/log.ts';
import { Tick } from '../../src/core/tick.ts';
import type { Group } from '../../src/routing/group.ts';
import { Hubs } from '../../src/routing/hub.ts';
import { Router } from '../../src/routing/router.ts';
import { Clients } from '../../src/session/clients.ts';
import { ListenerFigures } from '../../src/session/figures.ts';
import { Listener } from '../../src/session/listener.ts';
import { CommandTally } from '../../src/upstream/figures.ts';
import { Upstream } from '../../src/upstream/upstream.ts';
import { until } from '../support/bounded.ts';
import { freePort } from '../support/ports.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { bulk, Wire } from '../support/wire.ts';

const SLOTS = 16_384;
const NODES = 3;

function message(word: string, ...parts: readonly string[]): string {
  return `*${parts.length + 1}\r\n${bulk(word)}${parts.map(bulk).join('')}`;
}

/** Three primaries that know one another, each with a third of the slots. */
async function startNodes(): Promise<TestRedis[]> {
  const nodes: TestRedis[] = [];
  const ports: number[] = [];
  for (let i = 0; i < NODES; i++) {
    const busPort = await freePort();
    ports.push(busPort);
    nodes.push(
      await startRedis({
        config: {
          'cluster-enabled': 'yes',
          'cluster-port': String(busPort),
          'cluster-node-timeout': '2000',
          'cluster-require-full-coverage': 'no',
        },
      }),
    );
  }
  for (const [index, node] of nodes.entries()) {
    const from = Math.ceil((SLOTS / NODES) * index);
    const to = Math.ceil((SLOTS / NODES) * (index + 1)) - 1;
    await node.ask('CLUSTER', 'ADDSLOTSRANGE', String(from), String(to));
    if (index > 0) {
      const [first] = nodes as [TestRedis];
      await node.ask('CLUSTER', 'MEET', '127.0.0.1', String(first.port), String(ports[0]));
    }
  }
  for (const node of nodes) {
    await until(
      async () => {
        const info = String(await node.value('CLUSTER', 'INFO'));
        return info.includes('cluster_state:ok') && info.includes(`cluster_known_nodes:${NODES}`);
      },
      'the nodes know one another',
      20_000,
      50,
    );
  }
  return nodes;
}

class Door {
  readonly nodes: readonly TestRedis[];
  readonly #upstreams: readonly Upstream[];
  readonly #owners: number[] = [];
  readonly #hubs = new Hubs();
  readonly #listener: Listener;
  #onChange: () => void = () => {};
  #port = 0;
  refreshed = 0;

  constructor(nodes: readonly TestRedis[]) {
    this.nodes = nodes;
    for (let slot = 0; slot < SLOTS; slot++) this.#owners.push(Math.floor((slot * NODES) / SLOTS));
    const tick = new Tick();
    const tally = new CommandTally();
    const owner = {
      onOrphans: () => {},
      mends: () => false,
      onRefused: () => {},
      onLentError: () => {},
      onFailure: () => {},
      onAlive: () => {},
    };
    this.#upstreams = nodes.map(
      ({ address, port }) =>
        new Upstream(
          {
            name: address,
            address: { kind: 'tcp', host: '127.0.0.1', port },
            tls: null,
            credentials: null,
            database: 0,
            connections: 1,
            connectionsPerSecond: null,
            dedicatedMax: 8,
            connectTimeoutMs: 2000,
            opTimeoutMs: 2000,
            pendingMax: 1000,
            pendingBytesMax: 2 ** 24,
            reply: { bytesMax: 2 ** 24, nestingMax: 8 },
            flushBytesMin: 0,
            flushTimeoutMs: 0,
          },
          owner,
          tick,
          tally,
          silent,
        ),
    );
    const route = {
      prefix: '',
      removePrefix: false,
      keyFormat: '',
      group: this.#group(),
      readGroup: null,
      mirrors: [],
    };
    const backend = new Router([route], false, UNKNOWN, null, this.#hubs);
    const limits = {
      bulkBytesMax: 2 ** 20,
      elementsMax: 1000,
      inlineBytesMax: 1000,
      pipelineMax: 1000,
      inFlightBytesMax: 2 ** 24,
      outputBytesMax: 2 ** 24,
    };
    this.#listener = new Listener(
      {
        name: 'test',
        address: { kind: 'tcp', host: '127.0.0.1', port: 0 },
        tls: null,
        connectionsMax: 100,
        idleTimeoutMs: 0,
        reusePort: false,
      },
      {
        backend,
        channels: backend.channels,
        table: BUILT_IN,
        limits,
        tick,
        users: null,
        authenticator: null,
        clients: new Clients(tick, silent, { index: 0, count: 1 }, null),
        figures: new ListenerFigures(),
        version: '0',
      },
      silent,
    );
  }

  static async open(): Promise<Door> {
    const door = new Door(await startNodes());
    door.#port = Number((await door.#listener.listen()).split(':')[1]);
    return door;
  }

  connect(): Promise<Wire> {
    return Wire.connect({ port: this.#port });
  }

  /** The door learns of it later, when it asks. */
  async moveSlot(slot: number, to: number): Promise<void> {
    const id = String(await this.nodes[to]!.value('CLUSTER', 'MYID'));
    for (const node of this.nodes) await node.ask('CLUSTER', 'SETSLOT', String(slot), 'NODE', id);
    this.#owners[slot] = to;
  }

  #group(): Group {
    const homeOf = (bytes: Buffer, start: number, end: number): Upstream =>
      this.#upstreams[this.#owners[slotOf(bytes, start, end)]!]!;
    return {
      name: 'cluster',
      only: null,
      serverOf: homeOf,
      any: () => this.#upstreams[0]!,
      close: async () => {},
      hasBus: true,
      nodes: () => this.#upstreams,
      primaries: () => this.#upstreams,
      homeOf,
      onChange: (listener) => {
        this.#onChange = listener;
        return () => {};
      },
      refresh: () => {
        this.refreshed++;
        this.#onChange();
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    this.#hubs.close();
    for (const upstream of this.#upstreams) await upstream.close();
    for (const node of this.nodes) await node[Symbol.asyncDispose]();
  }
}

/** A name whose slot belongs to the node. */
function nameAt(node: number, prefix: string): string {
  for (let i = 0; ; i++) {
    const bytes = Buffer.from(`${prefix}${i}`);
    if (Math.floor((slotOf(bytes, 0, bytes.length) * NODES) / SLOTS) === node)
      return bytes.toString();
  }
}

test('what the bus carries is heard once, notifications of every node too', async () => {
  await using door = await Door.open();
  await using wire = await door.connect();
  await using all = await door.connect();
  await using writer = await door.connect();
  await wire.ask('SUBSCRIBE', 'news');
  await all.ask('PSUBSCRIBE', '*');
  const links = await Promise.all(
    door.nodes.map((node) => node.value('PUBSUB', 'NUMSUB', 'news') as Promise<[string, number]>),
  );
  assert.equal(
    links.reduce((sum, [, count]) => sum + count, 0),
    1,
    'one node has the channel',
  );
  assert.match(await writer.ask('PUBLISH', 'news', 'by the door'), /^:2\r\n/);
  for (const [index, node] of door.nodes.entries())
    await node.ask('PUBLISH', 'news', `at ${index}`);
  const texts = ['by the door', 'at 0', 'at 1', 'at 2'];
  assert.deepEqual(
    new Set(await wire.readAll(4)),
    new Set(texts.map((t) => message('message', 'news', t))),
  );
  assert.deepEqual(
    new Set(await all.readAll(4)),
    new Set(texts.map((text) => message('pmessage', '*', 'news', text))),
  );
  for (const node of door.nodes) await node.ask('CONFIG', 'SET', 'notify-keyspace-events', 'KA');
  const keys = [0, 1, 2].map((node) => nameAt(node, 'key:'));
  await writer.askAll(keys.map((key) => ['SET', key, 'v']));
  assert.deepEqual(
    new Set(await all.readAll(3)),
    new Set(keys.map((key) => message('pmessage', '*', `__keyspace@0__:${key}`, 'set'))),
  );
  assert.equal(await wire.ask('PING', 'end'), `*2\r\n${bulk('pong')}${bulk('end')}`);
  assert.equal(await all.ask('PING', 'end'), `*2\r\n${bulk('pong')}${bulk('end')}`);
  assert.equal(await writer.ask('PUBSUB', 'NUMPAT'), ':1\r\n');
  assert.equal(await writer.ask('PUBSUB', 'NUMSUB', 'news'), `*2\r\n${bulk('news')}:1\r\n`);
});

test('a shard channel follows its slot to another node', async () => {
  await using door = await Door.open();
  await using wire = await door.connect();
  await using writer = await door.connect();
  const name = nameAt(0, 's:');
  const bytes = Buffer.from(name);
  wire.send('SSUBSCRIBE', name, nameAt(1, 's:'), nameAt(2, 's:'));
  await wire.readAll(3);
  assert.equal(await writer.ask('SPUBLISH', name, 'before'), ':1\r\n');
  assert.equal(await wire.read(), message('smessage', name, 'before'));
  await door.moveSlot(slotOf(bytes, 0, bytes.length), 2);
  await until(() => door.refreshed > 0, 'the old node has ended the subscription');
  await until(
    async () => (await writer.ask('SPUBLISH', name, 'after')) === ':1\r\n',
    'it is heard',
  );
  assert.equal(await wire.read(), message('smessage', name, 'after'));
  const at = (await door.nodes[2]!.value('PUBSUB', 'SHARDCHANNELS')) as string[];
  assert.ok(at.includes(name));
});

test('when the node a channel is taken from dies, another one brings it', async () => {
  await using door = await Door.open();
  await using wire = await door.connect();
  const name = nameAt(1, 'news:');
  await wire.ask('SUBSCRIBE', name);
  await door.nodes[1]!.kill();
  const [first] = door.nodes as [TestRedis];
  await until(
    async () => {
      await first.ask('PUBLISH', name, 'after');
      return (
        String(await door.nodes[0]!.ask('PUBSUB', 'NUMSUB', name)).includes(':1') ||
        String(await door.nodes[2]!.ask('PUBSUB', 'NUMSUB', name)).includes(':1')
      );
    },
    'another node has the channel',
    5000,
    20,
  );
  await first.ask('PUBLISH', name, 'after');
  assert.equal(await wire.read(), message('message', name, 'after'));
});
