/** Publish and subscribe through a cluster. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '../support/bounded.ts';
import { slotOfKey, startCluster } from '../support/cluster.ts';
import { cluster, startTidegate } from '../support/tidegate.ts';
import { bulk } from '../support/wire.ts';

function message(kind: string, channel: string, text: string): string {
  return `*3\r\n${bulk(kind)}${bulk(channel)}${bulk(text)}`;
}

test('subscribers hear what is published through the door and at any node, once', async () => {
  await using servers = await startCluster({ replicas: 0 });
  await using gate = await startTidegate(cluster(servers.addresses));
  await using wire = await gate.connect();
  await using other = await gate.connect();
  assert.equal(
    await wire.ask('SUBSCRIBE', 'news'),
    `*3\r\n${bulk('subscribe')}${bulk('news')}:1\r\n`,
  );
  await other.ask('PUBLISH', 'news', 'door');
  assert.equal(await wire.read(), message('message', 'news', 'door'));
  for (const [index, node] of servers.nodes.entries()) {
    await node.ask('PUBLISH', 'news', `node ${index}`);
    assert.equal(await wire.read(), message('message', 'news', `node ${index}`));
  }
});

test('a channel of a slot follows it when it moves', async () => {
  await using servers = await startCluster({ replicas: 0 });
  const [a, b] = servers.primaries as [(typeof servers.nodes)[0], (typeof servers.nodes)[0]];
  await using gate = await startTidegate(
    cluster(servers.addresses, { topology: { refresh: '1s', min_interval: '50ms' } }),
  );
  const [channel] = servers.keysOf(0) as [string];
  await using wire = await gate.connect();
  await using other = await gate.connect();
  assert.match(await wire.ask('SSUBSCRIBE', channel), /ssubscribe/);
  assert.equal(await other.ask('SPUBLISH', channel, 'here'), ':1\r\n');
  assert.equal(await wire.read(), message('smessage', channel, 'here'));
  await servers.move(slotOfKey(channel), a, b);
  await until(
    async () => (await b.ask('PUBSUB', 'SHARDNUMSUB', channel)).endsWith(':1\r\n'),
    'the door subscribes at the new owner',
  );
  assert.equal(await other.ask('SPUBLISH', channel, 'there'), ':1\r\n');
  assert.equal(await wire.read(), message('smessage', channel, 'there'));
});
