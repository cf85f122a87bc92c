import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { timed, until } from './bounded.ts';
import { startFaultyLink } from './faulty-link.ts';
import { held } from './leaks.ts';
import { Random } from './random.ts';
import { startRedis } from './redis.ts';
import { makeCertificates } from './tls.ts';
import { bulk, decode, encode, replyEnd, Wire } from './wire.ts';

test('a server answers, is killed, comes back on the same port, and leaves nothing behind', async () => {
  const server = await startRedis();
  assert.equal(await server.ask('PING'), '+PONG\r\n');
  await server.kill();
  await assert.rejects(server.connect());
  await server.restart();
  assert.equal(await server.value('ECHO', 'back'), 'back');
  await server[Symbol.asyncDispose]();
  assert.equal(existsSync(server.directory), false);
  await assert.rejects(server.connect());
});

test('a stopped server keeps its connections and answers when it goes on', async () => {
  await using server = await startRedis();
  await using wire = await server.connect({ timeoutMs: 200 });
  server.pause();
  await assert.rejects(wire.ask('PING'), /no reply within 200 ms/);
  server.resume();
  assert.equal(await wire.read(), '+PONG\r\n');
});

test('a server has a password, a unix socket and a TLS port', async () => {
  using certificates = await makeCertificates();
  await using server = await startRedis({ password: 'p', tls: certificates, tlsClients: true });
  const { read, ca, client } = certificates;
  await using local = await Wire.connect({ path: server.unixPath }, { auth: ['p'] });
  await using secure = await Wire.connect(
    { port: server.tlsPort, tls: { ca: read(ca), cert: read(client.cert), key: read(client.key) } },
    { auth: ['p'], protocol: 3 },
  );
  assert.equal(await local.ask('PING'), '+PONG\r\n');
  assert.equal(await secure.ask('GET', 'none'), '_\r\n');
});

test('replies of every type are framed whole or not at all', () => {
  const replies = [
    '+OK\r\n',
    '-ERR x\r\n',
    ':1\r\n',
    '$-1\r\n',
    '$0\r\n\r\n',
    '$4\r\n\r\n\r\n\r\n',
    '*-1\r\n',
    '*0\r\n',
    '*2\r\n*1\r\n:1\r\n$1\r\na\r\n',
    '%1\r\n+a\r\n*1\r\n_\r\n',
    '~1\r\n#t\r\n',
    '>2\r\n+a\r\n,1.5\r\n',
    '|1\r\n+a\r\n:1\r\n*1\r\n(12\r\n',
    '=5\r\ntxt:a\r\n',
    '!1\r\na\r\n',
  ];
  for (const reply of replies) {
    const bytes = Buffer.from(`${reply}+next`, 'latin1');
    assert.equal(replyEnd(bytes, 0), reply.length, JSON.stringify(reply));
    for (let cut = 0; cut < reply.length; cut++) {
      assert.equal(replyEnd(bytes.subarray(0, cut), 0), -1, JSON.stringify(reply.slice(0, cut)));
    }
  }
  assert.deepEqual(decode('*2\r\n$1\r\n\xff\r\n%1\r\n+k\r\n:1\r\n'), ['\xff', ['k', 1]]);
  assert.equal(
    encode(['a', 12, '\xff']).toString('latin1'),
    `*3\r\n${bulk('a')}${bulk('12')}${bulk('\xff')}`,
  );
});

test('a faulty link relays, splits, delays, swallows and cuts', async () => {
  await using server = await startRedis();
  await using link = await startFaultyLink(server.port);
  await using wire = await Wire.connect({ port: link.port }, { timeoutMs: 300 });
  assert.equal(await wire.ask('ECHO', 'plain'), bulk('plain'));
  link.faults.split = true;
  assert.equal(await wire.ask('ECHO', 'split'), bulk('split'));
  link.faults.delayMs = 50;
  const { ms } = await timed(() => wire.ask('ECHO', 'late'));
  assert.ok(ms >= 90, `${ms} ms`);
  link.heal();
  link.faults.blackhole = 'down';
  await assert.rejects(wire.ask('PING'), /no reply/);
  link.heal();
  await using half = await Wire.connect({ port: link.port });
  link.faults.cutAfter = 5;
  half.send('ECHO', 'abcdefgh');
  assert.equal(await half.ended(), '$8\r\na');
  link.cut();
  await wire.ended();
  await until(() => link.open === 0, 'all connections are gone');
});

test('the seed decides every number', () => {
  const [one, two] = [new Random(7), new Random(7)];
  const numbers = Array.from({ length: 50 }, () => one.below(1000));
  assert.deepEqual(
    Array.from({ length: 50 }, () => two.below(1000)),
    numbers,
  );
  assert.ok(new Set(numbers).size > 40);
});

test('what a process holds is seen from outside', async () => {
  await using server = await startRedis();
  const before = held(server.pid);
  await using one = await server.connect();
  await one.ask('PING');
  await using two = await server.connect();
  await two.ask('PING');
  // The socket that asked whether the server was up may still be there at first.
  assert.ok(held(server.pid).sockets > before.sockets);
});
