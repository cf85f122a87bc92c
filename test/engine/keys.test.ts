/** Keys and their expiry: generated commands to a real server and to the engine. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Engine } from '../../src/engine/engine.ts';
import { until } from '../support/bounded.ts';
import { compareWithServer, EngineClient } from '../support/engine.ts';
import { Random, secondsOfRun, seedOfRun } from '../support/random.ts';
import { COMMANDS, sortedKeys } from './generators/keys.ts';

test('keys come, go, move and expire as in a real server', async (context) => {
  const random = new Random(seedOfRun());
  context.diagnostic(`seed ${random.seed}`);
  await compareWithServer({
    random,
    rounds: Math.floor(secondsOfRun(3) * 3000),
    next: (from) => from.pick(COMMANDS)(from),
    normal: sortedKeys,
  });
});

test('a hundred thousand keys that nobody asks for are gone soon after their time', async () => {
  let now = Date.now();
  const engine = new Engine({ clock: () => now });
  const client = new EngineClient(engine);
  for (let i = 0; i < 100_000; i++) client.ask(['SET', `k${i}`, 'v', 'PX', '1000']);
  for (let i = 0; i < 100; i++) client.ask(['SET', `stays${i}`, 'v', 'PX', '60000']);
  now += 1001;
  await until(() => client.ask(['DBSIZE']) === ':100\r\n', 'they are gone', 8000);
  assert.equal(engine.expired, 100_000);
  await engine.close();
});
