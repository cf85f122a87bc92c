/** Prefix routes: which upstream a key belongs to, and what the server sees of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kept } from '../support/kept.ts';
import { startRedises } from '../support/redis.ts';
import { startTidegate } from '../support/tidegate.ts';
import { bulk } from '../support/wire.ts';

const servers = kept(await startRedises(5));
const [users, orders, formatted, rest, replica] = Array.from(servers);
const gate = kept(
  await startTidegate({
    listeners: {
      main: {
        routes: [
          { prefix: 'user:', upstream: 'users', remove_prefix: true },
          { prefix: 'user:order:', upstream: 'orders' },
          { prefix: 'fmt:', upstream: 'formatted', remove_prefix: true, key_format: 'new/%KEY%/x' },
          { prefix: 'read:', upstream: 'rest', read_upstream: 'replica' },
          { prefix: '', upstream: 'rest' },
        ],
      },
      strict: { routes: [{ prefix: 'only:', upstream: 'rest' }] },
      folded: {
        case_insensitive_prefixes: true,
        routes: [
          { prefix: 'User:', upstream: 'users' },
          { prefix: '', upstream: 'rest' },
        ],
      },
    },
    upstreams: {
      users: { kind: 'shards', servers: [users!.address] },
      orders: { kind: 'shards', servers: [orders!.address] },
      formatted: { kind: 'shards', servers: [formatted!.address] },
      rest: { kind: 'shards', servers: [rest!.address] },
      replica: { kind: 'shards', servers: [replica!.address] },
    },
  }),
);

async function keysOf(index: number): Promise<string[]> {
  return ((await servers[index]!.value('KEYS', '*')) as string[]).sort((a, b) => (a < b ? -1 : 1));
}

test('the longest prefix wins, and the empty one catches the rest', async () => {
  await servers.flush();
  await using wire = await gate.connect();
  await wire.askAll([
    ['SET', 'user:1', 'u'],
    ['SET', 'user:order:1', 'o'],
    ['SET', 'use', 'r'],
    ['SET', '', 'empty'],
  ]);
  assert.deepEqual(await keysOf(0), ['1']);
  assert.deepEqual(await keysOf(1), ['user:order:1']);
  assert.deepEqual(await keysOf(3), ['', 'use']);
  assert.equal(await wire.value('GET', 'user:order:1'), 'o');
});

test('a key that is nothing but its prefix becomes the empty key', async () => {
  await servers.flush();
  await using wire = await gate.connect();
  await wire.ask('SET', 'user:', 'v');
  assert.deepEqual(await keysOf(0), ['']);
  assert.equal(await wire.value('GET', 'user:'), 'v');
});

test('a key is rewritten after its format, its prefix removed first', async () => {
  await servers.flush();
  await using wire = await gate.connect();
  await wire.ask('SET', 'fmt:a', 'v');
  assert.deepEqual(await keysOf(2), ['new/a/x']);
});

const everyKey: { args: string[]; before?: string[][]; after: string[] }[] = [
  { before: [['SET', 'fmt:a', '1']], args: ['RENAME', 'fmt:a', 'fmt:b'], after: ['b'] },
  { before: [['SET', 'fmt:a', '1']], args: ['COPY', 'fmt:a', 'fmt:b'], after: ['a', 'b'] },
  { args: ['MSET', 'fmt:a', '1', 'fmt:b', '2'], after: ['a', 'b'] },
  { args: ['MSETNX', 'fmt:a', '1', 'fmt:b', '2'], after: ['a', 'b'] },
  {
    args: ['EVAL', "redis.call('SET',KEYS[2],KEYS[1]) return 1", '2', 'fmt:a', 'fmt:b'],
    after: ['b'],
  },
  {
    before: [['SADD', 'fmt:a', '1']],
    args: ['SUNIONSTORE', 'fmt:d', 'fmt:a', 'fmt:b'],
    after: ['a', 'd'],
  },
  {
    before: [['ZADD', 'fmt:a', '1', 'm']],
    args: ['ZUNIONSTORE', 'fmt:d', '2', 'fmt:a', 'fmt:b', 'WEIGHTS', '1', '2'],
    after: ['a', 'd'],
  },
  {
    before: [['RPUSH', 'fmt:a', '1']],
    args: ['LMOVE', 'fmt:a', 'fmt:b', 'LEFT', 'LEFT'],
    after: ['b'],
  },
  {
    before: [['SET', 'fmt:a', '1']],
    args: ['BITOP', 'OR', 'fmt:d', 'fmt:a', 'fmt:b'],
    after: ['a', 'd'],
  },
  {
    before: [['RPUSH', 'fmt:a', '1']],
    args: ['SORT', 'fmt:a', 'STORE', 'fmt:d'],
    after: ['a', 'd'],
  },
  {
    before: [['GEOADD', 'fmt:a', '1', '1', 'm']],
    args: ['GEORADIUS', 'fmt:a', '1', '1', '9', 'km', 'STORE', 'fmt:d'],
    after: ['a', 'd'],
  },
  { before: [['PFADD', 'fmt:a', '1']], args: ['PFMERGE', 'fmt:d', 'fmt:a'], after: ['a', 'd'] },
  { args: ['XGROUP', 'CREATE', 'fmt:s', 'g', '$', 'MKSTREAM'], after: ['s'] },
  {
    before: [
      ['SET', 'fmt:a', '1'],
      ['SET', 'fmt:b', '1'],
    ],
    args: ['DEL', 'fmt:a'],
    after: ['b'],
  },
];

for (const { args, before = [], after } of everyKey) {
  test(`${args.slice(0, 2).join(' ')}: every key is rewritten, nothing else`, async () => {
    await servers.flush();
    await using wire = await gate.connect();
    await wire.askAll(before);
    const reply = await wire.ask(...args);
    assert.ok(!reply.startsWith('-'), reply);
    assert.deepEqual(
      await keysOf(2),
      after.map((key) => `new/${key}/x`),
    );
    assert.deepEqual(await keysOf(3), []);
  });
}

test('a value that looks like a key of the route is left alone', async () => {
  await servers.flush();
  await using wire = await gate.connect();
  await wire.ask('SET', 'fmt:a', 'fmt:value');
  await wire.ask('RPUSH', 'fmt:l', 'fmt:element');
  assert.equal(await wire.value('GET', 'fmt:a'), 'fmt:value');
  assert.deepEqual(await wire.value('LRANGE', 'fmt:l', '0', '-1'), ['fmt:element']);
});

test('MGET over several routes gives each route its keys and the client its order', async () => {
  await servers.flush();
  await using wire = await gate.connect();
  await wire.askAll([
    ['SET', 'user:1', 'u'],
    ['SET', 'fmt:1', 'f'],
    ['SET', 'x', 'r'],
  ]);
  const asked = ['x', 'user:1', 'absent', 'fmt:1', 'user:order:1', 'user:1'];
  assert.deepEqual(await wire.value('MGET', ...asked), ['r', 'u', null, 'f', null, 'u']);
  assert.equal(await wire.ask('DEL', ...asked), ':3\r\n');
});

test('keys of two routes cannot be in one command that has to be whole', async () => {
  await using wire = await gate.connect();
  const reply = await wire.ask('RENAME', 'user:1', 'fmt:1');
  assert.equal(reply, "-CROSSSLOT Keys in request don't hash to the same slot\r\n");
});

test('reads go to the read upstream, writes do not', async () => {
  await servers.flush();
  await replica!.ask('SET', 'read:k', 'from the replica');
  await using wire = await gate.connect();
  await wire.ask('SET', 'read:k', 'written');
  assert.equal(await wire.value('GET', 'read:k'), 'from the replica');
  assert.equal(await rest!.value('GET', 'read:k'), 'written');
});

for (const args of [
  ['GETSET', 'read:k', 'x'],
  ['GETEX', 'read:k', 'PERSIST'],
  ['GETDEL', 'read:k'],
  ['XADD', 'read:s', '*', 'f', 'v'],
  ['SORT', 'read:l', 'STORE', 'read:m'],
  ['EVAL', 'return 1', '1', 'read:k'],
  ['GEORADIUS', 'read:g', '1', '1', '1', 'km'],
  ['BITFIELD', 'read:b', 'GET', 'u8', '0'],
  ['SPOP', 'read:set'],
]) {
  test(`${args[0]} may write, so it does not go to the read upstream`, async () => {
    await servers.flush();
    await servers.resetStats();
    await using wire = await gate.connect();
    await wire.ask(...args);
    const command = args[0]!.toLowerCase();
    assert.deepEqual([await rest!.calls(command), await replica!.calls(command)], [1, 0]);
  });
}

test('a key no route wants has no upstream', async () => {
  await using wire = await gate.connect({ listener: 'strict' });
  assert.equal(await wire.ask('GET', 'other'), '-no upstream host\r\n');
  assert.equal(await wire.ask('GET', 'only:x'), '$-1\r\n');
  const mget = await wire.ask('MGET', 'only:x', 'other');
  assert.equal(mget, '*2\r\n$-1\r\n-no upstream host\r\n');
});

test('prefixes match in any case where that is asked for, and keys keep their own', async () => {
  await servers.flush();
  await using wire = await gate.connect({ listener: 'folded' });
  await wire.askAll([
    ['SET', 'USER:Ann', '1'],
    ['SET', 'user:bob', '1'],
    ['SET', 'Other', '1'],
  ]);
  assert.deepEqual(await keysOf(0), ['USER:Ann', 'user:bob']);
  assert.deepEqual(await keysOf(3), ['Other']);
});

test('a long pipeline over all routes is answered in order', async () => {
  await servers.flush();
  await using wire = await gate.connect();
  const names = Array.from({ length: 500 }, (_none, index) =>
    ['user:', 'user:order:', 'fmt:', 'read-not:', ''].map((prefix) => `${prefix}${index}`),
  ).flat();
  await wire.askAll(names.map((name) => ['SET', name, name]));
  assert.deepEqual(await wire.askAll(names.map((name) => ['GET', name])), names.map(bulk));
});
