/** Scripts that servers have lost, named by their SHA1: clients do not notice, and their order stays theirs. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { Redis } from 'ioredis';
import { createClient, defineScript } from 'redis';
import { until } from '../support/bounded.ts';
import { startCluster } from '../support/cluster.ts';
import { keysByServer } from '../support/placement.ts';
import { startRedis, startRedises } from '../support/redis.ts';
import { cluster, shards, startTidegate } from '../support/tidegate.ts';
import { bulk } from '../support/wire.ts';

/** Sets the key to the argument and tells what was there; its name makes it another script. */
const script = (name: string): string =>
  `local was = redis.call('GET', KEYS[1]) redis.call('SET', KEYS[1], ARGV[1]) return was or '${name}'`;
const sha1 = (text: string): string => createHash('sha1').update(text).digest('hex');
const SWAP = script('nothing');
const NOSCRIPT = '-NOSCRIPT No matching script. Please use EVAL.\r\n';

test('what a server forgot behind the door’s back it is given again, whoever sent it first', async () => {
  await using server = await startRedis();
  await using gate = await startTidegate(shards([server.address]));
  for (const protocol of [2, 3] as const) {
    await using first = await gate.connect({ protocol });
    await using second = await gate.connect({ protocol });
    const ways = [
      ['EVAL', SWAP, '1', 'k', 'v'],
      ['SCRIPT', 'LOAD', SWAP],
    ];
    for (const way of ways) {
      await server.ask('FLUSHALL');
      await first.ask(...way);
      for (let round = 0; round < 3; round++) {
        await server.ask('SCRIPT', 'FLUSH');
        await server.ask('SET', 'k', String(round));
        assert.equal(await second.ask('EVALSHA', sha1(SWAP), '1', 'k', 'v'), bulk(String(round)));
        assert.equal(await server.ask('GET', 'k'), bulk('v'));
        const upper = sha1(SWAP).toUpperCase();
        await server.ask('SCRIPT', 'FLUSH');
        assert.equal(await second.ask('EVALSHA', upper, '1', 'k', 'w'), bulk('v'));
      }
    }
  }
  await using wire = await gate.connect();
  const read = "return redis.call('GET', KEYS[1])";
  await wire.ask('EVAL_RO', read, '1', 'k');
  await server.ask('SCRIPT', 'FLUSH');
  assert.equal(await wire.ask('EVALSHA_RO', sha1(read), '1', 'k'), bulk('w'));
});

test('an unknown script is the client’s to send, as without a door', async () => {
  await using server = await startRedis();
  await using gate = await startTidegate(shards([server.address]));
  await using wire = await gate.connect();
  for (const digest of [sha1(SWAP), 'x', '', sha1(SWAP).slice(1)]) {
    assert.equal(await wire.ask('EVALSHA', digest, '1', 'k', 'v'), NOSCRIPT);
  }
  await wire.ask('EVAL', SWAP, '1', 'k', 'v');
  assert.equal(await wire.ask('EVALSHA', sha1(SWAP), '1', 'k', 'v'), bulk('v'));
  // Broken ones are remembered too, and do no harm.
  const broken = 'return (';
  const expected = await server.ask('SCRIPT', 'LOAD', broken);
  assert.equal(await wire.ask('SCRIPT', 'LOAD', broken), expected);
  assert.equal(await wire.ask('EVALSHA', sha1(broken), '0'), NOSCRIPT);
});

test('after SCRIPT FLUSH through the door NOSCRIPT is what clients see, on every server and worker', async () => {
  await using servers = await startRedises(2);
  await using gate = await startTidegate({ ...shards(servers.addresses), workers: 2 });
  const wires = await Promise.all(Array.from({ length: 12 }, () => gate.connect()));
  try {
    for (const wire of wires) await wire.ask('SCRIPT', 'LOAD', SWAP);
    for (const server of servers) await server.ask('SCRIPT', 'FLUSH');
    for (const [i, wire] of wires.entries()) {
      assert.match(await wire.ask('EVALSHA', sha1(SWAP), '1', `k${i}`, 'v'), /nothing/);
    }
    await wires[0]!.expect('+OK\r\n', 'SCRIPT', 'FLUSH');
    assert.equal(await wires[0]!.ask('EVALSHA', sha1(SWAP), '1', 'k', 'v'), NOSCRIPT);
    await until(async () => {
      const asked = wires.map((wire) => wire.ask('EVALSHA', sha1(SWAP), '1', 'k', 'v'));
      return (await Promise.all(asked)).every((reply) => reply === NOSCRIPT);
    }, 'every worker has heard of it');
  } finally {
    for (const wire of wires) wire.close();
  }
});

test('what was loaded through one worker heals the clients of the others', async () => {
  await using server = await startRedis();
  await using gate = await startTidegate({ ...shards([server.address]), workers: 2 });
  await gate.ask('SCRIPT', 'LOAD', SWAP);
  const wires = await Promise.all(Array.from({ length: 12 }, () => gate.connect()));
  try {
    for (const wire of wires) {
      await server.ask('SCRIPT', 'FLUSH');
      await until(
        async () => !(await wire.ask('EVALSHA', sha1(SWAP), '1', 'k', 'v')).includes('NOSCRIPT'),
        'the worker of this client knows it',
      );
    }
  } finally {
    for (const wire of wires) wire.close();
  }
});

test('a pipeline to a server that lost its scripts with its restart runs in its order, whole', async () => {
  await using servers = await startRedises(2);
  await using gate = await startTidegate(shards(servers.addresses));
  const keys = await keysByServer(gate, servers, 1);
  await using wire = await gate.connect();
  await wire.ask('SCRIPT', 'LOAD', SWAP);
  for (const [at, server] of servers.entries()) {
    const key = keys[at]![0]!;
    await wire.ask('EVALSHA', sha1(SWAP), '1', key, '0');
    await server.restart();
    await until(async () => (await wire.ask('SET', key, '1')) === '+OK\r\n', 'the server is back');
    const replies = await wire.askAll([
      ['EVALSHA', sha1(SWAP), '1', key, '2'],
      ['SET', key, '3'],
      ['EVALSHA', sha1(SWAP), '1', key, '4'],
      ['GET', key],
    ]);
    assert.deepEqual(replies, [bulk('1'), '+OK\r\n', bulk('3'), bulk('4')]);
  }
});

test('after a flush behind the door’s back a pipeline keeps its order: what was overtaken gets NOSCRIPT', async () => {
  await using server = await startRedis();
  await using gate = await startTidegate(shards([server.address]));
  await using wire = await gate.connect();
  await wire.ask('EVAL', SWAP, '1', 'k', '1');
  await wire.ask('EVALSHA', sha1(SWAP), '1', 'k', '1');
  const swap = ['EVALSHA', sha1(SWAP), '1', 'k', '2'];
  await server.ask('SCRIPT', 'FLUSH');
  const written = await wire.askAll([swap, ['SET', 'k', '3'], ['GET', 'k']]);
  assert.deepEqual(written, [NOSCRIPT, '+OK\r\n', bulk('3')]);
  assert.equal(await wire.ask(...swap), bulk('3'));
  await server.ask('SCRIPT', 'FLUSH');
  const read = await wire.askAll([['GET', 'k'], swap, ['GET', 'k']]);
  assert.deepEqual(read, [bulk('2'), NOSCRIPT, bulk('2')]);
  // The last of a pipeline overtakes nobody.
  await server.ask('SCRIPT', 'FLUSH');
  assert.equal((await wire.askAll([swap, swap])).at(-1), bulk('2'));
  const reading = "return redis.call('GET', KEYS[1])";
  await wire.ask('EVAL_RO', reading, '1', 'k');
  await wire.ask('EVALSHA_RO', sha1(reading), '1', 'k');
  await server.ask('SCRIPT', 'FLUSH');
  const reads = await wire.askAll([
    ['EVALSHA_RO', sha1(reading), '1', 'k'],
    ['GET', 'k'],
  ]);
  assert.deepEqual(reads, [bulk('2'), bulk('2')]);
});

test('inside MULTI a script that the server has lost runs, unless it was flushed while it was known to be there', async () => {
  await using server = await startRedis();
  await using gate = await startTidegate(shards([server.address]));
  await using wire = await gate.connect();
  await wire.ask('EVAL', SWAP, '1', 'k', '1');
  const swap = ['EVALSHA', sha1(SWAP), '1', 'k', '2'];
  const expected = [
    '+OK\r\n',
    '+OK\r\n',
    '+QUEUED\r\n',
    '+QUEUED\r\n',
    `*2\r\n${bulk('1')}+OK\r\n`,
  ];
  const transaction = [['WATCH', 'k'], ['MULTI'], swap, ['SET', 'k', '1'], ['EXEC']];
  await server.ask('SCRIPT', 'FLUSH');
  assert.deepEqual(await wire.askAll(transaction), expected);
  await server.ask('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  await server.ask('SCRIPT', 'FLUSH');
  assert.deepEqual(await wire.askAll(transaction), expected);
  await wire.ask('WATCH', 'k');
  assert.equal(await wire.ask(...swap), bulk('1'));
  assert.equal(await wire.ask('UNWATCH'), '+OK\r\n');
  // What comes first in MULTI is remembered too.
  const other = script('other');
  await wire.askAll([['MULTI'], ['EVAL', other, '1', 'x', '1'], ['EXEC']]);
  await server.ask('SCRIPT', 'FLUSH');
  assert.equal(await wire.ask('EVALSHA', sha1(other), '1', 'x', '2'), bulk('1'));
});

test('a user who may EVALSHA and not EVAL is healed with what others sent', async () => {
  await using server = await startRedis();
  const users = [
    { name: 'default', password: 'a' },
    { name: 'caller', password: 'b', commands: ['+evalsha', '+get'] },
  ];
  await using gate = await startTidegate(shards([server.address], {}, { users }));
  await using author = await gate.connect({ auth: ['a'] });
  await using caller = await gate.connect({ auth: ['caller', 'b'] });
  await author.ask('SCRIPT', 'LOAD', SWAP);
  await server.ask('SCRIPT', 'FLUSH');
  assert.match(await caller.ask('EVAL', SWAP, '1', 'k', 'v'), /^-NOPERM /);
  assert.equal(await caller.ask('EVALSHA', sha1(SWAP), '1', 'k', 'v'), bulk('nothing'));
});

test('a server that takes no SCRIPT LOAD from the door says NOSCRIPT, and is not asked for ever', async () => {
  await using server = await startRedis();
  await server.ask('ACL', 'SETUSER', 'app', 'on', '>p', '~*', '+@all', '-script|load');
  await using gate = await startTidegate(
    shards([server.address], { username: 'app', password: 'p' }),
  );
  await using wire = await gate.connect();
  await wire.ask('EVAL', SWAP, '1', 'k', 'v');
  assert.equal(await wire.ask('EVALSHA', sha1(SWAP), '1', 'k', 'w'), bulk('v'));
  await server.ask('SCRIPT', 'FLUSH');
  for (let i = 0; i < 20; i++) {
    assert.equal(await wire.ask('EVALSHA', sha1(SWAP), '1', 'k', 'v'), NOSCRIPT);
  }
  const stats = String(await server.value('INFO', 'commandstats'));
  const rejected = Number(/cmdstat_script\|load:.*rejected_calls=(\d+)/.exec(stats)?.[1] ?? 0);
  assert.ok(rejected <= 3, `${rejected} refused`);
});

test('a cluster that fails over, or whose slot moves, runs scripts by their SHA1 in a client’s order', async () => {
  await using servers = await startCluster({ primaries: 2, replicas: 1 });
  await using gate = await startTidegate(cluster(servers.addresses.slice(0, 2)));
  await using wire = await gate.connect();
  for (const key of ['a', 'b']) await wire.ask('EVAL', SWAP, '1', key, '0');
  const round = async (key: string): Promise<void> => {
    await wire.expect('+OK\r\n', 'SET', key, '1');
    const replies = await wire.askAll([
      ['EVALSHA', sha1(SWAP), '1', key, '2'],
      ['SET', key, '3'],
      ['EVALSHA', sha1(SWAP), '1', key, '4'],
    ]);
    assert.deepEqual(replies, [bulk('1'), '+OK\r\n', bulk('3')]);
  };
  await round('a');
  for (const index of [0, 1]) await servers.failover(servers.replicaOf(index));
  await servers.settled();
  for (const key of ['a', 'b', 'c', 'd']) await round(key);
  for (const node of servers.nodes) await node.ask('SCRIPT', 'FLUSH');
  for (const key of ['a', 'b']) {
    await wire.expect('+OK\r\n', 'SET', key, '1');
    assert.equal(await wire.ask('EVALSHA', sha1(SWAP), '1', key, '2'), bulk('1'));
  }
  for (const node of servers.nodes) await node.ask('SCRIPT', 'FLUSH');
  await using other = await gate.connect();
  assert.equal(await other.ask('EVALSHA', sha1('return 7'), '0'), NOSCRIPT);
});

test('no number of scripts is too many for the door', async () => {
  await using server = await startRedis();
  await using gate = await startTidegate(shards([server.address]));
  await using wire = await gate.connect();
  const padding = '-'.repeat(40_000);
  const send = async (from: number, count: number): Promise<void> => {
    for (let at = from; at < from + count; at += 100) {
      await wire.askAll(
        Array.from({ length: 100 }, (_none, i) => ['EVAL', `return ${at + i} --${padding}`, '0']),
      );
      await server.ask('SCRIPT', 'FLUSH');
    }
  };
  await send(0, 1500);
  const before = gate.memory();
  await send(1500, 4000);
  const grown = gate.memory() - before;
  assert.ok(grown < 100 * 1024 * 1024, `${grown} bytes more for 160 MB of scripts`);
});

test('what libraries do with scripts they do here as with a server', async () => {
  await using server = await startRedis();
  await using gate = await startTidegate(shards([server.address]));
  const io = new Redis({ port: gate.port, lazyConnect: true });
  io.defineCommand('swap', { numberOfKeys: 1, lua: SWAP });
  const swap = (value: string): Promise<unknown> =>
    Reflect.apply(Reflect.get(io, 'swap') as () => Promise<unknown>, io, ['io', value]);
  const client = createClient({
    url: `redis://127.0.0.1:${gate.port}`,
    scripts: {
      swap: defineScript({
        SCRIPT: SWAP,
        NUMBER_OF_KEYS: 1,
        parseCommand(parser, key: string, value: string) {
          parser.pushKey(key);
          parser.push(value);
        },
        transformReply: (reply: unknown) => String(reply),
      }),
    },
  });
  try {
    await client.connect();
    for (const flush of [false, true, true]) {
      if (flush) await server.ask('SCRIPT', 'FLUSH');
      await server.ask('FLUSHALL');
      assert.equal(await swap('1'), 'nothing');
      assert.equal(await swap('2'), '1');
      const replies = await io.pipeline().set('io', '5').evalsha(sha1(SWAP), 1, 'io', '6').exec();
      assert.deepEqual(replies, [
        [null, 'OK'],
        [null, '5'],
      ]);
      assert.equal(await client.swap('js', '1'), 'nothing');
      assert.equal(await client.swap('js', '2'), '1');
      assert.deepEqual(await client.multi().set('js', '7').swap('js', '8').exec(), ['OK', '7']);
    }
  } finally {
    io.disconnect();
    client.destroy();
  }
});
