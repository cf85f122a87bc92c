/** One primary behind real Sentinels: to clients it is one server. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '../support/bounded.ts';
import { startRedis } from '../support/redis.ts';
import { ScriptedSentinel, startService } from '../support/sentinel.ts';
import { sentinel, startTidegate } from '../support/tidegate.ts';
import { makeCertificates } from '../support/tls.ts';
import { bulk } from '../support/wire.ts';

interface Row {
  readonly name: string;
  readonly role: string;
  readonly primary: string | null;
}

test('one Sentinel is enough to find the primary, the replicas and the other Sentinels', async () => {
  await using service = await startService();
  await using gate = await startTidegate(
    sentinel(service.addresses.slice(0, 1), { topology: { min_interval: '50ms' } }),
  );
  assert.equal(await gate.ask('SET', 'k', 'v'), '+OK\r\n');
  assert.equal(await service.primary.ask('GET', 'k'), bulk('v'));
  const [upstream] = JSON.parse((await gate.admin('/topology')).body).upstreams;
  assert.deepEqual(
    [upstream.kind, upstream.service, upstream.sentinels],
    ['sentinel', 'mymaster', service.addresses.slice(0, 1)],
  );
  const rows = upstream.servers as readonly Row[];
  assert.deepEqual(
    new Map(rows.map(({ name, role, primary }) => [name, [role, primary]])),
    new Map<string, unknown>([
      [service.primary.address, ['primary', null]],
      ...service.replicas.map(
        ({ address }) => [address, ['replica', service.primary.address]] as const,
      ),
    ]),
  );
  await until(
    () => service.addresses.every((address) => gate.logs.includes(address)),
    'all Sentinels are known',
  );
  assert.equal((await gate.admin('/readyz')).status, 200);
  const { body } = await gate.admin('/metrics');
  assert.match(body, /tidegate_cluster_slots_covered\{upstream="main"\} 16384/);
  assert.match(body, /tidegate_cluster_surveys_total\{.*ok.*\} [1-9]/);
});

test('keys go together, databases exist, and CLUSTER is answered as by the server', async () => {
  await using service = await startService({ replicas: 1, sentinels: 1 });
  await using gate = await startTidegate(sentinel(service.addresses));
  await using wire = await gate.connect();
  await wire.expect('+OK\r\n', 'MSET', 'a', '1', 'b', '2', 'c', '3');
  assert.equal(await service.primary.calls('mset'), 1);
  await wire.expect('*3\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n', 'MGET', 'a', 'b', 'c');
  await wire.expect('+OK\r\n', 'RENAME', 'a', 'z');
  await wire.expect(':3\r\n', 'DBSIZE');
  const [cursor, keys] = (await wire.value('SCAN', '0')) as [string, string[]];
  assert.deepEqual([cursor, new Set(keys)], ['0', new Set(['b', 'c', 'z'])]);
  await wire.expect('-ERR This instance has cluster support disabled\r\n', 'CLUSTER', 'INFO');
  await wire.expect('+OK\r\n', 'SELECT', '5');
  await wire.expect(':0\r\n', 'DBSIZE');
  await wire.expect('+OK\r\n', 'SET', 'five', 'v');
  assert.match(String(await service.primary.value('INFO', 'keyspace')), /db5:keys=1/);
  await wire.expect('+OK\r\n', 'FLUSHALL');
  assert.equal(await service.primary.ask('DBSIZE'), ':0\r\n');
});

test('transactions over any keys, watched ones too, and waiting commands are at the primary', async () => {
  await using service = await startService({ replicas: 1, sentinels: 1 });
  await using gate = await startTidegate(sentinel(service.addresses, { read_policy: 'any' }));
  await using wire = await gate.connect();
  await using other = await gate.connect();
  await wire.expect('+OK\r\n', 'MSET', 'b', '1', 'c', '3');
  await wire.expect('+OK\r\n', 'WATCH', 'b');
  await wire.expect('+OK\r\n', 'MULTI');
  await wire.expect('+QUEUED\r\n', 'SET', 'b', '7');
  await wire.expect('+QUEUED\r\n', 'GET', 'c');
  await wire.expect('*2\r\n+OK\r\n$1\r\n3\r\n', 'EXEC');
  await wire.expect('+OK\r\n', 'WATCH', 'b');
  await other.expect('+OK\r\n', 'SET', 'b', '8');
  await wire.expect('+OK\r\n', 'MULTI');
  await wire.expect('+QUEUED\r\n', 'SET', 'b', '9');
  await wire.expect('*-1\r\n', 'EXEC');
  wire.send('BLPOP', 'list', '0');
  await until(async () => (await service.primary.clientsBlocked()) === 1, 'it waits');
  await other.expect(':1\r\n', 'RPUSH', 'list', 'x');
  assert.equal(await wire.read(), '*2\r\n$4\r\nlist\r\n$1\r\nx\r\n');
  await wire.expect(':1\r\n', 'WAIT', '1', '1000');
});

test('servers and Sentinels have passwords of their own, and learnt Sentinels that of the others', async () => {
  await using service = await startService({
    replicas: 1,
    sentinels: 2,
    password: 'of-servers',
    sentinelPassword: 'of-sentinels',
  });
  const [first, second] = service.addresses as [string, string];
  await using gate = await startTidegate(
    sentinel([first], {
      password: 'of-servers',
      credentials: [{ server: first, password: 'of-sentinels' }],
      topology: { min_interval: '50ms', refresh: '100ms' },
    }),
  );
  assert.equal(await gate.ask('SET', 'k', 'v'), '+OK\r\n');
  await until(() => gate.logs.includes(second), 'the other Sentinel is known');
  await service.sentinels[0]!.kill();
  const surveys = async (): Promise<number> =>
    Number(/surveys_total\{.*ok.*\} (\d+)/.exec((await gate.admin('/metrics')).body)?.[1]);
  const before = await surveys();
  await until(async () => (await surveys()) > before + 1, 'the other one is believed');
  assert.doesNotMatch((await gate.admin('/config')).body, /of-se/);
  assert.doesNotMatch(gate.logs, /of-se/);
});

test('Sentinels and servers are reached by TLS where that is configured', async () => {
  await using certificates = await makeCertificates();
  await using server = await startRedis({ tls: certificates });
  await using watcher = await ScriptedSentinel.start(`127.0.0.1:${server.tlsPort}`, certificates);
  const tls = { ca: certificates.ca, server_name: 'localhost' };
  await using gate = await startTidegate(sentinel([watcher.address], { tls }));
  assert.equal(await gate.ask('SET', 'k', 'v'), '+OK\r\n');
  assert.equal(await server.ask('GET', 'k'), bulk('v'));
  await until(() => watcher.listeners === 1, 'the Sentinel is listened to');
});
