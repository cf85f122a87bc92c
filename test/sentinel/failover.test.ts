/** Failovers of a real service: what clients see, and that it is soon over. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sleep, until } from '../support/bounded.ts';
import { ClusterLoad } from '../support/cluster-load.ts';
import { startService } from '../support/sentinel.ts';
import { type Section, sentinel, startTidegate } from '../support/tidegate.ts';
import { bulk } from '../support/wire.ts';

const EXPECTED = /^-(upstream failure|no upstream host)$/;
/** Nobody finds out by asking now and then: only by what Sentinels tell, and by errors. */
const TOLD_ONLY: Section = { topology: { refresh: '60s' } };

test('a failover that somebody asks for shows in no reply', async () => {
  await using service = await startService();
  await using gate = await startTidegate(sentinel(service.addresses, TOLD_ONLY));
  const load = new ClusterLoad({ clients: 20, connect: () => gate.connect(), mayLose: true });
  await load.start();
  await sleep(300);
  for (let round = 0; round < 2; round++) {
    const next = await service.failover();
    await until(async () => (await next.calls('set')) > 0, 'the new primary is written to');
    await service.settled();
    await sleep(500);
  }
  const report = await load.stop();
  assert.deepEqual(report.wrong, []);
  assert.deepEqual(Object.fromEntries(report.errors), {});
  assert.ok(report.commands > 2000, `${report.commands} commands`);
});

test('a primary that is killed is missed only until the Sentinels have another one', async () => {
  await using service = await startService();
  await using gate = await startTidegate(sentinel(service.addresses));
  const load = new ClusterLoad({ clients: 20, connect: () => gate.connect(), mayLose: true });
  await load.start();
  await sleep(500);
  await service.primary.kill();
  await service.agreed(30_000, service.primary);
  // The limit, and what a busy machine may add.
  await sleep(1100);
  const errorsThen = load.errors;
  assert.ok(errorsThen > 0, 'the kill was noticed');
  await service.primary.restart();
  await service.settled();
  assert.equal(load.errors, errorsThen, 'no error a second after the Sentinels agreed');
  const report = await load.stop();
  assert.deepEqual(report.wrong, []);
  const strange = [...report.errors.keys()].filter((text) => !EXPECTED.test(text));
  assert.deepEqual(strange, []);
  // Replication is asynchronous: a few of the last writes of a killed primary may be gone, nothing else.
  assert.ok(report.lost < 60, `${report.lost} acknowledged writes are gone`);
});

test('what clients send without waiting is in its order at the new primary', async () => {
  await using service = await startService();
  await using gate = await startTidegate(sentinel(service.addresses, TOLD_ONLY));
  const clients = await Promise.all(Array.from({ length: 5 }, () => gate.connect()));
  let isOver = false;
  const runs = clients.map(async (wire, index) => {
    for (let number = 0; !isOver; number += 20) {
      const numbers = Array.from({ length: 20 }, (_none, i) => String(number + i));
      const replies = await wire.askAll(numbers.map((each) => ['RPUSH', `list:${index}`, each]));
      assert.ok(replies.every((reply) => reply.startsWith(':')));
    }
    wire.close();
  });
  await sleep(300);
  const next = await service.failover();
  const size = async (): Promise<number> => (await next.value('LLEN', 'list:0')) as number;
  const before = await size();
  await until(async () => (await size()) > before + 200, 'the new primary is written to');
  isOver = true;
  await Promise.all(runs);
  for (const index of clients.keys()) {
    const list = ((await next.value('LRANGE', `list:${index}`, '0', '-1')) as string[]).map(Number);
    // What the old primary took after the new one had left it is gone; nothing comes twice or too early.
    assert.deepEqual(
      list.filter((number, i) => i > 0 && number <= list[i - 1]!),
      [],
    );
  }
});

test('subscribers hear what is published at the new primary', async () => {
  await using service = await startService();
  await using gate = await startTidegate(sentinel(service.addresses, TOLD_ONLY));
  await using listener = await gate.connect({ timeoutMs: 20_000 });
  await using speaker = await gate.connect();
  await listener.ask('SUBSCRIBE', 'news');
  await listener.ask('PSUBSCRIBE', 'ev*');
  await speaker.expect(':1\r\n', 'PUBLISH', 'news', 'before');
  assert.equal(await listener.read(), `*3\r\n${bulk('message')}${bulk('news')}${bulk('before')}`);
  const next = await service.failover();
  await until(
    async () => (await next.ask('PUBSUB', 'NUMSUB', 'news')) === `*2\r\n${bulk('news')}:1\r\n`,
    'the new primary is subscribed to',
  );
  await until(async () => (await next.ask('PUBSUB', 'NUMPAT')) === ':1\r\n', 'the pattern too');
  await speaker.expect(':1\r\n', 'PUBLISH', 'news', 'after');
  assert.equal(await next.ask('PUBLISH', 'event', 'direct'), ':1\r\n');
  const heard = new Set(await listener.readAll(2));
  assert.deepEqual(
    heard,
    new Set([
      `*3\r\n${bulk('message')}${bulk('news')}${bulk('after')}`,
      `*4\r\n${bulk('pmessage')}${bulk('ev*')}${bulk('event')}${bulk('direct')}`,
    ]),
  );
});

test('whoever waits at the old primary is told, and what it had begun there is not done', async () => {
  await using service = await startService();
  await using gate = await startTidegate(sentinel(service.addresses, TOLD_ONLY));
  await using waiting = await gate.connect({ timeoutMs: 30_000 });
  await using watching = await gate.connect();
  await using collecting = await gate.connect();
  waiting.send('BLPOP', 'list', '0');
  await watching.expect('+OK\r\n', 'WATCH', 'k');
  await collecting.expect('+OK\r\n', 'MULTI');
  await collecting.expect('+QUEUED\r\n', 'SET', 'm', '1');
  await until(async () => (await service.primary.clientsBlocked()) === 1, 'it waits');
  const next = await service.failover();
  assert.equal(await waiting.read(), '-upstream failure\r\n');
  assert.match(await collecting.ask('EXEC'), /^-(EXECABORT|upstream failure)/);
  await watching.expect('+OK\r\n', 'MULTI');
  assert.match(await watching.ask('SET', 'k', '1'), /^(\+QUEUED|-upstream failure)/);
  assert.match(await watching.ask('EXEC'), /^(\*-1\r\n|-)/);
  assert.deepEqual(await next.value('EXISTS', 'm', 'k'), 0);
  waiting.send('BLPOP', 'list', '0');
  await until(async () => (await next.clientsBlocked()) === 1, 'it waits at the new one');
  await collecting.expect(':1\r\n', 'RPUSH', 'list', 'x');
  assert.equal(await waiting.read(), '*2\r\n$4\r\nlist\r\n$1\r\nx\r\n');
});

test('without any Sentinel everything goes on at the primary that is known', async () => {
  await using service = await startService({ replicas: 1 });
  await using gate = await startTidegate(
    sentinel(service.addresses, { topology: { refresh: '50ms', min_interval: '20ms' } }),
  );
  await using wire = await gate.connect();
  await wire.expect('+OK\r\n', 'SET', 'k', 'v');
  for (const each of service.sentinels) await each.kill();
  await until(() => gate.logs.includes('no Sentinel answers'), 'that is told');
  await wire.expect(bulk('v'), 'GET', 'k');
  await using later = await gate.connect();
  await later.expect('+OK\r\n', 'SET', 'k', 'w');
  assert.equal((await gate.admin('/readyz')).status, 200);
});
