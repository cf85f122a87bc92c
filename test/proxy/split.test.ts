/** One command, many servers: cut in pieces by server, put together in the order asked. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kept } from '../support/kept.ts';
import { keysByServer } from '../support/placement.ts';
import { startRedis, startRedises } from '../support/redis.ts';
import { shards, startTidegate } from '../support/tidegate.ts';
import { bulk, decode } from '../support/wire.ts';

const servers = kept(await startRedises(4));
const single = kept(await startRedis());
const gate = kept(await startTidegate(shards(servers.addresses, { hash_tags: true })));
const placed = await keysByServer(gate, servers);
/** 40 keys, neighbours on different servers. */
const mixed = Array.from({ length: 40 }, (_none, index) => placed[index % 4]![index >> 2]!);
const [first, second] = [placed[0]!, placed[1]!];
const CROSSSLOT = "-CROSSSLOT Keys in request don't hash to the same slot\r\n";

test('MGET over four servers returns the values in the order asked, holes and duplicates included', async () => {
  await using wire = await gate.connect();
  await wire.ask('MSET', ...mixed.flatMap((key) => [key, `value of ${key}`]));
  const asked = [
    mixed[3]!,
    'absent',
    mixed[0]!,
    mixed[3]!,
    mixed[2]!,
    'absent',
    mixed[1]!,
    mixed[3]!,
  ];
  const reply = await wire.ask('MGET', ...asked);
  const expected = asked.map((key) => (key === 'absent' ? '$-1\r\n' : bulk(`value of ${key}`)));
  assert.equal(reply, `*${asked.length}\r\n${expected.join('')}`);
});

test('a RESP3 client gets the holes of a split MGET as RESP3 nulls', async () => {
  await using wire = await gate.connect({ protocol: 3 });
  await wire.ask('SET', mixed[0]!, 'x');
  const reply = await wire.ask('MGET', 'absent', mixed[0]!, 'also absent');
  assert.equal(reply, `*3\r\n_\r\n${bulk('x')}_\r\n`);
});

test('MGET of ten thousand keys, many of them twice, keeps its order', async () => {
  await using wire = await gate.connect({ timeoutMs: 10_000 });
  const names = Array.from({ length: 5000 }, (_none, index) => `many:${index}`);
  await wire.ask('MSET', ...names.flatMap((name) => [name, name]));
  const asked = [...names, ...names.toReversed()];
  assert.deepEqual(await wire.value('MGET', ...asked), asked);
});

test('MGET of a key with another type is a hole, as in Redis', async () => {
  await using wire = await gate.connect();
  await servers.flush();
  await wire.ask('RPUSH', 'a-list', '1');
  await wire.ask('SET', first[0]!, 'string');
  assert.deepEqual(await wire.value('MGET', 'a-list', first[0]!, second[9]!), [
    null,
    'string',
    null,
  ]);
});

test('binary keys and values pass through a split unharmed', async () => {
  await using wire = await gate.connect();
  const keys = Array.from({ length: 64 }, (_none, index) =>
    Buffer.from([index, 0, 13, 10, 255 - index]).toString('latin1'),
  );
  await wire.expect('+OK\r\n', 'MSET', ...keys.flatMap((key) => [key, `\r\n\x00${key}\xff`]));
  assert.deepEqual(
    await wire.value('MGET', ...keys),
    keys.map((key) => `\r\n\x00${key}\xff`),
  );
});

test('a split costs each server one command, not one per key', async () => {
  await using wire = await gate.connect();
  await servers.resetStats();
  await wire.ask('MSET', ...mixed.flatMap((key) => [key, '1']));
  await wire.ask('MGET', ...mixed);
  await wire.ask('EXISTS', ...mixed);
  await wire.ask('TOUCH', ...mixed);
  await wire.ask('UNLINK', ...mixed.slice(0, 20));
  await wire.ask('DEL', ...mixed);
  for (const command of ['mset', 'mget', 'exists', 'touch', 'unlink', 'del']) {
    assert.deepEqual(await servers.calls(command), [1, 1, 1, 1], command);
  }
  assert.deepEqual(await servers.calls('get'), [0, 0, 0, 0]);
  assert.deepEqual(await servers.calls('set'), [0, 0, 0, 0]);
});

test('a command whose keys are all on one server goes there once, and nowhere else', async () => {
  await using wire = await gate.connect();
  await servers.resetStats();
  await wire.ask('MGET', ...first);
  assert.deepEqual(await servers.calls('mget'), [1, 0, 0, 0]);
});

for (const command of ['DEL', 'UNLINK', 'EXISTS', 'TOUCH']) {
  test(`${command} over four servers counts as one server would, duplicates included`, async () => {
    await servers.flush();
    await using wire = await gate.connect();
    await using direct = await single.connect();
    const asked = [...mixed, mixed[0]!, 'absent', mixed[0]!];
    for (const to of [wire, direct]) await to.ask('MSET', ...mixed.flatMap((key) => [key, '1']));
    const [wanted, found] = [
      await direct.ask(command, ...asked),
      await wire.ask(command, ...asked),
    ];
    await single.ask('FLUSHALL');
    assert.equal(found, wanted);
  });
}

test('MSET takes the last of several values for one key', async () => {
  await using wire = await gate.connect();
  await wire.ask('MSET', first[0]!, 'a', second[0]!, 'b', first[0]!, 'c', second[0]!, 'd');
  assert.deepEqual(await wire.value('MGET', first[0]!, second[0]!), ['c', 'd']);
});

for (const [what, args] of [
  ['MSET with an odd number of arguments', ['MSET', 'a', '1', 'b']],
  ['MSET without a value', ['MSET', 'a']],
  ['MGET without a key', ['MGET']],
  ['DEL without a key', ['DEL']],
  ['EXISTS without a key', ['exists']],
  ['MSETNX with an odd number of arguments', ['MSETNX', 'a', '1', 'b']],
] as const) {
  test(`${what} is refused in the words of Redis`, async () => {
    await using wire = await gate.connect();
    assert.equal(await wire.ask(...args), await servers[0]!.ask(...args));
  });
}

for (const args of [
  ['RENAME', first[0]!, second[0]!],
  ['MSETNX', first[0]!, '1', second[0]!, '2'],
  ['SINTER', first[0]!, second[0]!],
  ['SUNIONSTORE', first[0]!, first[1]!, second[0]!],
  ['LMOVE', first[0]!, second[0]!, 'LEFT', 'RIGHT'],
  ['COPY', first[0]!, second[0]!],
  ['BITOP', 'AND', first[0]!, second[0]!],
  ['PFCOUNT', first[0]!, second[0]!],
  ['ZUNIONSTORE', first[0]!, '2', first[1]!, second[0]!],
  ['ZDIFF', '2', first[0]!, second[0]!],
  ['EVAL', 'return 1', '2', first[0]!, second[0]!],
  ['FCALL', 'f', '2', first[0]!, second[0]!],
  ['SORT', first[0]!, 'STORE', second[0]!],
  ['GEORADIUS', first[0]!, '1', '1', '1', 'km', 'STORE', second[0]!],
  ['LMPOP', '2', first[0]!, second[0]!, 'LEFT'],
]) {
  test(`${args[0]} with keys on two servers is refused and reaches neither`, async () => {
    await using wire = await gate.connect();
    await servers.resetStats();
    assert.equal(await wire.ask(...args), CROSSSLOT);
    assert.deepEqual(await servers.calls(args[0]!.toLowerCase()), [0, 0, 0, 0]);
  });
}

for (const { write, read, expected } of [
  { write: ['SET', '{t}a', 'v'], read: ['RENAME', '{t}a', '{t}b'], expected: '+OK\r\n' },
  {
    write: ['SADD', '{t}s', '1'],
    read: ['SUNION', '{t}s', '{t}none'],
    expected: '*1\r\n$1\r\n1\r\n',
  },
  {
    write: ['RPUSH', '{t}l', 'x'],
    read: ['LMOVE', '{t}l', '{t}m', 'LEFT', 'LEFT'],
    expected: bulk('x'),
  },
  {
    write: ['SET', '{t}e', '7'],
    read: ['EVAL', "return redis.call('GET',KEYS[2])", '2', '{t}x', '{t}e'],
    expected: bulk('7'),
  },
  { write: ['DEL', '{t}n'], read: ['MSETNX', '{t}n', '1', '{t}n2', '2'], expected: ':1\r\n' },
]) {
  test(`${read[0]} with keys on one server, by a hash tag, is passed on`, async () => {
    await servers.flush();
    await using wire = await gate.connect();
    await wire.ask(...write);
    assert.equal(await wire.ask(...read), expected);
  });
}

test('every single-key command goes to the server of its key, whatever argument the key is', async () => {
  await servers.flush();
  await using wire = await gate.connect();
  for (const keys of placed) {
    const [key = '', list = '', stream = ''] = keys;
    await wire.ask('SET', key, '5');
    await wire.ask('RPUSH', list, 'x');
    await wire.ask('XADD', stream, '1-1', 'f', 'v');
    assert.equal(await wire.value('OBJECT', 'ENCODING', key), 'int');
    assert.equal(await wire.value('EVAL', "return redis.call('GET',KEYS[1])", '1', key), '5');
    assert.equal(typeof (await wire.value('MEMORY', 'USAGE', key)), 'number');
    assert.equal(((await wire.value('XINFO', 'STREAM', stream)) as string[])[0], 'length');
    assert.equal(await wire.ask('XGROUP', 'CREATE', stream, 'g', '0'), '+OK\r\n');
    assert.equal(await wire.value('LMPOP', '1', list, 'LEFT').then(String), `${list},x`);
    assert.equal(await wire.value('BITOP', 'NOT', `{${key}}copy`, key).then(Number), 1);
  }
});

test('answers of four servers come in the order of the questions, whoever is slow', async () => {
  await servers.flush();
  await using wire = await gate.connect();
  servers[2]!.pause();
  const replies = wire.askAll(
    mixed.flatMap((key) => [
      ['SET', key, key],
      ['GET', key],
      ['ECHO', key],
    ]),
  );
  setTimeout(() => servers[2]!.resume(), 200);
  const expected = mixed.flatMap((key) => ['+OK\r\n', bulk(key), bulk(key)]);
  assert.deepEqual(await replies, expected);
});

test('an error of one server stands in its places of MGET and is counted in sums', async () => {
  await using wire = await gate.connect();
  await wire.ask('MSET', first[0]!, 'a', second[0]!, 'b');
  const rules = ['-mget', '-del', '-mset', '-exists'];
  await servers[1]!.ask('ACL', 'SETUSER', 'default', ...rules);
  const mget = await wire.ask('MGET', first[0]!, second[0]!, second[1]!);
  const others = [];
  for (const [command, ...args] of [
    ['EXISTS', first[0]!, second[0]!],
    ['MSET', first[0]!, '1', second[0]!, '2'],
    ['DEL', first[0]!, second[0]!],
  ]) {
    others.push(await wire.ask(command!, ...args));
  }
  await servers[1]!.ask('ACL', 'SETUSER', 'default', '+@all');
  assert.match(mget, /^\*3\r\n\$1\r\na\r\n-NOPERM [^\r]+\r\n-NOPERM [^\r]+\r\n$/);
  assert.deepEqual(others, Array(3).fill('-finished with 1 error(s)\r\n'));
});

test('a killed server yields `upstream failure` in its places and others keep theirs', async () => {
  await using own = await startRedises(4);
  await using door = await startTidegate(shards(own.addresses));
  const [here, there] = (await keysByServer(door, own)).slice(1, 3) as [string[], string[]];
  await using wire = await door.connect();
  await wire.ask('MSET', here[0]!, 'a', there[0]!, 'b', here[1]!, 'c');
  await own[2]!.kill();
  const mget = await wire.ask('MGET', here[0]!, there[0]!, here[1]!, there[1]!);
  assert.equal(mget, '*4\r\n$1\r\na\r\n-upstream failure\r\n$1\r\nc\r\n-upstream failure\r\n');
  for (const command of ['EXISTS', 'TOUCH', 'DEL', 'UNLINK']) {
    const reply = await wire.ask(command, here[0]!, there[0]!);
    assert.equal(reply, '-finished with 1 error(s)\r\n', command);
  }
  const mset = await wire.ask('MSET', here[0]!, 'new', there[0]!, 'x');
  assert.equal(mset, '-finished with 1 error(s)\r\n');
  assert.equal(await wire.value('GET', here[0]!), 'new');
  assert.equal(await wire.ask('GET', there[0]!), '-upstream failure\r\n');
});

test('only servers that are asked can fail a split command', async () => {
  await using own = await startRedises(2);
  await using door = await startTidegate(shards(own.addresses));
  const [here] = (await keysByServer(door, own)) as [string[], string[]];
  await own[1]!.kill();
  await using wire = await door.connect();
  assert.equal(await wire.ask('MSET', here[0]!, '1', here[1]!, '2'), '+OK\r\n');
  assert.deepEqual(decode(await wire.ask('MGET', here[0]!, here[1]!)), ['1', '2']);
});
