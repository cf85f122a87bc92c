/** The order of one client's commands while the primary changes, seen by servers that say what a test says. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '../support/bounded.ts';
import { startRedises, type TestRedis } from '../support/redis.ts';
import { ScriptedNode } from '../support/scripted-cluster.ts';
import { ScriptedSentinel } from '../support/sentinel.ts';
import { sentinel, startTidegate } from '../support/tidegate.ts';
import { bulk } from '../support/wire.ts';

const READONLY = "-READONLY You can't write against a read only replica.\r\n";

async function scriptNode(role: string): Promise<ScriptedNode> {
  const node = new ScriptedNode();
  await node.listen();
  // It answers PING and ROLE by itself; of clusters it is not asked.
  node.view = { state: 'ok', epoch: 0, shards: [] };
  node.replies.set('ROLE', `*3\r\n${bulk(role)}:0\r\n*0\r\n`);
  return node;
}

async function scriptService() {
  const nodes = await Promise.all([scriptNode('master'), scriptNode('master')]);
  const [old, next] = nodes;
  const watcher = await ScriptedSentinel.start(old.address);
  const gate = await startTidegate(
    sentinel([watcher.address], {
      op_timeout: '3s',
      topology: { refresh: '60s', min_interval: '20ms' },
    }),
  );
  await until(() => watcher.listeners === 1, 'the Sentinel is listened to');
  const switched = async (): Promise<void> => {
    watcher.says.primary = next.address;
    const [from, to] = [old, next].map(({ port }) => `127.0.0.1 ${port}`);
    watcher.publish('+switch-master', `mymaster ${from} ${to}`);
    await until(() => gate.logs.includes(`"primary":"${next.address}"`), 'it is believed');
  };
  return {
    ...{ old, next, gate, switched },
    async [Symbol.asyncDispose]() {
      await gate[Symbol.asyncDispose]();
      await watcher[Symbol.asyncDispose]();
      for (const node of nodes) await node[Symbol.asyncDispose]();
    },
  };
}

test('what comes after the switch waits for what is under way at the old primary', async () => {
  await using service = await scriptService();
  const { old, next, gate } = service;
  await using wire = await gate.connect();
  wire.send('SET', 'a', '1');
  await old.hears('SET a 1');
  await service.switched();
  wire.send('SET', 'b', '2');
  wire.send('FLUSHALL');
  wire.send('GET', 'a');
  await until(
    async () => /commands_held\{.*\} 3\n/.test((await gate.admin('/metrics')).body),
    'all three are held',
  );
  assert.deepEqual(next.heard, []);
  await old.answer('SET a 1', '+OK\r\n');
  await next.answer('SET b 2', '+OK\r\n');
  await next.answer('FLUSHALL', '+OK\r\n');
  await next.answer('GET a', '$-1\r\n');
  assert.deepEqual(await wire.readAll(4), ['+OK\r\n', '+OK\r\n', '+OK\r\n', '$-1\r\n']);
  assert.deepEqual(next.heard, ['SET b 2', 'FLUSHALL', 'GET a']);
});

test('what the old primary refuses goes to the new one before what came later, whatever its keys', async () => {
  await using service = await scriptService();
  const { old, next, gate } = service;
  await using wire = await gate.connect();
  wire.send('SET', 'a', '1');
  wire.send('SET', 'b', '2');
  await old.hears('SET b 2');
  await service.switched();
  wire.send('SET', 'c', '3');
  wire.send('DBSIZE');
  await old.answer('SET a 1', READONLY);
  await old.answer('SET b 2', READONLY);
  for (const command of ['SET a 1', 'SET b 2', 'SET c 3']) await next.answer(command, '+OK\r\n');
  await next.answer('DBSIZE', ':3\r\n');
  assert.deepEqual(await wire.readAll(4), ['+OK\r\n', '+OK\r\n', '+OK\r\n', ':3\r\n']);
  assert.deepEqual(next.heard, ['SET a 1', 'SET b 2', 'SET c 3', 'DBSIZE']);
});

test('what was lent by the old primary is taken back, though that lives on', async () => {
  await using servers = await startRedises(2);
  const [old, next] = [...servers] as [TestRedis, TestRedis];
  await using watcher = await ScriptedSentinel.start(old.address);
  await using gate = await startTidegate(
    sentinel([watcher.address], { topology: { refresh: '60s', min_interval: '20ms' } }),
  );
  await using waiting = await gate.connect();
  await using watching = await gate.connect();
  await using collecting = await gate.connect();
  waiting.send('BLPOP', 'list', '0');
  await watching.expect('+OK\r\n', 'WATCH', 'k');
  await collecting.expect('+OK\r\n', 'MULTI');
  await collecting.expect('+QUEUED\r\n', 'SET', 'm', '1');
  await until(async () => (await old.clientsBlocked()) === 1, 'it waits');
  await until(() => watcher.listeners === 1, 'the Sentinel is listened to');
  watcher.says.primary = next.address;
  watcher.says.replicas = new Map([[old.address, false]]);
  watcher.publish('+switch-master', `mymaster 127.0.0.1 ${old.port} 127.0.0.1 ${next.port}`);
  assert.equal(await waiting.read(), '-upstream failure\r\n');
  assert.equal(await old.clientsBlocked(), 0);
  assert.match(await collecting.ask('EXEC'), /^-/);
  await watching.expect('+OK\r\n', 'MULTI');
  await watching.ask('SET', 'k', '1');
  assert.match(await watching.ask('EXEC'), /^(\*-1\r\n|-)/);
  for (const server of servers) assert.equal(await server.ask('EXISTS', 'm', 'k'), ':0\r\n');
  await waiting.expect(':1\r\n', 'RPUSH', 'list', 'x');
  assert.equal(await next.ask('LLEN', 'list'), ':1\r\n');
  assert.doesNotMatch(gate.logs, /upstream connection lost/);
});

test('a write whose connection was lost is not sent again, a read is, to the new primary', async () => {
  await using service = await scriptService();
  const { old, next, gate } = service;
  await using wire = await gate.connect();
  await using reader = await gate.connect();
  wire.send('SET', 'a', '1');
  reader.send('GET', 'a');
  await old.hears('SET a 1');
  await old.hears('GET a');
  await service.switched();
  await old.stop();
  await next.answer('GET a', bulk('0'));
  assert.equal(await reader.read(), bulk('0'));
  assert.equal(await wire.read(), '-upstream failure\r\n');
  assert.deepEqual(next.heard, ['GET a']);
});

test('what came before the primary was known goes there in its order, and only what has keys to a replica', async () => {
  const nodes = await Promise.all([scriptNode('master'), scriptNode('slave')]);
  const [primary, replica] = nodes;
  await using _primary = primary;
  await using _replica = replica;
  await using watcher = await ScriptedSentinel.start(primary.address);
  watcher.says.replicas = new Map([[replica.address, true]]);
  watcher.isMute = true;
  await using gate = await startTidegate(
    sentinel([watcher.address], { read_policy: 'prefer_replica', op_timeout: '3s' }),
  );
  await using wire = await gate.connect();
  await using reader = await gate.connect();
  for (const command of [['SET', 'a', '1'], ['DBSIZE'], ['SET', 'b', '2']]) wire.send(...command);
  reader.send('GET', 'a');
  await until(
    async () => /commands_held\{.*\} 4\n/.test((await gate.admin('/metrics')).body),
    'all are held',
  );
  watcher.speak();
  await primary.answer('SET a 1', '+OK\r\n');
  await primary.answer('DBSIZE', ':1\r\n');
  await primary.answer('SET b 2', '+OK\r\n');
  await replica.answer('GET a', bulk('1'));
  assert.deepEqual(await wire.readAll(3), ['+OK\r\n', ':1\r\n', '+OK\r\n']);
  assert.equal(await reader.read(), bulk('1'));
  assert.deepEqual(replica.heard, ['GET a']);
});
