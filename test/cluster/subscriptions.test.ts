/** Publish and subscribe through the door of a real cluster. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sleep } from '../support/bounded.ts';
import { startCluster } from '../support/cluster.ts';
import { cluster, startTidegate } from '../support/tidegate.ts';

test('a message is heard once, wherever it was published, by channel, pattern and shard channel', async () => {
  await using servers = await startCluster();
  await using gate = await startTidegate(cluster(servers.addresses));
  await using listener = await gate.connect();
  await using speaker = await gate.connect();
  await listener.expect('*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n', 'SUBSCRIBE', 'news');
  await listener.expect('*3\r\n$10\r\npsubscribe\r\n$2\r\ne*\r\n:2\r\n', 'PSUBSCRIBE', 'e*');
  await listener.expect('*3\r\n$10\r\nssubscribe\r\n$5\r\nshard\r\n:1\r\n', 'SSUBSCRIBE', 'shard');
  assert.equal(await speaker.ask('PUBLISH', 'news', 'a'), ':1\r\n');
  assert.equal(await speaker.ask('PUBLISH', 'event', 'b'), ':1\r\n');
  assert.equal(await speaker.ask('SPUBLISH', 'shard', 'c'), ':1\r\n');
  for (const server of servers.primaries) await server.ask('PUBLISH', 'news', 'direct');
  const heard = await listener.readAll(3 + servers.primaries.length);
  assert.deepEqual(
    heard.toSorted((a, b) => (a < b ? -1 : 1)),
    [
      '*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$1\r\na\r\n',
      ...servers.primaries.map(() => '*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$6\r\ndirect\r\n'),
      '*3\r\n$8\r\nsmessage\r\n$5\r\nshard\r\n$1\r\nc\r\n',
      '*4\r\n$8\r\npmessage\r\n$2\r\ne*\r\n$5\r\nevent\r\n$1\r\nb\r\n',
    ],
  );
  await sleep(100);
  // Nothing else came: the next reply is that of PING.
  assert.equal(await listener.ask('PING'), '*2\r\n$4\r\npong\r\n$0\r\n\r\n');
});

test('keyspace notifications of every primary reach a subscriber', async () => {
  await using servers = await startCluster();
  for (const server of servers.primaries) {
    await server.ask('CONFIG', 'SET', 'notify-keyspace-events', 'KEA');
  }
  await using gate = await startTidegate(cluster(servers.addresses));
  await using listener = await gate.connect();
  await using writer = await gate.connect();
  await listener.ask('PSUBSCRIBE', '__keyevent@0__:set');
  const names = Array.from({ length: 60 }, (_none, index) => `key${index}`);
  await writer.askAll(names.map((name) => ['SET', name, '1']));
  const heard = await listener.readAll(names.length);
  const keys = heard.map((reply) => reply.trimEnd().split('\r\n').at(-1));
  assert.deepEqual(new Set(keys), new Set(names));
});
