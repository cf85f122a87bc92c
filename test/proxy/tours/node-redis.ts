/** node-redis, used as its users do with one server. */
import assert from 'node:assert/strict';
import { createClient, defineScript, WatchError } from 'redis';
import { until, within } from '../../support/bounded.ts';
import { ADD, BINARY, LIBRARY, LIMIT_MS, NAMES, type Place, type Tour } from './place.ts';

export type NodeRedis = ReturnType<typeof createClient>;
export type Version = 2 | 3;

/** Connected; more of the kind come from `duplicate`. */
export async function openNodeRedis(place: Place, version: Version): Promise<NodeRedis> {
  const client = createClient({ url: place.url, RESP: version }) as NodeRedis;
  return await ready(client);
}

async function ready(client: NodeRedis): Promise<NodeRedis> {
  client.on('error', () => {
    // The command that met the error rejects too; without a listener node ends the process.
  });
  await within(client.connect(), LIMIT_MS, 'connect');
  return client;
}

export const NODE_REDIS_TOURS: readonly Tour<NodeRedis>[] = [
  { what: 'strings, hashes, lists, sets, sorted sets, streams', play: types },
  { what: 'MGET and MSET over all servers, auto-pipelining, binary, errors', play: many },
  { what: 'client name, databases and a hundred commands at once', play: connection },
  { what: 'publish and subscribe', play: channels },
  { what: 'commands that wait', play: waiting },
  { what: 'transactions', play: transactions },
  { what: 'scripts and functions', play: scripts },
];

async function types(_place: Place, client: NodeRedis): Promise<void> {
  assert.equal(await client.ping(), 'PONG');
  assert.equal(await client.set('s', 'value', { EX: 100 }), 'OK');
  assert.equal(await client.get('s'), 'value');
  assert.equal(await client.get('none'), null);
  assert.equal(await client.incrBy('n', 41), 41);
  assert.equal(await client.hSet('h', { a: '1', b: '2' }), 2);
  assert.deepEqual({ ...(await client.hGetAll('h')) }, { a: '1', b: '2' });
  assert.equal(await client.rPush('l', ['x', 'y', 'z']), 3);
  assert.deepEqual(await client.lRange('l', 0, -1), ['x', 'y', 'z']);
  assert.equal(await client.sAdd('set', ['1', '2']), 2);
  assert.deepEqual(new Set(await client.sMembers('set')), new Set(['1', '2']));
  const members = [
    { score: 1.5, value: 'm' },
    { score: 2, value: 'n' },
  ];
  assert.equal(await client.zAdd('z', members), 2);
  assert.deepEqual(await client.zRangeWithScores('z', 0, -1), [
    { value: 'm', score: 1.5 },
    { value: 'n', score: 2 },
  ]);
  assert.equal(await client.zScore('z', 'm'), 1.5);
  const id = await client.xAdd('stream', '*', { field: 'value' });
  const entries = (await client.xRange('stream', '-', '+')) ?? [];
  assert.deepEqual(
    entries.map((entry) => ({ id: entry.id, ...entry.message })),
    [{ id, field: 'value' }],
  );
  assert.equal(await client.xLen('stream'), 1);
}

async function many(_place: Place, client: NodeRedis): Promise<void> {
  const names = [...NAMES];
  const values = names.map((name) => `of ${name}`);
  await client.mSet(names.map((name) => [name, `of ${name}`] as [string, string]));
  assert.deepEqual(await client.mGet([...names, 'none']), [...values, null]);
  assert.equal(await client.exists(names), names.length);
  assert.deepEqual(await Promise.all(names.map((name) => client.get(name))), values);
  assert.equal(await client.dbSize(), names.length);
  const scanned = new Set<string>();
  for await (const found of client.scanIterator({ COUNT: 7 }))
    for (const name of found) scanned.add(name);
  assert.deepEqual(scanned, new Set(names));
  assert.equal(await client.del(names), names.length);
  await client.set('bin', BINARY);
  assert.deepEqual(await client.withTypeMapping({ 36: Buffer }).get('bin'), BINARY);
  await assert.rejects(client.lPush('bin', 'x'), /WRONGTYPE/);
  await assert.rejects(client.sendCommand(['NOSUCH', 'a']), /unknown command/);
  assert.equal(await client.get('none'), null);
}

async function connection(place: Place, client: NodeRedis): Promise<void> {
  await client.clientSetName('a-name');
  assert.equal(await client.clientGetName(), 'a-name');
  const texts = Array.from({ length: 100 }, (_none, index) => `e${index}`);
  assert.deepEqual(await Promise.all(texts.map((text) => client.echo(text))), texts);
  if (!place.hasDatabases) {
    await assert.rejects(client.select(5), /SELECT is not allowed in cluster mode/);
    assert.equal(await client.ping(), 'PONG');
    return;
  }
  const other = await ready(client.duplicate({ url: `${place.url}/5` }) as NodeRedis);
  try {
    await other.set('where', 'five');
    assert.equal(await client.get('where'), null);
    await client.select(5);
    assert.equal(await client.get('where'), 'five');
    assert.equal(await other.quit().catch(() => 'OK'), 'OK');
  } finally {
    if (other.isOpen) other.destroy();
  }
}

async function channels(_place: Place, client: NodeRedis): Promise<void> {
  const listener = await ready(client.duplicate() as NodeRedis);
  try {
    const heard: string[] = [];
    const hear = (message: string, channel: string): void => void heard.push(channel, message);
    await listener.subscribe(['news', 'other'], hear);
    await listener.pSubscribe('ev*', hear);
    await listener.sSubscribe('shard', hear);
    for (const [channel, message] of [
      ['news', 'a'],
      ['event', 'b'],
      ['other', 'c'],
    ] as const) {
      assert.equal(await client.publish(channel, message), 1);
      await until(() => heard.at(-1) === message, `${channel} is heard`);
    }
    assert.equal(await client.sPublish('shard', 'd'), 1);
    await until(() => heard.at(-1) === 'd', 'the shard channel is heard');
    assert.deepEqual(heard, ['news', 'a', 'event', 'b', 'other', 'c', 'shard', 'd']);
    assert.deepEqual(new Set(await client.pubSubChannels()), new Set(['news', 'other']));
    await listener.unsubscribe();
    await listener.pUnsubscribe();
    await listener.sUnsubscribe('shard');
    assert.equal(await client.publish('news', 'unheard'), 0);
    // Bytes in RESP2, because it was subscribed: in front of a server too.
    assert.equal(String(await listener.ping()), 'PONG');
    assert.equal(heard.length, 8);
  } finally {
    listener.destroy();
  }
}

async function waiting(place: Place, client: NodeRedis): Promise<void> {
  const waiter = await ready(client.duplicate() as NodeRedis);
  try {
    const popped = waiter.blPop(['{q}none', '{q}list'], 10);
    await place.blocked(1);
    assert.equal(await client.rPush('{q}list', 'x'), 1);
    assert.deepEqual({ ...(await popped) }, { key: '{q}list', element: 'x' });
    const moved = waiter.blMove('{q}list', '{q}to', 'LEFT', 'RIGHT', 10);
    await place.blocked(1);
    await client.rPush('{q}list', 'y');
    assert.equal(await moved, 'y');
    const least = waiter.bzPopMin('{q}z', 10);
    await place.blocked(1);
    await client.zAdd('{q}z', { score: 2, value: 'm' });
    assert.deepEqual({ ...(await least) }, { key: '{q}z', value: 'm', score: 2 });
    const read = waiter.xRead({ key: '{q}stream', id: '$' }, { BLOCK: 10_000 });
    await place.blocked(1);
    const id = await client.xAdd('{q}stream', '*', { f: 'v' });
    assert.match(JSON.stringify(await read), new RegExp(`"${id}"`));
    assert.equal(await waiter.blPop('{q}none', 0.05), null);
    assert.equal(await waiter.ping(), 'PONG');
  } finally {
    waiter.destroy();
  }
}

async function transactions(_place: Place, client: NodeRedis): Promise<void> {
  const replies = await client.multi().set('{t}a', '1').incr('{t}a').mGet(['{t}a', '{t}b']).exec();
  assert.deepEqual(replies, ['OK', 2, ['2', null]]);
  await client.watch('{t}a');
  assert.deepEqual(await client.multi().incr('{t}a').exec(), [3]);
  const other = await ready(client.duplicate() as NodeRedis);
  try {
    await client.watch('{t}a');
    await other.set('{t}a', '9');
    await assert.rejects(client.multi().set('{t}a', '0').exec(), WatchError);
    assert.equal(await client.get('{t}a'), '9');
    await client.watch('{t}a');
    await client.unwatch();
    await other.set('{t}a', '10');
    assert.deepEqual(await client.multi().incr('{t}a').exec(), [11]);
  } finally {
    other.destroy();
  }
  const pipeline = await client.multi().set('one', '1').set('b', '2').get('one').execAsPipeline();
  assert.deepEqual(pipeline, ['OK', 'OK', '1']);
  await assert.rejects(client.multi().set('one', '1').set('b', '2').exec(), /EXECABORT|CROSSSLOT/);
  assert.equal(await client.get('b'), '2');
}

const add = defineScript({
  SCRIPT: ADD,
  NUMBER_OF_KEYS: 1,
  parseCommand(parser, key: string, by: string) {
    parser.pushKey(key);
    parser.push(by);
  },
  transformReply: (reply: number) => reply,
});

async function scripts(place: Place, client: NodeRedis): Promise<void> {
  assert.equal(await client.eval(ADD, { keys: ['counter'], arguments: ['5'] }), 5);
  const digest = await client.scriptLoad('return ARGV[1]');
  for (const key of NAMES.slice(0, 10)) {
    assert.equal(await client.evalSha(digest, { keys: [key], arguments: [key] }), key);
  }
  const unknown = client.evalSha('f'.repeat(40), { keys: ['counter'] });
  await assert.rejects(unknown, /NOSCRIPT/);
  assert.equal(await client.functionLoad(LIBRARY), 'adding');
  for (const key of NAMES.slice(0, 10)) {
    assert.equal(await client.fCall('add', { keys: [key], arguments: ['2'] }), 2);
  }
  const scripted = createClient({ url: place.url, scripts: { add } });
  scripted.on('error', () => scripted.isOpen);
  await within(scripted.connect(), LIMIT_MS, 'connect');
  try {
    assert.deepEqual(
      [await scripted.add('counter', '5'), await scripted.add('other', '6')],
      [10, 6],
    );
  } finally {
    scripted.destroy();
  }
}
