/** A real cluster behind the door: it looks like one server. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '../support/bounded.ts';
import { startCluster } from '../support/cluster.ts';
import { cluster, startTidegate } from '../support/tidegate.ts';
import { bulk } from '../support/wire.ts';

test('one seed is enough, and the first command need not wait for a map to be made', async () => {
  await using servers = await startCluster();
  await using gate = await startTidegate(cluster([servers.addresses[4]!]));
  await using wire = await gate.connect();
  const names = Array.from({ length: 300 }, (_none, index) => `key:${index}`);
  const set = await wire.askAll(names.map((name) => ['SET', name, name]));
  assert.deepEqual([...new Set(set)], ['+OK\r\n']);
  const got = await wire.askAll(names.map((name) => ['GET', name]));
  assert.deepEqual(got, names.map(bulk));
  const sizes = await Promise.all(servers.primaries.map((server) => server.value('DBSIZE')));
  assert.ok(
    sizes.every((size) => Number(size) > 50),
    `${sizes}`,
  );
  const { body } = await gate.admin('/metrics');
  assert.match(body, /tidegate_cluster_slots_covered\{upstream="main"\} 16384/);
  assert.match(body, /tidegate_cluster_redirects_total\{upstream="main",kind="moved"\} 0/);
  await until(async () => (await gate.admin('/readyz')).status === 200, 'it is ready');
});

test('commands with many keys are split by slot and joined in the order asked', async () => {
  await using servers = await startCluster();
  await using gate = await startTidegate(cluster(servers.addresses.slice(0, 2)));
  for (const protocol of [2, 3] as const) {
    await using wire = await gate.connect({ protocol });
    const names = Array.from({ length: 200 }, (_none, index) => `many:${protocol}:${index}`);
    await wire.expect('+OK\r\n', 'MSET', ...names.flatMap((name) => [name, name]));
    assert.deepEqual(await wire.value('MGET', ...names), names);
    assert.equal(await wire.ask('EXISTS', ...names, 'absent'), ':200\r\n');
    assert.equal(await wire.ask('DEL', ...names), ':200\r\n');
    assert.match(await wire.ask('RENAME', 'a', 'b'), /^-CROSSSLOT /);
    assert.match(await wire.ask('SINTER', '{t}a', '{t}b'), /^[*~]0\r\n$/);
  }
});

test('a cluster of one primary splits as well: its server refuses keys of two slots', async () => {
  await using servers = await startCluster({ primaries: 1, replicas: 0 });
  await using gate = await startTidegate(cluster(servers.addresses));
  await using wire = await gate.connect();
  await wire.expect('+OK\r\n', 'MSET', 'a', '1', 'b', '2');
  assert.deepEqual(await wire.value('MGET', 'b', 'a'), ['2', '1']);
  assert.equal(await wire.ask('DBSIZE'), ':2\r\n');
});

test('/topology names primaries with their slots, and replicas with their primaries', async () => {
  await using servers = await startCluster();
  await using gate = await startTidegate(cluster(servers.addresses.slice(0, 1)));
  await using wire = await gate.connect();
  await wire.ask('GET', 'a');
  const { body } = await gate.admin('/topology');
  const [main] = JSON.parse(body).upstreams;
  assert.equal(main.slotsCovered, 16384);
  const rows = main.servers.map(({ name, role, primary, slots }: Record<string, unknown>) => ({
    name,
    role,
    primary,
    slots,
  }));
  const [a, b, c] = servers.primaries.map(({ address }) => address);
  const ranges = ['0-5460', '5461-10921', '10922-16383'];
  assert.deepEqual(
    rows,
    [a, b, c].flatMap((name, index) => [
      { name, role: 'primary', primary: null, slots: [ranges[index]] },
      { name: servers.replicaOf(index).address, role: 'replica', primary: name, slots: [] },
    ]),
  );
});
