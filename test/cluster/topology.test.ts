/** How the door learns what the cluster is: names, seeds, odd answers, nodes that come and go. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sleep, until } from '../support/bounded.ts';
import { slotOfKey, startCluster } from '../support/cluster.ts';
import { freePort } from '../support/ports.ts';
import { type ScriptedNode, scriptCluster } from '../support/scripted-cluster.ts';
import { cluster, startTidegate, type Tidegate } from '../support/tidegate.ts';
import { makeCertificates } from '../support/tls.ts';
import { bulk, type Wire } from '../support/wire.ts';

const KEY = 'bar';
const QUICK = { topology: { refresh: '50ms', min_interval: '20ms' } };

async function roundTrip(gate: Tidegate): Promise<void> {
  await using wire = await gate.connect();
  const names = Array.from({ length: 60 }, (_none, index) => `trip:${index}`);
  const set = await wire.askAll(names.map((name) => ['SET', name, name]));
  assert.deepEqual([...new Set(set)], ['+OK\r\n']);
  assert.deepEqual(await wire.value('MGET', ...names), names);
}

/** What `/metrics` says of one figure. */
async function figure(gate: Tidegate, name: string): Promise<number> {
  const { body } = await gate.admin('/metrics');
  const line = body.split('\n').find((one) => one.startsWith(`tidegate_cluster_${name}`));
  return Number(line?.split(' ').at(-1));
}

async function names(gate: Tidegate): Promise<string[]> {
  const { body } = await gate.admin('/topology');
  return JSON.parse(body).upstreams[0].servers.map(({ name }: { name: string }) => name);
}

async function answers(wire: Wire, node: ScriptedNode): Promise<void> {
  wire.send('GET', KEY);
  await node.answer(`GET ${KEY}`, bulk('v'));
  assert.equal(await wire.read(), bulk('v'));
}

test('nodes that are named by host are reached by host', async () => {
  await using servers = await startCluster({
    replicas: 0,
    config: () => ({
      'cluster-announce-hostname': 'localhost',
      'cluster-preferred-endpoint-type': 'hostname',
    }),
  });
  const seeds = servers.nodes.map(({ port }) => `localhost:${port}`);
  await using gate = await startTidegate(cluster(seeds.slice(0, 1)));
  await roundTrip(gate);
  assert.deepEqual(await names(gate), seeds);
  const [name] = servers.keysOf(0) as [string];
  await servers.move(slotOfKey(name), servers.nodes[0]!, servers.nodes[1]!);
  assert.equal(await gate.ask('SET', name, '1'), '+OK\r\n');
  assert.equal(await figure(gate, 'redirects_total{upstream="main",kind="moved"}'), 1);
  // By its other name too: nobody is met twice.
  assert.deepEqual(await names(gate), seeds);
});

test('nodes that do not know their endpoint are reached where the seed was', async () => {
  await using servers = await startCluster({
    replicas: 0,
    config: () => ({ 'cluster-preferred-endpoint-type': 'unknown-endpoint' }),
  });
  await using gate = await startTidegate(cluster([`localhost:${servers.nodes[1]!.port}`]));
  await roundTrip(gate);
  assert.deepEqual(
    await names(gate),
    servers.nodes.map(({ port }) => `localhost:${port}`),
  );
  const [name] = servers.keysOf(0) as [string];
  await servers.move(slotOfKey(name), servers.nodes[0]!, servers.nodes[1]!);
  assert.equal(await gate.ask('SET', name, '1'), '+OK\r\n');
});

test('IPv6 addresses are understood in the map and in redirections', async () => {
  await using servers = await startCluster({ replicas: 0, host: '::1' });
  await using gate = await startTidegate(cluster([`[::1]:${servers.nodes[0]!.port}`]));
  await roundTrip(gate);
  assert.deepEqual(
    await names(gate),
    servers.nodes.map(({ port }) => `[::1]:${port}`),
  );
  const [name] = servers.keysOf(0) as [string];
  await servers.move(slotOfKey(name), servers.nodes[0]!, servers.nodes[1]!);
  assert.equal(await gate.ask('SET', name, '1'), '+OK\r\n');
  assert.deepEqual((await names(gate)).length, 3);
});

test('a cluster that speaks TLS is reached at its TLS ports', async () => {
  using certificates = await makeCertificates();
  await using servers = await startCluster({ replicas: 0, tls: certificates });
  const ports = servers.nodes.map(({ tlsPort }) => tlsPort);
  const tls = { ca: certificates.ca, server_name: 'localhost' };
  await using gate = await startTidegate(cluster([`127.0.0.1:${ports[0]}`], { tls }));
  await roundTrip(gate);
  assert.deepEqual(
    await names(gate),
    ports.map((port) => `127.0.0.1:${port}`),
  );
});

test('nodes that want a password are told it, learnt ones too', async () => {
  await using servers = await startCluster({ replicas: 0 });
  for (const node of servers.nodes) await node.ask('CONFIG', 'SET', 'requirepass', 'secret');
  await using gate = await startTidegate(
    cluster(servers.addresses.slice(0, 1), { password: 'secret' }),
  );
  await roundTrip(gate);
});

test('seeds that come up later are found, and until then keys have no host', async () => {
  const port = await freePort();
  await using servers = await scriptCluster(2);
  const [a] = servers.nodes as [ScriptedNode];
  await using gate = await startTidegate(
    cluster([`127.0.0.1:${port}`], { topology: { refresh: '60s', min_interval: '50ms' } }),
  );
  await using wire = await gate.connect();
  assert.equal(await wire.ask('GET', KEY), '-no upstream host\r\n');
  assert.equal((await gate.admin('/readyz')).status, 503);
  await a.stop();
  await a.listen(port);
  await until(async () => (await figure(gate, 'slots_covered')) === 16_384, 'the map is there');
  await answers(wire, a);
});

test('odd answers change nothing, are counted, and another node is asked', async () => {
  await using servers = await scriptCluster(2);
  const [a, b] = servers.nodes as [ScriptedNode, ScriptedNode];
  await using gate = await startTidegate(cluster(servers.addresses, QUICK));
  await using wire = await gate.connect();
  await answers(wire, a);
  const odd = [
    '+OK\r\n',
    '*0\r\n',
    '*-1\r\n',
    `*1\r\n*2\r\n${bulk('slots')}*1\r\n:1\r\n`,
    `*1\r\n*4\r\n${bulk('slots')}*2\r\n:0\r\n:16384\r\n${bulk('nodes')}*0\r\n`,
    `*1\r\n*4\r\n${bulk('slots')}*2\r\n:5\r\n:4\r\n${bulk('nodes')}*0\r\n`,
  ];
  for (const answer of odd) {
    for (const node of [a, b]) node.replies.set('CLUSTER SHARDS', answer);
    const [ok, failed] = await Promise.all([
      figure(gate, 'surveys_total{upstream="main",result="ok"}'),
      figure(gate, 'surveys_total{upstream="main",result="failed"}'),
    ]);
    await until(
      async () =>
        (await figure(gate, 'surveys_total{upstream="main",result="failed"}')) > failed + 1,
      `${JSON.stringify(answer)} is refused`,
    );
    assert.ok((await figure(gate, 'surveys_total{upstream="main",result="ok"}')) <= ok + 1);
    await answers(wire, a);
  }
  assert.ok((await figure(gate, 'odd_answers')) > 4);
  a.replies.clear();
  const before = await figure(gate, 'surveys_total{upstream="main",result="ok"}');
  await until(
    async () => (await figure(gate, 'surveys_total{upstream="main",result="ok"}')) > before,
    'one node that makes sense is enough',
  );
});

test('a node that sees the cluster down, or less of it, does not take the map away', async () => {
  await using servers = await scriptCluster(2);
  const [a, b] = servers.nodes as [ScriptedNode, ScriptedNode];
  await using gate = await startTidegate(cluster(servers.addresses, QUICK));
  await using wire = await gate.connect();
  await answers(wire, a);
  for (const node of [a, b]) {
    node.view = { state: 'fail', epoch: 9, shards: [{ primary: b, ranges: [[0, 16_383]] }] };
  }
  await sleep(200);
  await answers(wire, a);
  for (const node of [a, b]) {
    node.view = { state: 'ok', epoch: 9, shards: [{ primary: b, ranges: [[0, 9000]] }] };
  }
  await sleep(200);
  await answers(wire, a);
});

test('two nodes of the same epoch that contradict each other do not make the map go to and fro', async () => {
  await using servers = await scriptCluster(3);
  const [a, b, c] = servers.nodes as [ScriptedNode, ScriptedNode, ScriptedNode];
  await using gate = await startTidegate(cluster(servers.addresses, QUICK));
  await using wire = await gate.connect();
  await answers(wire, a);
  b.view = { ...servers.view, shards: [{ primary: b, ranges: [[0, 16_383]] }] };
  for (let i = 0; i < 20; i++) {
    await answers(wire, a);
    await sleep(20);
  }
  c.view = b.view;
  a.view = b.view;
  await until(async () => (await names(gate))[0] === b.address, 'all of them say so now');
  await answers(wire, b);
});

test('a node that leaves answers what is under way and is let go', async () => {
  await using servers = await scriptCluster(2);
  const [a, b] = servers.nodes as [ScriptedNode, ScriptedNode];
  await using gate = await startTidegate(
    cluster(servers.addresses, { ...QUICK, op_timeout: '5s' }),
  );
  await using wire = await gate.connect();
  wire.send('GET', KEY);
  await a.hears(`GET ${KEY}`);
  servers.view.epoch = 2;
  servers.share([b]);
  await until(async () => (await names(gate)).length === 1, 'the node is not listed any more');
  await a.answer(`GET ${KEY}`, bulk('last'));
  assert.equal(await wire.read(), bulk('last'));
  await until(() => a.connections === 0, 'its connections are closed');
  await answers(wire, b);
});

test('a server without CLUSTER SHARDS is asked for CLUSTER SLOTS', async () => {
  await using servers = await scriptCluster(2);
  const [a, b] = servers.nodes as [ScriptedNode, ScriptedNode];
  const node = ({ port }: ScriptedNode): string =>
    `*3\r\n${bulk('127.0.0.1')}:${port}\r\n${bulk(`id${port}`)}`;
  for (const each of [a, b]) {
    each.replies.set('CLUSTER SHARDS', '-ERR Unknown subcommand or wrong number of arguments\r\n');
    each.replies.set(
      'CLUSTER SLOTS',
      `*2\r\n*3\r\n:0\r\n:8191\r\n${node(b)}*3\r\n:8192\r\n:16383\r\n${node(a)}`,
    );
  }
  await using gate = await startTidegate(cluster(servers.addresses.slice(0, 1)));
  await using wire = await gate.connect();
  await answers(wire, b);
});
