/** Slots that move between real servers, with the door between them and the clients. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '../support/bounded.ts';
import { SLOTS, slotOfKey, startCluster } from '../support/cluster.ts';
import { ClusterLoad } from '../support/cluster-load.ts';
import { cluster, startTidegate } from '../support/tidegate.ts';
import { bulk } from '../support/wire.ts';

/** How long slots move, in seconds; the long form moves half of all. */
const SECONDS = Number(process.env['TIDEGATE_TEST_SECONDS'] ?? 8);

test('keys of a slot on its way are found wherever they are, whole commands and pieces', async () => {
  await using servers = await startCluster({ replicas: 0 });
  const [a, b] = servers.primaries as [(typeof servers.nodes)[0], (typeof servers.nodes)[0]];
  await using gate = await startTidegate(
    cluster(servers.addresses, { topology: { refresh: '60s', min_interval: '60s' } }),
  );
  await using wire = await gate.connect();
  const [name] = servers.keysOf(0) as [string];
  const slot = slotOfKey(name);
  const [here, there, fresh] = [`{${name}}here`, `{${name}}there`, `{${name}}fresh`];
  await wire.expect('+OK\r\n', 'MSET', here, '1', there, '2', 'elsewhere', '3');
  await servers.beginMove(slot, a, b);
  await a.ask('MIGRATE', '127.0.0.1', String(b.port), there, '0', '1000');
  assert.equal(await wire.ask('GET', here), bulk('1'));
  assert.equal(await wire.ask('GET', there), bulk('2'));
  assert.equal(await wire.ask('SET', fresh, '4'), '+OK\r\n');
  assert.equal(
    await b.ask('EXISTS', 'x').then((reply) => reply.slice(0, 6)),
    (await b.ask('EXISTS', 'x')).slice(0, 6),
  );
  assert.deepEqual(await wire.value('MGET', there, 'elsewhere', fresh), ['2', '3', '4']);
  await servers.moveKeys(slot, a, b);
  await servers.endMove(slot, a, b);
  assert.deepEqual(await wire.value('MGET', here, there, fresh, 'elsewhere'), ['1', '2', '4', '3']);
  const { body } = await gate.admin('/metrics');
  assert.match(body, /kind="ask"\} [1-9]/);
  assert.match(body, /kind="moved"\} 1\n/);
  assert.match(body, /tidegate_cluster_errors_passed_on_total\{upstream="main"\} 0/);
});

test('a command whose keys are half moved waits until they are together', async () => {
  await using servers = await startCluster({ replicas: 0 });
  const [a, b] = servers.primaries as [(typeof servers.nodes)[0], (typeof servers.nodes)[0]];
  await using gate = await startTidegate(cluster(servers.addresses, { op_timeout: '3s' }));
  await using wire = await gate.connect();
  const [name] = servers.keysOf(0) as [string];
  const slot = slotOfKey(name);
  const [one, two] = [`{${name}}1`, `{${name}}2`];
  await wire.expect('+OK\r\n', 'MSET', one, '1', two, '2');
  await servers.beginMove(slot, a, b);
  await a.ask('MIGRATE', '127.0.0.1', String(b.port), two, '0', '1000');
  wire.send('MGET', one, two);
  wire.send('SET', one, 'later');
  wire.send('GET', one);
  await until(
    async () => /kind="tryagain"\} [1-9]/.test((await gate.admin('/metrics')).body),
    'it was told to try again',
  );
  await servers.moveKeys(slot, a, b);
  await servers.endMove(slot, a, b);
  const [both = '', ...rest] = await wire.readAll(3);
  // The later write may have been on the wire already; then the error says that this one was not done.
  assert.ok(both === `*2\r\n${bulk('1')}${bulk('2')}` || both.startsWith('-TRYAGAIN '), both);
  assert.deepEqual(rest, ['+OK\r\n', bulk('later')]);
});

test('slots that move under load show in no reply', async () => {
  await using servers = await startCluster({ replicas: 0 });
  await using gate = await startTidegate(cluster(servers.addresses));
  const load = new ClusterLoad({
    clients: 50,
    connect: () => gate.connect(),
    transactions: true,
  });
  await load.start();
  const end = performance.now() + SECONDS * 1000;
  let moved = 0;
  // Slots with keys first: only those can show anything.
  const busy = Array.from({ length: 50 * 4 }, (_none, i) => [
    slotOfKey(`load:${i % 50}:${i % 8}`),
    slotOfKey(`load:${i % 50}:${i % 4}`),
    slotOfKey(`load:${i % 50}:cas`),
  ]).flat();
  for (let i = 0; performance.now() < end && moved < SLOTS / 2; i++) {
    const slot = i < busy.length * 2 ? busy[i % busy.length]! : (i * 7919) % SLOTS;
    const from = await servers.ownerOf(slot);
    const to = servers.nodes[(servers.nodes.indexOf(from) + 1) % 3]!;
    await servers.move(slot, from, to);
    moved++;
  }
  const report = await load.stop();
  const { body } = await gate.admin('/metrics');
  const figures = body
    .split('\n')
    .filter((line) => /^tidegate_cluster/.test(line))
    .join('\n');
  assert.deepEqual(report.wrong, [], figures);
  assert.deepEqual(Object.fromEntries(report.errors), {}, figures);
  assert.ok(moved > 50 && report.commands > 5000, `${moved} slots, ${report.commands} commands`);
  assert.match(body, /kind="ask"\} [1-9]/);
  assert.match(body, /kind="moved"\} [1-9]/);
});
