/** Several workers are one door: one port, one list of clients, one set of figures, one end. */
import assert from 'node:assert/strict';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { quickStart } from '../../src/config/quick-start.ts';
import { silent } from '../../src/core/log.ts';
import { createProxy } from '../../src/proxy.ts';
import { startMany } from '../../src/workers/many.ts';
import { sleep, until, within } from '../support/bounded.ts';
import { kept } from '../support/kept.ts';
import { freePort, isFree } from '../support/ports.ts';
import { startRedis } from '../support/redis.ts';
import { shards, startTidegate, type TestConfig, type Tidegate } from '../support/tidegate.ts';
import { bulk, decode, encode, Wire } from '../support/wire.ts';

const server = kept(await startRedis());
const gate = kept(await startTwo(shards([server.address])));

/** The first worker may answer a moment before the last one listens. */
async function startTwo(config: TestConfig): Promise<Tidegate> {
  const started = await startTidegate({ ...config, workers: 2 });
  await until(() => started.logs.includes('"serving"'), 'all workers serve');
  return started;
}

interface Stats {
  readonly workers: readonly { readonly index: number }[];
  readonly listeners: Record<string, { commands: number; connectionsActive: number }>;
  readonly upstreams: Record<string, { commands: Record<string, { replies: number }> }>;
}

async function stats(of: Tidegate): Promise<Stats> {
  return JSON.parse((await of.admin('/stats')).body) as Stats;
}

/** The kernel deals connections out by chance: with so many, both workers have some. */
async function connectMany(of: Tidegate, count = 24): Promise<Wire[]> {
  return await Promise.all(Array.from({ length: count }, () => of.connect()));
}

async function idOf(wire: Wire): Promise<number> {
  return decode(await wire.ask('CLIENT', 'ID')) as number;
}

test('clients are spread over the workers, and their ids never meet', async () => {
  const wires = await connectMany(gate);
  const ids = await Promise.all(wires.map(idOf));
  for (const wire of wires) wire.close();
  assert.equal(new Set(ids).size, ids.length);
  assert.deepEqual(new Set(ids.map((id) => id % 2)), new Set([0, 1]));
});

test('CLIENT LIST names the clients of all workers', async () => {
  const wires = await connectMany(gate);
  const ids = await Promise.all(wires.map(idOf));
  const list = await wires[0]!.ask('CLIENT', 'LIST');
  for (const wire of wires) wire.close();
  for (const id of ids) assert.match(list, new RegExp(`\\bid=${id} `));
});

test('CLIENT KILL reaches a client of another worker', async () => {
  const wires = await connectMany(gate);
  const ids = await Promise.all(wires.map(idOf));
  const other = ids.findIndex((id) => id % 2 !== ids[0]! % 2);
  assert.equal(await wires[0]!.ask('CLIENT', 'KILL', 'ID', String(ids[other])), ':1\r\n');
  await wires[other]!.ended();
  for (const wire of wires) wire.close();
});

test('CLIENT PAUSE and UNPAUSE hold and free the clients of all workers', async () => {
  const wires = await connectMany(gate);
  await Promise.all(wires.map((wire) => wire.ask('PING')));
  assert.equal(await wires[0]!.ask('CLIENT', 'PAUSE', '20000', 'WRITE'), '+OK\r\n');
  const held = wires.slice(1);
  for (const wire of held) wire.write(encode(['SET', 'k', 'v']));
  await sleep(100);
  assert.equal(await server.value('EXISTS', 'k'), 0);
  assert.equal(await wires[0]!.ask('CLIENT', 'UNPAUSE'), '+OK\r\n');
  for (const wire of held) assert.deepEqual(await wire.readAll(1), ['+OK\r\n']);
  for (const wire of wires) wire.close();
});

test('the admin pages speak for all workers', async () => {
  const wires = await connectMany(gate);
  await Promise.all(wires.map((wire) => wire.askAll(Array(10).fill(['STRLEN', 'k']))));
  const { workers, listeners, upstreams } = await stats(gate);
  for (const wire of wires) wire.close();
  assert.deepEqual(
    workers.map(({ index }) => index),
    [0, 1],
  );
  assert.equal(upstreams['main']!.commands['strlen']!.replies, 240);
  assert.ok(listeners['main']!.connectionsActive >= 24);
  assert.equal((await gate.admin('/readyz')).status, 200);
});

test('POST /drain answers what is under way in every worker and ends with 0', async () => {
  await using own = await startRedis();
  await using door = await startTwo(shards([own.address], { op_timeout: '5s' }));
  const wires = await connectMany(door, 12);
  await wires[0]!.ask('SET', 'k', 'v');
  await Promise.all(wires.map((wire) => wire.ask('PING')));
  own.pause();
  for (const wire of wires) wire.write(encode(['GET', 'k']));
  await sleep(100);
  assert.equal((await door.admin('/drain', { method: 'POST' })).status, 202);
  await until(() => isFree(door.port), 'the door is shut');
  assert.equal((await door.admin('/healthz')).status, 200);
  assert.equal((await door.admin('/readyz')).status, 503);
  own.resume();
  for (const wire of wires) assert.deepEqual(await wire.readAll(1), [bulk('v')]);
  assert.deepEqual(await door.ended(), { code: 0, signal: null });
});

test('a second gateway that shares ports too is refused', async () => {
  const config = shards([server.address], {}, { listen: `127.0.0.1:${gate.port}` });
  await using second = await startTidegate({ ...config, workers: 2 }, { wait: false });
  assert.equal((await second.ended()).code, 1, second.logs);
  assert.match(second.stderr, /already in use/);
});

test('a taken admin port is one clear line and exit code 1', async () => {
  const config = { ...shards([server.address]), admin: { listen: `127.0.0.1:${gate.adminPort}` } };
  await using second = await startTidegate({ ...config, workers: 2 }, { wait: false });
  assert.equal((await second.ended()).code, 1, second.logs);
  assert.match(second.stderr, new RegExp(`127.0.0.1:${gate.adminPort} is already in use`));
});

test('a unix socket is served by one worker and does not hinder readiness', async () => {
  const listen = `unix:${path.join(tmpdir(), `tidegate-workers-${process.pid}.sock`)}`;
  await using door = await startTwo(shards([server.address], {}, { listen }));
  assert.equal(await door.ask('SET', 'k', 'v'), '+OK\r\n');
  await until(async () => (await door.admin('/readyz')).status === 200, 'ready');
});

test('lines of the log name the worker and are whole', async () => {
  await using own = await startRedis();
  await using door = await startTwo(shards([own.address]));
  await own.kill();
  await until(() => door.logs.includes('connection lost'), 'the loss is told');
  const lines = door.logs.trimEnd().split('\n');
  const told = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  const workers = told.filter(({ msg }) => msg === 'upstream connection lost');
  assert.ok(workers.every(({ worker }) => worker === 0 || worker === 1));
});

test('an ephemeral port is chosen once for all workers', async () => {
  const config = quickStart({
    upstream: server.address,
    listen: '127.0.0.1:0',
    admin: '127.0.0.1:0',
    workers: '2',
  });
  const proxy = await createProxy(config, silent);
  try {
    const port = Number(proxy.addresses['main']!.split(':').at(-1));
    const wires = await Promise.all(Array.from({ length: 24 }, () => Wire.connect({ port })));
    const ids = await Promise.all(wires.map(idOf));
    for (const wire of wires) wire.close();
    assert.deepEqual(new Set(ids.map((id) => id % 2)), new Set([0, 1]));
  } finally {
    await proxy.close();
  }
});

test('when the admin port cannot be had, what was opened before is closed again', async () => {
  await using taken = net.createServer();
  const [port, admin] = [await freePort(), await freePort()];
  const { promise, resolve } = Promise.withResolvers<void>();
  taken.listen(admin, '127.0.0.1', resolve);
  await promise;
  for (const workers of ['1', '2']) {
    const config = quickStart({
      upstream: server.address,
      listen: `127.0.0.1:${port}`,
      admin: `127.0.0.1:${admin}`,
      workers,
    });
    await assert.rejects(createProxy(config, silent), { code: 'EADDRINUSE', port: admin });
    await until(() => isFree(port), `the port is free again with ${workers}`);
  }
});

test('a worker that ends by an error is told once, in the log and to whoever runs the proxy', async () => {
  const faulty = `
    import { parentPort } from 'node:worker_threads';
    parentPort.on('message', ({ id, kind }) => {
      if (kind === 'snapshot') throw new Error('broken invariant');
      parentPort.postMessage({ type: 'answer', id, answer: {} });
    });`;
  const start = new URL(`data:text/javascript,${encodeURIComponent(faulty)}`);
  const config = quickStart({ upstream: server.address, listen: '127.0.0.1:0' });
  const said: string[] = [];
  const log = { ...silent, error: (_fields: object, text: string) => said.push(text) };
  const died = Promise.withResolvers<string>();
  const workers = await startMany(config, 2, log as typeof silent, died.resolve, start);
  await assert.rejects(workers.gather(), /does not answer/);
  assert.match(await within(died.promise, 5000, 'the end is told'), /broken invariant/);
  await workers.close();
  assert.deepEqual(said, ['a worker ended by an error']);
});
