/** MONITOR at the door, beside a real server's. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { startAuthService } from '../support/auth-service.ts';
import { until } from '../support/bounded.ts';
import { kept } from '../support/kept.ts';
import { startRedis } from '../support/redis.ts';
import { configAt, freePlaces, reloadWell, startAt } from '../support/reload.ts';
import { shards, startTidegate, type Tidegate } from '../support/tidegate.ts';
import { Wire } from '../support/wire.ts';

const server = kept(await startRedis());
const gate = kept(await startTidegate(shards([server.address])));

async function monitorOf(target: Tidegate, listener = 'main'): Promise<Wire> {
  const wire = await target.connect({ listener, timeoutMs: 10_000 });
  await wire.expect('+OK\r\n', 'MONITOR');
  return wire;
}

/** Without what differs from run to run. */
function plain(line: string): string {
  return line.replace(/^\+\d+\.\d{6} \[(\d+) 127\.0\.0\.1:\d+\]/, '+T [$1 A]');
}

/** What a monitor says until it has shown `ECHO end`, which is left out. */
async function shown(monitor: Wire): Promise<string[]> {
  const lines: string[] = [];
  for (;;) {
    const line = plain(await monitor.read());
    if (line.endsWith('"ECHO" "end"\r\n')) return lines;
    lines.push(line);
  }
}

const COMMANDS: readonly (readonly (string | Buffer)[])[] = [
  ['ping'],
  ['SET', Buffer.from('a\x01"b\\', 'latin1'), Buffer.from('\n\r\t\x07\b\xff\x00~ é', 'latin1')],
  ['get', ''],
  ['select', '3'],
  ['get', 'k'],
  ['select', '0'],
  ['auth', 'u', 'secret'],
  ['hello', '2', 'setname', 'q'],
  ['HELLO', '3', 'AUTH', 'default', 'secret'],
  ['client', 'list'],
  ['client', 'getname'],
  ['client', 'setname', 'me'],
  ['config', 'get', 'maxmemory'],
  ['nosuch', 'x'],
  ['get'],
  ['mget', 'a', 'b', 'c'],
  ['eval', 'return 1', '0'],
  ['info', 'nosuch'],
  ['command', 'count'],
  ['object', 'encoding', 'k'],
  ['publish', 'c', 'm'],
  ['time'],
  ['slowlog', 'len'],
  ['del', 'k'],
  ['reset'],
];

test('every command is shown as the server itself shows it, or hidden as there', async () => {
  await using watching = await monitorOf(gate);
  await using client = await gate.connect();
  for (const args of COMMANDS) await client.ask(...args);
  await client.ask('ECHO', 'end');
  const found = await shown(watching);
  await using real = await startRedis();
  await using again = await Wire.connect({ port: real.port });
  await again.expect('+OK\r\n', 'MONITOR');
  await using same = await Wire.connect({ port: real.port });
  for (const args of COMMANDS) await same.ask(...args);
  await same.ask('ECHO', 'end');
  const wanted = await shown(again);
  assert.deepEqual(found, wanted);
  assert.ok(found.length > 15);
  assert.doesNotMatch(found.join(''), /secret/);
});

test('a monitoring client may run what Redis lets it run, and RESET ends it', async () => {
  await using here = await monitorOf(gate);
  // Another one, where nothing of the gateway's own is seen.
  await using real = await startRedis();
  await using there = await Wire.connect({ port: real.port });
  await there.expect('+OK\r\n', 'MONITOR');
  const exchange = async (
    wire: Wire,
    args: readonly string[],
    replies: number,
  ): Promise<string[]> => {
    wire.send(...args);
    // What takes its time at the server is shown before it is answered.
    return (await wire.readAll(replies)).map(plain).sort((a, b) => (a < b ? -1 : 1));
  };
  for (const [line, replies] of [
    ['PING', 2],
    ['GET k', 1],
    ['SET k v', 1],
    ['PUBLISH c m', 1],
    ['EVAL x 0', 1],
    ['DBSIZE', 1],
    ['PFCOUNT x', 1],
    ['ECHO x', 2],
    ['NOSUCH', 1],
    ['SELECT 1', 2],
    ['INFO nosuch', 2],
    ['CLIENT GETNAME', 2],
    ['CLIENT KILL ID 999999', 1],
    ['RESET', 1],
    ['GET k', 1],
    ['MONITOR', 1],
    ['QUIT', 1],
  ] as const) {
    const args = line.split(' ');
    const found = await exchange(here, args, replies);
    assert.deepEqual(found, await exchange(there, args, replies), line);
  }
  assert.equal(await here.ended(), '');
});

test('a second MONITOR is not answered, as in Redis, and CLIENT LIST knows who watches', async () => {
  await using monitor = await monitorOf(gate);
  monitor.send('MONITOR');
  const info = await monitor.ask('CLIENT', 'INFO');
  assert.match(info, / flags=O /);
  await using client = await gate.connect();
  await client.ask('ECHO', 'end');
  assert.deepEqual(await shown(monitor), ['+T [0 A] "CLIENT" "INFO"\r\n']);
});

test('lines come behind the answers to what the client asked before, in RESP3 too', async () => {
  await using client = await gate.connect({ protocol: 3 });
  const replies = await client.askAll([['GET', 'none'], ['MONITOR'], ['ECHO', 'x']]);
  assert.deepEqual(replies.slice(0, 3), ['_\r\n', '+OK\r\n', '$1\r\nx\r\n']);
  assert.match(await client.read(), /"ECHO" "x"/);
});

test('published clients understand the stream', async () => {
  const viaIoredis = new Redis(gate.port, '127.0.0.1');
  const watching = await viaIoredis.monitor();
  const heard: string[][] = [];
  watching.on('monitor', (_time: string, args: string[]) => heard.push(args));
  const client = createClient({ url: `redis://127.0.0.1:${gate.port}` });
  await client.connect();
  const lines: string[] = [];
  const viaRedis = client.duplicate();
  await viaRedis.connect();
  await viaRedis.monitor((line) => lines.push(String(line)));
  await client.set('a key', 'a "value"');
  await until(() => heard.some(([name]) => name === 'SET'), 'ioredis hears of it');
  assert.deepEqual(
    heard.find(([name]) => name === 'SET'),
    ['SET', 'a key', 'a "value"'],
  );
  await until(
    () => lines.some((line) => line.includes('"SET" "a key" "a \\"value\\""')),
    'redis too',
  );
  watching.disconnect();
  viaIoredis.disconnect();
  client.destroy();
  viaRedis.destroy();
});

test('a monitor that does not read loses lines and is told, and nobody waits for it', async () => {
  await using own = await startTidegate(shards([server.address]));
  await using monitor = await monitorOf(own);
  await using client = await own.connect({ timeoutMs: 20_000 });
  monitor.pause();
  const before = own.memory();
  const value = 'v'.repeat(4000);
  const count = 6000;
  for (let i = 0; i < count / 100; i++) {
    await client.askAll(Array.from({ length: 100 }, () => ['SET', 'k', value]));
  }
  assert.ok(own.memory() - before < 60e6, `${own.memory() - before} bytes`);
  await until(
    async () =>
      /monitor_lines_left_out_total\{[^}]*\} [1-9]/.test((await own.admin('/metrics')).body),
    'lines are left out',
  );
  monitor.resume();
  await until(async () => (await client.ask('ECHO', 'end')).length > 0, 'asked');
  let seen = 0;
  let leftOut = 0;
  while (seen + leftOut < count) {
    const line = await monitor.read();
    const note = /^\+\d+\.\d{6} \[0 tidegate:0\] "#" "(\d+) commands left out"\r\n$/.exec(line);
    if (note !== null) leftOut += Number(note[1]);
    else if (line.includes('"SET" "k"')) seen++;
  }
  assert.ok(leftOut > 0);
});

test('no more lines a second than anyone could read', async () => {
  await using own = await startTidegate(shards([server.address]));
  await using monitor = await monitorOf(own);
  await using client = await own.connect({ timeoutMs: 20_000 });
  const count = 60_000;
  const startedAt = performance.now();
  client.write('*1\r\n$4\r\nPING\r\n'.repeat(count));
  const replies = client.readAll(count);
  let seen = 0;
  let leftOut = 0;
  while (seen + leftOut < count) {
    const line = await monitor.read();
    const note = /"#" "(\d+) commands left out"/.exec(line);
    if (note === null) seen++;
    else leftOut += Number(note[1]);
  }
  await replies;
  const seconds = (performance.now() - startedAt) / 1000;
  assert.equal(seen + leftOut, count, 'every command is shown or counted');
  assert.ok(seen <= 20_000 * (1 + seconds) + 100, `${seen} lines in ${seconds} s`);
});

test('every worker shows what the clients of all workers ask, from the answer to MONITOR on', async () => {
  await using own = await startTidegate({ ...shards([server.address]), workers: 2 });
  await using monitor = await monitorOf(own);
  const clients = await Promise.all(Array.from({ length: 16 }, () => own.connect()));
  await Promise.all(clients.map((wire, i) => wire.ask('ECHO', `from ${i}`)));
  const ids = await Promise.all(clients.map((wire) => wire.ask('CLIENT', 'ID')));
  assert.equal(new Set(ids.map((id) => Number(id.slice(1)) % 2)).size, 2, 'both workers have some');
  const seen = new Set<string>();
  while (seen.size < 16) {
    const echo = /"ECHO" "(from \d+)"/.exec(await monitor.read());
    if (echo !== null) {
      assert.ok(!seen.has(echo[1]!), 'once');
      seen.add(echo[1]!);
    }
  }
  for (const wire of clients) wire.close();
});

test('a listener shows its own clients only, and its users as far as they may', async () => {
  await using own = await startTidegate({
    listeners: {
      main: { routes: [{ prefix: '', upstream: 'main' }] },
      guarded: {
        users: [
          { name: 'admin', password: 'a' },
          { name: 'app', password: 'b', commands: ['+@all', '-@admin'] },
        ],
        routes: [{ prefix: '', upstream: 'main' }],
      },
    },
    upstreams: { main: { kind: 'shards', servers: [server.address] } },
  });
  await using outside = await monitorOf(own);
  await using inside = await own.connect({ listener: 'guarded', auth: ['admin', 'a'] });
  await inside.expect('+OK\r\n', 'MONITOR');
  await using app = await own.connect({ listener: 'guarded', auth: ['app', 'b'] });
  assert.match(await app.ask('MONITOR'), /^-NOPERM/);
  await app.ask('ECHO', 'private');
  await using guest = await own.connect();
  await guest.ask('ECHO', 'end');
  await app.ask('ECHO', 'end');
  assert.deepEqual(await shown(outside), []);
  assert.deepEqual(await shown(inside), [
    '+T [0 A] "AUTH" "(redacted)" "(redacted)"\r\n',
    '+T [0 A] "ECHO" "private"\r\n',
  ]);
});

test('keys are shown as the client names them, whatever a route makes of them', async () => {
  await using own = await startTidegate(
    shards(
      [server.address],
      {},
      {
        routes: [{ prefix: 'user:', upstream: 'main', remove_prefix: true, key_format: 'x:%KEY%' }],
      },
    ),
  );
  await using monitor = await monitorOf(own);
  await using client = await own.connect();
  await client.ask('MGET', 'user:1', 'user:2');
  await client.ask('ECHO', 'end');
  assert.deepEqual(await shown(monitor), ['+T [0 A] "MGET" "user:1" "user:2"\r\n']);
});

test('a client that came by a path is named by it', async () => {
  const path = `${server.directory}/door.sock`;
  await using own = await startTidegate(shards([server.address], {}, { listen: `unix:${path}` }));
  await using monitor = await monitorOf(own);
  await using client = await own.connect();
  await client.ask('ECHO', 'x');
  assert.match(
    await monitor.read(),
    new RegExp(`^\\+\\d+\\.\\d{6} \\[0 unix:${path}\\] "ECHO" "x"`),
  );
});

test('a login that ends takes its monitor with it', async () => {
  await using service = await startAuthService();
  service.judge = ({ username }) =>
    username === 'short' ? { expiration: { seconds: Math.floor(Date.now() / 1000) + 1 } } : {};
  await using own = await startTidegate(
    shards(
      [server.address],
      {},
      {
        external_auth: { grpc: service.address, timeout: '5s', expiration: true },
      },
    ),
  );
  await using monitor = await own.connect({ auth: ['short', 'x'] });
  await monitor.expect('+OK\r\n', 'MONITOR');
  await using client = await own.connect({ auth: ['long', 'x'] });
  await until(async () => {
    await using probe = await own.connect({ auth: ['long', 'x'] });
    return !(await probe.ask('CLIENT', 'LIST')).includes('flags=O');
  }, 'nobody watches');
  while (true) {
    const left = await Promise.race([monitor.read(50).catch(() => ''), client.ask('PING')]);
    if (left === '' || left === '+PONG\r\n') break;
  }
  await client.ask('ECHO', 'private');
  await assert.rejects(async () => {
    for (;;) assert.doesNotMatch(await monitor.read(200), /private/);
  }, /no reply/);
});

test('a transaction is shown when it runs, and not when it does not', async () => {
  await using real = await startRedis();
  const linesOf = async (monitor: Wire, client: Wire): Promise<string[]> => {
    for (const line of [
      'MULTI',
      'GET x',
      'INCR x',
      'PING',
      'CLIENT LIST',
      'EXEC',
      'MULTI',
      'GET dropped',
      'DISCARD',
      'MULTI',
      'GET',
      'GET spoiled',
      'EXEC',
      'WATCH w',
      'GET w',
      'MULTI',
      'GET y',
      'EXEC',
      'BLPOP list 0.01',
    ]) {
      await client.ask(...line.split(' '));
    }
    await client.ask('ECHO', 'end');
    return await shown(monitor);
  };
  await using monitor = await monitorOf(gate);
  await using client = await gate.connect();
  const found = await linesOf(monitor, client);
  await using there = await Wire.connect({ port: real.port });
  await there.expect('+OK\r\n', 'MONITOR');
  await using direct = await Wire.connect({ port: real.port });
  assert.deepEqual(found, await linesOf(there, direct));
});

test('MONITOR and HELLO inside MULTI are answered as Redis does', async () => {
  await using real = await startRedis();
  await using there = await Wire.connect({ port: real.port });
  await using here = await gate.connect();
  const asked = [
    ['MULTI'],
    ['MONITOR'],
    ['PING'],
    ['EXEC'],
    ['MULTI'],
    ['HELLO', '3'],
    ['GET', 'none'],
    ['EXEC'],
    ['GET', 'none'],
  ];
  const [found, wanted] = [await here.askAll(asked), await there.askAll(asked)];
  // HELLO tells who answers, and EXEC over the gateway puts its own answers between the server's.
  const same = (replies: string[]): string[] =>
    replies.map((reply) => (reply.includes('%7') ? 'hello' : reply));
  assert.deepEqual(same(found), same(wanted));
});

test('who watches goes on watching through a reload', async () => {
  const places = await freePlaces();
  const first = { servers: [server.address] };
  await using own = await startAt(configAt(places, { first }));
  await using monitor = await monitorOf(own);
  await using client = await own.connect();
  await reloadWell(
    own,
    configAt(places, { first }, { max_connections: 50, custom_commands: ['x.y'] }),
  );
  await client.ask('GET', 'after');
  await client.ask('ECHO', 'end');
  assert.deepEqual(await shown(monitor), ['+T [0 A] "GET" "after"\r\n']);
  assert.match(await monitor.ask('CLIENT', 'INFO'), / flags=O /);
});
