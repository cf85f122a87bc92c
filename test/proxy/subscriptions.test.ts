/** Publish and subscribe through the door: every message once, whichever server it comes from. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Redis } from 'ioredis';
import { Redis as Valkey } from 'iovalkey';
import { createClient } from 'redis';
import { sleep, until, within } from '../support/bounded.ts';
import { kept } from '../support/kept.ts';
import { connectionsTo } from '../support/leaks.ts';
import { keysByServer } from '../support/placement.ts';
import { startRedis, startRedises } from '../support/redis.ts';
import { configAt, freePlaces, reloadWell, startAt } from '../support/reload.ts';
import { shards, startTidegate, type Tidegate } from '../support/tidegate.ts';
import { bulk, decode, type Wire } from '../support/wire.ts';

const servers = kept(await startRedises(4));
const gate = kept(await startTidegate(shards(servers.addresses)));

function message(channel: string, text: string, head = '*'): string {
  return `${head}3\r\n${bulk('message')}${bulk(channel)}${bulk(text)}`;
}

function patternMessage(pattern: string, channel: string, text: string): string {
  return `*4\r\n${bulk('pmessage')}${bulk(pattern)}${bulk(channel)}${bulk(text)}`;
}

function confirmation(word: string, name: string, count: number, head = '*'): string {
  return `${head}3\r\n${bulk(word)}${bulk(name)}:${count}\r\n`;
}

async function connectMany(count: number, of: Tidegate = gate): Promise<Wire[]> {
  return await Promise.all(Array.from({ length: count }, () => of.connect()));
}

/** A PING is answered behind everything the client has been sent. */
async function heardBy(wire: Wire): Promise<string[]> {
  wire.send('PING', 'end');
  const heard: string[] = [];
  for (;;) {
    const one = await wire.read();
    if (one.includes(bulk('end'))) return heard;
    heard.push(one);
  }
}

/** What the servers say of subscriptions, gateways included. */
async function channelsAt(of = servers): Promise<string[][]> {
  return await Promise.all(
    Array.from(of, async (server) => (await server.value('PUBSUB', 'CHANNELS')) as string[]),
  );
}

test('200 subscribers of 40 channels on 4 servers get each message once and in order', async () => {
  const wires = await connectMany(200);
  const channels = Array.from({ length: 40 }, (_none, index) => `channel:${index}`);
  await Promise.all(
    wires.map(async (wire, index) => {
      wire.send('SUBSCRIBE', channels[index % 40]!, 'for all');
      await wire.readAll(2);
    }),
  );
  const publishers = await connectMany(4);
  const counts = await Promise.all(
    publishers.map((publisher, p) =>
      publisher.askAll([
        ...channels.flatMap((channel) => [
          ['PUBLISH', channel, `${p}:1`],
          ['PUBLISH', channel, `${p}:2`],
        ]),
        ['PUBLISH', 'for all', `${p}`],
      ]),
    ),
  );
  for (const replies of counts) {
    assert.deepEqual(new Set(replies.slice(0, -1)), new Set([':5\r\n']));
    assert.equal(replies.at(-1), ':200\r\n');
  }
  for (const [index, wire] of wires.entries()) {
    const channel = channels[index % 40]!;
    const heard = await wire.readAll(12);
    for (const p of [0, 1, 2, 3]) {
      const from = heard.filter(
        (one) => one.endsWith(`\r\n${p}:1\r\n`) || one.endsWith(`\r\n${p}:2\r\n`),
      );
      assert.deepEqual(from, [message(channel, `${p}:1`), message(channel, `${p}:2`)]);
      assert.ok(heard.includes(message('for all', `${p}`)));
    }
  }
  assert.deepEqual(new Set((await Promise.all(wires.map(heardBy))).flat()), new Set());
  for (const wire of [...wires, ...publishers]) wire.close();
});

test('servers see one connection with one subscription, whatever number of clients', async () => {
  await using two = await startRedises(2);
  await using door = await startTidegate(shards(two.addresses));
  const wires = await connectMany(50, door);
  for (const wire of wires) await wire.ask('SUBSCRIBE', 'one');
  for (const wire of wires) await wire.ask('PSUBSCRIBE', 'one*');
  for (const server of two) {
    const list = String(await server.value('CLIENT', 'LIST', 'TYPE', 'pubsub'))
      .trim()
      .split('\n');
    assert.equal(list.length, 1);
    assert.match(list[0]!, / sub=1 psub=1 /);
  }
  for (const wire of wires) wire.close();
});

test('keyspace notifications of keys on every server reach a subscriber', async () => {
  for (const server of servers) await server.ask('CONFIG', 'SET', 'notify-keyspace-events', 'KEA');
  const keys = (await keysByServer(gate, servers, 3, 'noted:')).flat();
  await using wire = await gate.connect();
  await using events = await gate.connect();
  await using one = await gate.connect();
  await using writer = await gate.connect();
  await wire.ask('PSUBSCRIBE', '__keyspace@0__:*');
  await events.ask('SUBSCRIBE', '__keyevent@0__:set');
  one.send('SUBSCRIBE', ...keys.map((key) => `__keyspace@0__:${key}`));
  await one.readAll(keys.length);
  await writer.askAll(keys.map((key) => ['SET', key, 'v']));
  const heard = (await wire.readAll(keys.length)).sort((a, b) => a.localeCompare(b));
  assert.deepEqual(
    heard,
    keys
      .map((key) => patternMessage('__keyspace@0__:*', `__keyspace@0__:${key}`, 'set'))
      .sort((a, b) => a.localeCompare(b)),
  );
  assert.deepEqual(
    new Set(await events.readAll(keys.length)),
    new Set(keys.map((key) => message('__keyevent@0__:set', key))),
  );
  assert.deepEqual(
    new Set(await one.readAll(keys.length)),
    new Set(keys.map((key) => message(`__keyspace@0__:${key}`, 'set'))),
  );
  for (const client of [wire, events, one]) assert.deepEqual(await heardBy(client), []);
  for (const server of servers) await server.ask('CONFIG', 'SET', 'notify-keyspace-events', '');
});

test('a message published straight at any server reaches the clients of the door once', async () => {
  await using wire = await gate.connect();
  await wire.ask('SUBSCRIBE', 'straight');
  for (const [index, server] of servers.entries()) {
    assert.equal(await server.ask('PUBLISH', 'straight', String(index)), ':1\r\n');
  }
  const heard = await wire.readAll(4);
  assert.deepEqual(
    new Set(heard),
    new Set(['0', '1', '2', '3'].map((n) => message('straight', n))),
  );
});

test('a channel of a slot is taken from one server only, where SPUBLISH sends', async () => {
  const names = Array.from({ length: 64 }, (_none, index) => `shard:${index}`);
  await using wire = await gate.connect();
  await using writer = await gate.connect();
  wire.send('SSUBSCRIBE', ...names);
  await wire.readAll(names.length);
  const at = await Promise.all(
    Array.from(
      servers,
      async (server) => (await server.value('PUBSUB', 'SHARDCHANNELS')) as string[],
    ),
  );
  assert.equal(at.flat().length, names.length);
  assert.ok(
    at.every((here) => here.length > 0),
    'spread over the servers',
  );
  const replies = await writer.askAll(names.map((name) => ['SPUBLISH', name, name]));
  assert.deepEqual(new Set(replies), new Set([':1\r\n']));
  assert.equal(new Set(await wire.readAll(names.length)).size, names.length);
  assert.deepEqual(
    new Set((await writer.value('PUBSUB', 'SHARDCHANNELS')) as string[]),
    new Set(names),
  );
});

test('PUBSUB joins all servers, subscribers that are not ours included', async () => {
  await using ours = await gate.connect();
  await using also = await gate.connect();
  await using asker = await gate.connect();
  await using foreign = await servers[1]!.connect();
  await using other = await servers[2]!.connect();
  await ours.ask('SUBSCRIBE', 'mixed');
  await also.ask('SUBSCRIBE', 'mixed');
  await foreign.ask('SUBSCRIBE', 'mixed');
  await foreign.ask('SUBSCRIBE', 'foreign');
  await other.ask('SUBSCRIBE', 'foreign');
  await other.ask('PSUBSCRIBE', 'mix*');
  await also.ask('PSUBSCRIBE', 'own*');
  assert.deepEqual(
    ((await asker.value('PUBSUB', 'CHANNELS', '*i*')) as string[]).sort((a, b) =>
      a.localeCompare(b),
    ),
    ['foreign', 'mixed'],
  );
  assert.deepEqual(await asker.value('PUBSUB', 'NUMSUB', 'mixed', 'foreign', 'none'), [
    'mixed',
    3,
    'foreign',
    2,
    'none',
    0,
  ]);
  assert.equal(await asker.ask('PUBSUB', 'NUMPAT'), ':2\r\n');
});

test('PUBSUB is no success while a server is down', async () => {
  await using two = await startRedises(2);
  await using door = await startTidegate(shards(two.addresses));
  await two[0]!.kill();
  assert.equal(await door.ask('PUBSUB', 'CHANNELS'), '-finished with 1 error(s)\r\n');
  assert.equal(await door.ask('PUBSUB', 'NUMSUB', 'x'), '-finished with 1 error(s)\r\n');
});

test('a subscriber of RESP3 sends other commands, and messages stand between replies', async () => {
  await using wire = await gate.connect({ protocol: 3 });
  await using writer = await gate.connect();
  assert.equal(await wire.ask('SUBSCRIBE', 'busy'), confirmation('subscribe', 'busy', 1, '>'));
  const value = 'v'.repeat(100_000);
  await writer.ask('SET', 'big', value);
  let published = 0;
  const replies: string[] = [];
  const pushes: string[] = [];
  const reading = (async () => {
    while (replies.length < 200 || pushes.length < published) {
      const one = await wire.read();
      (one.startsWith('>') ? pushes : replies).push(one);
    }
  })();
  for (let round = 0; round < 20; round++) {
    for (let i = 0; i < 10; i++) wire.send('GET', 'big');
    await writer.askAll(Array.from({ length: 10 }, () => ['PUBLISH', 'busy', String(published++)]));
  }
  await within(reading, 10_000, 'all replies and messages');
  assert.deepEqual(new Set(replies), new Set([bulk(value)]));
  assert.deepEqual(
    pushes,
    Array.from({ length: 200 }, (_none, index) => message('busy', String(index), '>')),
  );
});

test('a subscriber hears messages much longer than one read', async () => {
  await using two = await gate.connect();
  await using three = await gate.connect({ protocol: 3 });
  await using writer = await gate.connect();
  await two.ask('SUBSCRIBE', 'long');
  await three.ask('SUBSCRIBE', 'long');
  const text = 'x'.repeat(3_000_000);
  assert.equal(await writer.ask('PUBLISH', 'long', text), ':2\r\n');
  assert.equal((await two.read()) === message('long', text), true);
  assert.equal((await three.read()) === message('long', text, '>'), true);
});

test('clients of two listeners and of both protocols share what the door subscribes to', async () => {
  await using server = await startRedis();
  const listener = { routes: [{ prefix: '', upstream: 'main' }] };
  await using door = await startTidegate({
    listeners: { main: listener, other: listener },
    upstreams: { main: { kind: 'shards', servers: [server.address] } },
  });
  await using here = await door.connect();
  await using there = await door.connect({ listener: 'other', protocol: 3 });
  await here.ask('SUBSCRIBE', 'both');
  await there.ask('SUBSCRIBE', 'both');
  assert.equal(await server.ask('PUBSUB', 'NUMSUB', 'both'), `*2\r\n${bulk('both')}:1\r\n`);
  assert.equal(await door.ask('PUBLISH', 'both', 'hi'), ':2\r\n');
  assert.equal(await here.read(), message('both', 'hi'));
  assert.equal(await there.read(), message('both', 'hi', '>'));
});

test('a channel belongs to the route of its prefix, and a pattern hears every route once', async () => {
  await using both = await startRedises(2);
  const [users, rest] = [both[0]!, both[1]!];
  await using door = await startTidegate({
    listeners: {
      main: {
        routes: [
          { prefix: 'user:', upstream: 'users', remove_prefix: true },
          { prefix: '', upstream: 'rest' },
        ],
      },
    },
    upstreams: {
      users: { kind: 'shards', servers: [users.address] },
      rest: { kind: 'shards', servers: [rest.address] },
    },
  });
  await using wire = await door.connect();
  await using all = await door.connect();
  await using writer = await door.connect();
  await wire.ask('SUBSCRIBE', 'user:1');
  await all.ask('PSUBSCRIBE', '*');
  assert.deepEqual(await channelsAt(both), [['user:1'], []]);
  assert.equal(await writer.ask('PUBLISH', 'user:1', 'a'), ':2\r\n');
  assert.equal(await writer.ask('PUBLISH', 'plain', 'b'), ':1\r\n');
  // Published where no client of the door would: nobody behind it is meant.
  await rest.ask('PUBLISH', 'user:1', 'wrong');
  await users.ask('PUBLISH', 'plain', 'wrong');
  assert.equal(await writer.ask('PUBLISH', 'user:2', 'c'), ':1\r\n');
  assert.equal(await wire.read(), message('user:1', 'a'));
  const heard = await all.readAll(3);
  assert.deepEqual(
    new Set(heard),
    new Set([
      patternMessage('*', 'user:1', 'a'),
      patternMessage('*', 'plain', 'b'),
      patternMessage('*', 'user:2', 'c'),
    ]),
  );
  assert.deepEqual([await heardBy(wire), await heardBy(all)], [[], []]);
  assert.equal(await writer.ask('PUBSUB', 'NUMPAT'), ':1\r\n');
});

test('a channel that no route takes is refused', async () => {
  await using door = await startTidegate(
    shards([servers[0]!.address], {}, { routes: [{ prefix: 'only:', upstream: 'main' }] }),
  );
  await using wire = await door.connect();
  assert.equal(await wire.ask('SUBSCRIBE', 'other'), '-no upstream host\r\n');
  assert.equal(await wire.ask('PUBLISH', 'other', 'x'), '-no upstream host\r\n');
  assert.equal(await wire.ask('SUBSCRIBE', 'only:this'), confirmation('subscribe', 'only:this', 1));
});

test('mirrors get what is published', async () => {
  await using shadow = await startRedis();
  await using door = await startTidegate({
    listeners: {
      main: { routes: [{ prefix: '', upstream: 'main', mirror: [{ upstream: 'shadow' }] }] },
    },
    upstreams: {
      main: { kind: 'shards', servers: [servers[0]!.address] },
      shadow: { kind: 'shards', servers: [shadow.address] },
    },
  });
  await using listening = await shadow.connect();
  await listening.ask('SUBSCRIBE', 'copied');
  assert.equal(await door.ask('PUBLISH', 'copied', 'x'), ':0\r\n');
  assert.equal(await listening.read(), message('copied', 'x'));
});

test('a client that leaves without a word ends its subscriptions at the servers', async () => {
  const wires = await connectMany(3);
  await wires[0]!.ask('SUBSCRIBE', 'left:1');
  wires[1]!.send('SUBSCRIBE', 'left:1', 'left:2');
  await wires[1]!.readAll(2);
  await wires[2]!.ask('PSUBSCRIBE', 'left*');
  wires[0]!.reset();
  wires[2]!.close();
  const stays = (): Promise<boolean> =>
    channelsAt().then((all) =>
      all.every((here) => here.filter((n) => n.startsWith('left')).length === 2),
    );
  await until(async () => (await servers[0]!.ask('PUBSUB', 'NUMPAT')) === ':0\r\n', 'no pattern');
  assert.ok(await stays(), 'what another client wants stays');
  wires[1]!.close();
  await until(
    async () => (await channelsAt()).flat().every((n) => !n.startsWith('left')),
    'none left',
  );
});

test('the connections for subscriptions go when nobody is subscribed any more', async () => {
  await using server = await startRedis();
  await using door = await startTidegate(shards([server.address]));
  await using wire = await door.connect();
  await wire.ask('GET', 'k');
  const before = connectionsTo(server.port);
  await wire.ask('SUBSCRIBE', 'x');
  assert.equal(connectionsTo(server.port), before + 1);
  await wire.ask('UNSUBSCRIBE');
  await until(() => connectionsTo(server.port) === before, 'it is closed', 9000, 50);
  await wire.ask('SUBSCRIBE', 'x');
  assert.equal(await door.ask('PUBLISH', 'x', 'again'), ':1\r\n');
  assert.equal(await wire.read(), message('x', 'again'));
});

test('who comes back at once finds the subscription still there', async () => {
  await using server = await startRedis();
  await using door = await startTidegate(shards([server.address]));
  await server.ask('CONFIG', 'RESETSTAT');
  for (let i = 0; i < 10; i++) {
    await using wire = await door.connect();
    await wire.ask('SUBSCRIBE', 'x');
  }
  assert.equal(await server.calls('subscribe'), 1);
  assert.equal(await server.calls('unsubscribe'), 0);
});

test('waiting for messages is no idling, and no time-out of commands ends it', async () => {
  await using door = await startTidegate(
    shards([servers[0]!.address], { op_timeout: '100ms' }, { idle_timeout: '200ms' }),
  );
  await using wire = await door.connect();
  await wire.ask('SUBSCRIBE', 'patience');
  await sleep(700);
  assert.equal(await door.ask('PUBLISH', 'patience', 'here'), ':1\r\n');
  assert.equal(await wire.read(), message('patience', 'here'));
});

test('CLIENT LIST tells subscribers from others, and KILL finds them', async () => {
  await using wire = await gate.connect();
  await using asker = await gate.connect();
  const id = await wire.value('CLIENT', 'ID');
  wire.send('SUBSCRIBE', 'a', 'b');
  wire.send('PSUBSCRIBE', 'c*');
  wire.send('SSUBSCRIBE', 'd');
  await wire.readAll(4);
  const list = String(await asker.value('CLIENT', 'LIST', 'TYPE', 'pubsub')).trim();
  assert.match(list, new RegExp(`^id=${id} .* flags=P db=0 sub=2 psub=1 ssub=1 `));
  assert.doesNotMatch(String(await asker.value('CLIENT', 'LIST', 'TYPE', 'normal')), / flags=P /);
  assert.equal(await asker.ask('CLIENT', 'KILL', 'TYPE', 'pubsub'), ':1\r\n');
  await wire.ended();
});

test('figures: subscribers, subscriptions, messages', async () => {
  await using server = await startRedis();
  await using door = await startTidegate(shards([server.address]));
  const wires = await connectMany(3, door);
  for (const wire of wires) await wire.ask('SUBSCRIBE', 'counted');
  await wires[0]!.ask('PSUBSCRIBE', 'count*');
  await door.ask('PUBLISH', 'counted', 'x');
  const metrics = async (): Promise<string> => (await door.admin('/metrics')).body;
  const text = await metrics();
  for (const line of [
    'tidegate_listener_subscribers{listener="main"} 3',
    'tidegate_listener_subscriptions{listener="main"} 4',
    'tidegate_listener_messages_delivered_total{listener="main"} 4',
    'tidegate_upstream_subscriptions{upstream="main"} 2',
  ]) {
    assert.ok(text.includes(`${line}\n`), line);
  }
  for (const wire of wires) wire.close();
  await until(async () => {
    const now = await metrics();
    return (
      now.includes('tidegate_listener_subscribers{listener="main"} 0\n') &&
      now.includes('tidegate_listener_subscriptions{listener="main"} 0\n') &&
      now.includes('tidegate_upstream_subscriptions{upstream="main"} 0\n')
    );
  }, 'all are back at zero');
});

test('users need the right to the command; key patterns do not concern channels', async () => {
  await using door = await startTidegate(
    shards(
      [servers[0]!.address],
      {},
      {
        users: [
          { name: 'reader', password: 'r', keys: ['app:*'], commands: ['+@all'] },
          { name: 'deaf', password: 'd', commands: ['+@all', '-subscribe'] },
        ],
      },
    ),
  );
  await using reader = await door.connect({ auth: ['reader', 'r'] });
  await using deaf = await door.connect({ auth: ['deaf', 'd'] });
  assert.equal(
    await deaf.ask('SUBSCRIBE', 'x'),
    "-NOPERM this user has no permissions to run the 'subscribe' command\r\n",
  );
  assert.equal(
    await reader.ask('SUBSCRIBE', 'elsewhere'),
    confirmation('subscribe', 'elsewhere', 1),
  );
  assert.equal(await deaf.ask('PUBLISH', 'elsewhere', 'x'), ':1\r\n');
  assert.equal(await reader.read(), message('elsewhere', 'x'));
  await using stranger = await door.connect();
  assert.equal(await stranger.ask('SUBSCRIBE', 'x'), '-NOAUTH Authentication required.\r\n');
});

test('RESET by a user logs out and forgets all subscriptions', async () => {
  await using wire = await gate.connect({ protocol: 3 });
  wire.send('SUBSCRIBE', 'reset:1', 'reset:2');
  await wire.readAll(2);
  assert.equal(await wire.ask('RESET'), '+RESET\r\n');
  assert.equal(await gate.ask('PUBLISH', 'reset:1', 'x'), ':0\r\n');
  assert.equal(await wire.ask('PING'), '+PONG\r\n');
});

test('a door that is drained lets subscribers go', async () => {
  await using door = await startTidegate(shards([servers[0]!.address]));
  await using wire = await door.connect();
  await wire.ask('SUBSCRIBE', 'x');
  const exit = await door.stop('SIGTERM', 5000);
  assert.equal(exit.code, 0);
  await wire.ended();
});

test('a reload that moves channels to another upstream takes subscribers along', async () => {
  await using both = await startRedises(2);
  const [before, after] = [both[0]!, both[1]!];
  const upstreams = { first: { servers: [before.address] }, second: { servers: [after.address] } };
  const places = await freePlaces();
  await using door = await startAt(configAt(places, upstreams));
  await using wire = await door.connect();
  await using pattern = await door.connect({ protocol: 3 });
  await wire.ask('SUBSCRIBE', 'moved');
  await pattern.ask('PSUBSCRIBE', 'm*');
  await after.ask('PING');
  const commandLinks = connectionsTo(after.port);
  const routes = [{ prefix: '', upstream: 'second' }];
  await reloadWell(door, configAt(places, upstreams, { routes }));
  await until(
    async () => (await after.ask('PUBLISH', 'moved', 'new')) === ':2\r\n',
    'they are there',
  );
  assert.equal(await wire.read(), message('moved', 'new'));
  assert.equal((await pattern.read()).slice(1), patternMessage('m*', 'moved', 'new').slice(1));
  await until(async () => (await before.ask('PUBLISH', 'moved', 'old')) === ':0\r\n', 'not here');
  assert.equal(connectionsTo(after.port), commandLinks + 1);
  await wire.ask('UNSUBSCRIBE');
  assert.equal(await wire.ask('ECHO', 'free'), bulk('free'));
  // Now without a place for them.
  const only = [{ prefix: 'only:', upstream: 'second' }];
  await using other = await door.connect();
  await other.ask('SUBSCRIBE', 'ends');
  await reloadWell(door, configAt(places, upstreams, { routes: only }));
  assert.equal(await other.read(), confirmation('unsubscribe', 'ends', 0));
  assert.equal(await other.ask('ECHO', 'free'), bulk('free'));
});

test('a reload that does not concern them leaves subscriptions as they are', async () => {
  await using server = await startRedis();
  const upstreams = { first: { servers: [server.address] } };
  const places = await freePlaces();
  await using door = await startAt(configAt(places, upstreams));
  await using wire = await door.connect();
  await wire.ask('SUBSCRIBE', 'steady');
  await server.ask('CONFIG', 'RESETSTAT');
  for (let i = 0; i < 5; i++) {
    await reloadWell(door, configAt(places, upstreams, { max_connections: 100 + i }));
    assert.equal(await server.ask('PUBLISH', 'steady', String(i)), ':1\r\n');
    assert.equal(await wire.read(), message('steady', String(i)));
  }
  assert.equal(await server.calls('subscribe'), 0);
  assert.equal(await server.calls('unsubscribe'), 0);
  assert.match((await door.admin('/metrics')).body, /tidegate_listener_subscribers\{.*\} 1\n/);
});

test('inside MULTI messages are published with EXEC, and SUBSCRIBE is refused', async () => {
  await using wire = await gate.connect();
  await using writer = await gate.connect();
  await wire.ask('SUBSCRIBE', 'in a transaction');
  await writer.askAll([['MULTI'], ['SET', 'k', 'v'], ['PUBLISH', 'in a transaction', 'x']]);
  assert.deepEqual(await heardBy(wire), []);
  assert.equal(await writer.ask('EXEC'), '*2\r\n+OK\r\n:1\r\n');
  assert.equal(await wire.read(), message('in a transaction', 'x'));
  const refused = await writer.askAll([['MULTI'], ['SET', 'k', 'v'], ['SUBSCRIBE', 'x'], ['EXEC']]);
  assert.deepEqual(refused.slice(2), [
    '-ERR Command not allowed inside a transaction\r\n',
    '-EXECABORT Transaction discarded because of previous errors.\r\n',
  ]);
  assert.equal(await writer.ask('GET', 'k'), bulk('v'));
});

test('a client of RESP3 that waits for a list hears messages meanwhile', async () => {
  await using wire = await gate.connect({ protocol: 3 });
  await using writer = await gate.connect();
  await wire.ask('SUBSCRIBE', 'meanwhile');
  wire.send('BLPOP', 'a list', '0');
  await until(
    async () => (await writer.ask('PUBLISH', 'meanwhile', 'x')) === ':1\r\n',
    'it is heard',
  );
  assert.equal(await wire.read(), message('meanwhile', 'x', '>'));
  await writer.ask('RPUSH', 'a list', 'element');
  assert.equal(await wire.read(), `*2\r\n${bulk('a list')}${bulk('element')}`);
});

test('subscribers of every worker hear a message once', async () => {
  await using server = await startRedis();
  await using door = await startTidegate({ ...shards([server.address]), workers: 2 });
  await until(() => door.logs.includes('"serving"'), 'all workers serve');
  const wires = await connectMany(24, door);
  for (const wire of wires) await wire.ask('SUBSCRIBE', 'all');
  const links = String(await server.value('CLIENT', 'LIST', 'TYPE', 'pubsub'))
    .trim()
    .split('\n');
  assert.equal(links.length, 2, 'one connection per worker');
  const reply = decode(await door.ask('PUBLISH', 'all', 'x')) as number;
  assert.ok(reply >= 2 && reply <= 24, `${reply}: own clients, and one for the other worker`);
  for (const wire of wires) assert.equal(await wire.read(), message('all', 'x'));
  for (const wire of wires) assert.deepEqual(await heardBy(wire), []);
  for (const wire of wires) wire.close();
});

for (const version of [2, 3] as const) {
  test(`node-redis in RESP${version} publishes and subscribes`, async () => {
    const url = `redis://127.0.0.1:${gate.port}`;
    const reader = createClient({ url, RESP: version });
    const writer = createClient({ url, RESP: version });
    for (const one of [reader, writer]) one.on('error', () => one.isOpen);
    await within(Promise.all([reader.connect(), writer.connect()]), 10_000, 'connect');
    try {
      const heard: string[] = [];
      await reader.subscribe(['n:1', 'n:2'], (text, channel) => heard.push(`${channel}=${text}`));
      await reader.pSubscribe('n:*', (text, channel) => heard.push(`*${channel}=${text}`));
      await reader.sSubscribe('n:s', (text, channel) => heard.push(`s${channel}=${text}`));
      assert.equal(await writer.publish('n:1', 'a'), 2);
      assert.equal(await writer.publish('n:3', 'b'), 1);
      assert.equal(await writer.sPublish('n:s', 'c'), 1);
      await until(() => heard.length === 4, 'all messages');
      assert.deepEqual(new Set(heard), new Set(['n:1=a', '*n:1=a', '*n:3=b', 'sn:s=c']));
      assert.deepEqual({ ...(await writer.pubSubNumSub(['n:1', 'n:9'])) }, { 'n:1': 1, 'n:9': 0 });
      await reader.unsubscribe('n:1');
      await reader.pUnsubscribe();
      assert.equal(await writer.publish('n:1', 'd'), 0);
      if (version === 3) assert.equal(await reader.get('none'), null);
    } finally {
      reader.destroy();
      writer.destroy();
    }
  });
}

const likeIoredis = [
  { name: 'ioredis', open: (options: object) => new Redis({ ...options }) },
  { name: 'ioredis in RESP3', open: (options: object) => new Redis({ ...options, protocol: 3 }) },
  { name: 'iovalkey', open: (options: object) => new Valkey({ ...options }) as unknown as Redis },
];

for (const { name, open } of likeIoredis) {
  test(`${name} publishes and subscribes, and comes back by itself`, async () => {
    const options = { port: gate.port, host: '127.0.0.1', retryStrategy: () => 20 };
    const reader = open(options);
    const writer = open(options);
    for (const one of [reader, writer]) one.on('error', () => one.status);
    try {
      const heard: string[] = [];
      reader.on('message', (channel, text) => heard.push(`${channel}=${text}`));
      reader.on('pmessage', (pattern, channel, text) =>
        heard.push(`${pattern} ${channel}=${text}`),
      );
      assert.equal(await within(reader.subscribe('i:1', 'i:2'), 10_000, 'SUBSCRIBE'), 2);
      assert.equal(await reader.psubscribe('i:*'), 3);
      assert.equal(await writer.publish('i:1', 'a'), 2);
      await until(() => heard.length === 2, 'both messages');
      assert.deepEqual(new Set(heard), new Set(['i:1=a', 'i:* i:1=a']));
      await writer.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
      await until(async () => (await writer.publish('i:2', 'b')) === 2, 'subscribed again');
      await until(() => heard.includes('i:2=b') && heard.includes('i:* i:2=b'), 'messages again');
      assert.equal(await reader.unsubscribe('i:1'), 2);
    } finally {
      reader.disconnect();
      writer.disconnect();
    }
  });
}
