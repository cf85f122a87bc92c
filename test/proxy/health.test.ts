/** Servers that are ill leave the ring and come back; the others keep every key they had. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sleep, until } from '../support/bounded.ts';
import { keysByServer } from '../support/placement.ts';
import { type RedisGroup, startRedises } from '../support/redis.ts';
import { shards, startTidegate, type Tidegate } from '../support/tidegate.ts';
import { bulk, type Wire } from '../support/wire.ts';

const CHECK = { interval: '100ms', timeout: '100ms', unhealthy_threshold: 2, healthy_threshold: 2 };
const FAILURE = '-upstream failure\r\n';

interface Placed {
  readonly placed: string[][];
  readonly wire: Wire;
}

/** Keys of every server, each with its own name as value. */
async function fill(gate: Tidegate, servers: RedisGroup): Promise<Placed> {
  const placed = await keysByServer(gate, servers);
  const wire = await gate.connect();
  await wire.ask('MSET', ...placed.flat().flatMap((key) => [key, key]));
  return { placed, wire };
}

async function answersIn(wire: Wire, keys: readonly string[]): Promise<Set<string>> {
  const replies = await wire.askAll(keys.map((key) => ['GET', key]));
  return new Set(replies.map((reply, index) => (reply === bulk(keys[index]!) ? 'value' : reply)));
}

for (const state of ['stopped', 'dead'] as const) {
  test(`a ${state} server leaves the ring after its checks fail; others keep their keys; it comes back`, async () => {
    await using servers = await startRedises(4);
    await using gate = await startTidegate(
      shards(servers.addresses, { health_check: CHECK, op_timeout: '300ms' }),
    );
    const { placed, wire } = await fill(gate, servers);
    const ill = servers[2]!;
    if (state === 'stopped') ill.pause();
    else await ill.kill();
    await until(
      async () => (await wire.ask('GET', placed[2]![0]!)) === '$-1\r\n',
      'its keys are looked for elsewhere',
    );
    const others = [...placed[0]!, ...placed[1]!, ...placed[3]!];
    assert.deepEqual([...(await answersIn(wire, others))], ['value']);
    assert.deepEqual([...(await answersIn(wire, placed[2]!))], ['$-1\r\n']);
    if (state === 'stopped') ill.resume();
    else await ill.start();
    await wire.askAll(placed[2]!.map((key) => ['SET', key, key]));
    await until(async () => {
      await wire.ask('SET', placed[2]![1]!, 'back');
      return (await ill.ask('GET', placed[2]![1]!)) === bulk('back');
    }, 'its keys go to it again');
    wire.close();
  });
}

test('a server that holds the maintenance key leaves the ring while it does', async () => {
  await using servers = await startRedises(3);
  await using gate = await startTidegate(
    shards(servers.addresses, { health_check: { ...CHECK, key: 'maintenance' } }),
  );
  const { placed, wire } = await fill(gate, servers);
  await servers[1]!.ask('SET', 'maintenance', '1');
  await until(async () => (await wire.ask('GET', placed[1]![0]!)) === '$-1\r\n', 'it has left');
  assert.deepEqual([...(await answersIn(wire, [...placed[0]!, ...placed[2]!]))], ['value']);
  await servers[1]!.ask('DEL', 'maintenance');
  await until(
    async () => (await wire.ask('GET', placed[1]![0]!)) === bulk(placed[1]![0]!),
    'it is back',
  );
  wire.close();
});

test('when fewer than half of the servers are well, health is ignored', async () => {
  await using servers = await startRedises(4);
  await using gate = await startTidegate(
    shards(servers.addresses, { health_check: CHECK, op_timeout: '300ms' }),
  );
  const { placed, wire } = await fill(gate, servers);
  await Promise.all([0, 1, 2].map((index) => servers[index]!.kill()));
  await sleep(800);
  assert.deepEqual([...(await answersIn(wire, placed[3]!))], ['value']);
  assert.deepEqual([...(await answersIn(wire, placed[0]!))], [FAILURE]);
  wire.close();
});

test('a server that fails commands in a row is ejected, and asked again after its time', async () => {
  await using servers = await startRedises(3);
  const outlier_detection = {
    consecutive_failures: 3,
    base_ejection: '700ms',
    max_ejection_percent: 50,
  };
  await using gate = await startTidegate(
    shards(servers.addresses, { outlier_detection, op_timeout: '200ms', retry: { reads: 0 } }),
  );
  const { placed, wire } = await fill(gate, servers);
  await servers[0]!.kill();
  const [key = ''] = placed[0]!;
  assert.equal(await wire.ask('GET', key), FAILURE);
  await until(
    async () => (await wire.ask('GET', key)) === '$-1\r\n',
    'its keys are looked for elsewhere',
  );
  assert.deepEqual([...(await answersIn(wire, [...placed[1]!, ...placed[2]!]))], ['value']);
  await servers[0]!.start();
  await servers[0]!.ask('SET', key, 'back');
  await until(
    async () => (await wire.ask('GET', key)) === bulk('back'),
    'it is asked again',
    8000,
    50,
  );
  wire.close();
});

test('error replies of a server do not eject it', async () => {
  await using servers = await startRedises(2);
  const outlier_detection = {
    consecutive_failures: 3,
    base_ejection: '5s',
    max_ejection_percent: 100,
  };
  await using gate = await startTidegate(shards(servers.addresses, { outlier_detection }));
  const { placed, wire } = await fill(gate, servers);
  const keys = placed.map(([key = '']) => key);
  for (let index = 0; index < 10; index++)
    for (const key of keys) await wire.ask('LPUSH', key, 'x');
  assert.deepEqual([...(await answersIn(wire, placed.flat()))], ['value']);
  wire.close();
});

test('no more servers are ejected than allowed', async () => {
  await using servers = await startRedises(4);
  const outlier_detection = {
    consecutive_failures: 2,
    base_ejection: '10s',
    max_ejection_percent: 25,
  };
  await using gate = await startTidegate(
    shards(servers.addresses, { outlier_detection, op_timeout: '200ms', retry: { reads: 0 } }),
  );
  const { placed, wire } = await fill(gate, servers);
  await Promise.all([servers[0]!.kill(), servers[1]!.kill()]);
  const keys = [placed[0]![0]!, placed[1]![0]!];
  for (let index = 0; index < 10; index++) for (const key of keys) await wire.ask('GET', key);
  const last = [await wire.ask('GET', keys[0]!), await wire.ask('GET', keys[1]!)];
  wire.close();
  // One is out and its keys have moved (perhaps to the other dead one); the other still fails.
  assert.ok(last.includes(FAILURE), last.join(''));
});

test('the connection rate limit holds new links back', async () => {
  await using servers = await startRedises(1);
  await using gate = await startTidegate(
    shards(servers.addresses, { connection_rate: '2/s', connections: 8 }),
  );
  const wires = await Promise.all(Array.from({ length: 16 }, () => gate.connect()));
  await Promise.all(wires.map((wire) => wire.ask('GET', 'k')));
  const clients =
    String(await servers[0]!.value('CLIENT', 'LIST'))
      .trimEnd()
      .split('\n').length - 1;
  for (const wire of wires) wire.close();
  assert.ok(clients <= 6, `${clients} links within moments`);
});
