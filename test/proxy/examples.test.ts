/** The example configurations run as they are, with real servers on the ports they name. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { until } from '../support/bounded.ts';
import { slotOfKey, startCluster } from '../support/cluster.ts';
import { isFree } from '../support/ports.ts';
import { run } from '../support/process.ts';
import { RedisGroup, startRedis } from '../support/redis.ts';
import { ROOT, runTidegate, startTidegate, type Tidegate } from '../support/tidegate.ts';
import { bulk } from '../support/wire.ts';

const PORTS = [7001, 7002, 7003, 7004];
const folder = path.join(ROOT, 'examples');

async function startServers(): Promise<RedisGroup> {
  for (const port of [...PORTS, 6380, 9901]) {
    assert.ok(
      await isFree(port),
      `port ${port} is taken: the examples name it, so this test needs it`,
    );
  }
  const group = new RedisGroup();
  for (const port of PORTS) group.push(await startRedis({ port }));
  return group;
}

function startExample(name: string): Promise<Tidegate> {
  return startTidegate(readFileSync(path.join(folder, name), 'utf8'));
}

test('01-shards.yaml: four servers behind one door', async () => {
  await using servers = await startServers();
  await using gate = await startExample('01-shards.yaml');
  await using wire = await gate.connect();
  const names = Array.from({ length: 200 }, (_none, index) => `key:${index}`);
  await wire.ask('MSET', ...names.flatMap((name) => [name, name]));
  assert.deepEqual(await wire.value('MGET', ...names), names);
  const sizes = await Promise.all(
    Array.from(servers, (server) => server.value('DBSIZE').then(Number)),
  );
  assert.equal(
    sizes.reduce((sum, size) => sum + size, 0),
    200,
  );
  assert.ok(
    sizes.every((size) => size > 20),
    `${sizes}`,
  );
  assert.equal((await gate.admin('/healthz')).status, 200);
});

test('02-routes.yaml: prefix, mirror of writes and two users', async () => {
  await using servers = await startServers();
  await using gate = await startExample('02-routes.yaml');
  await using open = await gate.connect({ auth: ['open'] });
  await using app = await gate.connect({ auth: ['app', 'secret'] });
  assert.equal(await app.ask('SET', 'user:ann', '1'), '+OK\r\n');
  assert.match(await app.ask('SET', 'other', '1'), /^-NOPERM/);
  assert.match(await app.ask('KEYS', '*'), /^-NOPERM/);
  assert.equal(await servers[0]!.ask('GET', 'ann'), bulk('1'));
  assert.equal(await open.ask('SET', 'other', '2'), '+OK\r\n');
  assert.equal(await open.ask('GET', 'other'), bulk('2'));
  await open.ask('STRLEN', 'other');
  await until(
    async () => (await servers[3]!.ask('GET', 'other')) === bulk('2'),
    'the mirror has it',
  );
  assert.equal(await servers[3]!.calls('strlen'), 0);
});

test('03-cluster.yaml, without the functions of a later version: a cluster behind one door', async () => {
  const ports = [7101, 7102, 7103, 7104, 7105, 7106];
  for (const port of [...ports, 6380, 9901]) assert.ok(await isFree(port), `port ${port} is taken`);
  await using servers = await startCluster({ ports });
  const file = path.join(ROOT, 'test/cli/fixtures/03-cluster.yaml');
  const text = readFileSync(file, 'utf8').replace(/^functions:.*\n/m, '');
  await using gate = await startTidegate(text);
  await using wire = await gate.connect();
  const names = Array.from({ length: 200 }, (_none, index) => `key:${index}`);
  await wire.expect('+OK\r\n', 'MSET', ...names.flatMap((name) => [name, name]));
  assert.deepEqual(await wire.value('MGET', ...names), names);
  for (const name of names.slice(0, 20)) {
    const owner = await servers.ownerOf(slotOfKey(name));
    assert.equal(await owner.ask('GET', name), bulk(name));
  }
});

test('04-embedded.yaml, without the HTTP of a later version: the engine inside', async () => {
  for (const port of [6380, 9901]) assert.ok(await isFree(port), `port ${port} is taken`);
  const file = path.join(ROOT, 'test/cli/fixtures/04-embedded.yaml');
  const text = readFileSync(file, 'utf8').replace(/^http:.*\n/m, '');
  await using gate = await startTidegate(text);
  await using wire = await gate.connect();
  await wire.expect('+OK\r\n', 'SET', 'a', '1');
  await wire.expect(
    `*2\r\n${bulk('maxmemory')}${bulk(`${1024 ** 3}`)}`,
    'CONFIG',
    'GET',
    'maxmemory',
  );
});

test('the example of the engine as a library runs', async () => {
  const page = readFileSync(path.join(ROOT, 'docs/engine.md'), 'utf8');
  const code = /```js\n(.*?)```/s.exec(page)?.[1] ?? '';
  const library = pathToFileURL(path.join(ROOT, 'src/library.ts')).href;
  const here = code
    .replace("'tidegate/engine'", `'${library}'`)
    .replace("'ioredis'", `'${import.meta.resolve('ioredis')}'`);
  assert.match(here, /library\.ts/);
  const { code: status, stderr } = await run(process.execPath, ['--input-type=module', '-e', here]);
  assert.equal(status, 0, stderr);
});

test('the examples pass `tidegate check`', async () => {
  for (const name of ['01-shards.yaml', '02-routes.yaml']) {
    const { code, stderr } = await runTidegate(['check', path.join(folder, name)]);
    assert.equal(code, 0, stderr);
  }
});
