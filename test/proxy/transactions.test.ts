/** MULTI, EXEC, WATCH and their kind through the door: as on one server, or refused where keys are apart. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sleep, until } from '../support/bounded.ts';
import { connectionsTo } from '../support/leaks.ts';
import { keysByServer } from '../support/placement.ts';
import { startRedis, startRedises } from '../support/redis.ts';
import { shards, startTidegate } from '../support/tidegate.ts';
import { bulk, type Wire } from '../support/wire.ts';

/** Dialogues with the state they leave behind; each line is one command. */
const DIALOGUES: Readonly<Record<string, string>> = {
  'a transaction runs and answers in order': 'SET a 1|MULTI|INCR a|LPUSH l x y|GET a|EXEC|GET a',
  'commands answered by the door are queued with the others':
    'MULTI|PING|SET a 1|ECHO hi|GET a|PING there|EXEC',
  'a transaction of nothing but the door’s own commands': 'MULTI|PING|ECHO x|CLIENT GETNAME|EXEC',
  'an empty transaction': 'MULTI|EXEC|MULTI|DISCARD|GET a',
  'an error while running leaves the others': 'SET a x|MULTI|INCR a|SET b 1|EXEC|GET b',
  'an unknown command aborts': 'MULTI|NOSUCH a|SET a 1|EXEC|GET a|EXEC',
  'a wrong number of arguments aborts': 'MULTI|SET a|SET a 1|EXEC|GET a',
  'a wrong number of arguments of a local command aborts': 'MULTI|ECHO|SET a 1|EXEC|GET a',
  'nesting is an error and nothing else': 'MULTI|SET a 1|MULTI|EXEC|GET a',
  'WATCH inside is an error and nothing else': 'MULTI|WATCH a|SET a 1|EXEC|GET a',
  'EXEC and DISCARD without MULTI': 'EXEC|DISCARD|UNWATCH',
  'DISCARD forgets': 'MULTI|SET a 1|DISCARD|GET a|MULTI|SET a 2|EXEC|GET a',
  'a watched key that changes aborts': 'SET a 1|WATCH a|SET a 2|MULTI|SET a 3|EXEC|GET a',
  'a watched key that stays does not': 'SET a 1|WATCH a b|GET a|MULTI|SET a 3|EXEC|GET a',
  'UNWATCH forgets': 'SET a 1|WATCH a|SET a 2|UNWATCH|MULTI|SET a 3|EXEC|GET a',
  'EXEC ends the watch': 'WATCH a|MULTI|EXEC|SET a 1|MULTI|SET a 2|EXEC|GET a',
  'DISCARD ends the watch': 'WATCH a|MULTI|SET a 1|DISCARD|SET a 5|MULTI|SET a 6|EXEC|GET a',
  'UNWATCH inside is queued': 'WATCH a|MULTI|UNWATCH|SET a 1|EXEC|MULTI|UNWATCH|EXEC',
  'a watch alone, then only local commands': 'SET a 1|WATCH a|SET a 2|MULTI|PING|EXEC',
  'commands with several keys': 'MULTI|MSET {t}a 1 {t}b 2|MGET {t}a {t}b|DEL {t}a {t}b|EXEC',
  'a database selected inside holds afterwards':
    'MULTI|SET a 0|SELECT 3|SET a 3|EXEC|GET a|SELECT 0|GET a',
  'a database that does not exist': 'MULTI|SELECT 999|SET a 1|EXEC|GET a',
  'blocking commands inside do not block': 'MULTI|BLPOP none 0|XREAD BLOCK 0 STREAMS s $|EXEC',
  'RESET leaves everything': 'WATCH a|MULTI|SET a 1|RESET|GET a|EXEC',
  'scripts inside': 'MULTI|EVAL return(KEYS[1]) 1 a|EVAL return(7) 0|EXEC',
  'what a transaction may not contain': 'MULTI|WAIT 0 0|SET a 1|EXEC|GET a',
  'keyless commands of one server': 'SET a 1|MULTI|DBSIZE|FLUSHALL|EXEC|DBSIZE',
};

for (const protocol of [2, 3] as const) {
  test(`transactions are byte for byte those of a server, RESP${protocol}`, async () => {
    await using server = await startRedis();
    await using behind = await startRedis();
    await using gate = await startTidegate(shards([behind.address]));
    for (const [what, lines] of Object.entries(DIALOGUES)) {
      for (const pipelined of [false, true]) {
        await server.ask('FLUSHALL');
        await behind.ask('FLUSHALL');
        await using direct = await server.connect({ protocol });
        await using through = await gate.connect({ protocol });
        const expected = await play(direct, lines, pipelined);
        assert.deepEqual(await play(through, lines, pipelined), expected, `${what}, ${pipelined}`);
      }
    }
  });
}

async function play(wire: Wire, lines: string, pipelined: boolean): Promise<string[]> {
  const commands = lines.split('|').map((line) => line.split(' '));
  if (pipelined) return wire.askAll(commands);
  const replies: string[] = [];
  for (const command of commands) replies.push(await wire.ask(...command));
  return replies;
}

test('keys of another server are refused and abort the transaction', async () => {
  await using servers = await startRedises(2);
  await using gate = await startTidegate(shards(servers.addresses));
  const [[here], [there]] = (await keysByServer(gate, servers, 1)) as [[string], [string]];
  await using wire = await gate.connect();
  const commands = [['MULTI'], ['SET', here, '1'], ['SET', there, '1'], ['EXEC'], ['GET', here]];
  assert.deepEqual(await wire.askAll(commands), [
    '+OK\r\n',
    '+QUEUED\r\n',
    "-CROSSSLOT Keys in request don't hash to the same slot\r\n",
    '-EXECABORT Transaction discarded because of previous errors.\r\n',
    '$-1\r\n',
  ]);
  const watched = await wire.askAll([['WATCH', here], ['WATCH', there], ['UNWATCH']]);
  assert.match(watched[1]!, /^-CROSSSLOT /);
  const keyless = await wire.askAll([['MULTI'], ['SET', here, '1'], ['DBSIZE'], ['EXEC']]);
  assert.match(keyless[2]!, /^-ERR 'dbsize' names no key and several servers/);
  assert.match(keyless[3]!, /^-EXECABORT /);
});

test('commands before a transaction in the same pipeline run before it, and those behind it after', async () => {
  await using server = await startRedis();
  await using gate = await startTidegate(shards([server.address]));
  await using wire = await gate.connect();
  for (let round = 0; round < 200; round++) {
    const replies = await wire.askAll([
      ['SET', 'a', round],
      ['MULTI'],
      ['INCR', 'a'],
      ['EXEC'],
      ['GET', 'a'],
    ]);
    assert.deepEqual(replies.slice(3), [`*1\r\n:${round + 1}\r\n`, bulk(String(round + 1))]);
  }
});

test('a client that leaves takes its transaction and its watch with it', async () => {
  await using server = await startRedis();
  await using gate = await startTidegate(shards([server.address]));
  const wire = await gate.connect();
  await wire.askAll([['WATCH', 'a'], ['MULTI'], ['SET', 'a', '1']]);
  const before = connectionsTo(server.port);
  wire.close();
  await until(() => connectionsTo(server.port) === before - 1, 'its connection is closed');
  assert.equal(await server.ask('GET', 'a'), '$-1\r\n');
});

test('a transaction whose server dies is told so, and does not run', async () => {
  await using server = await startRedis();
  await using gate = await startTidegate(shards([server.address], { op_timeout: '500ms' }));
  await using wire = await gate.connect();
  await wire.askAll([
    ['WATCH', 'w'],
    ['GET', 'w'],
  ]);
  await using other = await gate.connect();
  await other.askAll([['MULTI'], ['SET', 'a', '1']]);
  await server.kill();
  await server.start();
  await until(async () => (await wire.ask('SET', 'b', '1')) === '+OK\r\n', 'it is back', 5000, 50);
  assert.match(await other.ask('EXEC'), /^-EXECABORT /);
  const replies = await wire.askAll([['MULTI'], ['SET', 'w', '1'], ['EXEC'], ['GET', 'w']]);
  assert.deepEqual(replies.slice(2), ['*-1\r\n', '$-1\r\n']);
});

test('a server that stops in a transaction costs op_timeout and the transaction', async () => {
  await using server = await startRedis();
  await using gate = await startTidegate(shards([server.address], { op_timeout: '200ms' }));
  await using wire = await gate.connect();
  await wire.askAll([['MULTI'], ['SET', 'a', '1']]);
  server.pause();
  assert.equal(await wire.ask('EXEC'), '-upstream failure\r\n');
  server.resume();
  await until(async () => (await wire.ask('PING')) === '+PONG\r\n', 'it goes on');
  await until(async () => (await wire.ask('SET', 'b', '1')) === '+OK\r\n', 'it writes', 5000, 50);
});

test('connections are lent up to dedicated_max and used again', async () => {
  await using server = await startRedis();
  await using gate = await startTidegate(shards([server.address], { dedicated_max: 2 }));
  const wires = await Promise.all([0, 1, 2].map(() => gate.connect()));
  const [first, second, third] = wires as [Wire, Wire, Wire];
  await first.expect('+OK\r\n', 'WATCH', 'a');
  await second.expect('+OK\r\n', 'WATCH', 'a');
  const full = await third.ask('WATCH', 'a');
  assert.match(full, /^-ERR all 2 connections that may be lent \(dedicated_max\) are in use\r\n$/);
  await first.expect('+OK\r\n', 'UNWATCH');
  await third.expect('+OK\r\n', 'WATCH', 'a');
  await third.expect('+OK\r\n', 'UNWATCH');
  const before = await server.value('INFO', 'stats');
  for (let i = 0; i < 50; i++) await third.askAll([['MULTI'], ['SET', 'k', i], ['EXEC']]);
  const opened = (text: unknown): number =>
    Number(/total_connections_received:(\d+)/.exec(String(text))![1]);
  // The one that asks INFO is itself new.
  assert.ok(opened(await server.value('INFO', 'stats')) - opened(before) <= 2);
  for (const wire of wires) wire.close();
});

test('prefixes are rewritten inside a transaction, for every key', async () => {
  await using server = await startRedis();
  await using gate = await startTidegate({
    listeners: { main: { routes: [{ prefix: 'x:', remove_prefix: true, upstream: 'main' }] } },
    upstreams: { main: { kind: 'shards', servers: [server.address] } },
  });
  await using wire = await gate.connect();
  await wire.askAll([['WATCH', 'x:a'], ['MULTI'], ['MSET', 'x:a', '1', 'x:b', '2'], ['EXEC']]);
  assert.deepEqual(await server.value('MGET', 'a', 'b'), ['1', '2']);
});

test('a watch is undone by writes of others through the door', async () => {
  await using server = await startRedis();
  await using gate = await startTidegate(shards([server.address]));
  await using wire = await gate.connect();
  await using other = await gate.connect();
  await wire.expect('+OK\r\n', 'WATCH', 'a');
  await other.expect('+OK\r\n', 'SET', 'a', '1');
  await sleep(5);
  assert.equal((await wire.askAll([['MULTI'], ['SET', 'a', '2'], ['EXEC']]))[2], '*-1\r\n');
});
