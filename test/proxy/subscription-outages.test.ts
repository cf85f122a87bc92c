/** Subscriptions while servers die, hang, refuse and come back, and while clients do not read. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sleep, timed, until } from '../support/bounded.ts';
import { startFaultyLink } from '../support/faulty-link.ts';
import { startPeer } from '../support/peer.ts';
import { startRedis, startRedises, type TestRedis } from '../support/redis.ts';
import { frameOf } from '../support/sinks.ts';
import { shards, startTidegate } from '../support/tidegate.ts';
import { bulk } from '../support/wire.ts';

function message(channel: string, text: string): string {
  return `*3\r\n${bulk('message')}${bulk(channel)}${bulk(text)}`;
}

function confirmation(name: string, count: number): string {
  return `*3\r\n${bulk('subscribe')}${bulk(name)}:${count}\r\n`;
}

/** Until a message published at `server` is counted as received. */
async function reaches(server: TestRedis, channel: string, text: string): Promise<void> {
  await until(
    async () => (await server.ask('PUBLISH', channel, text)) === ':1\r\n',
    `${server.address} has the subscription`,
    8000,
    20,
  );
}

test('a server killed and started again: subscribers stay, and messages flow again', async () => {
  await using servers = await startRedises(4);
  await using gate = await startTidegate(shards(servers.addresses));
  await using wire = await gate.connect();
  await using pattern = await gate.connect();
  await wire.ask('SUBSCRIBE', 'news');
  await pattern.ask('PSUBSCRIBE', 'n*');
  await servers[2]!.kill();
  for (const [index, server] of servers.entries()) {
    if (index !== 2) assert.equal(await server.ask('PUBLISH', 'news', `${index}`), ':2\r\n');
  }
  await servers[2]!.start();
  await until(
    async () => (await servers[2]!.ask('PUBLISH', 'news', 'again')) === ':2\r\n',
    'it is subscribed to again',
    8000,
    20,
  );
  const heard = await wire.readAll(4);
  assert.equal(heard.at(-1), message('news', 'again'));
  assert.equal((await pattern.readAll(4)).filter((one) => one.includes('again')).length, 1);
  assert.equal(await wire.ask('PING'), `*2\r\n${bulk('pong')}${bulk('')}`);
});

test('a connection that is cut is made again at once', async () => {
  await using server = await startRedis();
  await using gate = await startTidegate(shards([server.address]));
  await using wire = await gate.connect();
  await wire.ask('SUBSCRIBE', 'news');
  // What lives only for a moment is not dialled in a loop.
  await sleep(1100);
  await server.ask('CLIENT', 'KILL', 'TYPE', 'pubsub');
  const { ms } = await timed(() => reaches(server, 'news', 'x'));
  assert.ok(ms < 500, `${ms} ms`);
  assert.equal(await wire.read(), message('news', 'x'));
  await until(
    async () => /"code":"closed".*subscription link lost/.test(gate.logs),
    'the log says so',
  );
});

test('while one of several servers is down, channels of the others can be subscribed to', async () => {
  await using servers = await startRedises(2);
  await using gate = await startTidegate(shards(servers.addresses));
  const names = Array.from({ length: 40 }, (_none, index) => `c${index}`);
  await servers[1]!.kill();
  await using writer = await gate.connect();
  const published = await writer.askAll(names.map((name) => ['PUBLISH', name, 'x']));
  const up = names.find((_name, index) => published[index] === ':0\r\n')!;
  const down = names.find((_name, index) => published[index] === '-upstream failure\r\n')!;
  await using wire = await gate.connect();
  const { ms, result } = await timed(() => wire.ask('SUBSCRIBE', up));
  assert.equal(result, confirmation(up, 1));
  assert.ok(ms < 1000, `${ms} ms`);
  await using late = await gate.connect({ timeoutMs: 8000 });
  late.send('SUBSCRIBE', down);
  await sleep(300);
  await servers[1]!.start();
  assert.equal(await late.read(), confirmation(down, 1));
  await until(async () => (await writer.ask('PUBLISH', down, 'x')) === ':1\r\n', 'it is heard');
  assert.equal(await late.read(), message(down, 'x'));
});

test('a subscription nobody can confirm fails after 5 seconds, and holds nothing up but itself', async () => {
  await using server = await startRedis();
  await using gate = await startTidegate(shards([server.address]));
  await server.kill();
  await using wire = await gate.connect({ timeoutMs: 8000 });
  const { ms, result } = await timed(() => wire.ask('SUBSCRIBE', 'a', 'b'));
  assert.equal(result, '-upstream failure\r\n');
  assert.ok(ms > 4500 && ms < 6500, `${ms} ms`);
  assert.equal(await wire.ask('ECHO', 'free'), bulk('free'));
  await server.start();
  await until(async () => (await wire.ask('GET', 'k')) === '$-1\r\n', 'the server is back');
  assert.equal(await wire.ask('SUBSCRIBE', 'a'), confirmation('a', 1));
});

test('a server that hangs is noticed within 10 seconds', async () => {
  await using server = await startRedis();
  await using relay = await startFaultyLink(server.port);
  await using gate = await startTidegate(shards([relay.address]));
  await using wire = await gate.connect({ timeoutMs: 20_000 });
  await wire.ask('SUBSCRIBE', 'news');
  relay.faults.blackhole = 'both';
  await until(
    () => /silent for too long.*subscription link lost/.test(gate.logs),
    'it is noticed',
    11_000,
    50,
  );
  relay.faults.blackhole = 'none';
  await reaches(server, 'news', 'back');
  assert.equal(await wire.read(), message('news', 'back'));
});

test('what the server says no to, the client is told, and nothing is left of it', async () => {
  await using server = await startRedis();
  await server.ask('ACL', 'SETUSER', 'default', 'resetchannels', '&open:*');
  await using gate = await startTidegate(shards([server.address]));
  await using wire = await gate.connect();
  const refused = await wire.ask('SUBSCRIBE', 'open:1', 'secret');
  assert.match(refused, /^-NOPERM .*channel/);
  assert.equal(await wire.ask('GET', 'k'), '$-1\r\n');
  assert.equal(await wire.ask('SUBSCRIBE', 'open:1'), confirmation('open:1', 1));
  await server.ask('ACL', 'SETUSER', 'default', 'allchannels');
  assert.equal(await wire.ask('SUBSCRIBE', 'secret'), confirmation('secret', 2));
});

test('a server with a password is subscribed to with it', async () => {
  await using server = await startRedis({ password: 'sesame' });
  await using gate = await startTidegate(shards([server.address], { password: 'sesame' }));
  await using wire = await gate.connect();
  assert.equal(await wire.ask('SUBSCRIBE', 'x'), confirmation('x', 1));
  assert.equal(await gate.ask('PUBLISH', 'x', 'y'), ':1\r\n');
  assert.equal(await wire.read(), message('x', 'y'));
});

test('messages in bytes and crumbs arrive whole and in order', async () => {
  await using server = await startRedis();
  await using relay = await startFaultyLink(server.port);
  relay.faults.split = true;
  await using gate = await startTidegate(shards([relay.address]));
  await using wire = await gate.connect();
  await wire.ask('SUBSCRIBE', 'crumbs');
  const texts = Array.from({ length: 50 }, (_none, index) => `${index}\r\n${'*'.repeat(index)}`);
  for (const text of texts) await server.ask('PUBLISH', 'crumbs', text);
  assert.deepEqual(
    await wire.readAll(50),
    texts.map((text) => message('crumbs', text)),
  );
});

test('a server that says what nobody asked for loses the connection, not its subscribers', async () => {
  await using peer = await startPeer();
  peer.onConnection = (connection) => {
    // Only the connection for subscriptions says anything by itself.
    until(() => connection.heard === frameOf('SUBSCRIBE', 'x'), 'it is asked').then(
      () => connection.say(confirmation('x', 1)),
      () => connection.end(),
    );
  };
  await using gate = await startTidegate(shards([`127.0.0.1:${peer.port}`]));
  await using wire = await gate.connect();
  assert.equal(await wire.ask('SUBSCRIBE', 'x'), confirmation('x', 1));
  const link = peer.connections.find(({ heard }) => heard.startsWith(frameOf('SUBSCRIBE', 'x')))!;
  link.say(`*3\r\n${bulk('message')}${bulk('other')}${bulk('not ours')}${message('x', 'ours')}`);
  assert.equal(await wire.read(), message('x', 'ours'));
  link.say('*2\r\n:1\r\n:2\r\n');
  await link.gone();
  await until(
    () =>
      peer.connections.filter(({ heard }) => heard.startsWith(frameOf('SUBSCRIBE', 'x'))).length >
      1,
    'subscribed again',
  );
  assert.equal(await wire.ask('PING'), `*2\r\n${bulk('pong')}${bulk('')}`);
});

test('a slow subscriber is closed at its limit; the others get everything', async () => {
  await using server = await startRedis();
  const limits = { max_output_buffer: '4mb' };
  await using gate = await startTidegate(shards([server.address], {}, { limits }));
  await using slow = await gate.connect();
  await using quick = await gate.connect();
  await using other = await gate.connect({ protocol: 3 });
  for (const wire of [slow, quick, other]) await wire.ask('SUBSCRIBE', 'flood');
  slow.pause();
  const text = 'x'.repeat(10_000);
  await using writer = await server.connect();
  const isClosed = (): boolean => gate.logs.includes('too many bytes of replies wait');
  for (let batch = 0; batch < 100 && !isClosed(); batch++) {
    await writer.askAll(Array.from({ length: 20 }, () => ['PUBLISH', 'flood', text]));
    // In step with those who read, or this test would be a slow reader too.
    for (const wire of [quick, other]) {
      const heard = new Set((await wire.readAll(20)).map((one) => one.slice(1)));
      assert.deepEqual(heard, new Set([message('flood', text).slice(1)]));
    }
  }
  assert.ok(isClosed(), 'the slow one is closed');
  assert.equal(await gate.ask('PUBLISH', 'flood', 'end'), ':2\r\n');
  slow.resume();
  await slow.ended();
  const { body } = await gate.admin('/metrics');
  assert.match(body, /tidegate_listener_slow_subscribers_closed_total\{listener="main"\} 1\n/);
});

test('small messages that wait for a slow subscriber cost little more than their bytes', async () => {
  await using server = await startRedis();
  const limits = { max_output_buffer: '8mb' };
  await using gate = await startTidegate(shards([server.address], {}, { limits }));
  const slow = await Promise.all(
    Array.from({ length: 20 }, () => gate.connect({ timeoutMs: 30_000 })),
  );
  for (const wire of slow) await wire.ask('SUBSCRIBE', 'drops');
  // The kernel takes the first bytes: as much as fills it, in one message.
  for (const wire of slow) wire.pause();
  await server.ask('PUBLISH', 'drops', 'x'.repeat(6_000_000));
  await sleep(200);
  const before = gate.memory();
  await using writer = await server.connect();
  for (let i = 0; i < 600; i++) await writer.ask('PUBLISH', 'drops', 'drop');
  await sleep(200);
  const grown = gate.memory() - before;
  assert.ok(grown < 25_000_000, `${grown} bytes`);
  for (const wire of slow) wire.resume();
  for (const wire of slow) {
    assert.equal((await wire.read()).length > 6_000_000, true);
    assert.deepEqual(new Set(await wire.readAll(600)), new Set([message('drops', 'drop')]));
  }
  for (const wire of slow) wire.close();
});

test('a long message that many wait for is held once, and read in portions', async () => {
  await using server = await startRedis();
  await using gate = await startTidegate(shards([server.address]));
  const wires = await Promise.all(
    Array.from({ length: 60 }, (_none, i) => gate.connect({ protocol: i % 2 === 0 ? 2 : 3 })),
  );
  for (const wire of wires) {
    await wire.ask('SUBSCRIBE', 'long');
    wire.pause();
  }
  const before = gate.memory();
  await using writer = await server.connect();
  const text = 'x'.repeat(1_000_000);
  for (let i = 0; i < 20; i++) await writer.ask('PUBLISH', 'long', text);
  assert.equal(await gate.ask('PUBLISH', 'long', 'end'), ':60\r\n');
  const grown = gate.memory() - before;
  assert.ok(grown < 250_000_000, `${grown} bytes, copied it would be ${60 * 20 * 1_000_000}`);
  for (const wire of wires) {
    wire.resume();
    for (let i = 0; i < 20; i++) {
      assert.equal((await wire.read()).slice(1) === message('long', text).slice(1), true);
    }
    assert.equal((await wire.read()).slice(1), message('long', 'end').slice(1));
    wire.close();
  }
});
