/** Faults on purpose, as clients meet them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kept } from '../support/kept.ts';
import { startRedis, startRedises } from '../support/redis.ts';
import { type Section, shards, startTidegate, type Tidegate } from '../support/tidegate.ts';

const ERROR = '-Fault Injected: Error\r\n';
const server = kept(await startRedis());

function gateway(...faults: Section[]): Promise<Tidegate> {
  return startTidegate(shards([server.address], {}, { faults }));
}

test('replies keep their order when some are late and some are errors', async () => {
  await using gate = await gateway(
    { kind: 'delay', percent: 100, delay: '200ms', commands: ['GET'] },
    { kind: 'error', percent: 100, commands: ['incr'] },
  );
  await using wire = await gate.connect();
  const startedAt = performance.now();
  const replies = await wire.askAll([
    ['SET', 'k', '1'],
    ['GET', 'k'],
    ['INCR', 'k'],
    ['GET', 'k'],
    ['PING'],
    ['DEL', 'k'],
  ]);
  const took = performance.now() - startedAt;
  assert.deepEqual(replies, [
    '+OK\r\n',
    '$1\r\n1\r\n',
    ERROR,
    '$1\r\n1\r\n',
    '+PONG\r\n',
    ':1\r\n',
  ]);
  assert.ok(took >= 199 && took < 1000, `both wait at the same time: ${took} ms`);
  const { body } = await gate.admin('/metrics');
  assert.match(body, /fault_delays_total\{listener="main"\} 2\n/);
  assert.match(body, /fault_errors_total\{listener="main"\} 1\n/);
});

test('about so many of a hundred fail as was asked for', async () => {
  await using gate = await gateway({ kind: 'error', percent: 25 });
  await using wire = await gate.connect();
  const replies = await wire.askAll(Array.from({ length: 4000 }, () => ['GET', 'none']));
  const failed = replies.filter((reply) => reply === ERROR).length;
  // Five standard deviations of 27 each way.
  assert.ok(failed > 860 && failed < 1140, `${failed} of 4000`);
});

test('an error leaves no trace on the server, and what is answered here is never touched', async () => {
  await using gate = await gateway({ kind: 'error', percent: 100 });
  await using wire = await gate.connect();
  assert.equal(await wire.ask('SET', 'never', '1'), ERROR);
  assert.equal(await server.ask('EXISTS', 'never'), ':0\r\n');
  assert.equal(await wire.ask('PING'), '+PONG\r\n');
  assert.equal(await wire.ask('SELECT', '1'), '+OK\r\n');
  assert.match(await wire.ask('HELLO', '3'), /^%/);
});

test('a command over several servers is one command, and a drain waits for what is late', async () => {
  await using servers = await startRedises(2);
  const faults = [{ kind: 'delay', percent: 100, delay: '300ms', commands: ['mget'] }];
  await using gate = await startTidegate(
    shards(
      servers.map(({ address }) => address),
      {},
      { faults },
    ),
  );
  await using wire = await gate.connect();
  assert.equal(await wire.ask('MGET', 'a', 'b', 'c', 'd'), `*4\r\n${'$-1\r\n'.repeat(4)}`);
  const { body } = await gate.admin('/metrics');
  assert.match(body, /fault_delays_total\{listener="main"\} 1\n/);
  wire.send('MGET', 'a', 'b');
  await gate.admin('/stats');
  const ended = gate.stop();
  assert.equal(await wire.read(), '*2\r\n$-1\r\n$-1\r\n');
  assert.equal((await ended).code, 0);
});
