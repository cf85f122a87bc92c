/** How many commands of all clients are under way at one time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '../support/bounded.ts';
import { kept } from '../support/kept.ts';
import { startPeer } from '../support/peer.ts';
import { startRedis } from '../support/redis.ts';
import { frameOf } from '../support/sinks.ts';
import { shards, startTidegate } from '../support/tidegate.ts';

const server = kept(await startRedis());

test('with 1, one command after the other, over all clients and both protocols', async () => {
  await using peer = await startPeer();
  await using gate = await startTidegate(
    shards([`127.0.0.1:${peer.port}`], { op_timeout: '5s' }, { concurrency: 1 }),
  );
  await using one = await gate.connect();
  await using two = await gate.connect();
  const link = await peer.connection();
  one.send('GET', 'a');
  await link.hears(frameOf('GET', 'a'));
  two.send('GET', 'b');
  two.send('GET', 'c');
  await until(
    async () => /concurrency_waits_total\{[^}]*\} 2\n/.test((await gate.admin('/metrics')).body),
    'two wait',
  );
  assert.equal(link.heard, frameOf('GET', 'a'), 'nothing of them was sent');
  link.say('$1\r\n1\r\n');
  await link.hears(frameOf('GET', 'a') + frameOf('GET', 'b'));
  link.say('$1\r\n2\r\n');
  await link.hears(['a', 'b', 'c'].map((key) => frameOf('GET', key)).join(''));
  link.say('$1\r\n3\r\n');
  assert.deepEqual(
    [await one.read(), await two.read(), await two.read()],
    ['$1\r\n1\r\n', '$1\r\n2\r\n', '$1\r\n3\r\n'],
  );
});

test('a server that says nothing holds the others for its time-out, and no longer', async () => {
  await using peer = await startPeer();
  await using gate = await startTidegate(
    shards([`127.0.0.1:${peer.port}`], { op_timeout: '200ms' }, { concurrency: 1 }),
  );
  await using one = await gate.connect();
  await using two = await gate.connect();
  assert.deepEqual(await Promise.all([one.ask('GET', 'a'), two.ask('GET', 'b')]), [
    '-upstream failure\r\n',
    '-upstream failure\r\n',
  ]);
});

for (const concurrency of [1, 3, 100] as const) {
  test(`many clients that pipeline and leave are all served with ${concurrency}`, async () => {
    await using gate = await startTidegate(shards([server.address], {}, { concurrency }));
    const clients = await Promise.all(Array.from({ length: 10 }, () => gate.connect()));
    await using leaving = await gate.connect();
    leaving.write(frameOf('SET', 'x', 'y').repeat(1000));
    leaving.reset();
    const all = await Promise.all(
      clients.map((wire, c) =>
        wire.askAll(
          Array.from({ length: 200 }, (_none, i) =>
            i % 50 === 0 ? ['SELECT', (i / 50) % 4] : ['ECHO', `${c}:${i}`],
          ).flatMap((args, i) => [args, ['SET', `k${c}`, i], ['GET', `k${c}`]]),
        ),
      ),
    );
    for (const replies of all) {
      const values = replies.filter((_reply, i) => i % 3 === 2);
      assert.deepEqual(
        values,
        Array.from({ length: 200 }, (_none, i) => `$${String(i).length}\r\n${i}\r\n`),
      );
    }
    for (const wire of clients) wire.close();
  });
}

test('workers share the places', async () => {
  await using peer = await startPeer();
  await using gate = await startTidegate({
    ...shards([`127.0.0.1:${peer.port}`], { op_timeout: '5s' }, { concurrency: 2 }),
    workers: 2,
  });
  // The admin port opens after the doors.
  await until(() => gate.logs.includes('"serving"'), 'all is open');
  const clients = await Promise.all(Array.from({ length: 12 }, () => gate.connect()));
  for (const [i, wire] of clients.entries()) wire.send('GET', `k${i}`);
  await until(
    async () => /concurrency_waits_total\{[^}]*\} 10\n/.test((await gate.admin('/metrics')).body),
    'two run, ten wait',
  );
  const heard = peer.connections.map((link) => link.heard.split('GET').length - 1);
  assert.equal(
    heard.reduce((sum, count) => sum + count, 0),
    2,
  );
  for (const wire of clients) wire.close();
});
