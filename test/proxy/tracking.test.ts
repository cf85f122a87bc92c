/** CLIENT TRACKING through the door: what a server pushes reaches the client that read, as without a door. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BasicClientSideCache, createClient } from 'redis';
import { until } from '../support/bounded.ts';
import { startCluster } from '../support/cluster.ts';
import { freePort } from '../support/ports.ts';
import { startRedis, startRedises, type TestRedis } from '../support/redis.ts';
import { reloadWell } from '../support/reload.ts';
import {
  cluster,
  type Section,
  shards,
  startTidegate,
  type TestConfig,
  type Tidegate,
} from '../support/tidegate.ts';
import { bulk, type Wire } from '../support/wire.ts';

const OK = '+OK\r\n';
const FORGET_ALL = '>2\r\n$10\r\ninvalidate\r\n_\r\n';
const forget = (...keys: string[]): string =>
  `>2\r\n$10\r\ninvalidate\r\n*${keys.length}\r\n${keys.map(bulk).join('')}`;

/** Sends everything and reads until the server has said so many things, pushes included. */
async function hear(wire: Wire, count: number, ...lines: string[]): Promise<string[]> {
  wire.write(lines.map((line) => `${line}\r\n`).join(''));
  return await wire.readAll(count);
}

/** A dialogue: what the client says, what another one does at the server, and how many things are said then. */
type Step = { readonly say: string; readonly other?: string; readonly count: number };
const DIALOGUES: Readonly<Record<string, readonly Step[]>> = {
  'a key that was read and changes': [
    { say: 'CLIENT TRACKING ON|GET a|GET b', count: 3 },
    { say: '', other: 'SET a 1', count: 1 },
    { say: 'GET a|GET b', count: 2 },
    { say: '', other: 'MSET a 1 b 2', count: 2 },
    { say: 'MGET a b', count: 1 },
    { say: '', other: 'FLUSHALL', count: 1 },
    { say: 'SET a 1|GET a|SET a 2', count: 4 },
    { say: 'GET a|FLUSHALL', count: 3 },
  ],
  'states and their errors': [
    { say: 'CLIENT GETREDIR|CLIENT TRACKINGINFO|CLIENT CACHING YES|CLIENT TRACKING OFF', count: 4 },
    { say: 'CLIENT TRACKING X|CLIENT TRACKING OFF foo|CLIENT TRACKING ON PREFIX', count: 3 },
    { say: 'CLIENT TRACKING ON PREFIX redirect|CLIENT TRACKING ON BCAST OPTIN', count: 2 },
    { say: 'CLIENT TRACKINGINFO|CLIENT TRACKING ON|CLIENT TRACKINGINFO|CLIENT GETREDIR', count: 4 },
    { say: 'CLIENT CACHING YES|CLIENT CACHING maybe|CLIENT TRACKING ON BCAST', count: 3 },
    { say: 'CLIENT TRACKING OFF|CLIENT TRACKINGINFO|CLIENT GETREDIR', count: 3 },
    { say: 'GET a|CLIENT TRACKING ON NOLOOP|GET a|SET a 1|CLIENT TRACKINGINFO', count: 5 },
    { say: 'RESET', count: 1 },
  ],
  'OPTIN and OPTOUT': [
    { say: 'CLIENT TRACKING ON OPTIN|GET a|CLIENT CACHING YES|GET b', count: 4 },
    { say: '', other: 'MSET a 1 b 1', count: 1 },
    { say: 'CLIENT CACHING YES|MULTI|GET a|GET b|EXEC', count: 5 },
    { say: '', other: 'SET a 1', count: 1 },
    { say: '', other: 'SET b 1', count: 1 },
    {
      say: 'CLIENT TRACKING OFF|CLIENT TRACKING ON OPTOUT|CLIENT CACHING NO|GET a|GET b',
      count: 5,
    },
    { say: '', other: 'MSET a 1 b 1', count: 1 },
  ],
  'broadcast with prefixes': [
    { say: 'CLIENT TRACKING ON BCAST PREFIX u: PREFIX v:|CLIENT TRACKINGINFO', count: 2 },
    { say: '', other: 'MSET u:1 1 w:1 1', count: 1 },
    { say: 'CLIENT TRACKING ON BCAST PREFIX w:', count: 1 },
    { say: '', other: 'SET w:1 1', count: 1 },
    { say: 'SET v:1 1', count: 2 },
    { say: 'CLIENT TRACKING ON BCAST PREFIX u:1', count: 1 },
  ],
  'transactions and watched keys': [
    { say: 'CLIENT TRACKING ON|WATCH a|GET a|MULTI|SET a 1|GET b|EXEC', count: 8 },
    { say: 'GET a|WATCH a', count: 2 },
    { say: '', other: 'SET a 2', count: 1 },
    { say: 'MULTI|PING|GET a|EXEC|GET a', count: 5 },
    { say: 'MULTI|GET c|DISCARD|UNWATCH|GET c', count: 5 },
    { say: '', other: 'SET c 2', count: 1 },
  ],
  'a wait during which keys change': [
    { say: 'CLIENT TRACKING ON|GET a|BLPOP list 0', count: 2 },
    { say: '', other: 'SET a 1', count: 1 },
    { say: '', other: 'RPUSH list x', count: 1 },
    { say: 'GET a', count: 1 },
    { say: '', other: 'SET a 1', count: 1 },
  ],
  scripts: [
    { say: 'CLIENT TRACKING ON|EVAL_RO "return redis.call(\'GET\', KEYS[1])" 1 a', count: 2 },
    { say: '', other: 'SET a 1', count: 1 },
  ],
};

async function play(wire: Wire, steps: readonly Step[], server: TestRedis): Promise<string[]> {
  const heard: string[] = [];
  for (const { say, other, count } of steps) {
    if (other !== undefined) {
      // Who waits at the server has to be there before it comes.
      if (other.startsWith('RPUSH')) await until(() => isBlocked(server), 'the client waits');
      await server.ask(...other.split(' '));
    }
    heard.push(...(await hear(wire, count, ...say.split('|').filter((line) => line !== ''))));
  }
  return heard;
}

async function isBlocked(server: TestRedis): Promise<boolean> {
  return /blocked_clients:1/.test(String(await server.value('INFO', 'clients')));
}

for (const [what, steps] of Object.entries(DIALOGUES)) {
  test(`byte for byte as with a server, RESP3: ${what}`, async () => {
    await using server = await startRedis();
    await using behind = await startRedis();
    await using gate = await startTidegate(shards([behind.address]));
    await using direct = await server.connect({ protocol: 3 });
    await using through = await gate.connect({ protocol: 3 });
    const expected = await play(direct, steps, server);
    assert.deepEqual(await play(through, steps, behind), expected);
    // Nothing more is said.
    await direct.expect('+PONG\r\n', 'PING');
    await through.expect('+PONG\r\n', 'PING');
  });
}

test('in RESP2 it is switched on, and nothing is pushed', async () => {
  await using server = await startRedis();
  await using gate = await startTidegate(shards([server.address]));
  const lines = ['CLIENT TRACKING ON', 'GET a', 'SET a 1', 'CLIENT TRACKINGINFO', 'PING'];
  await using direct = await server.connect();
  const expected = await hear(direct, lines.length, ...lines);
  await server.ask('FLUSHALL');
  await using through = await gate.connect();
  assert.deepEqual(await hear(through, lines.length, ...lines), expected);
});

test('every command of a tracked client goes over one connection, so its order is kept', async () => {
  await using server = await startRedis();
  // With several workers CLIENT LIST takes its time.
  await using gate = await startTidegate({ ...shards([server.address]), workers: 2 });
  await using wire = await gate.connect({ protocol: 3 });
  await wire.expect(OK, 'CLIENT', 'TRACKING', 'ON', 'NOLOOP');
  await using listening = await gate.connect();
  await listening.ask('SUBSCRIBE', 'news');
  for (let round = 0; round < 50; round++) {
    const replies = await hear(
      wire,
      8,
      `SET a ${round}`,
      'CLIENT LIST',
      'GET a',
      'PUBLISH news x',
      'GET a',
      'INFO tidegate',
      'MGET a b',
      'PING',
    );
    const value = bulk(String(round));
    assert.deepEqual([replies[2], replies[4], replies[6]], [value, value, `*2\r\n${value}_\r\n`]);
    assert.match(replies[1]!, /flags=t .*redir=0/);
    assert.deepEqual([replies[3], replies[7]], [':1\r\n', '+PONG\r\n']);
  }
  // Pushes, too: a key that was read is invalidated behind its reply, whatever that has to wait for.
  await wire.expect(OK, 'CLIENT', 'TRACKING', 'OFF');
  await wire.expect(OK, 'CLIENT', 'TRACKING', 'ON');
  for (let round = 0; round < 100; round++) {
    const [list, got, set, push] = await hear(wire, 4, 'CLIENT LIST', 'GET k', `SET k ${round}`);
    assert.match(list!, /^=/);
    assert.equal(got, round === 0 ? '_\r\n' : bulk(String(round - 1)));
    assert.deepEqual([set, push], [OK, forget('k')]);
  }
  for (let round = 0; round < 30; round++) {
    const lines = ['MULTI', 'CLIENT LIST', 'GET k', `SET k ${round}`, 'EXEC'];
    const said = await hear(wire, 6, ...lines);
    assert.match(said[4]!, /^\*3\r\n=.*\+OK\r\n$/s);
    assert.equal(said[5], forget('k'));
  }
});

test('a channel is subscribed to while keys are tracked, and both are heard', async () => {
  await using server = await startRedis();
  await using gate = await startTidegate(shards([server.address]));
  await using wire = await gate.connect({ protocol: 3 });
  const said = await hear(wire, 3, 'CLIENT TRACKING ON', 'GET a', 'SUBSCRIBE news');
  assert.equal(said[2], `>3\r\n${bulk('subscribe')}${bulk('news')}:1\r\n`);
  await server.ask('PUBLISH', 'news', 'x');
  assert.equal(await wire.read(), `>3\r\n${bulk('message')}${bulk('news')}${bulk('x')}`);
  await server.ask('SET', 'a', '1');
  assert.equal(await wire.read(), forget('a'));
});

test('a connection that is lost tells the client to forget everything, and what it reads next is tracked', async () => {
  await using server = await startRedis();
  await using gate = await startTidegate(shards([server.address]));
  await using wire = await gate.connect({ protocol: 3 });
  const options = ['CLIENT TRACKING ON BCAST PREFIX a', 'CLIENT TRACKING ON BCAST PREFIX b'];
  await hear(wire, 3, ...options, 'GET a');
  const prefixes = `*2\r\n${bulk('a')}${bulk('b')}`;
  for (let round = 0; round < 3; round++) {
    await server.ask('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    assert.equal(await wire.read(), FORGET_ALL);
    assert.ok((await wire.ask('CLIENT', 'TRACKINGINFO')).includes('bcast'));
    assert.ok((await wire.ask('CLIENT', 'TRACKINGINFO')).length > prefixes.length);
    await server.ask('SET', 'b', '1');
    assert.equal(await wire.read(), forget('b'));
  }
  await server.restart();
  assert.equal(await wire.read(), FORGET_ALL);
  assert.equal(await wire.ask('GET', 'a'), '_\r\n');
  await server.ask('SET', 'a', '2');
  assert.equal(await wire.read(), forget('a'));
});

test('what is under way when the connection is lost fails, a watch aborts, and a wait ends', async () => {
  await using server = await startRedis();
  await using gate = await startTidegate(shards([server.address]));
  await using wire = await gate.connect({ protocol: 3 });
  const kill = (): Promise<string> =>
    server.ask('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  await hear(wire, 2, 'CLIENT TRACKING ON', 'WATCH a');
  await kill();
  assert.equal(await wire.read(), FORGET_ALL);
  assert.deepEqual(await hear(wire, 3, 'MULTI', 'GET a', 'EXEC'), [OK, '+QUEUED\r\n', '_\r\n']);
  wire.send('BLPOP', 'list', '0');
  await until(() => isBlocked(server), 'the client waits');
  await kill();
  assert.deepEqual(await wire.readAll(2), [FORGET_ALL, '-upstream failure\r\n']);
  assert.equal(await wire.ask('GET', 'a'), '_\r\n');
  await server.ask('SET', 'a', '1');
  assert.equal(await wire.read(), forget('a'));
});

test('a client whose tracking cannot be restored is closed, for it would believe what is old', async () => {
  await using server = await startRedis();
  await using gate = await startTidegate(shards([server.address]));
  await using wire = await gate.connect({ protocol: 3, timeoutMs: 15_000 });
  await hear(wire, 2, 'CLIENT TRACKING ON', 'GET a');
  await server.kill();
  assert.equal(await wire.read(), FORGET_ALL);
  wire.send('GET', 'a');
  assert.equal(await wire.ended(), '');
  await until(() => gate.logs.includes('tracking could not be restored'), 'the log tells why');
  await using other = await gate.connect({ protocol: 3 });
  assert.equal(await other.ask('CLIENT', 'TRACKING', 'ON'), '-upstream failure\r\n');
  assert.equal(await other.ask('PING'), '+PONG\r\n');
});

test('another database, another protocol and a reload go on being tracked', async () => {
  await using server = await startRedis();
  await using gate = await startTidegate(shards([server.address], { database: 2 }));
  await using wire = await gate.connect({ protocol: 3 });
  await hear(wire, 2, 'CLIENT TRACKING ON', 'GET a');
  assert.deepEqual(await hear(wire, 3, 'SELECT 5', 'GET a'), [FORGET_ALL, OK, '_\r\n']);
  assert.deepEqual(await hear(wire, 2, 'SET a five'), [OK, forget('a')]);
  assert.deepEqual(await hear(wire, 3, 'SELECT 0', 'GET a'), [FORGET_ALL, OK, '_\r\n']);
  await using direct = await server.connect();
  await direct.ask('SELECT', '2');
  await direct.ask('SET', 'a', 'two');
  assert.deepEqual(await wire.readAll(1), [forget('a')]);
  assert.equal(await wire.ask('GET', 'a'), bulk('two'));
  const inside = ['MULTI', 'SELECT 5', 'GET a', 'EXEC', 'GET a'];
  const expected = [OK, '+QUEUED\r\n', '+QUEUED\r\n', FORGET_ALL];
  assert.deepEqual((await hear(wire, 6, ...inside)).slice(0, 4), expected);
  await direct.ask('SELECT', '5');
  await direct.ask('SET', 'a', 'x');
  assert.equal(await wire.read(), forget('a'));
  await wire.ask('HELLO', '2');
  await wire.ask('GET', 'a');
  await wire.ask('HELLO', '3');
  assert.equal(await wire.ask('GET', 'a'), bulk('x'));
  await direct.ask('SET', 'a', 'y');
  assert.equal(await wire.read(), forget('a'));
  await wire.ask('GET', 'a');
  gate.signal('SIGHUP');
  await until(() => gate.logs.includes('configuration reloaded'), 'it is reloaded');
  await direct.ask('SET', 'a', 'z');
  assert.equal(await wire.read(), forget('a'));
});

test('it ends with OFF, RESET and the client, and its connection with it', async () => {
  await using server = await startRedis();
  await using gate = await startTidegate(shards([server.address]));
  const tracked = async (): Promise<number> =>
    Number(/tracking_clients:(\d+)/.exec(String(await server.value('INFO', 'clients')))?.[1]);
  const none = (): Promise<void> => until(async () => (await tracked()) === 0, 'none is tracked');
  await using wire = await gate.connect({ protocol: 3 });
  await wire.ask('CLIENT', 'TRACKING', 'ON');
  assert.equal(await tracked(), 1);
  await wire.expect(OK, 'CLIENT', 'TRACKING', 'OFF');
  await none();
  await hear(wire, 4, 'CLIENT TRACKING ON', 'GET a', 'RESET', 'CLIENT TRACKINGINFO');
  await none();
  {
    await using leaving = await gate.connect({ protocol: 3 });
    await leaving.ask('CLIENT', 'TRACKING', 'ON');
    assert.equal(await tracked(), 1);
  }
  await none();
});

test('clients that are ended in the middle of it leave no connection behind', async () => {
  await using server = await startRedis();
  const options = { dedicated_max: 3, op_timeout: '20s' };
  await using gate = await startTidegate(shards([server.address], options));
  await using watching = await gate.connect();
  const asking = async (): Promise<number> =>
    (await watching.ask('CLIENT', 'LIST')).split('cmd=client|tracking').length - 1;
  const wires = await Promise.all([1, 2, 3].map(() => gate.connect({ protocol: 3 })));
  // Connections are made, so that nothing but the answer is missing.
  for (const wire of wires) await hear(wire, 3, 'MULTI', 'GET a', 'EXEC');
  server.pause();
  for (const wire of wires) wire.send('CLIENT', 'TRACKING', 'ON');
  await until(async () => (await asking()) === 3, 'they wait for the server');
  await watching.expect(':3\r\n', 'CLIENT', 'KILL', 'SKIPME', 'yes');
  for (const wire of wires) await wire.ended();
  server.resume();
  await until(
    async () => /tracking_clients:0/.test(String(await server.value('INFO', 'clients'))),
    'none is tracked',
  );
  for (let round = 0; round < 3; round++) {
    await using wire = await gate.connect({ protocol: 3 });
    await until(async () => (await wire.ask('CLIENT', 'TRACKING', 'ON')) === OK, 'one is free');
  }
});

test('a reload that concerns its listener tracks a client anew, or closes it where that cannot be', async () => {
  await using server = await startRedis();
  await using other = await startRedis();
  const admin = { listen: `127.0.0.1:${await freePort()}` };
  const listen = `127.0.0.1:${await freePort()}`;
  const configOf = (servers: string[], listener: Section): TestConfig => ({
    ...shards(servers, {}, { listen, ...listener }),
    admin,
  });
  await using gate = await startTidegate(configOf([server.address], {}));
  await using wire = await gate.connect({ protocol: 3, timeoutMs: 15_000 });
  await using waiting = await gate.connect({ protocol: 3, timeoutMs: 15_000 });
  await hear(wire, 2, 'CLIENT TRACKING ON', 'GET a');
  await hear(waiting, 1, 'CLIENT TRACKING ON');
  waiting.send('BLPOP', 'list', '0');
  await until(() => isBlocked(server), 'the client waits');
  await reloadWell(gate, configOf([server.address], { max_connections: 50 }));
  assert.equal(await wire.read(), FORGET_ALL);
  assert.equal(await wire.ask('GET', 'a'), '_\r\n');
  await server.ask('SET', 'a', '1');
  assert.equal(await wire.read(), forget('a'));
  await server.ask('RPUSH', 'list', 'x');
  assert.deepEqual(await waiting.readAll(2), [`*2\r\n${bulk('list')}${bulk('x')}`, FORGET_ALL]);
  await reloadWell(gate, configOf([server.address, other.address], {}));
  assert.equal(await wire.ended(), FORGET_ALL);
});

test('where several servers answer, or others than those of writes, it is refused with the reason', async () => {
  await using servers = await startRedises(2);
  const refused = /^-ERR CLIENT TRACKING needs one server that has all keys/;
  const [one, two] = servers.addresses as [string, string];
  const route = { prefix: '', upstream: 'main' };
  const upstreams = {
    main: { kind: 'shards', servers: [one] },
    far: { kind: 'shards', servers: [two] },
  };
  const doors = [
    shards([one, two]),
    { listeners: { main: { routes: [{ ...route, read_upstream: 'far' }] } }, upstreams },
    { listeners: { main: { routes: [{ ...route, key_format: 'x:%KEY%' }] } }, upstreams },
    {
      listeners: { main: { routes: [route, { prefix: 'f:', upstream: 'far' }] } },
      upstreams,
    },
  ];
  for (const config of doors) {
    await using gate: Tidegate = await startTidegate(config);
    await using wire = await gate.connect({ protocol: 3 });
    assert.match(await wire.ask('CLIENT', 'TRACKING', 'ON'), refused);
    assert.equal(await wire.ask('CLIENT', 'TRACKING', 'OFF'), OK);
    assert.equal(await wire.ask('GET', 'a'), '_\r\n');
  }
  await using nodes = await startCluster({ primaries: 1, replicas: 0 });
  await using gate = await startTidegate(cluster(nodes.addresses));
  await using wire = await gate.connect({ protocol: 3 });
  assert.match(await wire.ask('CLIENT', 'TRACKING', 'ON'), refused);
});

test('REDIRECT, and tracking inside MULTI, are refused in words', async () => {
  await using server = await startRedis();
  await using gate = await startTidegate(shards([server.address]));
  await using wire = await gate.connect();
  const redirect = await wire.ask('CLIENT', 'TRACKING', 'ON', 'REDIRECT', '1');
  assert.match(redirect, /^-ERR CLIENT TRACKING with REDIRECT does not work .* use RESP3/);
  const replies = await hear(wire, 4, 'MULTI', 'CLIENT TRACKING ON', 'CLIENT TRACKINGINFO', 'EXEC');
  assert.match(
    replies[3]!,
    /^\*2\r\n-ERR CLIENT TRACKING and CACHING do not work inside MULTI here/,
  );
  await hear(wire, 2, 'HELLO 3', 'CLIENT TRACKING ON');
  const inside = await hear(wire, 4, 'MULTI', 'CLIENT GETREDIR', 'GET a', 'EXEC');
  assert.equal(inside[3], '*2\r\n:0\r\n_\r\n');
});

test('a script that the server has lost runs for a tracked client', async () => {
  await using server = await startRedis();
  await using gate = await startTidegate(shards([server.address]));
  await using wire = await gate.connect({ protocol: 3 });
  const source = "return redis.call('GET', KEYS[1])";
  const digest = JSON.parse(
    (await wire.ask('SCRIPT', 'LOAD', source)).replace(/^.*\r\n(.*)\r\n$/, '"$1"'),
  );
  await wire.ask('CLIENT', 'TRACKING', 'ON');
  await server.ask('SCRIPT', 'FLUSH');
  wire.write(`EVALSHA_RO ${digest} 1 a\r\nSET a 1\r\n`);
  assert.deepEqual(await wire.readAll(3), ['_\r\n', OK, forget('a')]);
});

test('the cache of node-redis stays true', async () => {
  await using server = await startRedis();
  await using gate = await startTidegate(shards([server.address]));
  const cache = new BasicClientSideCache({ ttl: 0, maxEntries: 100 });
  const client = createClient({
    url: `redis://127.0.0.1:${gate.port}`,
    RESP: 3,
    clientSideCache: cache,
  });
  client.on('error', () => {
    // It connects again by itself.
  });
  try {
    await client.connect();
    await server.ask('SET', 'k', '0');
    for (let round = 1; round <= 5; round++) {
      await client.get('k');
      const { hitCount } = cache.stats();
      await client.get('k');
      assert.equal(cache.stats().hitCount, hitCount + 1, 'it comes from the cache');
      if (round === 3) await server.ask('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
      await server.ask('SET', 'k', String(round));
      await until(async () => (await client.get('k')) === String(round), 'the new value is seen');
    }
  } finally {
    client.destroy();
  }
});
