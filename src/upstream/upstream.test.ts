import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sleep, until } from '../../test/support/bounded.ts';
import { type Peer, startPeer } from '../../test/support/peer.ts';
import { commandOf, frameOf, Outcomes } from '../../test/support/sinks.ts';
import { silent } from '../core/log.ts';
import { Tick } from '../core/tick.ts';
import type { Protocol } from '../resp/types.ts';
import { CommandTally } from './figures.ts';
import { Upstream, type UpstreamOptions } from './upstream.ts';

class Rig implements AsyncDisposable {
  readonly peer: Peer;
  readonly upstream: Upstream;
  readonly outcomes = new Outcomes();
  readonly events: string[] = [];

  constructor(peer: Peer, options: Partial<UpstreamOptions>) {
    this.peer = peer;
    this.upstream = new Upstream(
      {
        name: 'test',
        address: { kind: 'tcp', host: '127.0.0.1', port: peer.port },
        tls: null,
        connectTimeoutMs: 2000,
        opTimeoutMs: 0,
        pendingMax: 1000,
        pendingBytesMax: 2 ** 30,
        reply: { bytesMax: 2 ** 30, nestingMax: 128 },
        flushBytesMin: 0,
        flushTimeoutMs: 10,
        credentials: null,
        database: 0,
        connections: 1,
        dedicatedMax: 2,
        connectionsPerSecond: null,
        ...options,
      },
      {
        onOrphans: (_upstream, _lane, orphans, error) => {
          for (const { sink } of orphans) sink.fail(error);
        },
        mends: () => false,
        onRefused: () => assert.fail('nothing is mended here'),
        onLentError: () => {},
        onFailure: (upstream) => this.events.push(`failure ${upstream.failuresInRow}`),
        onAlive: () => this.events.push('alive'),
      },
      new Tick(),
      new CommandTally(),
      silent,
    );
  }

  get(name: string, protocol: Protocol = 2, database = 0, affinity = 0): void {
    const command = commandOf('GET', name);
    command.protocol = protocol;
    command.database = database;
    command.affinity = affinity;
    this.upstream.dispatch(command, this.outcomes.sink(name));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.upstream.close();
    await this.peer[Symbol.asyncDispose]();
  }
}

async function rig(options: Partial<UpstreamOptions> = {}): Promise<Rig> {
  return new Rig(await startPeer(), options);
}

test('each protocol and database has a link of its own', async () => {
  await using it = await rig();
  it.get('a');
  it.get('b', 3);
  it.get('c', 2, 5);
  it.get('d', 3, 5);
  it.get('e', 3, 5);
  const links = await Promise.all([0, 1, 2, 3].map((index) => it.peer.connection(index)));
  await until(() => links.every((link) => link.heard !== ''), 'all speak');
  assert.deepEqual(
    new Set(links.map((link) => link.heard)),
    new Set([
      frameOf('GET', 'a'),
      frameOf('HELLO', '3'),
      frameOf('HELLO', '3') + frameOf('SELECT', '5'),
      frameOf('SELECT', '5'),
    ]),
  );
});

test('the database of the configuration is what clients see as the first', async () => {
  await using it = await rig({ database: 7 });
  it.get('a');
  const link = await it.peer.connection();
  await link.hears(frameOf('SELECT', '7'));
  link.say('+OK\r\n');
  await link.hears(frameOf('SELECT', '7') + frameOf('GET', 'a'));
});

test('a client stays on one of several links, and clients are spread over them', async () => {
  await using it = await rig({ connections: 3 });
  for (let client = 0; client < 6; client++) {
    for (let i = 0; i < 3; i++) it.get(`${client}-${i}`, 2, 0, client);
  }
  const links = await Promise.all([0, 1, 2].map((index) => it.peer.connection(index)));
  await until(() => links.every((link) => link.heard.includes('-2')), 'all speak');
  for (const { heard } of links) {
    const clients = new Set([...heard.matchAll(/(\d)-\d/g)].map((match) => match[1]));
    assert.equal(clients.size, 2);
  }
  assert.equal(it.peer.connections.length, 3);
});

test('a client with a large number has a link too', async () => {
  await using it = await rig({ connections: 3 });
  it.get('a', 2, 0, 2 ** 40 + 1);
  it.get('b', 3, 0, 2 ** 52 + 3);
  await it.peer.connection(1);
  assert.deepEqual(it.outcomes.all, []);
});

test('databases no server has, or too many of them, are refused and harm nobody', async () => {
  await using it = await rig();
  it.get('far', 2, 2 ** 31 - 1);
  for (let database = 1; database < 600; database++) it.get(`d${database}`, 2, database);
  it.get('a');
  assert.equal(it.outcomes.all[0], 'far!busy');
  assert.equal(it.outcomes.all.length, 1 + 599 - 511);
  const link = await it.peer.connection();
  assert.ok(link);
});

test('a health check has a link beside those of clients', async () => {
  await using it = await rig();
  it.get('a');
  it.upstream.ownLane().warm();
  await it.peer.connection(1);
  const heard = await Promise.all([0, 1].map((index) => it.peer.connection(index)));
  await until(() => heard.some((link) => link.heard !== ''), 'one speaks');
  assert.equal(heard.filter((link) => link.heard !== '').length, 1);
});

test('connections beyond the rate are not made', async () => {
  await using it = await rig({ connectionsPerSecond: 2 });
  it.get('a', 2, 1);
  it.get('b', 2, 2);
  it.get('c', 2, 3);
  assert.deepEqual(it.outcomes.all, ['c!no_host']);
  assert.equal(it.upstream.figures.connectionsRateLimited, 1);
});

test('failures in a row are counted until the server says something', async () => {
  await using it = await rig({ opTimeoutMs: 30 });
  it.get('a');
  it.get('b');
  await until(() => it.outcomes.all.length === 2, 'both time out');
  (await it.peer.connection()).say('+late\r\n');
  await until(() => it.events.length === 3, 'it lives');
  assert.deepEqual(it.events, ['failure 1', 'failure 2', 'alive']);
  assert.equal(it.upstream.failuresInRow, 0);
});

test('the end fails what is under way and what comes later, and blames nobody', async () => {
  await using it = await rig();
  it.get('a');
  await (await it.peer.connection()).hears(frameOf('GET', 'a'));
  await it.upstream.close();
  it.get('b');
  it.get('c', 3, 9);
  assert.deepEqual(it.outcomes.all, ['a!closed', 'b!closed', 'c!closed']);
  await sleep(30);
  assert.deepEqual(it.events, []);
  assert.equal(it.upstream.pendingCount, 0);
  assert.equal(it.upstream.figures.connectionsActive, 0);
});
