/** How a running gateway ends. */
import assert from 'node:assert/strict';
import net from 'node:net';
import { test } from 'node:test';
import { until } from '../support/bounded.ts';
import { shards, startTidegate } from '../support/tidegate.ts';

/** A server that reads everything and never answers, so that a command stays under way. */
async function startMute(): Promise<AsyncDisposable & { readonly address: string; heard: number }> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('data', () => {
      mute.heard++;
    });
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, '127.0.0.1', resolve);
  await promise;
  const mute = {
    address: `127.0.0.1:${(server.address() as net.AddressInfo).port}`,
    heard: 0,
    async [Symbol.asyncDispose](): Promise<void> {
      for (const socket of sockets) socket.destroy();
      const closed = Promise.withResolvers<void>();
      server.close(() => closed.resolve());
      await closed.promise;
    },
  };
  return mute;
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`${signal} ends an idle gateway with 0`, async () => {
    await using gate = await startTidegate(shards(['127.0.0.1:1']));
    assert.deepEqual(await gate.stop(signal), { code: 0, signal: null });
  });
}

test('a second signal ends at once with 130, whatever is under way', async () => {
  await using mute = await startMute();
  await using gate = await startTidegate(shards([mute.address], { op_timeout: '60s' }));
  await using wire = await gate.connect();
  const before = mute.heard;
  wire.send('GET', 'a');
  await until(() => mute.heard > before, 'the command reaches the server');
  gate.signal('SIGTERM');
  await until(() => gate.stderr.includes('draining'), 'the first signal drains');
  assert.equal(gate.exit, null);
  assert.deepEqual(await gate.stop('SIGTERM', 2000), { code: 130, signal: null });
});
