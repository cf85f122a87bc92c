/** Transactions and waits whose slot moves under them: real servers, and moves at the worst moments. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { sleep, until } from '../support/bounded.ts';
import { slotOfKey, startCluster, type TestCluster } from '../support/cluster.ts';
import type { TestRedis } from '../support/redis.ts';
import { cluster, startTidegate, type Tidegate } from '../support/tidegate.ts';
import { bulk } from '../support/wire.ts';

/** Keys of one slot of node A, and the door in front of the nodes; nothing tells it of a move but the nodes' errors. */
interface Scene extends AsyncDisposable {
  readonly servers: TestCluster;
  readonly gate: Tidegate;
  readonly a: TestRedis;
  readonly b: TestRedis;
  readonly slot: number;
  key(name: string): string;
  /** The whole move in one go. */
  move(): Promise<void>;
}

async function scene(): Promise<Scene> {
  const servers = await startCluster({ replicas: 0 });
  const gate = await startTidegate(
    cluster(servers.addresses, {
      op_timeout: '3s',
      topology: { refresh: '60s', min_interval: '60s' },
    }),
  );
  const [a, b] = servers.primaries as [TestRedis, TestRedis];
  const [tag] = servers.keysOf(0) as [string];
  const slot = slotOfKey(tag);
  return {
    ...{ servers, gate, a, b, slot },
    key: (name) => `{${tag}}${name}`,
    move: () => servers.move(slot, a, b),
    async [Symbol.asyncDispose]() {
      await gate[Symbol.asyncDispose]();
      await servers[Symbol.asyncDispose]();
    },
  };
}

test('what is queued when the slot moves runs at its new owner, once', async () => {
  await using at = await scene();
  await using wire = await at.gate.connect();
  await wire.expect('+OK\r\n', 'SET', at.key('n'), '1');
  await wire.expect('+OK\r\n', 'MULTI');
  await wire.expect('+QUEUED\r\n', 'INCR', at.key('n'));
  await wire.expect('+QUEUED\r\n', 'RPUSH', at.key('l'), 'x');
  await at.move();
  await wire.expect('+QUEUED\r\n', 'GET', at.key('n'));
  assert.equal(await wire.ask('EXEC'), `*3\r\n:2\r\n:1\r\n${bulk('2')}`);
  assert.equal(await at.b.ask('GET', at.key('n')), bulk('2'));
  assert.equal(await at.b.ask('LLEN', at.key('l')), ':1\r\n');
  // Everything was queued at the old owner, and only EXEC hears of the move.
  await wire.expect('+OK\r\n', 'MULTI');
  await wire.expect('+QUEUED\r\n', 'INCR', at.key('n'));
  await at.servers.move(at.slot, at.b, at.a);
  assert.equal(await wire.ask('EXEC'), '*1\r\n:3\r\n');
  assert.equal(await at.a.ask('GET', at.key('n')), bulk('3'));
});

test('scripts of a transaction go along with it, to a server that never had them', async () => {
  await using at = await scene();
  await using wire = await at.gate.connect();
  const add = (by: number): string => `return redis.call('INCRBY', KEYS[1], ${by})`;
  const digests: string[] = [];
  for (const by of [1, 10]) {
    await wire.ask('EVAL', add(by), '1', at.key('n'));
    digests.push(createHash('sha1').update(add(by)).digest('hex'));
  }
  const [one, ten] = digests as [string, string];
  await wire.expect('+OK\r\n', 'MULTI');
  await wire.expect('+QUEUED\r\n', 'EVALSHA', one, '1', at.key('n'));
  await wire.expect('+QUEUED\r\n', 'EVALSHA', ten, '1', at.key('n'));
  await at.move();
  const rest = [['EVALSHA', one, '1', at.key('n')], ['GET', at.key('n')], ['EXEC']];
  const expected = `*4\r\n:12\r\n:22\r\n:23\r\n${bulk('23')}`;
  assert.deepEqual(await wire.askAll(rest), ['+QUEUED\r\n', '+QUEUED\r\n', expected]);
});

test('a transaction over keys that are half moved waits until they are together', async () => {
  await using at = await scene();
  await using wire = await at.gate.connect();
  await wire.expect('+OK\r\n', 'MSET', at.key('here'), '1', at.key('there'), '2');
  await at.servers.beginMove(at.slot, at.a, at.b);
  await at.a.ask('MIGRATE', '127.0.0.1', String(at.b.port), at.key('there'), '0', '1000');
  for (const words of [['MULTI'], ['INCR', at.key('here')], ['INCR', at.key('there')], ['EXEC']]) {
    wire.send(...words);
  }
  await until(
    async () => /kind="tryagain"\} [1-9]/.test((await at.gate.admin('/metrics')).body),
    'it was told to try again',
  );
  await at.servers.moveKeys(at.slot, at.a, at.b);
  await at.servers.endMove(at.slot, at.a, at.b);
  assert.deepEqual(await wire.readAll(4), [
    '+OK\r\n',
    '+QUEUED\r\n',
    '+QUEUED\r\n',
    '*2\r\n:2\r\n:3\r\n',
  ]);
});

test('an error of the transaction itself is still told at once, and EXEC refused', async () => {
  await using at = await scene();
  await using wire = await at.gate.connect();
  await wire.expect('+OK\r\n', 'SET', at.key('text'), 'a');
  await at.move();
  await wire.expect('+OK\r\n', 'MULTI');
  await wire.expect('+QUEUED\r\n', 'INCR', at.key('text'));
  assert.match(await wire.ask('SET', at.key('x')), /^-ERR wrong number of arguments/);
  assert.match(await wire.ask('EXEC'), /^-EXECABORT /);
  await wire.expect('+OK\r\n', 'MULTI');
  await wire.expect('+QUEUED\r\n', 'INCR', at.key('text'));
  await wire.expect('+QUEUED\r\n', 'SET', at.key('x'), '1');
  assert.match(await wire.ask('EXEC'), /^\*2\r\n-ERR value is not an integer.*\r\n\+OK\r\n$/);
});

test('keys watched before their slot moves count as changed, and the next try works', async () => {
  await using at = await scene();
  await using wire = await at.gate.connect();
  await wire.expect('+OK\r\n', 'SET', at.key('n'), '1');
  for (const moment of ['before it reads', 'before MULTI', 'before EXEC'] as const) {
    const from = await at.servers.ownerOf(at.slot);
    const to = from === at.a ? at.b : at.a;
    await wire.expect('+OK\r\n', 'WATCH', at.key('n'));
    if (moment === 'before it reads') await at.servers.move(at.slot, from, to);
    await wire.expect(bulk('1'), 'GET', at.key('n'));
    if (moment === 'before MULTI') await at.servers.move(at.slot, from, to);
    await wire.expect('+OK\r\n', 'MULTI');
    await wire.expect('+QUEUED\r\n', 'SET', at.key('n'), '2');
    if (moment === 'before EXEC') await at.servers.move(at.slot, from, to);
    assert.equal(await wire.ask('EXEC'), '*-1\r\n', moment);
    await wire.expect(bulk('1'), 'GET', at.key('n'));
  }
  const again = [['WATCH', at.key('n')], ['MULTI'], ['INCR', at.key('n')], ['EXEC']];
  assert.equal((await wire.askAll(again)).at(-1), '*1\r\n:2\r\n');
});

test('null is in the words of RESP3 where the client speaks it', async () => {
  await using at = await scene();
  await using wire = await at.gate.connect();
  await wire.ask('HELLO', '3');
  await wire.expect('+OK\r\n', 'WATCH', at.key('n'));
  await at.move();
  await wire.expect('+OK\r\n', 'MULTI');
  await wire.expect('+QUEUED\r\n', 'SET', at.key('n'), '2');
  await wire.expect('_\r\n', 'EXEC');
});

test('a wait goes along with its slot, and ends when it was to end', async () => {
  await using at = await scene();
  await using wire = await at.gate.connect();
  await using other = await at.gate.connect();
  wire.send('BLPOP', at.key('list'), '20');
  other.send('BLPOP', at.key('never'), '3');
  const begin = performance.now();
  await until(async () => /blocked_clients:2/.test(await at.a.ask('INFO', 'clients')), 'both wait');
  await sleep(500);
  await at.move();
  await until(
    async () => /blocked_clients:2/.test(await at.b.ask('INFO', 'clients')),
    'they wait at the new owner',
    2000,
  );
  await at.gate.ask('RPUSH', at.key('list'), 'x');
  assert.equal(await wire.read(), `*2\r\n${bulk(at.key('list'))}${bulk('x')}`);
  assert.equal(await other.read(), '*-1\r\n');
  const ms = performance.now() - begin;
  assert.ok(ms > 2900 && ms < 4000, `it waited ${Math.round(ms)} ms`);
  assert.match(await at.gate.ask('PING'), /PONG/);
});
