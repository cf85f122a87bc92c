/** Who answers reads, by read_policy. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '../support/bounded.ts';
import { startService, type TestService } from '../support/sentinel.ts';
import { sentinel, startTidegate, type Tidegate } from '../support/tidegate.ts';
import { bulk } from '../support/wire.ts';

const KEY = 'bar';

async function replicated(service: TestService): Promise<void> {
  await service.primary.ask('SET', KEY, 'v');
  await until(async () => {
    const sizes = await Promise.all(service.replicas.map((each) => each.ask('DBSIZE')));
    return sizes.every((size) => size === ':1\r\n');
  }, 'it is replicated');
}

/** GETs that each server answered when twelve clients asked twice each. */
async function readsBy(service: TestService, gate: Tidegate): Promise<number[]> {
  const count = () =>
    Promise.all(service.servers.map((each) => (each.isRunning ? each.calls('get') : 0)));
  const before = await count();
  for (let i = 0; i < 12; i++) {
    await using wire = await gate.connect();
    assert.equal(await wire.ask('GET', KEY), bulk('v'));
    assert.equal(await wire.ask('GET', KEY), bulk('v'));
  }
  const after = await count();
  return after.map((calls, index) => calls - before[index]!);
}

test('reads go where the policy says; writes and walks through all keys to the primary', async () => {
  await using service = await startService();
  await replicated(service);
  for (const policy of [
    'primary',
    'prefer_primary',
    'replica',
    'prefer_replica',
    'any',
    'nearest',
  ]) {
    await using gate = await startTidegate(sentinel(service.addresses, { read_policy: policy }));
    const [first, ...others] = await readsBy(service, gate);
    if (policy.endsWith('primary')) assert.deepEqual([first, ...others], [24, 0, 0], policy);
    if (policy.endsWith('replica')) assert.equal(first, 0, policy);
    if (policy.endsWith('replica') || policy === 'any') {
      assert.ok(
        others.every((calls) => calls > 0),
        `${policy}: ${others}`,
      );
    }
    assert.equal(await gate.ask('SET', KEY, 'v'), '+OK\r\n');
    assert.equal(await gate.ask('SCAN', '0'), `*2\r\n${bulk('0')}*1\r\n${bulk(KEY)}`);
  }
  const scans = await Promise.all(service.servers.map((each) => each.calls('scan')));
  assert.deepEqual(scans, [6, 0, 0]);
});

test('a replica that hangs makes nobody wait who selects a database', async () => {
  await using service = await startService({ replicas: 1, sentinels: 1 });
  await using gate = await startTidegate(sentinel(service.addresses));
  service.replicas[0]!.pause();
  const begin = performance.now();
  for (const database of ['3', '4']) assert.equal(await gate.ask('SELECT', database), '+OK\r\n');
  const ms = performance.now() - begin;
  service.replicas[0]!.resume();
  assert.ok(ms < 900, `${ms} ms`);
});

test('a replica that is down is left out, and comes back', async () => {
  await using service = await startService();
  await replicated(service);
  await using gate = await startTidegate(
    sentinel(service.addresses, {
      read_policy: 'replica',
      topology: { refresh: '200ms', min_interval: '50ms' },
    }),
  );
  const [one, other] = service.replicas as [
    TestService['servers'][number],
    TestService['servers'][number],
  ];
  await one.kill();
  const workersIn = async (address: string): Promise<number> => {
    const [upstream] = JSON.parse((await gate.admin('/topology')).body).upstreams;
    const rows = upstream.servers as readonly { name: string; workersIn: number }[];
    return rows.find(({ name }) => name === address)?.workersIn ?? -1;
  };
  await until(async () => (await workersIn(one.address)) === 0, 'it is out', 10_000);
  assert.equal(await workersIn(other.address), 1);
  const [atPrimary, , atOther] = await readsBy(service, gate);
  assert.deepEqual([atPrimary, atOther], [0, 24]);
  await one.restart();
  await until(async () => (await workersIn(one.address)) === 1, 'it is in', 15_000);
  await until(async () => (await readsBy(service, gate))[1]! > 0, 'it answers again', 10_000);
});

test('after a failover the former primary answers reads when it is in step as a replica', async () => {
  await using service = await startService({ replicas: 1 });
  await replicated(service);
  await using gate = await startTidegate(
    sentinel(service.addresses, {
      read_policy: 'replica',
      topology: { refresh: '200ms', min_interval: '50ms' },
    }),
  );
  await service.failover();
  await service.settled();
  await until(
    async () => {
      assert.match(await gate.ask('GET', KEY), /^(\$1|-no upstream host|-upstream failure)/);
      return (await service.primary.calls('get')) > 0;
    },
    'it answers reads',
    10_000,
  );
});
