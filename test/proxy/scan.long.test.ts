/** A million keys over four servers, walked through by published clients while others come and go. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Redis } from 'ioredis';
import { Redis as Valkey } from 'iovalkey';
import { createClient } from 'redis';
import { kept } from '../support/kept.ts';
import { startRedises } from '../support/redis.ts';
import { shards, startTidegate } from '../support/tidegate.ts';

const KEYS = 1_000_000;
const servers = kept(await startRedises(4));
const gate = kept(await startTidegate(shards(servers.addresses)));

/** Keys seen, by number; a key of another name has none. */
class Seen {
  readonly #seen = new Uint8Array(KEYS);

  add(keys: readonly string[]): void {
    for (const key of keys) if (key.startsWith('stays:')) this.#seen[Number(key.slice(6))] = 1;
  }

  get missing(): number {
    return KEYS - this.#seen.reduce((sum, one) => sum + one, 0);
  }
}

async function fill(): Promise<void> {
  await using wire = await gate.connect({ timeoutMs: 30_000 });
  for (let at = 0; at < KEYS; at += 10_000) {
    await wire.askAll(
      Array.from({ length: 10_000 }, (_none, index) => ['SET', `stays:${at + index}`, '']),
    );
  }
}

/** Sets and deletes other keys until told to stop; tells how many. */
async function disturb(isDone: () => boolean): Promise<number> {
  await using wire = await gate.connect({ timeoutMs: 30_000 });
  let written = 0;
  for (; !isDone(); written += 100) {
    const names = Array.from({ length: 100 }, (_none, at) => `comes:${written + at}`);
    await wire.askAll(names.map((name) => ['SET', name, 'v']));
    if (written % 300 !== 0) await wire.ask('DEL', ...names);
  }
  return written;
}

test('three clients meet each of a million keys, with writes beside', async (context) => {
  await fill();
  const { port } = gate;
  const redis = createClient({ url: `redis://127.0.0.1:${port}` });
  const [io, valkey] = [new Redis(port), new Valkey(port)];
  try {
    await redis.connect();
    const seen = [new Seen(), new Seen(), new Seen()];
    const streams = [io, valkey].map((client) => client.scanStream({ count: 1000 }));
    let isDone = false;
    const writes = disturb(() => isDone);
    await Promise.all([
      (async () => {
        for await (const keys of redis.scanIterator({ COUNT: 1000 })) seen[0]!.add(keys);
      })(),
      ...streams.map(async (stream, at) => {
        for await (const keys of stream) seen[at + 1]!.add(keys as string[]);
      }),
    ]);
    isDone = true;
    context.diagnostic(`${await writes} writes beside`);
    assert.deepEqual(
      seen.map(({ missing }) => missing),
      [0, 0, 0],
    );
  } finally {
    redis.destroy();
    io.disconnect();
    valkey.disconnect();
  }
});
