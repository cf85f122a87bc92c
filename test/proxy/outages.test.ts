/** Slow, stopped, dead and restarted servers: what fails is what had to, and nothing gets another's reply. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sleep, timed, until } from '../support/bounded.ts';
import { startFaultyLink } from '../support/faulty-link.ts';
import { connectionsTo } from '../support/leaks.ts';
import { startPeer } from '../support/peer.ts';
import { keysByServer } from '../support/placement.ts';
import { startRedis, startRedises } from '../support/redis.ts';
import { frameOf } from '../support/sinks.ts';
import { shards, startTidegate } from '../support/tidegate.ts';
import { bulk, encode } from '../support/wire.ts';

const FAILURE = '-upstream failure\r\n';
/** Busy for ARGV[1] milliseconds, then answers KEYS[1]. */
const BUSY = `local t=redis.call('TIME') local e=t[1]*1000+t[2]/1000+ARGV[1]
  repeat t=redis.call('TIME') until t[1]*1000+t[2]/1000>e return KEYS[1]`;

test('a command slower than op_timeout fails itself, and its neighbours on the same link do not', async () => {
  await using server = await startRedis();
  await using gate = await startTidegate(shards([server.address], { op_timeout: '400ms' }));
  await using slow = await gate.connect();
  await using quick = await gate.connect();
  await quick.ask('SET', 'k', 'v');
  const failing = timed(() => slow.ask('EVAL', BUSY, '1', 'busy', '600'));
  await sleep(350);
  const answer = await quick.ask('GET', 'k');
  const { result, ms } = await failing;
  assert.equal(answer, bulk('v'));
  assert.equal(result, FAILURE);
  assert.ok(ms >= 380 && ms < 560, `failed after ${ms} ms`);
  assert.equal(await slow.ask('ECHO', 'next'), bulk('next'));
  assert.equal(await slow.ask('GET', 'k'), bulk('v'));
});

test('a reply that comes too late reaches nobody', async () => {
  await using server = await startRedis();
  await using gate = await startTidegate(shards([server.address], { op_timeout: '200ms' }));
  await using wire = await gate.connect();
  const names = Array.from({ length: 50 }, (_none, index) => `k${index}`);
  await wire.askAll(names.map((name) => ['SET', name, name]));
  server.pause();
  const late = await wire.askAll(names.map((name) => ['GET', name]));
  server.resume();
  const after = await wire.askAll(names.toReversed().map((name) => ['GET', name]));
  assert.deepEqual(
    late,
    names.map(() => FAILURE),
  );
  assert.deepEqual(after, names.toReversed().map(bulk));
});

test('a stopped server fails its own keys only, after op_timeout', async () => {
  await using servers = await startRedises(2);
  await using gate = await startTidegate(shards(servers.addresses, { op_timeout: '300ms' }));
  const [here, there] = (await keysByServer(gate, servers)) as [string[], string[]];
  await using wire = await gate.connect();
  await using other = await gate.connect();
  await wire.ask('SET', here[0]!, 'v');
  servers[1]!.pause();
  const failing = timed(() => wire.ask('GET', there[0]!));
  const quick = await timed(() => other.ask('GET', here[0]!));
  const mget = await timed(() => other.ask('MGET', here[0]!, there[0]!));
  const { result, ms } = await failing;
  servers[1]!.resume();
  assert.equal(quick.result, bulk('v'));
  assert.ok(quick.ms < 150, `${quick.ms} ms`);
  assert.equal(mget.result, '*2\r\n$1\r\nv\r\n-upstream failure\r\n');
  assert.equal(result, FAILURE);
  assert.ok(ms >= 280 && ms < 900, `${ms} ms`);
});

test('a pipeline behind a failed command goes on', async () => {
  await using servers = await startRedises(2);
  await using gate = await startTidegate(shards(servers.addresses, { op_timeout: '200ms' }));
  const [here, there] = (await keysByServer(gate, servers)) as [string[], string[]];
  await using wire = await gate.connect();
  servers[1]!.pause();
  const replies = await wire.askAll([
    ['SET', here[0]!, 'a'],
    ['GET', there[0]!],
    ['GET', here[0]!],
    ['ECHO', 'end'],
  ]);
  servers[1]!.resume();
  assert.deepEqual(replies, ['+OK\r\n', FAILURE, bulk('a'), bulk('end')]);
});

test('a server that is down fails at once, not after a time-out', async () => {
  await using server = await startRedis();
  await using gate = await startTidegate(shards([server.address], { op_timeout: '3s' }));
  await using wire = await gate.connect();
  await wire.ask('SET', 'k', 'v');
  await server.kill();
  const { ms, result } = await timed(() => wire.ask('SET', 'k', 'v'));
  assert.equal(result, FAILURE);
  assert.ok(ms < 1000, `${ms} ms`);
});

test('a server that was not there at the start is used when it comes', async () => {
  await using server = await startRedis();
  await server.kill();
  await using gate = await startTidegate(shards([server.address]));
  await using wire = await gate.connect();
  assert.equal(await wire.ask('GET', 'k'), FAILURE);
  await server.start();
  await until(async () => (await wire.ask('GET', 'k')) === '$-1\r\n', 'it answers', 6000, 50);
});

test('a server that was restarted answers again soon, in the right database', async () => {
  await using server = await startRedis();
  await using gate = await startTidegate(shards([server.address]));
  await using wire = await gate.connect();
  await wire.askAll([
    ['SELECT', '6'],
    ['SET', 'k', 'before'],
  ]);
  await server.restart();
  const { ms } = await timed(() =>
    until(async () => (await wire.ask('SET', 'k', 'after')) === '+OK\r\n', 'it answers', 6000, 20),
  );
  assert.ok(ms < 3000, `${ms} ms`);
  await server.ask('SELECT', '6');
  assert.equal(await server.ask('GET', 'k'), bulk('after'));
});

test('the door tries again at a bounded pace while a server is away', async () => {
  await using server = await startRedis();
  await using link = await startFaultyLink(server.port);
  await using gate = await startTidegate(shards([link.address]));
  await using wire = await gate.connect();
  await wire.ask('GET', 'k');
  link.faults.refuse = true;
  link.cut();
  const before = link.accepted;
  const end = performance.now() + 1500;
  while (performance.now() < end) await wire.ask('SET', 'k', 'v');
  const tries = link.accepted - before;
  assert.ok(tries >= 2 && tries <= 60, `${tries} connections in 1.5 s`);
});

test('a read whose link is lost is asked once more', async () => {
  await using server = await startRedis();
  await using link = await startFaultyLink(server.port);
  await using gate = await startTidegate(shards([link.address], { op_timeout: '3s' }));
  await using wire = await gate.connect();
  await wire.ask('SET', 'k', 'v');
  link.faults.blackhole = 'down';
  const reply = wire.ask('GET', 'k');
  await sleep(50);
  link.heal();
  link.cut();
  assert.equal(await reply, bulk('v'));
});

test('a read whose link is lost is not asked again behind a write of its own client', async () => {
  await using server = await startPeer();
  await using gate = await startTidegate(
    shards([`127.0.0.1:${server.port}`], { op_timeout: '3s' }),
  );
  await using wire = await gate.connect();
  await using other = await gate.connect();
  wire.write(
    Buffer.concat(
      [
        ['GET', 'a'],
        ['SET', 'a', '1'],
        ['GET', 'b'],
      ].map(encode),
    ),
  );
  const first = await server.connection();
  await until(() => first.heard.includes('$1\r\nb\r\n'), 'all has arrived');
  const another = other.ask('GET', 'c');
  await until(() => first.heard.includes('$1\r\nc\r\n'), 'the other client is heard');
  first.reset();
  const second = await server.connection(1);
  await second.hears(frameOf('GET', 'b') + frameOf('GET', 'c'));
  second.say('+b\r\n+c\r\n');
  assert.deepEqual(
    [await wire.read(), await wire.read(), await wire.read()],
    [FAILURE, FAILURE, '+b\r\n'],
  );
  assert.equal(await another, '+c\r\n');
});

test('a write that comes while a lost read waits for its second try does not overtake it', async () => {
  await using server = await startPeer();
  await using gate = await startTidegate(
    shards([`127.0.0.1:${server.port}`], {
      op_timeout: '3s',
      retry: { reads: 1, backoff: '200ms' },
    }),
  );
  await using wire = await gate.connect();
  wire.write(encode(['GET', 'a']));
  const first = await server.connection();
  await first.hears(frameOf('GET', 'a'));
  first.reset();
  await server.connection(1);
  wire.write(
    Buffer.concat(
      [
        ['SET', 'a', '1'],
        ['GET', 'a'],
      ].map(encode),
    ),
  );
  const second = await server.connection(1);
  await second.hears(frameOf('GET', 'a') + frameOf('SET', 'a', '1') + frameOf('GET', 'a'));
  second.say('+old\r\n+OK\r\n+1\r\n');
  assert.deepEqual(
    [await wire.read(), await wire.read(), await wire.read()],
    ['+old\r\n', '+OK\r\n', '+1\r\n'],
  );
});

for (const args of [
  ['INCR', 'n'],
  ['GETEX', 'n', 'PERSIST'],
  ['EVAL', "return redis.call('INCR',KEYS[1])", '1', 'n'],
]) {
  test(`${args[0]} whose link is lost fails, and the server has run it once`, async () => {
    await using server = await startRedis();
    await using link = await startFaultyLink(server.port);
    await using gate = await startTidegate(shards([link.address], { op_timeout: '3s' }));
    await using wire = await gate.connect();
    await wire.ask('PING');
    await server.ask('CONFIG', 'RESETSTAT');
    link.faults.blackhole = 'down';
    const reply = wire.ask(...args);
    await until(async () => (await server.calls(args[0]!.toLowerCase())) === 1, 'it has arrived');
    link.heal();
    link.cut();
    assert.equal(await reply, FAILURE);
    await sleep(200);
    assert.equal(await server.calls(args[0]!.toLowerCase()), 1);
  });
}

test('with retries off a read whose link is lost fails', async () => {
  await using server = await startRedis();
  await using link = await startFaultyLink(server.port);
  await using gate = await startTidegate(
    shards([link.address], { op_timeout: '3s', retry: { reads: 0 } }),
  );
  await using wire = await gate.connect();
  await wire.ask('SET', 'k', 'v');
  link.faults.blackhole = 'down';
  const reply = wire.ask('GET', 'k');
  await sleep(50);
  link.heal();
  link.cut();
  assert.equal(await reply, FAILURE);
});

test('a link cut in the middle of a reply fails that command and no byte of it is seen', async () => {
  await using server = await startRedis();
  await using link = await startFaultyLink(server.port);
  await using gate = await startTidegate(shards([link.address], { retry: { reads: 0 } }));
  await using wire = await gate.connect();
  await wire.ask('SET', 'big', Buffer.alloc(200_000, 'x'));
  await wire.ask('SET', 'k', 'v');
  link.cut();
  link.faults.cutAfter = 150_000;
  const reply = await wire.ask('GET', 'big');
  link.heal();
  assert.equal(reply, FAILURE);
  await until(async () => (await wire.ask('GET', 'k')) === bulk('v'), 'it answers again', 5000, 50);
});

test('replies that arrive byte by byte, or late, are the same replies', async () => {
  await using server = await startRedis();
  await using link = await startFaultyLink(server.port);
  await using gate = await startTidegate(shards([link.address]));
  await using wire = await gate.connect();
  link.faults.split = true;
  link.faults.delayMs = 5;
  const names = Array.from({ length: 40 }, (_none, index) => `name${index}`);
  const asked = names.flatMap((name) => [
    ['SET', name, `${name}\r\n`],
    ['GET', name],
    ['MGET', name, 'none'],
  ]);
  const replies = await wire.askAll(asked);
  assert.deepEqual(
    replies,
    names.flatMap((name) => [
      '+OK\r\n',
      bulk(`${name}\r\n`),
      `*2\r\n${bulk(`${name}\r\n`)}$-1\r\n`,
    ]),
  );
});

test('a server that talks nonsense gives `upstream protocol error` or failure, and the door lives on', async () => {
  const net = await import('node:net');
  const liar = net.createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.on('data', () => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'));
  });
  await new Promise<void>((resolve) => {
    liar.listen(0, '127.0.0.1', resolve);
  });
  const { port } = liar.address() as { port: number };
  try {
    await using gate = await startTidegate(shards([`127.0.0.1:${port}`]));
    await using wire = await gate.connect();
    assert.match(await wire.ask('GET', 'k'), /^-upstream (failure|protocol error)\r\n$/);
    assert.equal(await wire.ask('PING'), '+PONG\r\n');
  } finally {
    liar.close();
  }
});

test('a server that never greets fails commands in bounded time', async () => {
  await using server = await startRedis();
  server.pause();
  await using gate = await startTidegate(
    shards([server.address], { op_timeout: '300ms', connect_timeout: '500ms' }),
  );
  await using wire = await gate.connect();
  const { result, ms } = await timed(() => wire.ask('GET', 'k'));
  server.resume();
  assert.equal(result, FAILURE);
  assert.ok(ms < 1500, `${ms} ms`);
});

test('one connection per server serves a hundred clients, two where two are asked for', async () => {
  await using server = await startRedis();
  for (const connections of [1, 2]) {
    await using gate = await startTidegate(shards([server.address], { connections }));
    const before = connectionsTo(server.port);
    const wires = await Promise.all(Array.from({ length: 100 }, () => gate.connect()));
    await Promise.all(wires.map((wire) => wire.ask('GET', 'k')));
    const clients = String(await server.value('CLIENT', 'LIST'))
      .trimEnd()
      .split('\n');
    for (const wire of wires) wire.close();
    // The one that asks is a client too.
    assert.equal(clients.length - 1, connections, `${before} before`);
    await gate.stop();
    await until(() => connectionsTo(server.port) <= 1, 'the links are gone');
  }
});

test('an op_timeout does not count the time a command waits for its client to read', async () => {
  await using server = await startRedis();
  await using gate = await startTidegate(shards([server.address], { op_timeout: '300ms' }));
  await using wire = await gate.connect({ timeoutMs: 10_000 });
  await wire.ask('SET', 'big', Buffer.alloc(1_000_000, 'b'));
  wire.pause();
  for (let index = 0; index < 20; index++) wire.send('GET', 'big');
  await sleep(800);
  wire.resume();
  const replies = await wire.readAll(20);
  assert.ok(replies.every((reply) => reply.length === 1_000_000 + '$1000000\r\n\r\n'.length));
});

test('a database that a server does not have is not dialled again and again', async () => {
  await using server = await startRedis();
  await using gate = await startTidegate(shards([server.address]));
  await using wire = await gate.connect();
  assert.equal(await wire.ask('SELECT', 99), '-ERR DB index is out of range\r\n');
  const stats = async (): Promise<string> => await server.ask('INFO', 'stats');
  const connections = async (): Promise<number> =>
    Number(/total_connections_received:(\d+)/.exec(await stats())?.[1]);
  const before = await connections();
  await sleep(1500);
  // The question itself may be a connection.
  assert.ok((await connections()) - before <= 2);
  assert.equal(await wire.ask('SET', 'k', 'v'), '+OK\r\n');
});
