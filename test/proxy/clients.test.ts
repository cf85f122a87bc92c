/**
 * Published clients, used as their users do, through the door to four servers. The tour is the same for
 * all of them; what differs is how each spells a command.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Redis } from 'ioredis';
import { Redis as Valkey } from 'iovalkey';
import { createClient } from 'redis';
import { within } from '../support/bounded.ts';
import { kept } from '../support/kept.ts';
import { startRedises } from '../support/redis.ts';
import { shards, startTidegate } from '../support/tidegate.ts';

const servers = kept(await startRedises(4));
const gate = kept(await startTidegate(shards(servers.addresses, { hash_tags: true })));
const url = `redis://127.0.0.1:${gate.port}`;
const BINARY = Buffer.from([0, 255, 13, 10, 36, 42, 0]);
const LIMIT_MS = 20_000;

const ADD = "return redis.call('INCRBY', KEYS[1], ARGV[1])";

function nodeRedis(version: 2 | 3): ReturnType<typeof createClient> {
  const client = createClient({ url, RESP: version });
  client.on('error', () => {
    // The command that met the error rejects too; without a listener node ends the process.
  });
  return client as ReturnType<typeof createClient>;
}

for (const version of [2, 3] as const) {
  test(`node-redis in RESP${version}: strings, hashes, lists, sets, sorted sets, streams`, async () => {
    await servers.flush();
    const client = nodeRedis(version);
    await within(client.connect(), LIMIT_MS, 'connect');
    try {
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
      assert.equal(
        await client.zAdd('z', [
          { score: 1.5, value: 'm' },
          { score: 2, value: 'n' },
        ]),
        2,
      );
      assert.deepEqual(await client.zRangeWithScores('z', 0, -1), [
        { value: 'm', score: 1.5 },
        { value: 'n', score: 2 },
      ]);
      assert.equal(await client.zScore('z', 'm'), 1.5);
      const id = await client.xAdd('stream', '*', { field: 'value' });
      assert.deepEqual(
        ((await client.xRange('stream', '-', '+')) ?? []).map((entry) => ({
          id: entry.id,
          ...entry.message,
        })),
        [{ id, field: 'value' }],
      );
      assert.equal(await client.xLen('stream'), 1);
    } finally {
      client.destroy();
    }
  });

  test(`node-redis in RESP${version}: MGET and MSET over all servers, auto-pipelining, scripts, binary`, async () => {
    await servers.flush();
    const client = nodeRedis(version);
    await within(client.connect(), LIMIT_MS, 'connect');
    try {
      const names = Array.from({ length: 100 }, (_none, index) => `key:${index}`);
      await client.mSet(names.map((name) => [name, `of ${name}`] as [string, string]));
      assert.deepEqual(await client.mGet([...names, 'none']), [
        ...names.map((name) => `of ${name}`),
        null,
      ]);
      assert.equal(await client.exists(names), 100);
      const values = await Promise.all(names.map((name) => client.get(name)));
      assert.deepEqual(
        values,
        names.map((name) => `of ${name}`),
      );
      assert.equal(await client.del(names), 100);
      assert.equal(await client.eval(ADD, { keys: ['counter'], arguments: ['5'] }), 5);
      const returning = client.withTypeMapping({ 36: Buffer });
      await client.set('bin', BINARY);
      assert.deepEqual(await returning.get('bin'), BINARY);
      await assert.rejects(client.lPush('bin', 'x'), /WRONGTYPE/);
      await assert.rejects(client.sendCommand(['NOSUCH', 'a']), /unknown command/);
      assert.equal(await client.get('none'), null);
    } finally {
      client.destroy();
    }
  });

  test(`node-redis in RESP${version}: database, client name and a hundred commands at once`, async () => {
    await servers.flush();
    const client = createClient({ url: `${url}/5`, RESP: version, name: 'a-name' });
    const other = createClient({ url, RESP: version });
    for (const one of [client, other]) one.on('error', () => one.destroy());
    await within(Promise.all([client.connect(), other.connect()]), LIMIT_MS, 'connect');
    try {
      assert.equal(await client.clientGetName(), 'a-name');
      await client.set('where', 'five');
      assert.equal(await other.get('where'), null);
      await other.select(5);
      assert.equal(await other.get('where'), 'five');
      const answers = await Promise.all(
        Array.from({ length: 100 }, (_none, index) => client.echo(`e${index}`)),
      );
      assert.deepEqual(
        answers,
        Array.from({ length: 100 }, (_none, index) => `e${index}`),
      );
      assert.equal(await client.quit().catch(() => 'OK'), 'OK');
    } finally {
      other.destroy();
    }
  });
}

test('a node-redis client comes back by itself after the door has closed it', async () => {
  const client = createClient({ url, socket: { reconnectStrategy: () => 20 } });
  client.on('error', () => client.isOpen);
  await within(client.connect(), LIMIT_MS, 'connect');
  try {
    const id = await client.clientId();
    const other = await gate.connect();
    await other.ask('CLIENT', 'KILL', 'ID', String(id));
    other.close();
    let answer: string | null = null;
    const end = performance.now() + 5000;
    while (answer === null && performance.now() < end)
      answer = await client.ping().catch(() => null);
    assert.equal(answer, 'PONG');
  } finally {
    client.destroy();
  }
});

/** ioredis and iovalkey share their interface; `protocol` is new in ioredis 6. */
const likeIoredis = [
  { name: 'ioredis', open: (options: object) => new Redis({ ...options }) },
  { name: 'ioredis in RESP3', open: (options: object) => new Redis({ ...options, protocol: 3 }) },
  { name: 'iovalkey', open: (options: object) => new Valkey({ ...options }) as unknown as Redis },
];

for (const { name, open } of likeIoredis) {
  const connect = (options: object = {}): Redis => {
    const client = open({
      port: gate.port,
      host: '127.0.0.1',
      maxRetriesPerRequest: 2,
      ...options,
    });
    client.on('error', () => client.status);
    return client;
  };

  test(`${name}: strings, hashes, lists, sets, sorted sets, streams`, async () => {
    await servers.flush();
    const client = connect();
    try {
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
    } finally {
      client.disconnect();
    }
  });

  test(`${name}: pipelines, MGET and MSET over all servers, scripts, binary`, async () => {
    await servers.flush();
    const client = connect();
    try {
      const names = Array.from({ length: 60 }, (_none, index) => `key:${index}`);
      await within(client.mset(...names.flatMap((key) => [key, `of ${key}`])), LIMIT_MS, 'MSET');
      assert.deepEqual(await client.mget(...names, 'none'), [
        ...names.map((key) => `of ${key}`),
        null,
      ]);
      const pipeline = client.pipeline();
      for (const key of names) pipeline.get(key).strlen(key);
      pipeline.lpush('key:0', 'wrong type');
      const replies = (await pipeline.exec()) ?? [];
      assert.deepEqual(
        replies.slice(0, -1).map(([, value]) => value),
        names.flatMap((key) => [`of ${key}`, key.length + 3]),
      );
      assert.match(String(replies.at(-1)?.[0]), /WRONGTYPE/);
      client.defineCommand('addTo', { numberOfKeys: 1, lua: ADD });
      const scripted = client as unknown as { addTo(key: string, by: number): Promise<number> };
      assert.deepEqual(
        [await scripted.addTo('counter', 5), await scripted.addTo('counter', 6)],
        [5, 11],
      );
      await client.set('bin', BINARY);
      assert.deepEqual(await client.getBuffer('bin'), BINARY);
      assert.equal(await client.del(...names), 60);
    } finally {
      client.disconnect();
    }
  });

  test(`${name}: database, name, automatic pipelining, errors`, async () => {
    await servers.flush();
    const client = connect({ db: 3, connectionName: 'my-name', enableAutoPipelining: true });
    const other = connect();
    try {
      // iovalkey names itself behind what was asked before it was connected.
      await within(client.ping(), LIMIT_MS, 'PING');
      assert.equal(await client.client('GETNAME'), 'my-name');
      await client.set('where', 'three');
      assert.equal(await other.get('where'), null);
      await other.select(3);
      assert.equal(await other.get('where'), 'three');
      const answers = await Promise.all(
        Array.from({ length: 200 }, (_none, index) =>
          client.set(`k${index}`, String(index)).then(() => client.get(`k${index}`)),
        ),
      );
      assert.deepEqual(
        answers,
        Array.from({ length: 200 }, (_none, index) => String(index)),
      );
      await assert.rejects(client.incr('where'), /not an integer/);
      await assert.rejects(client.call('NOSUCH', 'x'), /unknown command/);
      assert.equal(await client.quit(), 'OK');
    } finally {
      client.disconnect();
      other.disconnect();
    }
  });
}
