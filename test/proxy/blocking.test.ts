/** Commands that wait at a server: for their client alone, to the time it asked for, and ended when it leaves. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sleep, timed, until } from '../support/bounded.ts';
import { connectionsTo } from '../support/leaks.ts';
import { keysByServer } from '../support/placement.ts';
import { startRedis, startRedises } from '../support/redis.ts';
import { shards, startTidegate } from '../support/tidegate.ts';
import { bulk } from '../support/wire.ts';

const COMMANDS: readonly (readonly string[])[] = [
  ['BLPOP', 'a', 'b', '0.05'],
  ['BRPOP', 'a', '0.05'],
  ['BLMOVE', '{k}a', '{k}b', 'LEFT', 'RIGHT', '0.05'],
  ['BRPOPLPUSH', '{k}a', '{k}b', '0.05'],
  ['BLMPOP', '0.05', '2', '{k}a', '{k}b', 'LEFT', 'COUNT', '2'],
  ['BZPOPMIN', 'z', '0.05'],
  ['BZPOPMAX', 'z', '0.05'],
  ['BZMPOP', '0.05', '1', 'z', 'MIN'],
  ['XREAD', 'BLOCK', '50', 'STREAMS', 's', '$'],
  ['XREAD', 'COUNT', '1', 'STREAMS', 's', '0'],
  ['XREADGROUP', 'GROUP', 'g', 'c', 'BLOCK', '50', 'STREAMS', 's', '>'],
  ['WAIT', '0', '50'],
  ['BLPOP', 'a', '-1'],
  ['BLPOP', 'a', 'x'],
  ['BLPOP', 'text', '1'],
  ['BLMPOP', '1', '0', 'a', 'LEFT'],
  ['XREAD', 'BLOCK', 'x', 'STREAMS', 's', '$'],
];

const FILLED: readonly (readonly string[])[] = [
  ['RPUSH', 'a', '1', '2', '3', '4'],
  ['RPUSH', '{k}a', '1', '2', '3', '4'],
  ['ZADD', 'z', '1', 'one', '2', 'two', '3', 'three'],
  ['XADD', 's', '1-1', 'f', 'v'],
  ['XGROUP', 'CREATE', 's', 'g', '0', 'MKSTREAM'],
  ['SET', 'text', 'x'],
];

for (const protocol of [2, 3] as const) {
  test(`replies and time-outs are byte for byte those of a server, RESP${protocol}`, async () => {
    await using server = await startRedis();
    await using behind = await startRedis();
    await using gate = await startTidegate(shards([behind.address]));
    await using direct = await server.connect({ protocol });
    await using through = await gate.connect({ protocol });
    for (const before of [[], FILLED]) {
      assert.deepEqual(await through.askAll(before), await direct.askAll(before));
      for (const command of COMMANDS) {
        const [expected, found] = await Promise.all([
          direct.ask(...command),
          through.ask(...command),
        ]);
        assert.equal(found, expected, command.join(' '));
      }
    }
  });
}

test('a wait ends when its time is over, not before and not much later', async () => {
  await using server = await startRedis();
  await using gate = await startTidegate(shards([server.address], { op_timeout: '200ms' }));
  await using wire = await gate.connect();
  const { result, ms } = await timed(() => wire.ask('BLPOP', 'none', '0.7'));
  assert.equal(result, '*-1\r\n');
  // Redis looks at its clock every 100 ms.
  assert.ok(ms >= 690 && ms < 1000, `${ms} ms`);
});

test('one that waits holds nobody else, and gets what comes first', async () => {
  await using server = await startRedis();
  await using gate = await startTidegate(shards([server.address]));
  await using waiting = await gate.connect();
  await using other = await gate.connect();
  const reply = waiting.ask('BLPOP', 'list', '5');
  await until(async () => (await server.clientsBlocked()) === 1, 'it waits');
  assert.equal(await other.ask('PING'), '+PONG\r\n');
  assert.equal(await other.ask('RPUSH', 'list', 'x'), ':1\r\n');
  assert.equal(await reply, '*2\r\n$4\r\nlist\r\n$1\r\nx\r\n');
});

test('commands behind a wait in the same pipeline run after it', async () => {
  await using server = await startRedis();
  await using gate = await startTidegate(shards([server.address]));
  await using wire = await gate.connect();
  await using other = await gate.connect();
  const replies = wire.askAll([
    ['SET', 'k', '1'],
    ['BLPOP', 'list', '5'],
    ['GET', 'k'],
    ['INCR', 'k'],
  ]);
  await until(async () => (await server.clientsBlocked()) === 1, 'it waits');
  await other.ask('SET', 'k', '10');
  await other.ask('RPUSH', 'list', 'x');
  assert.deepEqual((await replies).slice(2), [bulk('10'), ':11\r\n']);
});

for (const way of ['close', 'reset'] as const) {
  test(`a client that leaves while it waits (${way}) unblocks the server, and nothing is taken`, async () => {
    await using server = await startRedis();
    await using gate = await startTidegate(shards([server.address]));
    const wire = await gate.connect();
    wire.send('BLPOP', 'list', '0');
    await until(async () => (await server.clientsBlocked()) === 1, 'it waits');
    wire[way]();
    await until(async () => (await server.clientsBlocked()) === 0, 'the server is told');
    await server.ask('RPUSH', 'list', 'x');
    assert.equal(await server.ask('LLEN', 'list'), ':1\r\n');
  });
}

test('CLIENT UNBLOCK ends a wait, as at its time-out or with an error', async () => {
  await using server = await startRedis();
  await using gate = await startTidegate(shards([server.address]));
  await using wire = await gate.connect();
  await using other = await gate.connect();
  const id = String(await wire.value('CLIENT', 'ID'));
  assert.equal(await other.ask('CLIENT', 'UNBLOCK', id), ':0\r\n');
  for (const [reason, expected] of [
    ['TIMEOUT', '*-1\r\n'],
    ['ERROR', '-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n'],
  ] as const) {
    const reply = wire.ask('BLPOP', 'list', '0');
    await until(async () => (await server.clientsBlocked()) === 1, 'it waits');
    assert.equal(await other.ask('CLIENT', 'UNBLOCK', id, reason), ':1\r\n');
    assert.equal(await reply, expected);
  }
});

test('keys of several servers cannot be waited for together', async () => {
  await using servers = await startRedises(2);
  await using gate = await startTidegate(shards(servers.addresses));
  const [[here], [there]] = (await keysByServer(gate, servers, 1)) as [[string], [string]];
  await using wire = await gate.connect();
  assert.match(await wire.ask('BLPOP', here, there, '0'), /^-CROSSSLOT /);
  assert.equal(await wire.ask('BLPOP', here, '0.01'), '*-1\r\n');
});

test('a thousand that wait cost the others next to nothing', async () => {
  await using server = await startRedis();
  await using gate = await startTidegate(shards([server.address], { dedicated_max: 1100 }));
  await using wire = await gate.connect();
  await wire.ask('SET', 'k', 'v');
  const alone = await medianLatency(() => wire.ask('GET', 'k'));
  const waiting = await Promise.all(Array.from({ length: 1000 }, () => gate.connect()));
  for (const [index, one] of waiting.entries()) one.send('BLPOP', `list${index}`, '0');
  await until(async () => (await server.clientsBlocked()) === 1000, 'all wait', 15_000);
  const crowded = await medianLatency(() => wire.ask('GET', 'k'));
  assert.ok(crowded < alone * 3 + 1, `${alone} ms alone, ${crowded} ms beside a thousand`);
  await wire.ask('RPUSH', 'list500', 'x');
  assert.equal(await waiting[500]!.read(), '*2\r\n$7\r\nlist500\r\n$1\r\nx\r\n');
  for (const one of waiting) one.close();
  await until(() => connectionsTo(server.port) < 40, 'their connections close', 10_000);
});

async function medianLatency(ask: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < 200; i++) times.push((await timed(ask)).ms);
  return times.toSorted((a, b) => a - b)[100]!;
}

test('a server that dies under a wait fails it, and the next one works again', async () => {
  await using server = await startRedis();
  await using gate = await startTidegate(shards([server.address]));
  await using wire = await gate.connect();
  const reply = wire.ask('BLPOP', 'list', '0');
  await until(async () => (await server.clientsBlocked()) === 1, 'it waits');
  await server.kill();
  assert.equal(await reply, '-upstream failure\r\n');
  await server.start();
  await until(
    async () => (await wire.ask('BLPOP', 'list', '0.01')) === '*-1\r\n',
    'it works',
    5000,
    50,
  );
});

test('a server that is silent beyond the wait fails it', async () => {
  await using server = await startRedis();
  await using gate = await startTidegate(shards([server.address], { op_timeout: '200ms' }));
  await using wire = await gate.connect();
  const reply = timed(() => wire.ask('BLPOP', 'list', '0.3'));
  await until(async () => (await server.clientsBlocked()) === 1, 'it waits');
  server.pause();
  const { result, ms } = await reply;
  server.resume();
  assert.equal(result, '-upstream failure\r\n');
  assert.ok(ms >= 450 && ms < 900, `${ms} ms`);
});

test('what a client sends while it waits is kept, and bounded', async () => {
  await using server = await startRedis();
  await using gate = await startTidegate(shards([server.address]));
  await using wire = await gate.connect({ timeoutMs: 10_000 });
  wire.send('BLPOP', 'list', '0');
  await until(async () => (await server.clientsBlocked()) === 1, 'it waits');
  const before = gate.memory();
  const value = Buffer.alloc(100_000, 'x');
  for (let i = 0; i < 300; i++) wire.send('SET', `k${i}`, value);
  await sleep(300);
  assert.ok(gate.memory() - before < 20 * 2 ** 20);
  await server.ask('RPUSH', 'list', 'x');
  const replies = await wire.readAll(301);
  assert.ok(replies.slice(1).every((reply) => reply === '+OK\r\n'));
});

test('WAIT over several servers waits for each, and tells the least', async () => {
  await using servers = await startRedises(2);
  await using replica = await startRedis();
  await replica.ask('REPLICAOF', '127.0.0.1', String(servers[0]!.port));
  await using gate = await startTidegate(shards(servers.addresses));
  await using wire = await gate.connect();
  const hasReplica = async (): Promise<boolean> =>
    String(await servers[0]!.value('INFO', 'replication')).includes('state=online');
  await until(hasReplica, 'the replica is there', 10_000);
  const [[here], [there]] = (await keysByServer(gate, servers, 1)) as [[string], [string]];
  await wire.askAll([
    ['SET', here, '1'],
    ['SET', there, '1'],
  ]);
  const { result, ms } = await timed(() => wire.ask('WAIT', '1', '300'));
  // The second server has no replica: its time runs out.
  assert.equal(result, ':0\r\n');
  assert.ok(ms >= 250 && ms < 900, `${ms} ms`);
  assert.equal(await wire.ask('WAIT', '0', '100'), ':0\r\n');
});
