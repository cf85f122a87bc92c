/** Commands per second of a user, in real time. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { until } from '../support/bounded.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { configAt, freePlaces, reloadWell, startAt } from '../support/reload.ts';
import { type Section, startTidegate, type Tidegate } from '../support/tidegate.ts';
import type { Wire } from '../support/wire.ts';

const RATE = 400;
let server: TestRedis;
let gate: Tidegate;

before(async () => {
  server = await startRedis();
  gate = await startTidegate({
    listeners: {
      main: {
        users: [
          { name: 'limited', password: 'a', rate: `${RATE}/s` },
          { name: 'free', password: 'b' },
        ],
        routes: [{ prefix: '', upstream: 'main' }],
      },
    },
    upstreams: { main: { kind: 'shards', servers: [server.address] } },
  });
});

after(async () => {
  await gate[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

function login(name: string, password: string): Promise<Wire> {
  return gate.connect({ auth: [name, password], timeoutMs: 20_000 });
}

test('commands beyond the rate wait, and are all answered in their order', async () => {
  await using one = await login('limited', 'a');
  await using two = await login('limited', 'a');
  const asked = Array.from({ length: 800 }, (_none, i) => ['ECHO', i]);
  const startedAt = performance.now();
  const [first, second] = await Promise.all([one.askAll(asked), two.askAll(asked)]);
  const seconds = (performance.now() - startedAt) / 1000;
  // One second's worth is there at the start, the rest comes at the rate.
  const expected = (1600 - RATE) / RATE;
  assert.ok(seconds > expected - 0.05 && seconds < expected + 1.5, `${seconds} s`);
  const wanted = asked.map(([, i]) => `$${String(i).length}\r\n${i}\r\n`);
  assert.deepEqual([first, second], [wanted, wanted]);
});

test('who sends much does not keep others of the same user waiting, nor other users at all', async () => {
  await using greedy = await login('limited', 'a');
  await using modest = await login('limited', 'a');
  await using free = await login('free', 'b');
  greedy.write('*1\r\n$4\r\nPING\r\n'.repeat(2000));
  await greedy.readAll(RATE / 2);
  const startedAt = performance.now();
  for (let i = 0; i < 20; i++) await modest.expect('+PONG\r\n', 'PING');
  const modestMs = performance.now() - startedAt;
  // Every second token is its own: 20 commands take about 20 / (RATE / 2) seconds.
  assert.ok(modestMs < 1500, `${modestMs} ms`);
  const freeAt = performance.now();
  await free.askAll(Array.from({ length: 2000 }, () => ['SET', 'k', 'v']));
  assert.ok(performance.now() - freeAt < 1500);
});

test('the queue stays with the client, and what waited is counted', async () => {
  await using wire = await login('limited', 'a');
  const value = 'x'.repeat(1_000_000);
  await until(
    async () => /limited_total\{[^}]*\} [1-9]/.test((await gate.admin('/metrics')).body),
    'counted',
  );
  const before = gate.memory();
  wire.write('*1\r\n$4\r\nPING\r\n'.repeat(20_000));
  for (let i = 0; i < 200; i++) wire.send('SET', 'k', value);
  await new Promise((resolve) => setTimeout(resolve, 500));
  assert.ok(gate.memory() - before < 50e6, 'what was not read costs no memory');
  assert.equal(await wire.read(), '+PONG\r\n');
});

test('a drain does not wait for commands that were not run yet', async () => {
  await using own = await startTidegate({
    listeners: {
      main: {
        users: [{ name: 'default', password: 'p', rate: '1/m' }],
        routes: [{ prefix: '', upstream: 'main' }],
      },
    },
    upstreams: { main: { kind: 'shards', servers: [server.address] } },
  });
  await using wire = await own.connect({ auth: ['p'] });
  wire.write('*1\r\n$4\r\nPING\r\n'.repeat(3));
  assert.equal(await wire.read(), '+PONG\r\n');
  const startedAt = performance.now();
  assert.equal((await own.stop()).code, 0);
  assert.ok(performance.now() - startedAt < 3000);
  assert.equal(await wire.ended(), '');
});

test('several workers share the rate: each client gets the part of its worker', async () => {
  await using own = await startTidegate({
    workers: 2,
    listeners: {
      main: {
        users: [{ name: 'default', password: 'p', rate: `${RATE}/s` }],
        routes: [{ prefix: '', upstream: 'main' }],
      },
    },
    upstreams: { main: { kind: 'shards', servers: [server.address] } },
  });
  await using wire = await own.connect({ auth: ['p'], timeoutMs: 20_000 });
  const startedAt = performance.now();
  await wire.askAll(Array.from({ length: RATE }, () => ['PING']));
  const seconds = (performance.now() - startedAt) / 1000;
  assert.ok(
    seconds > 0.95 && seconds < 2.5,
    `half of them at once, half at half the rate: ${seconds} s`,
  );
});

test('a reload may raise the rate that clients wait for, or take it away', async () => {
  const places = await freePlaces();
  const first = { servers: [server.address] };
  const withRate = (rate: string | null): Section => ({
    users: [{ name: 'default', password: 'p', ...(rate === null ? {} : { rate }) }],
  });
  await using own = await startAt(configAt(places, { first }, withRate('1/h')));
  await using wire = await own.connect({ auth: ['p'], timeoutMs: 10_000 });
  wire.write('*1\r\n$4\r\nPING\r\n'.repeat(500));
  assert.equal(await wire.read(), '+PONG\r\n');
  await reloadWell(own, configAt(places, { first }, withRate('100/s')));
  await wire.readAll(150);
  await reloadWell(own, configAt(places, { first }, withRate(null)));
  const startedAt = performance.now();
  await wire.readAll(349);
  assert.ok(performance.now() - startedAt < 1000);
});
