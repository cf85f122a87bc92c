/** Doors and links of every kind: TCP, unix sockets, TLS with certificates of clients. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { until } from '../support/bounded.ts';
import { kept } from '../support/kept.ts';
import { freePort } from '../support/ports.ts';
import { startRedis } from '../support/redis.ts';
import { type Section, shards, startTidegate } from '../support/tidegate.ts';
import { makeCertificates, type Pair } from '../support/tls.ts';
import { bulk, Wire } from '../support/wire.ts';

const certificates = await makeCertificates();
after(() => certificates[Symbol.dispose]());
const { ca, strangerCa, read } = certificates;
const server = kept(await startRedis({ tls: certificates, tlsClients: true }));

function secure(port: number, shown?: Pair): Promise<Wire> {
  const own = shown ? { cert: read(shown.cert), key: read(shown.key) } : {};
  return Wire.connect({ port, tls: { ca: read(ca), ...own } }, { timeoutMs: 2000 });
}

test('a unix socket is a door and a link like any other', async () => {
  const path = `${server.directory}/door.sock`;
  await using gate = await startTidegate(
    shards([`unix:${server.unixPath}`], {}, { listen: `unix:${path}` }),
  );
  await using wire = await gate.connect({ protocol: 3 });
  assert.equal(await wire.ask('SET', 'k', 'v'), '+OK\r\n');
  assert.equal(await server.ask('GET', 'k'), bulk('v'));
});

test('a socket file left by a gateway that was killed does not stop the next one', async () => {
  const path = `${server.directory}/left.sock`;
  const config = shards([server.address], {}, { listen: `unix:${path}` });
  const first = await startTidegate(config);
  first.signal('SIGKILL');
  await first.ended();
  await using second = await startTidegate(config);
  assert.equal(await second.ask('PING'), '+PONG\r\n');
  await first[Symbol.asyncDispose]();
});

test('a TLS door serves who trusts its certificate', async () => {
  await using gate = await startTidegate(
    shards([server.address], {}, { tls: { ...certificates.server } }),
  );
  await using wire = await secure(gate.port);
  const names = Array.from({ length: 500 }, (_none, index) => `tls${index}`);
  const replies = await wire.askAll(
    names.flatMap((name) => [
      ['SET', name, name],
      ['GET', name],
    ]),
  );
  assert.deepEqual(
    replies,
    names.flatMap((name) => ['+OK\r\n', bulk(name)]),
  );
});

test('a door that wants certificates lets in those of its authority and nobody else', async () => {
  const tls = { ...certificates.server, client_ca: ca };
  await using gate = await startTidegate(shards([server.address], {}, { tls }));
  await using known = await secure(gate.port, certificates.client);
  assert.equal(await known.ask('PING'), '+PONG\r\n');
  for (const shown of [undefined, certificates.stranger]) {
    await assert.rejects(async () => {
      await using wire = await secure(gate.port, shown);
      await wire.ask('PING');
    });
  }
  assert.equal(await known.ask('PING'), '+PONG\r\n');
});

test('plain talk at a TLS door, and TLS at a plain one, end that connection and nothing else', async () => {
  await using gate = await startTidegate({
    listeners: {
      main: { routes: [{ prefix: '', upstream: 'main' }], tls: { ...certificates.server } },
      plain: { routes: [{ prefix: '', upstream: 'main' }] },
    },
    upstreams: { main: { kind: 'shards', servers: [server.address] } },
  });
  await using confused = await Wire.connect({ port: gate.port });
  confused.send('PING');
  await confused.ended();
  const plain = gate.target('plain');
  await assert.rejects(secure('port' in plain ? plain.port : 0));
  await using fine = await secure(gate.port);
  await using alsoFine = await gate.connect({ listener: 'plain' });
  assert.deepEqual(
    [await fine.ask('PING'), await alsoFine.ask('PING')],
    ['+PONG\r\n', '+PONG\r\n'],
  );
});

function overTls(tls: Section): ReturnType<typeof shards> {
  return shards([`127.0.0.1:${server.tlsPort}`], { tls });
}

test('links speak TLS and show a certificate', async () => {
  await using gate = await startTidegate(
    overTls({ ca, ...certificates.client, server_name: 'redis.internal' }),
  );
  for (const protocol of [2, 3] as const) {
    await using wire = await gate.connect({ protocol });
    const value = 'x'.repeat(300_000);
    assert.equal(await wire.ask('SET', 'tls', value), '+OK\r\n');
    assert.equal(await wire.ask('GET', 'tls'), bulk(value));
  }
});

test('subscriptions take TLS to the server, and messages to clients', async () => {
  await using gate = await startTidegate(
    shards(
      [`127.0.0.1:${server.tlsPort}`],
      { tls: { ca, ...certificates.client, server_name: 'redis.internal' } },
      { tls: { ...certificates.server } },
    ),
  );
  await using wire = await secure(gate.port);
  await using writer = await secure(gate.port);
  await wire.ask('SUBSCRIBE', 'tls');
  const texts = Array.from({ length: 200 }, (_none, i) => 'x'.repeat(i * 100));
  for (const text of texts) assert.equal(await writer.ask('PUBLISH', 'tls', text), ':1\r\n');
  assert.deepEqual(
    await wire.readAll(texts.length),
    texts.map((text) => `*3\r\n${bulk('message')}${bulk('tls')}${bulk(text)}`),
  );
});

for (const [what, tls] of [
  ['is signed by an authority we do not trust', { ca: strangerCa, ...certificates.client }],
  ['bears another name', { ca, ...certificates.client, server_name: 'elsewhere.internal' }],
  ['wants a certificate we do not have', { ca }],
] as const) {
  test(`a server that ${what} fails commands, and one line of the log says why`, async () => {
    await using gate = await startTidegate(overTls(tls));
    await using wire = await gate.connect();
    assert.equal(await wire.ask('GET', 'k'), '-upstream failure\r\n');
    await until(
      () => /certificate|altname|self-signed|issuer|alert/i.test(gate.logs),
      'the log says why',
    );
    assert.equal(await wire.ask('PING'), '+PONG\r\n');
  });
}

test('several doors of one gateway have their own users, routes and limits', async () => {
  await using other = await startRedis();
  await using gate = await startTidegate({
    listeners: {
      main: { routes: [{ prefix: '', upstream: 'one' }] },
      second: {
        routes: [{ prefix: '', upstream: 'two' }],
        users: [{ name: 'default', password: 'p' }],
      },
    },
    upstreams: {
      one: { kind: 'shards', servers: [server.address] },
      two: { kind: 'shards', servers: [other.address] },
    },
  });
  await using one = await gate.connect();
  await using two = await gate.connect({ listener: 'second', auth: ['p'] });
  await one.ask('SET', 'door', 'one');
  await two.ask('SET', 'door', 'two');
  assert.deepEqual(
    [await server.value('GET', 'door'), await other.value('GET', 'door')],
    ['one', 'two'],
  );
});

test('a door may listen on an IPv6 address', async () => {
  const port = await freePort();
  await using gate = await startTidegate(
    shards([server.address], {}, { listen: `[::1]:${port}` }),
    { wait: false },
  );
  await until(async () => {
    try {
      await using wire = await Wire.connect({ host: '::1', port });
      return (await wire.ask('PING')) === '+PONG\r\n';
    } catch {
      return false;
    }
  }, `it answers\n${gate.logs}`);
});

test('servers may be named by host name', async () => {
  await using gate = await startTidegate(shards([`localhost:${server.port}`]));
  assert.equal(await gate.ask('SET', 'k', 'v'), '+OK\r\n');
});

test('a file where a unix socket should be is left alone, and the start fails', async () => {
  const path = `${server.directory}/precious.txt`;
  writeFileSync(path, 'precious');
  const gate = startTidegate(shards([server.address], {}, { listen: `unix:${path}` }));
  await assert.rejects(gate, /is no socket/);
  assert.equal(readFileSync(path, 'utf8'), 'precious');
});

test('a unix socket that somebody listens on is not taken away', async () => {
  const config = shards([server.address], {}, { listen: `unix:${server.directory}/taken.sock` });
  await using gate = await startTidegate(config);
  // It seems to answer: the first one does.
  await using second = await startTidegate(config);
  await until(() => second.exit !== null, 'the second one gives up');
  assert.match(second.logs, /in use/);
  assert.equal(await gate.ask('PING'), '+PONG\r\n');
});
