/** Who answers reads, by read_policy. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '../support/bounded.ts';
import { slotOfKey, startCluster, type TestCluster } from '../support/cluster.ts';
import { type ScriptedNode, scriptCluster } from '../support/scripted-cluster.ts';
import { cluster, type Section, startTidegate, type Tidegate } from '../support/tidegate.ts';
import { bulk } from '../support/wire.ts';

const KEY = 'bar';
const QUIET: Section = { topology: { refresh: '60s', min_interval: '20ms' } };

/** GETs that each node answered when twelve clients asked twice each. */
async function readsBy(servers: TestCluster, gate: Tidegate): Promise<number[]> {
  const count = () => Promise.all(servers.nodes.map((node) => node.calls('get')));
  const before = await count();
  for (let i = 0; i < 12; i++) {
    await using wire = await gate.connect();
    assert.equal(await wire.ask('GET', KEY), bulk('v'));
    assert.equal(await wire.ask('GET', KEY), bulk('v'));
  }
  const after = await count();
  return after.map((calls, index) => calls - before[index]!);
}

test('reads go where the policy says, writes to the primary', async () => {
  await using servers = await startCluster({ primaries: 1, replicas: 2 });
  const [primary, ...replicas] = servers.nodes as [
    (typeof servers.nodes)[0],
    ...typeof servers.nodes,
  ];
  await primary.ask('SET', KEY, 'v');
  await until(
    async () =>
      (await Promise.all(replicas.map((node) => node.ask('DBSIZE')))).every(
        (size) => size === ':1\r\n',
      ),
    'it is replicated',
  );
  const reads: Record<string, number[]> = {};
  for (const policy of ['primary', 'prefer_primary', 'replica', 'prefer_replica', 'any']) {
    await using gate = await startTidegate(cluster(servers.addresses, { read_policy: policy }));
    // A new client every time, or it would stay with one node.
    reads[policy] = await readsBy(servers, gate);
    assert.equal(await gate.ask('SET', 'w', policy), '+OK\r\n');
    assert.match((await gate.admin('/metrics')).body, /kind="moved"\} 0/);
  }
  assert.deepEqual(reads['primary'], [24, 0, 0]);
  assert.deepEqual(reads['prefer_primary'], [24, 0, 0]);
  for (const policy of ['replica', 'prefer_replica']) {
    const [first, ...others] = reads[policy]!;
    assert.equal(first, 0, policy);
    assert.ok(
      others.every((calls) => calls > 0),
      `${policy}: ${others}`,
    );
  }
  assert.ok(
    reads['any']!.every((calls) => calls > 0),
    `any: ${reads['any']}`,
  );
});

test('without a replica `replica` has no host, and `prefer_replica` asks the primary', async () => {
  await using servers = await startCluster({ primaries: 1, replicas: 0 });
  await servers.nodes[0]!.ask('SET', KEY, 'v');
  await using strict = await startTidegate(cluster(servers.addresses, { read_policy: 'replica' }));
  await using lenient = await startTidegate(
    cluster(servers.addresses, { read_policy: 'prefer_replica' }),
  );
  await using wire = await strict.connect();
  assert.equal(await wire.ask('SET', KEY, 'v'), '+OK\r\n');
  assert.equal(await wire.ask('GET', KEY), '-no upstream host\r\n');
  assert.equal(await lenient.ask('GET', KEY), bulk('v'));
});

test('a replica that dies is passed over, and comes back', async () => {
  await using servers = await startCluster({ primaries: 1, replicas: 1, nodeTimeoutMs: 15_000 });
  const [primary, replica] = servers.nodes as [
    (typeof servers.nodes)[0],
    (typeof servers.nodes)[0],
  ];
  await using gate = await startTidegate(
    cluster(servers.addresses, { read_policy: 'prefer_replica' }),
  );
  await using wire = await gate.connect();
  await wire.expect('+OK\r\n', 'SET', KEY, 'v');
  await until(async () => (await replica.ask('DBSIZE')) === ':1\r\n', 'it is replicated');
  await replica.kill();
  await until(async () => (await wire.ask('GET', KEY)) === bulk('v'), 'the primary answers');
  assert.ok((await primary.calls('get')) > 0);
  await replica.restart();
  await until(
    async () => {
      await wire.ask('GET', KEY);
      return (await replica.calls('get')) > 0;
    },
    'the replica answers again',
    10_000,
  );
});

/** A primary with replicas that all say where they are. */
async function scriptShard(replicas: number) {
  const servers = await scriptCluster(replicas + 1);
  const [primary, ...others] = servers.nodes as [ScriptedNode, ...ScriptedNode[]];
  servers.view.shards = [{ primary, ranges: [[0, 16_383]], replicas: others }];
  return { servers, primary, others };
}

test('reads stay in the zone of the gateway while a node there is well', async () => {
  const { servers, primary, others } = await scriptShard(2);
  await using _servers = servers;
  for (const [index, node] of servers.nodes.entries()) {
    node.replies.set(
      'INFO SERVER',
      bulk(`# Server\r\nredis_mode:cluster\r\navailability_zone:z${index}\r\n`),
    );
  }
  await using gate = await startTidegate(
    cluster(servers.addresses, { ...QUIET, read_policy: 'any', zone: 'z2' }),
  );
  await until(
    async () => /"zone": ?"z2"/.test((await gate.admin('/topology')).body),
    'zones are known',
  );
  for (let i = 0; i < 4; i++) {
    await using wire = await gate.connect();
    wire.send('GET', KEY);
    await others[1]!.answer(`GET ${KEY}`, bulk('v'));
    assert.equal(await wire.read(), bulk('v'));
  }
  await others[1]!.stop();
  await until(
    async () => /"connected": ?false/.test((await gate.admin('/topology')).body),
    'its end is seen',
  );
  await using wire = await gate.connect();
  wire.send('GET', KEY);
  await until(
    () => primary.waiting.length + others[0]!.waiting.length === 1,
    'another zone is asked',
  );
});

test('`nearest` asks who answers soonest, and changes when that changes', async () => {
  const { servers, primary, others } = await scriptShard(1);
  await using _servers = servers;
  primary.delayMs = 60;
  await using gate = await startTidegate(
    cluster(servers.addresses, { ...QUIET, read_policy: 'nearest' }),
  );
  await using wire = await gate.connect();
  const ask = async (): Promise<ScriptedNode> => {
    wire.send('GET', KEY);
    const all = [primary, ...others];
    await until(() => all.some((node) => node.waiting.length > 0), 'somebody is asked');
    const asked = all.find((node) => node.waiting.length > 0)!;
    await asked.answer(`GET ${KEY}`, bulk('v'));
    await wire.read();
    return asked;
  };
  // Until both are measured either may be asked; then it is the same one again and again.
  let inARow = 0;
  await until(async () => {
    inARow = (await ask()) === others[0] ? inARow + 1 : 0;
    return inARow === 20;
  }, 'the nearer one is asked');
  primary.delayMs = 0;
  others[0]!.delayMs = 120;
  await until(async () => (await ask()) === primary, 'the other one is nearer now', 15_000, 100);
});

test('a replica that is loading is left alone, and one that sends its reads elsewhere is followed', async () => {
  const { servers, primary, others } = await scriptShard(1);
  await using _servers = servers;
  const replica = others[0]!;
  const [shard] = servers.view.shards;
  servers.view.shards = [{ ...shard!, health: new Map([[replica, 'loading']]) }];
  await using gate = await startTidegate(
    cluster(servers.addresses, {
      read_policy: 'prefer_replica',
      topology: { refresh: '100ms', min_interval: '20ms' },
    }),
  );
  await using wire = await gate.connect();
  wire.send('GET', KEY);
  await primary.answer(`GET ${KEY}`, bulk('p'));
  assert.equal(await wire.read(), bulk('p'));
  servers.view.shards = [shard!];
  const asks = async (): Promise<boolean> => {
    wire.send('STRLEN', KEY);
    await until(() => primary.waiting.length + replica.waiting.length === 1, 'somebody is asked');
    const isReplica = replica.waiting.length === 1;
    await (isReplica ? replica : primary).answer(`STRLEN ${KEY}`, ':1\r\n');
    await wire.read();
    return isReplica;
  };
  await until(asks, 'the replica is asked');
  wire.send('GET', KEY);
  await replica.answer(`GET ${KEY}`, `-MOVED ${slotOfKey(KEY)} ${primary.address}\r\n`);
  await primary.answer(`GET ${KEY}`, bulk('p'));
  assert.equal(await wire.read(), bulk('p'));
});

test('a replica that fails its health checks is left alone until it passes them', async () => {
  const { servers, primary, others } = await scriptShard(1);
  await using _servers = servers;
  const replica = others[0]!;
  await using gate = await startTidegate(
    cluster(servers.addresses, {
      ...QUIET,
      read_policy: 'prefer_replica',
      health_check: { interval: '30ms', timeout: '60ms', unhealthy_threshold: 2 },
    }),
  );
  await using wire = await gate.connect();
  const whoAnswers = async (): Promise<ScriptedNode> => {
    wire.send('GET', KEY);
    await until(() => primary.waiting.length + replica.waiting.length === 1, 'somebody is asked');
    const asked = replica.waiting.length === 1 ? replica : primary;
    await asked.answer(`GET ${KEY}`, bulk('v'));
    await wire.read();
    return asked;
  };
  assert.equal(await whoAnswers(), replica);
  replica.replies.set('PING', '-ERR under maintenance\r\n');
  replica.delayMs = 200;
  await until(async () => (await whoAnswers()) === primary, 'the replica is left alone');
  assert.match((await gate.admin('/topology')).body, /"unhealthy"/);
  replica.delayMs = 0;
  replica.replies.clear();
  await until(async () => (await whoAnswers()) === replica, 'the replica is asked again');
});
