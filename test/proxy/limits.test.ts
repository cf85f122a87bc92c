/** Bounds on what one client may take: it is the one that is stopped, and others never notice. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sleep, timed, until } from '../support/bounded.ts';
import { kept } from '../support/kept.ts';
import { startRedis } from '../support/redis.ts';
import { shards, startTidegate } from '../support/tidegate.ts';
import { bulk, encode, Wire } from '../support/wire.ts';

const server = kept(await startRedis());
const MB = 1024 * 1024;

test('one client too many is told so in the words of Redis and sent away', async () => {
  await using real = await startRedis({ config: { maxclients: '3' } });
  await using gate = await startTidegate(shards([server.address], {}, { max_connections: 2 }));
  const first = await gate.connect();
  // A connection counts until its end has been seen, and others knocked before this one.
  const isAlone = async (): Promise<boolean> =>
    String(await first.value('CLIENT', 'LIST')).split('id=').length === 2;
  await until(isAlone, 'the probes are gone');
  const wires = [first, await gate.connect()];
  const direct = [await real.connect(), await real.connect(), await real.connect()];
  for (const wire of [...wires, ...direct]) await wire.ask('PING');
  await using last = await gate.connect();
  await using lastDirect = await Wire.connect({ port: real.port });
  assert.equal(await last.ended(), await lastDirect.ended());
  wires[0]!.close();
  await until(
    () =>
      gate.ask('PING').then(
        (reply) => reply === '+PONG\r\n',
        () => false,
      ),
    'a place is free again',
  );
  for (const wire of [...wires, ...direct]) wire.close();
});

test('a silent client is closed, one that talks is not', async () => {
  await using gate = await startTidegate(shards([server.address], {}, { idle_timeout: '400ms' }));
  await using silent = await gate.connect();
  await using talking = await gate.connect();
  await silent.ask('PING');
  const { ms } = await timed(async () => {
    const gone = silent.ended(3000);
    for (let index = 0; index < 10; index++) {
      await talking.ask('PING');
      await sleep(100);
    }
    await gone;
  });
  assert.ok(ms >= 900);
  assert.equal(await talking.ask('GET', 'k'), '$-1\r\n');
});

test('a client that waits for a slow server is not idle', async () => {
  await using own = await startRedis();
  await using gate = await startTidegate(
    shards([own.address], { op_timeout: '3s' }, { idle_timeout: '300ms' }),
  );
  await using wire = await gate.connect();
  await wire.ask('PING');
  own.pause();
  setTimeout(() => own.resume(), 900);
  assert.equal(await wire.ask('SET', 'k', 'v'), '+OK\r\n');
});

test('a slow reader is closed at the limit, others go on, memory stays bounded', async () => {
  await using gate = await startTidegate(
    shards([server.address], {}, { limits: { max_output_buffer: '4mb', max_pipeline: 100_000 } }),
  );
  await using slow = await gate.connect();
  await using other = await gate.connect();
  await slow.ask('SET', 'big', Buffer.alloc(MB, 'x'));
  await slow.ask('CLIENT', 'SETNAME', 'slow-one');
  const before = gate.memory();
  slow.pause();
  const batch = Buffer.concat(Array.from({ length: 300 }, () => encode(['GET', 'big'])));
  slow.write(batch);
  const { ms } = await timed(async () => {
    for (let index = 0; index < 200; index++) await other.ask('SET', 'k', 'v');
  });
  assert.ok(ms < 3000, `200 commands beside it took ${ms} ms`);
  await until(
    async () => !String(await other.value('CLIENT', 'LIST')).includes('slow-one'),
    'it is closed',
  );
  const grownMb = (gate.memory() - before) / MB;
  slow.resume();
  await slow.ended();
  assert.ok(grownMb < 160, `grew by ${grownMb} MB`);
});

test('a reader who is slow but reads gets everything', async () => {
  await using gate = await startTidegate(
    shards([server.address], {}, { limits: { max_output_buffer: '64mb' } }),
  );
  await using wire = await gate.connect({ timeoutMs: 20_000 });
  await wire.ask('SET', 'big', Buffer.alloc(MB, 'x'));
  for (let index = 0; index < 40; index++) wire.send('GET', 'big');
  let bytes = 0;
  for (let index = 0; index < 40; index++) {
    wire.pause();
    await sleep(5);
    wire.resume();
    bytes += (await wire.read()).length;
  }
  assert.equal(bytes, 40 * (MB + '$1048576\r\n\r\n'.length));
});

for (const [what, limits, bytes, reply] of [
  ['an argument', { max_bulk: '1mb' }, '*2\r\n$4\r\nECHO\r\n$1048577\r\n', 'invalid bulk length'],
  ['a command', { max_elements: 100 }, '*101\r\n$4\r\nMGET\r\n', 'invalid multibulk length'],
  ['an inline command', { max_inline: '1kb' }, 'x'.repeat(2000), 'too big inline request'],
] as const) {
  test(`${what} beyond its limit ends only the client that sent it`, async () => {
    await using gate = await startTidegate(shards([server.address], {}, { limits }));
    await using wire = await gate.connect();
    await using other = await gate.connect();
    wire.write(`*1\r\n$4\r\nPING\r\n${bytes}`);
    assert.equal(await wire.ended(), `+PONG\r\n-ERR Protocol error: ${reply}\r\n`);
    assert.equal(await other.ask('GET', 'k2'), '$-1\r\n');
  });
}

test('what is exactly at the limit passes', async () => {
  await using gate = await startTidegate(
    shards([server.address], {}, { limits: { max_bulk: '1mb', max_elements: 100 } }),
  );
  await using wire = await gate.connect();
  const big = 'x'.repeat(MB);
  assert.equal(await wire.ask('ECHO', big), bulk(big));
  assert.equal(await wire.ask('EXISTS', ...Array(99).fill('none')), ':0\r\n');
});

test('a pipeline longer than the limit of commands under way is answered whole', async () => {
  await using gate = await startTidegate(
    shards([server.address], {}, { limits: { max_pipeline: 16 } }),
  );
  await using wire = await gate.connect();
  const names = Array.from({ length: 3000 }, (_none, index) => `n${index}`);
  const replies = await wire.askAll(names.map((name) => ['ECHO', name]));
  assert.deepEqual(replies, names.map(bulk));
  const values = await wire.askAll(
    names.flatMap((name) => [
      ['SET', name, name],
      ['GET', name],
    ]),
  );
  assert.deepEqual(
    values,
    names.flatMap((name) => ['+OK\r\n', bulk(name)]),
  );
});

test('values of 32 MB pass through whole', async () => {
  await using gate = await startTidegate(shards([server.address], { op_timeout: '30s' }));
  await using wire = await gate.connect({ timeoutMs: 60_000 });
  const value = Buffer.alloc(32 * MB, 'abcdefghijklmnopqrstuvwxyz\r\n');
  assert.equal(await wire.ask('SET', 'huge', value), '+OK\r\n');
  const reply = await wire.ask('GET', 'huge');
  await server.ask('DEL', 'huge');
  assert.ok(
    Buffer.from(reply, 'latin1').equals(
      Buffer.concat([Buffer.from(`$${value.length}\r\n`), value, Buffer.from('\r\n')]),
    ),
  );
});

test('a hundred thousand commands in one write are answered in order', async () => {
  await using gate = await startTidegate(shards([server.address]));
  await using wire = await gate.connect({ timeoutMs: 30_000 });
  const count = 100_000;
  wire.write(
    Buffer.concat(Array.from({ length: count }, (_none, index) => encode(['ECHO', index]))),
  );
  for (let index = 0; index < count; index++) assert.equal(await wire.read(), bulk(String(index)));
});

test('one client with an endless pipeline does not starve another', async () => {
  await using gate = await startTidegate(shards([server.address]));
  await using greedy = await gate.connect({ timeoutMs: 30_000 });
  await using modest = await gate.connect();
  const batch = Array.from({ length: 40_000 }, () => ['GET', 'k'] as const);
  const rest = greedy.askAll(batch);
  const times: number[] = [];
  for (let index = 0; index < 20; index++)
    times.push((await timed(() => modest.ask('GET', 'k'))).ms);
  await rest;
  assert.ok(Math.max(...times) < 1000, `worst ${Math.max(...times)} ms`);
});
