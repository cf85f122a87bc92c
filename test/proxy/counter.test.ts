/** A hundred clients compare and set one counter with WATCH: on shards and on a cluster of 3+3 nothing is lost. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startCluster } from '../support/cluster.ts';
import { startRedises, type TestRedis } from '../support/redis.ts';
import { cluster, shards, startTidegate, type Tidegate } from '../support/tidegate.ts';
import { bulk, type Wire } from '../support/wire.ts';

const CLIENTS = 100;
const INCREMENTS = 3;
const COUNTER = 'counter';
const LIMIT_MS = 30_000;

test('a hundred clients that compare and set one counter lose nothing on shards', async () => {
  await using servers = await startRedises(4);
  await using gate = await startTidegate(shards(servers.addresses));
  await countTogether(gate, servers);
});

test('a hundred clients that compare and set one counter lose nothing on a cluster', async () => {
  await using nodes = await startCluster({ nodeTimeoutMs: 15_000 });
  await using gate = await startTidegate(cluster(nodes.addresses));
  await countTogether(gate, nodes.primaries);
});

async function countTogether(gate: Tidegate, servers: readonly TestRedis[]): Promise<void> {
  await using wire = await gate.connect();
  await wire.expect('+OK\r\n', 'SET', COUNTER, '0');
  const retries = await Promise.all(Array.from({ length: CLIENTS }, () => countUp(gate)));
  assert.equal(await wire.ask('GET', COUNTER), bulk(String(CLIENTS * INCREMENTS)));
  const sum = retries.reduce((one, other) => one + other, 0);
  assert.ok(sum > 0, 'the clients never met: this run shows nothing');
  // One server ran them all, and ran as many as were wanted or tried again.
  const calls = await Promise.all(servers.map((server) => server.calls('exec')));
  assert.deepEqual(
    calls.filter((count) => count > 0),
    [CLIENTS * INCREMENTS + sum],
  );
}

/** Tries until it has counted up so often; returns how often another client was faster. */
async function countUp(gate: Tidegate): Promise<number> {
  await using wire = await gate.connect({ timeoutMs: LIMIT_MS });
  let retries = 0;
  for (let done = 0; done < INCREMENTS; ) {
    if (await compareAndSet(wire)) done++;
    else retries++;
  }
  return retries;
}

async function compareAndSet(wire: Wire): Promise<boolean> {
  await wire.expect('+OK\r\n', 'WATCH', COUNTER);
  const value = Number(await wire.value('GET', COUNTER));
  const replies = await wire.askAll([['MULTI'], ['SET', COUNTER, value + 1], ['EXEC']]);
  assert.deepEqual(replies.slice(0, 2), ['+OK\r\n', '+QUEUED\r\n']);
  if (replies[2] === '*-1\r\n') return false;
  assert.equal(replies[2], '*1\r\n+OK\r\n');
  return true;
}
