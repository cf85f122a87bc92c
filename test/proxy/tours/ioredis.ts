/** ioredis and iovalkey, which share their interface, used as their users do with one server. */
import assert from 'node:assert/strict';
import { Redis } from 'ioredis';
import { Redis as Valkey } from 'iovalkey';
import { until, within } from '../../support/bounded.ts';
import { ADD, BINARY, LIBRARY, LIMIT_MS, NAMES, type Place, type Tour } from './place.ts';

type Open = (options: object) => Redis;

/** `protocol` is new in ioredis 6. */
export const LIKE_IOREDIS: readonly {
  readonly name: string;
  readonly open: Open;
}[] = [
  { name: 'ioredis', open: (options) => new Redis({ ...options }) },
  { name: 'ioredis in RESP3', open: (options) => new Redis({ ...options, protocol: 3 }) },
  { name: 'iovalkey', open: (options) => new Valkey({ ...options }) as unknown as Redis },
];

export function openIoredis(place: Place, open: Open): Redis {
  return quiet(open({ port: place.gate.port, host: '127.0.0.1', maxRetriesPerRequest: 2 }));
}

function quiet(client: Redis): Redis {
  client.on('error', () => client.status);
  return client;
}

export const IOREDIS_TOURS: readonly Tour<Redis>[] = [
  { what: 'strings, hashes, lists, sets, sorted sets, streams', play: types },
  { what: 'pipelines, MGET and MSET over all servers, binary, errors', play: many },
  { what: 'name, databases, automatic pipelining', play: connection },
  { what: 'publish and subscribe', play: channels },
  { what: 'publish and subscribe to shard channels', play: shardChannels },
  { what: 'commands that wait', play: waiting },
  { what: 'transactions', play: transactions },
  { what: 'scripts and functions', play: scripts },
];

async function types(_place: Place, client: Redis): Promise<void> {
  assert.equal(await within(client.ping(), LIMIT_MS, 'PING'), 'PONG');
  assert.equal(await client.set('s', 'value', 'EX', 100), 'OK');
  assert.equal(await client.get('s'), 'value');
  assert.equal(await client.get('none'), null);
  assert.equal(await client.hset('h', { a: '1', b: '2' }), 2);
  assert.deepEqual({ ...(await client.hgetall('h')) }, { a: '1', b: '2' });
  assert.equal(await client.rpush('l', 'x', 'y'), 2);
  assert.deepEqual(await client.lrange('l', '0', '-1'), ['x', 'y']);
  assert.equal(await client.sadd('set', '1', '2'), 2);
  assert.equal(await client.zadd('z', '1.5', 'm', '2', 'n'), 2);
  assert.equal(Number(await client.zscore('z', 'm')), 1.5);
  assert.deepEqual(await client.zrange('z', '0', '-1'), ['m', 'n']);
  const id = await client.xadd('stream', '*', 'field', 'value');
  assert.deepEqual(await client.xrange('stream', '-', '+'), [[id, ['field', 'value']]]);
}

async function many(_place: Place, client: Redis): Promise<void> {
  const values = NAMES.map((key) => `of ${key}`);
  await within(client.mset(...NAMES.flatMap((key) => [key, `of ${key}`])), LIMIT_MS, 'MSET');
  assert.deepEqual(await client.mget(...NAMES, 'none'), [...values, null]);
  const pipeline = client.pipeline();
  for (const key of NAMES) pipeline.get(key).strlen(key);
  pipeline.lpush(NAMES[0]!, 'wrong type');
  const replies = (await pipeline.exec()) ?? [];
  assert.deepEqual(
    replies.slice(0, -1).map(([, value]) => value),
    NAMES.flatMap((key) => [`of ${key}`, key.length + 3]),
  );
  assert.match(String(replies.at(-1)?.[0]), /WRONGTYPE/);
  const scanned = new Set<string>();
  for await (const found of client.scanStream({ count: 7 }))
    for (const key of found as string[]) scanned.add(key);
  assert.deepEqual(scanned, new Set(NAMES));
  await client.set('bin', BINARY);
  assert.deepEqual(await client.getBuffer('bin'), BINARY);
  await assert.rejects(client.incr('bin'), /not an integer/);
  await assert.rejects(client.call('NOSUCH', 'x'), /unknown command/);
  assert.equal(await client.del(...NAMES), NAMES.length);
}

async function connection(place: Place, client: Redis): Promise<void> {
  const named = quiet(client.duplicate({ connectionName: 'my-name', enableAutoPipelining: true }));
  try {
    // iovalkey names itself behind what was asked before it was connected.
    await within(named.ping(), LIMIT_MS, 'PING');
    assert.equal(await named.client('GETNAME'), 'my-name');
    const numbers = Array.from({ length: 200 }, (_none, index) => String(index));
    const answers = await Promise.all(
      numbers.map((each) => named.set(`k${each}`, each).then(() => named.get(`k${each}`))),
    );
    assert.deepEqual(answers, numbers);
    assert.equal(await named.quit(), 'OK');
  } finally {
    named.disconnect();
  }
  if (place.hasDatabases) await databases(client);
  else await assert.rejects(client.select(3), /SELECT is not allowed in cluster mode/);
}

async function databases(client: Redis): Promise<void> {
  const third = quiet(client.duplicate({ db: 3 }));
  try {
    await within(third.set('where', 'three'), LIMIT_MS, 'SET');
    assert.equal(await client.get('where'), null);
    await client.select(3);
    assert.equal(await client.get('where'), 'three');
  } finally {
    third.disconnect();
  }
}

async function channels(_place: Place, client: Redis): Promise<void> {
  const listener = quiet(client.duplicate());
  try {
    const heard: string[] = [];
    listener.on('message', (channel: string, message: string) => heard.push(channel, message));
    listener.on('pmessage', (pattern: string, channel: string, message: string) =>
      heard.push(`${pattern} ${channel}`, message),
    );
    assert.equal(await within(listener.subscribe('news', 'other'), LIMIT_MS, 'SUBSCRIBE'), 2);
    assert.equal(await listener.psubscribe('ev*'), 3);
    for (const [channel, message] of [
      ['news', 'a'],
      ['event', 'b'],
      ['other', 'c'],
    ] as const) {
      assert.equal(await client.publish(channel, message), 1);
      await until(() => heard.at(-1) === message, `${channel} is heard`);
    }
    assert.deepEqual(heard, ['news', 'a', 'ev* event', 'b', 'other', 'c']);
    await listener.punsubscribe('ev*');
    await listener.unsubscribe('news', 'other');
    assert.equal(await client.publish('news', 'unheard'), 0);
    assert.equal(await listener.ping(), 'PONG');
  } finally {
    listener.disconnect();
  }
}

/** With a client of its own: ioredis waits for ever when one leaves channels of both kinds, in front of a server too. */
async function shardChannels(_place: Place, client: Redis): Promise<void> {
  const listener = quiet(client.duplicate());
  try {
    const heard: string[] = [];
    listener.on('smessage', (channel: string, message: string) => heard.push(channel, message));
    assert.equal(await within(listener.ssubscribe('shard'), LIMIT_MS, 'SSUBSCRIBE'), 1);
    assert.equal(await client.spublish('shard', 'a'), 1);
    await until(() => heard.length === 2, 'the shard channel is heard');
    assert.deepEqual(heard, ['shard', 'a']);
    await listener.sunsubscribe('shard');
    assert.equal(await client.spublish('shard', 'unheard'), 0);
    assert.equal(await listener.ping(), 'PONG');
  } finally {
    listener.disconnect();
  }
}

async function waiting(place: Place, client: Redis): Promise<void> {
  const waiter = quiet(client.duplicate());
  try {
    const popped = waiter.blpop('{q}none', '{q}list', 10);
    await place.blocked(1);
    assert.equal(await client.rpush('{q}list', 'x'), 1);
    assert.deepEqual(await popped, ['{q}list', 'x']);
    const moved = waiter.blmove('{q}list', '{q}to', 'LEFT', 'RIGHT', 10);
    await place.blocked(1);
    await client.rpush('{q}list', 'y');
    assert.equal(await moved, 'y');
    const least = waiter.bzpopmin('{q}z', 10);
    await place.blocked(1);
    await client.zadd('{q}z', 2, 'm');
    assert.deepEqual((await least)?.map(String), ['{q}z', 'm', '2']);
    const read = waiter.xread('BLOCK', 10_000, 'STREAMS', '{q}stream', '$');
    await place.blocked(1);
    const id = await client.xadd('{q}stream', '*', 'f', 'v');
    assert.match(JSON.stringify(await read), new RegExp(`"${id}"`));
    assert.equal(await waiter.blpop('{q}none', 0.05), null);
    assert.equal(await waiter.ping(), 'PONG');
  } finally {
    waiter.disconnect();
  }
}

async function transactions(_place: Place, client: Redis): Promise<void> {
  const replies = client.multi().set('{t}a', '1').incr('{t}a').mget('{t}a', '{t}b').exec();
  assert.deepEqual(await within(replies, LIMIT_MS, 'EXEC'), [
    [null, 'OK'],
    [null, 2],
    [null, ['2', null]],
  ]);
  await client.watch('{t}a');
  assert.deepEqual(await client.multi().incr('{t}a').exec(), [[null, 3]]);
  const other = quiet(client.duplicate());
  try {
    await client.watch('{t}a');
    await other.set('{t}a', '9');
    assert.equal(await client.multi().set('{t}a', '0').exec(), null);
    assert.equal(await client.get('{t}a'), '9');
    await client.watch('{t}a');
    await client.unwatch();
    await other.set('{t}a', '10');
    assert.deepEqual(await client.multi().incr('{t}a').exec(), [[null, 11]]);
  } finally {
    other.disconnect();
  }
  const single = [
    await client.multi({ pipeline: false }),
    await client.set('{t}b', '1'),
    await client.exec(),
  ];
  assert.deepEqual(single, ['OK', 'QUEUED', [[null, 'OK']]]);
  await assert.rejects(client.multi().set('one', '1').set('b', '2').exec(), /EXECABORT|CROSSSLOT/);
  assert.equal(await client.exists('one', 'b'), 0);
}

async function scripts(_place: Place, client: Redis): Promise<void> {
  client.defineCommand('addTo', { numberOfKeys: 1, lua: ADD });
  const scripted = client as unknown as { addTo(key: string, by: number): Promise<number> };
  for (const sums of [
    [5, 6],
    [10, 12],
  ]) {
    assert.deepEqual([await scripted.addTo('one', 5), await scripted.addTo('b', 6)], sums);
  }
  assert.equal(await client.eval(ADD, 1, 'counter', 5), 5);
  const digest = String(await client.script('LOAD', 'return ARGV[1]'));
  for (const key of NAMES.slice(0, 10)) {
    assert.equal(await client.evalsha(digest, 1, key, key), key);
  }
  await assert.rejects(client.evalsha('f'.repeat(40), 1, 'counter'), /NOSCRIPT/);
  assert.equal(await client.function('LOAD', LIBRARY), 'adding');
  for (const key of NAMES.slice(0, 10)) assert.equal(await client.fcall('add', 1, key, 2), 2);
}
