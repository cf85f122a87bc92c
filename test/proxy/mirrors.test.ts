/** Mirrors see what the main upstream sees; they can neither delay nor fail it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { timed, until } from '../support/bounded.ts';
import { type RedisGroup, startRedises } from '../support/redis.ts';
import { startTidegate, type Tidegate } from '../support/tidegate.ts';
import { bulk } from '../support/wire.ts';

type Mirror = { readonly percent?: number; readonly exclude_reads?: boolean };

function behind(servers: RedisGroup, ...mirrors: Mirror[]): Promise<Tidegate> {
  const [main, ...shadows] = servers.addresses;
  const mirror = mirrors.map((one, index) => ({ upstream: `shadow${index}`, ...one }));
  const upstreams = shadows.map((address, index) => [
    `shadow${index}`,
    { kind: 'shards', servers: [address] },
  ]);
  return startTidegate({
    listeners: { main: { routes: [{ prefix: '', upstream: 'main', mirror }] } },
    upstreams: { main: { kind: 'shards', servers: [main!] }, ...Object.fromEntries(upstreams) },
  });
}

test('every command reaches the mirror, and the client hears only the main upstream', async () => {
  await using servers = await startRedises(2);
  await using gate = await behind(servers, {});
  await servers[1]!.ask('SET', 'k', 'of the mirror');
  await using wire = await gate.connect();
  assert.equal(await wire.ask('GET', 'k'), '$-1\r\n');
  await wire.ask('SET', 'k2', 'v');
  await until(
    async () => (await servers[1]!.value('GET', 'k2')) === 'v',
    'the mirror has the write',
  );
  assert.ok((await servers[1]!.calls('get')) >= 1);
});

test('a mirror that excludes reads gets writes only', async () => {
  await using servers = await startRedises(2);
  await using gate = await behind(servers, { exclude_reads: true });
  await using wire = await gate.connect();
  await wire.askAll([
    ['SET', 'k', 'v'],
    ['GET', 'k'],
    ['GETEX', 'k', 'PERSIST'],
    ['STRLEN', 'k'],
    ['MGET', 'k', 'l'],
    ['DEL', 'k'],
    ['SET', 'last', '1'],
  ]);
  await until(async () => (await servers[1]!.ask('EXISTS', 'last')) === ':1\r\n', 'the last write');
  const calls = await Promise.all(
    ['set', 'getex', 'del', 'get', 'strlen', 'mget'].map((name) => servers[1]!.calls(name)),
  );
  assert.deepEqual(calls, [2, 1, 1, 0, 0, 0]);
});

test('two mirrors get their copies independently', async () => {
  await using servers = await startRedises(3);
  await using gate = await behind(servers, {}, { exclude_reads: true });
  await using wire = await gate.connect();
  await wire.askAll([
    ['SET', 'k', 'v'],
    ['STRLEN', 'k'],
  ]);
  await until(async () => (await servers[1]!.calls('strlen')) === 1, 'the first mirror has both');
  await until(async () => (await servers[2]!.calls('set')) === 1, 'the second has the write');
  assert.equal(await servers[2]!.calls('strlen'), 0);
});

test('about the asked part of the commands is copied', async () => {
  await using servers = await startRedises(2);
  await using gate = await behind(servers, { percent: 30 });
  await using wire = await gate.connect();
  await wire.askAll(Array.from({ length: 2000 }, (_none, index) => ['SET', `k${index}`, 'v']));
  await wire.ask('PING');
  await until(async () => (await servers[1]!.calls('set')) > 400, 'copies arrive');
  const copied = await servers[1]!.calls('set');
  assert.ok(copied > 450 && copied < 750, `${copied} of 2000`);
});

test('zero percent copies nothing', async () => {
  await using servers = await startRedises(2);
  await using gate = await behind(servers, { percent: 0 });
  await using wire = await gate.connect();
  await wire.askAll(Array.from({ length: 300 }, (_none, index) => ['SET', `k${index}`, 'v']));
  assert.equal(await servers[1]!.calls('set'), 0);
});

test('a split command is copied too, by the placement of the mirror', async () => {
  await using servers = await startRedises(2);
  await using gate = await behind(servers, {});
  await using wire = await gate.connect();
  await wire.ask('MSET', 'a', '1', 'b', '2', 'c', '3');
  await until(async () => (await servers[1]!.ask('DBSIZE')) === ':3\r\n', 'all three keys');
});

for (const state of ['dead', 'stopped'] as const) {
  test(`a ${state} mirror neither delays nor fails anything`, async () => {
    await using servers = await startRedises(2);
    await using gate = await behind(servers, {});
    await using wire = await gate.connect();
    await wire.ask('SET', 'before', '1');
    if (state === 'dead') await servers[1]!.kill();
    else servers[1]!.pause();
    const names = Array.from({ length: 300 }, (_none, index) => `k${index}`);
    const { ms } = await timed(async () => {
      for (const name of names) {
        assert.equal(await wire.ask('SET', name, name), '+OK\r\n');
        assert.equal(await wire.ask('GET', name), bulk(name));
      }
    });
    assert.ok(ms < 1500, `600 commands took ${ms} ms`);
  });
}

test('a stopped mirror costs no memory without bound, and the main upstream goes on', async () => {
  await using servers = await startRedises(2);
  await using gate = await behind(servers, {});
  await using wire = await gate.connect({ timeoutMs: 20_000 });
  servers[1]!.pause();
  const value = Buffer.alloc(16_384, 'v');
  const batch = Array.from({ length: 200 }, () => ['SET', 'k', value] as const);
  for (let round = 0; round < 10; round++) await wire.askAll(batch);
  const before = gate.memory();
  for (let round = 0; round < 60; round++) await wire.askAll(batch);
  const grownMb = (gate.memory() - before) / 1024 / 1024;
  assert.ok(grownMb < 128, `grew by ${grownMb} MB over 200 MB of copies`);
});

test('a mirror that comes back gets copies again', async () => {
  await using servers = await startRedises(2);
  await using gate = await behind(servers, {});
  await using wire = await gate.connect();
  await wire.ask('SET', 'a', '1');
  await servers[1]!.kill();
  await wire.ask('SET', 'b', '1');
  await servers[1]!.restart();
  await until(
    async () => {
      await wire.ask('SET', 'again', '1');
      return (await servers[1]!.ask('EXISTS', 'again')) === ':1\r\n';
    },
    'a copy arrives after the restart',
    10_000,
    50,
  );
});

test('what is refused here is not mirrored', async () => {
  await using servers = await startRedises(3);
  await using gate = await startTidegate({
    listeners: {
      main: { routes: [{ prefix: '', upstream: 'main', mirror: [{ upstream: 'shadow' }] }] },
    },
    upstreams: {
      main: { kind: 'shards', servers: servers.addresses.slice(0, 2) },
      shadow: { kind: 'shards', servers: [servers.addresses[2]!] },
    },
  });
  const pairs = Array.from({ length: 16 }, (_none, index) => [`k${index}`, 'v']).flat();
  assert.match(await gate.ask('MSETNX', ...pairs), /^-CROSSSLOT/);
  await gate.ask('SET', 'last', 'v');
  await until(async () => (await servers[2]!.ask('EXISTS', 'last')) === ':1\r\n', 'the next one');
  assert.equal(await servers[2]!.ask('DBSIZE'), ':1\r\n');
});

test('a mirror gets what a transaction did once it is done, and nothing of one that was not', async () => {
  await using servers = await startRedises(3);
  await using gate = await behind(servers, {}, { exclude_reads: true });
  const shadow = servers[1]!;
  await using wire = await gate.connect();
  const lines = (text: string): string[][] => text.split('|').map((line) => line.split(' '));
  await wire.askAll(lines('SET a 1|MULTI|INCR a|PING|GET a|SELECT 3|SET b 3'));
  assert.equal(await shadow.calls('incr'), 0);
  await wire.ask('EXEC');
  // Behind it at the mirror, too.
  await wire.askAll(lines('APPEND b x|SELECT 0|SET last 1'));
  for (const mirror of servers.slice(1)) {
    await until(async () => (await mirror.value('GET', 'last')) === '1', 'the mirror has all');
    assert.equal(await mirror.value('GET', 'a'), '2');
    await using wire3 = await mirror.connect();
    await wire3.ask('SELECT', '3');
    assert.equal(await wire3.ask('GET', 'b'), bulk('3x'));
    assert.equal(await mirror.calls('multi'), 0);
  }
  assert.deepEqual([(await shadow.calls('get')) > 0, await servers[2]!.calls('incr')], [true, 1]);
  const given = 'MULTI|INCR a|DISCARD|MULTI|INCR a|NOSUCH|EXEC|WATCH a|SET a 7|MULTI|INCR a|EXEC';
  await wire.askAll(lines(`${given}|MULTI|BLPOP none 0|EXEC|WATCH a|STRLEN a|UNWATCH|SET last 2`));
  await until(async () => (await shadow.value('GET', 'last')) === '2', 'the mirror has all');
  assert.equal(await shadow.value('GET', 'a'), '7');
  const calls = ['incr', 'watch', 'blpop', 'exec', 'strlen'].map((name) => shadow.calls(name));
  assert.deepEqual(await Promise.all(calls), [1, 0, 0, 0, 1]);
});

test('a transaction too large for the memory of copies is run, and not copied in part', async () => {
  await using servers = await startRedises(2);
  await using gate = await behind(servers, {});
  await using wire = await gate.connect();
  const many = Array.from({ length: 4097 }, () => ['INCR', 'n']);
  const replies = await wire.askAll([['MULTI'], ...many, ['EXEC'], ['SET', 'last', '1']]);
  assert.ok(replies.at(-2)!.endsWith(':4097\r\n'));
  await until(async () => (await servers[1]!.value('GET', 'last')) === '1', 'the mirror has all');
  assert.equal(await servers[1]!.value('GET', 'n'), null);
});

test('what a tracked client does reaches the mirror', async () => {
  await using servers = await startRedises(2);
  await using gate = await behind(servers, {});
  await using wire = await gate.connect({ protocol: 3 });
  await wire.ask('CLIENT', 'TRACKING', 'ON', 'NOLOOP');
  await wire.askAll([['SET', 'a', '1'], ['MULTI'], ['INCR', 'a'], ['EXEC'], ['SET', 'last', '1']]);
  await until(async () => (await servers[1]!.value('GET', 'last')) === '1', 'the mirror has all');
  assert.equal(await servers[1]!.value('GET', 'a'), '2');
});
