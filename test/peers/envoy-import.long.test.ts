/** A real Envoy is replaced by us: every key written through it is found through the file made of its own. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { it } from 'node:test';
import { freePort } from '../support/ports.ts';
import { startRedises } from '../support/redis.ts';
import { runTidegate, startTidegate } from '../support/tidegate.ts';
import { bulk, Wire } from '../support/wire.ts';
import { type EnvoyDoor, envoyConfig, obtainEnvoy, startEnvoy } from './envoy.ts';

const KEYS = 2000;

it('finds every key that was written through the Envoy whose file was imported', async () => {
  using binary = await obtainEnvoy();
  await using servers = await startRedises(4);
  const same = Array.from(servers, ({ port }) => ({ port }));
  const doors: EnvoyDoor[] = [
    { servers: same, policy: 'RING_HASH', hashTags: true },
    {
      servers: Array.from(servers, ({ port }, index) => ({ port, weight: index + 1 })),
      policy: 'RING_HASH',
      ringHash: 'MURMUR_HASH_2',
    },
    { servers: same, policy: 'MAGLEV' },
  ];
  await using envoy = await startEnvoy(binary, doors);
  const ports = await Promise.all(doors.map(() => freePort()));
  const file = path.join(servers[0]!.directory, 'envoy.json');
  writeFileSync(file, JSON.stringify(envoyConfig(doors, ports)));
  const { code, stdout, stderr } = await runTidegate(['import', file]);
  assert.equal(code, 0, stderr);
  await using gate = await startTidegate(stdout);
  await gate.ready();
  for (const [door, port] of ports.entries()) {
    await servers.flush();
    await using before = await Wire.connect({ port: envoy.ports[door]! });
    await using now = await Wire.connect({ port });
    const keys = Array.from({ length: KEYS }, (_none, index) => `user:{${index % 700}}:${index}`);
    await before.askAll(keys.map((key) => ['SET', key, key]));
    assert.deepEqual(await now.askAll(keys.map((key) => ['GET', key])), keys.map(bulk));
  }
});
