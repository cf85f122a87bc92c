/** Connections lent by nodes of a cluster, and commands over all of them. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { until } from '../support/bounded.ts';
import { slotOfKey, startCluster } from '../support/cluster.ts';
import { cluster, startTidegate } from '../support/tidegate.ts';
import { bulk } from '../support/wire.ts';

test('transactions and waits run where their slot is, and after it has moved where it is then', async () => {
  await using servers = await startCluster({ replicas: 0 });
  const [a, b] = servers.primaries as [(typeof servers.nodes)[0], (typeof servers.nodes)[0]];
  await using gate = await startTidegate(
    cluster(servers.addresses, { topology: { refresh: '60s', min_interval: '60s' } }),
  );
  await using wire = await gate.connect();
  const [name] = servers.keysOf(0) as [string];
  const transaction = [['MULTI'], ['SET', name, '1'], ['INCR', name], ['EXEC']];
  assert.equal((await wire.askAll(transaction)).at(-1), '*2\r\n+OK\r\n:2\r\n');
  wire.send('BLPOP', `{${name}}list`, '5');
  await until(async () => /blocked_clients:1/.test(await a.ask('INFO', 'clients')), 'it waits');
  await gate.ask('RPUSH', `{${name}}list`, 'x');
  assert.equal(await wire.read(), `*2\r\n${bulk(`{${name}}list`)}${bulk('x')}`);
  await servers.move(slotOfKey(name), a, b);
  const told = ['+OK\r\n', '+QUEUED\r\n', '+QUEUED\r\n', '*2\r\n+OK\r\n:2\r\n'];
  assert.deepEqual(await wire.askAll(transaction), told);
  assert.equal((await wire.askAll(transaction)).at(-1), '*2\r\n+OK\r\n:2\r\n');
  assert.equal(await b.ask('GET', name), bulk('2'));
});

test('commands over all servers ask every primary', async () => {
  await using servers = await startCluster();
  await using gate = await startTidegate(cluster(servers.addresses));
  await using wire = await gate.connect();
  const names = Array.from({ length: 90 }, (_none, index) => `key:${index}`);
  await wire.expect('+OK\r\n', 'MSET', ...names.flatMap((name) => [name, name]));
  assert.equal(await wire.ask('DBSIZE'), ':90\r\n');
  assert.equal(((await wire.value('KEYS', '*')) as string[]).length, 90);
  const scanned = new Set<string>();
  let cursor = '0';
  do {
    const [next, found] = (await wire.value('SCAN', cursor)) as [string, string[]];
    for (const name of found) scanned.add(name);
    cursor = next;
  } while (cursor !== '0');
  assert.equal(scanned.size, 90);
  await wire.expect('+OK\r\n', 'FLUSHALL');
  assert.equal(await wire.ask('DBSIZE'), ':0\r\n');
  assert.match(await wire.ask('SELECT', '1'), /^-ERR .*cluster/);
});

test('a cluster behind a door whose configuration is changed is left alone, or replaced in one go', async () => {
  await using servers = await startCluster({ replicas: 0 });
  await using gate = await startTidegate(cluster(servers.addresses.slice(0, 1)));
  await using wire = await gate.connect();
  await wire.expect('+OK\r\n', 'SET', 'a', '1');
  const text = readFileSync(gate.configFile, 'utf8');
  writeFileSync(
    gate.configFile,
    text.replace('"kind": "cluster",', '"kind": "cluster", "redirects_max": 3,'),
  );
  const { status, body } = await gate.admin('/reload', { method: 'POST' });
  assert.equal(status, 200, body);
  assert.equal(await wire.ask('GET', 'a'), bulk('1'));
  assert.match((await gate.admin('/metrics')).body, /slots_covered\{upstream="main"\} 16384/);
});
