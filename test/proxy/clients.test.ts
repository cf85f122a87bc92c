/**
 * Published clients, used as their users do with one server, through the door to four shards and to a Redis
 * Cluster. The tour is the same for all of them; what differs is how each spells a command.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createClient } from 'redis';
import { until, within } from '../support/bounded.ts';
import { IOREDIS_TOURS, LIKE_IOREDIS, openIoredis } from './tours/ioredis.ts';
import { NODE_REDIS_TOURS, openNodeRedis } from './tours/node-redis.ts';
import { LIMIT_MS, places } from './tours/place.ts';

const ALL = await places();

for (const place of ALL) {
  for (const version of [2, 3] as const) {
    for (const { what, play } of NODE_REDIS_TOURS) {
      test(`node-redis in RESP${version}, ${place.name}: ${what}`, async () => {
        await place.empty();
        const client = await openNodeRedis(place, version);
        try {
          await within(play(place, client), LIMIT_MS, what);
        } finally {
          client.destroy();
        }
      });
    }
  }

  for (const { name, open } of LIKE_IOREDIS) {
    for (const { what, play } of IOREDIS_TOURS) {
      test(`${name}, ${place.name}: ${what}`, async () => {
        await place.empty();
        const client = openIoredis(place, open);
        try {
          await within(play(place, client), LIMIT_MS, what);
        } finally {
          client.disconnect();
        }
      });
    }
  }
}

test('a node-redis client comes back by itself after the door has closed it', async () => {
  const [{ url, gate }] = ALL as [(typeof ALL)[0]];
  const client = createClient({ url, socket: { reconnectStrategy: () => 20 } });
  client.on('error', () => client.isOpen);
  await within(client.connect(), LIMIT_MS, 'connect');
  try {
    const id = await client.clientId();
    const other = await gate.connect();
    await other.ask('CLIENT', 'KILL', 'ID', String(id));
    other.close();
    await until(async () => (await client.ping().catch(() => null)) === 'PONG', 'it is back');
    assert.notEqual(await client.clientId(), id);
  } finally {
    client.destroy();
  }
});
