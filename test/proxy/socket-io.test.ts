/** Socket.IO's Redis adapter: broadcasts between servers that know of each other by publish and subscribe only. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { createAdapter } from '@socket.io/redis-adapter';
import { Redis } from 'ioredis';
import { Server } from 'socket.io';
import { io, type Socket } from 'socket.io-client';
import { until } from '../support/bounded.ts';
import { startCluster } from '../support/cluster.ts';
import { startRedises } from '../support/redis.ts';
import { cluster, shards, startTidegate, type Tidegate } from '../support/tidegate.ts';

const LIMIT_MS = 15_000;

interface Site {
  readonly server: Server;
  readonly port: number;
  close(): Promise<void>;
}

async function openSite(redisPort: number): Promise<Site> {
  const publisher = new Redis(redisPort, '127.0.0.1');
  const subscriber = publisher.duplicate();
  const web = createServer();
  const server = new Server(web, { adapter: createAdapter(publisher, subscriber) });
  await new Promise<void>((resolve) => {
    web.listen(0, '127.0.0.1', resolve);
  });
  return {
    server,
    port: (web.address() as AddressInfo).port,
    async close() {
      await server.close();
      publisher.disconnect();
      subscriber.disconnect();
    },
  };
}

test('a broadcast reaches every client of every server once, and rooms are counted over all', async () => {
  await using servers = await startRedises(4);
  await using gate = await startTidegate(shards(servers.addresses, { hash_tags: true }));
  await broadcast(gate);
});

test('a broadcast over a cluster reaches every client once', async () => {
  await using servers = await startCluster();
  await using gate = await startTidegate(cluster(servers.addresses));
  await broadcast(gate);
});

async function broadcast(gate: Tidegate): Promise<void> {
  const sites = await Promise.all([openSite(gate.port), openSite(gate.port), openSite(gate.port)]);
  const heard: string[][] = [];
  const clients: Socket[] = [];
  try {
    for (const [index, site] of [...sites, ...sites].entries()) {
      const messages: string[] = [];
      heard.push(messages);
      site.server.on('connection', (socket) => void socket.join('room'));
      const client = io(`http://127.0.0.1:${site.port}`, { transports: ['websocket'] });
      client.on('news', (text: string) => messages.push(`${index}:${text}`));
      clients.push(client);
    }
    await until(() => clients.every((client) => client.connected), 'all are connected', LIMIT_MS);
    const inRoom = async (): Promise<boolean> =>
      (await sites[0]!.server.in('room').fetchSockets()).length === 6;
    await until(inRoom, 'all are in the room', LIMIT_MS, 50);
    for (const [index, site] of sites.entries())
      site.server.to('room').emit('news', `from ${index}`);
    await until(() => heard.every((messages) => messages.length === 3), 'all is heard', LIMIT_MS);
    for (const [index, messages] of heard.entries()) {
      assert.deepEqual(
        new Set(messages),
        new Set([0, 1, 2].map((from) => `${index}:from ${from}`)),
      );
    }
  } finally {
    for (const client of clients) client.disconnect();
    await Promise.all(sites.map((site) => site.close()));
  }
}
