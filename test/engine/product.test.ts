/** The engine as users meet it: served without options, configured, reloaded, and in the process of a test. */
import assert from 'node:assert/strict';
import { appendFileSync, globSync, mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { Redis } from 'ioredis';
import { createEngine } from '../../src/library.ts';
import { until, within } from '../support/bounded.ts';
import { freePort } from '../support/ports.ts';
import { TestProcess } from '../support/process.ts';
import { startRedis } from '../support/redis.ts';
import { configAt, freePlaces, metric, reload, reloadWell, startAt } from '../support/reload.ts';
import { embedded, MAIN, type Section, startTidegate } from '../support/tidegate.ts';
import { bulk, Wire } from '../support/wire.ts';

/** What `npm start` promises, start of Node included; here tests run beside it, so there is room for those. */
const START_MS_MAX = 5000;

test('served without servers or a file, it is a Redis', async () => {
  const [port, adminPort] = [await freePort(), await freePort()];
  const begun = performance.now();
  await using gate = new TestProcess(process.execPath, [
    MAIN,
    'serve',
    ...['--listen', `127.0.0.1:${port}`, '--admin', `127.0.0.1:${adminPort}`],
  ]);
  const wire = await untilConnected(port);
  assert.equal(await wire.ask('SET', 'a', '1'), '+OK\r\n', gate.output());
  const ms = performance.now() - begun;
  assert.ok(ms < START_MS_MAX, `the first answer took ${ms} ms`);
  assert.equal(await wire.ask('INCR', 'a'), ':2\r\n');
  await wire.expect('+OK\r\n', 'MULTI');
  await wire.expect('+QUEUED\r\n', 'GET', 'a');
  await wire.expect('+QUEUED\r\n', 'PING');
  await wire.expect(`*2\r\n${bulk('2')}+PONG\r\n`, 'EXEC');
  await wire.expect('+OK\r\n', 'SELECT', '15');
  await wire.expect('$-1\r\n', 'GET', 'a');
  await wire.expect('-ERR DB index is out of range\r\n', 'SELECT', '16');
  assert.match(await wire.ask('HELLO', '3'), /^%7\r\n/);
  await wire.expect('_\r\n', 'GET', 'a');
  await wire.expect('+RESET\r\n', 'RESET');
  await wire.expect(bulk('2'), 'GET', 'a');
  assert.match(await wire.ask('CLIENT', 'LIST'), / cmd=client\|list /);
  assert.match(await wire.ask('COMMAND', 'COUNT'), /^:\d+\r\n$/);
  wire.close();
});

async function untilConnected(port: number): Promise<Wire> {
  let wire: Wire | null = null;
  await until(
    async () => {
      wire = await Wire.connect({ port }).catch(() => null);
      return wire !== null;
    },
    'clients are accepted',
    START_MS_MAX,
    10,
  );
  return wire!;
}

test('a client that waits is served, unblocked, killed and paused as by a server', async () => {
  await using gate = await startTidegate(embedded());
  await using one = await gate.connect();
  await using other = await gate.connect();
  const id = (await one.ask('CLIENT', 'ID')).slice(1, -2);
  const isBlocked = async () =>
    (await gate.admin('/metrics')).body.includes('clients{upstream="main"} 1');
  one.send('BLPOP', 'list', '0');
  await until(isBlocked, 'it waits');
  await other.expect(':1\r\n', 'LPUSH', 'list', 'x');
  assert.equal(await one.read(), `*2\r\n${bulk('list')}${bulk('x')}`);
  one.send('BLPOP', 'list', '0');
  await until(isBlocked, 'it waits again');
  await other.expect(':1\r\n', 'CLIENT', 'UNBLOCK', id);
  assert.equal(await one.read(), '*-1\r\n');
  one.send('BLPOP', 'list', '0');
  await until(isBlocked, 'it waits once more');
  await other.expect(':1\r\n', 'CLIENT', 'UNBLOCK', id, 'ERROR');
  assert.equal(await one.read(), '-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n');
  await other.expect('+OK\r\n', 'CLIENT', 'PAUSE', '60', 'WRITE');
  await one.expect('+OK\r\n', 'SET', 'a', '1');
  await other.expect('+OK\r\n', 'CLIENT', 'NO-EVICT', 'ON');
  one.send('BLPOP', 'list', '0');
  await until(isBlocked, 'it waits to the end');
  await other.expect(':1\r\n', 'CLIENT', 'KILL', 'ID', id);
  await one.ended();
  await until(async () => !(await isBlocked()), 'its wait is forgotten');
  await other.expect(':1\r\n', 'LPUSH', 'list', 'y');
  await other.expect(':1\r\n', 'LLEN', 'list');
});

test('a monitor sees what clients of the engine send', async () => {
  await using gate = await startTidegate(embedded());
  await using monitor = await gate.connect();
  await monitor.expect('+OK\r\n', 'MONITOR');
  await gate.ask('SET', 'seen', '1');
  assert.match(await monitor.read(), /"SET" "seen" "1"\r\n$/);
});

test('replicas are none to wait for, and what is cached by clients is not tracked', async () => {
  await using gate = await startTidegate(embedded());
  await using wire = await gate.connect({ protocol: 3 });
  await wire.expect(':0\r\n', 'WAIT', '1', '50');
  await wire.expect('*2\r\n:0\r\n:0\r\n', 'WAITAOF', '0', '1', '50');
  await wire.expect('-ERR timeout is negative\r\n', 'WAIT', '1', '-1');
  await wire.expect(
    '-ERR CLIENT TRACKING is not supported by the embedded engine\r\n',
    'CLIENT',
    'TRACKING',
    'ON',
  );
  await wire.expect('+OK\r\n', 'CLIENT', 'TRACKING', 'OFF');
  await wire.expect('-ERR This instance has cluster support disabled\r\n', 'CLUSTER', 'INFO');
});

test('keyspace notifications come by the classes that are wanted, before the reply', async () => {
  await using gate = await startTidegate(embedded({ notify_keyspace_events: 'K$' }));
  await using wire = await gate.connect({ protocol: 3 });
  await using other = await gate.connect();
  await wire.ask('PSUBSCRIBE', '__key*');
  const told = (channel: string, text: string) =>
    `>4\r\n${bulk('pmessage')}${bulk('__key*')}${bulk(channel)}${bulk(text)}`;
  assert.equal(await wire.ask('SET', 'a', '1'), told('__keyspace@0__:a', 'set'));
  assert.equal(await wire.read(), '+OK\r\n');
  await other.ask('DEL', 'a');
  await other.expect('+OK\r\n', 'CONFIG', 'SET', 'notify-keyspace-events', 'lgE');
  await other.expect(
    `*2\r\n${bulk('notify-keyspace-events')}${bulk('glE')}`,
    'CONFIG',
    'GET',
    'notify-keyspace-events',
  );
  assert.match(
    await other.ask('CONFIG', 'SET', 'notify-keyspace-events', 'Kq'),
    /Invalid event class character\. Use 'Ag\$lshzxeKEtmdn'\.\r\n$/,
  );
  await other.askAll([
    ['SELECT', '2'],
    ['SET', 'b', '1'],
    ['DEL', 'b'],
  ]);
  assert.equal(await wire.read(), told('__keyevent@2__:del', 'b'));
  await other.ask('CONFIG', 'SET', 'notify-keyspace-events', 'KEx');
  await other.ask('SET', 'c', '1', 'PX', '1');
  assert.equal(await wire.read(), told('__keyspace@2__:c', 'expired'));
  assert.equal(await wire.read(), told('__keyevent@2__:expired', 'c'));
});

test('missed and new keys are told as by a server', async () => {
  await using server = await startRedis();
  await using gate = await startTidegate(embedded());
  const told: string[][] = [];
  for (const door of [server, gate]) {
    await using events = await door.connect({ protocol: 3 });
    await using wire = await door.connect();
    await wire.ask('CONFIG', 'SET', 'notify-keyspace-events', 'EAmn');
    await events.ask('PSUBSCRIBE', '__key*');
    await wire.askAll([
      ['GET', 'a'],
      ['SET', 'a', '1'],
      ['SET', 'a', '2'],
      ['INCR', 'n'],
      ['LPUSH', 'l', 'x'],
      ['LRANGE', 'none', '0', '-1'],
      ['EXISTS', 'a', 'none'],
      ['TYPE', 'none'],
      ['TTL', 'none'],
      ['RENAME', 'a', 'b'],
      ['HSET', 'h', 'f', 'v'],
      ['SADD', 's', '1'],
      ['ZADD', 'z', '1', 'm'],
      ['XADD', 'x', '1-1', 'f', 'v'],
      ['APPEND', 'none', ''],
      ['HGET', 'none2', 'f'],
      ['DEL', 'none2', 'b'],
      ['PUBLISH', '__key end', ''],
    ]);
    const heard: string[] = [];
    while (heard.at(-1)?.includes('end') !== true) heard.push(await events.read());
    told.push(heard);
  }
  assert.deepEqual(told[1], told[0]);
});

test('a reload tunes the engine and keeps its data', async () => {
  const places = await freePlaces();
  const withEngine = (engine: Section, rest = {}) =>
    configAt(places, { main: { kind: 'embedded', ...engine } }, {}, rest);
  await using gate = await startAt(withEngine({}));
  await using wire = await gate.connect();
  const configured = async (name: string) => (await wire.value('CONFIG', 'GET', name)) as string[];
  await wire.expect('+OK\r\n', 'SET', 'kept', 'yes');
  await wire.expect('+OK\r\n', 'CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
  await reloadWell(gate, withEngine({ max_memory: '64mb' }, { log: { level: 'debug' } }));
  assert.deepEqual(await configured('maxmemory'), ['maxmemory', `${64 * 1024 * 1024}`]);
  // What a client has set, and the file did not change, stays.
  assert.deepEqual(await configured('maxmemory-policy'), ['maxmemory-policy', 'allkeys-lru']);
  await wire.expect(bulk('yes'), 'GET', 'kept');
  for (const [config, reason] of [
    [
      withEngine({ dir: './elsewhere' }),
      /upstreams\.main\.dir: found .*elsewhere, running in memory/,
    ],
    [withEngine({ databases: 4 }), /upstreams\.main\.databases: found 4, running 16/],
    [configAt(places, { main: { servers: ['127.0.0.1:1'] } }), /main\.kind: found shards, running/],
    [
      configAt(places, { other: { kind: 'embedded' } }),
      /upstreams: main is missing, and its engine/,
    ],
  ] as const) {
    const { status, body } = await reload(gate, config);
    assert.equal(status, 422);
    assert.match(body, reason);
  }
  await wire.expect(bulk('yes'), 'GET', 'kept');
});

test('with a folder it remembers, and does not start on what it cannot read', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'tidegate-engine-'));
  try {
    const config = embedded({ dir: folder, appendonly: 'always' });
    {
      await using gate = await startTidegate(config);
      assert.equal(await gate.ask('SET', 'kept', 'yes'), '+OK\r\n');
      await gate.stop();
    }
    {
      await using gate = await startTidegate(config);
      assert.equal(await gate.ask('GET', 'kept'), bulk('yes'));
      await gate.stop();
    }
    const [file] = globSync('appendonlydir/*.incr.aof', { cwd: folder });
    appendFileSync(path.join(folder, file!), 'nonsense\r\n*1\r\n$4\r\nPING\r\n');
    await using gate = await startTidegate(config, { wait: false });
    assert.equal((await gate.ended()).code, 1);
    assert.match(gate.stderr, /^tidegate: .*incr\.aof/m);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('`workers: auto` becomes one worker, and the log says so', async () => {
  await using gate = await startAt({ ...embedded(), workers: 'auto' });
  assert.equal(await metric(gate, 'tidegate_workers'), 1);
  const isTold = gate.logs.includes('one worker: all clients share the embedded engine');
  assert.equal(isTold, availableParallelism() > 1, gate.logs);
});

test('the admin port knows it', async () => {
  await using gate = await startTidegate(embedded({ max_memory: '1gb' }));
  await using wire = await gate.connect();
  await wire.askAll([
    ['SET', 'a', '1', 'EX', '100'],
    ['GET', 'a'],
    ['GET', 'none'],
  ]);
  const read = async (page: string) => JSON.parse((await gate.admin(page)).body);
  const [main] = (await read('/topology')).upstreams;
  assert.deepEqual(
    { ...main, memoryBytes: main.memoryBytes > 0 },
    {
      ...{ name: 'main', kind: 'embedded', dir: null, databases: 16 },
      ...{ keys: 1, memoryBytes: true, maxMemoryBytes: 1024 ** 3 },
    },
  );
  const { engine } = (await read('/stats')).upstreams.main;
  assert.deepEqual([engine.keys, engine.expiringKeys, engine.hits, engine.misses], [1, 1, 1, 1]);
  assert.equal(await metric(gate, 'tidegate_engine_keys{upstream="main"}'), 1);
  assert.equal((await gate.admin('/readyz')).status, 200);
});

test('as a library it answers calls and clients, and is gone when closed', async () => {
  const engine = createEngine({ config: { 'notify-keyspace-events': 'KEA', maxmemory: '64mb' } });
  assert.equal(await engine.call('SET', 'a', 1), 'OK');
  assert.equal(await engine.call('incrby', Buffer.from('a'), 2), 3);
  assert.deepEqual(
    await engine.call('config', 'get', 'maxmemory'),
    new Map([['maxmemory', `${64 * 1024 ** 2}`]]),
  );
  await assert.rejects(() => engine.call('LPUSH', 'a', 'x'), /^Error: WRONGTYPE /);
  await assert.rejects(() => engine.call('GET'), /wrong number of arguments for 'get' command/);
  await assert.rejects(() => engine.call('nonsense'), /unknown command 'nonsense'/);
  const waiting = engine.call('BLPOP', 'list', 0);
  assert.equal(await engine.call('LPUSH', 'list', 'x'), 1);
  assert.deepEqual(await waiting, ['list', 'x']);
  const { host, port } = await engine.listen();
  const client = new Redis(port, host);
  const subscriber = new Redis(port, host);
  const heard: string[] = [];
  subscriber.on('message', (channel, text) => heard.push(`${channel} ${text}`));
  await subscriber.subscribe('news', '__keyevent@0__:set');
  assert.equal(await client.get('a'), '3');
  assert.deepEqual(await client.multi().set('b', 1).get('b').exec(), [
    [null, 'OK'],
    [null, '1'],
  ]);
  assert.equal(await engine.call('PUBLISH', 'news', 'hello'), 1);
  await until(() => heard.length === 2, 'both messages have come');
  assert.deepEqual(heard, ['__keyevent@0__:set b', 'news hello']);
  await engine.flushAll();
  assert.equal(await client.dbsize(), 0);
  client.disconnect();
  subscriber.disconnect();
  await within(engine.close(), 1000, 'it is closed');
  await assert.rejects(() => Wire.connect({ port }));
  assert.throws(() => createEngine({ config: { nonsense: '1' } }), /Unknown option/);
});

test('a library has its own time, where it is given one', async () => {
  let now = 1000;
  const engine = createEngine({ clock: () => now });
  await engine.call('SET', 'a', 1, 'PX', 500);
  now += 499;
  assert.equal(await engine.call('GET', 'a'), '1');
  now += 1;
  assert.equal(await engine.call('GET', 'a'), null);
  await engine.close();
});
