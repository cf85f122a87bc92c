/** What the gateway tells about itself. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '../support/bounded.ts';
import { kept } from '../support/kept.ts';
import { startRedises } from '../support/redis.ts';
import { shards, startTidegate } from '../support/tidegate.ts';
import { Wire } from '../support/wire.ts';

const servers = kept(await startRedises(2));
const gate = kept(await startTidegate(shards(servers.addresses)));

interface Reasons {
  readonly reasons: readonly string[];
}

/** Sum of every sample whose line matches. */
async function metric(pattern: RegExp): Promise<number> {
  const { body } = await gate.admin('/metrics');
  return body
    .split('\n')
    .filter((line) => !line.startsWith('#') && pattern.test(line))
    .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

test('/healthz and /readyz answer 200 while all is well', async () => {
  for (const page of ['/healthz', '/readyz'])
    assert.equal((await gate.admin(page)).status, 200, page);
});

test('/metrics is well-formed Prometheus text', async () => {
  await gate.ask('GET', 'k');
  const { status, body } = await gate.admin('/metrics');
  assert.equal(status, 200);
  const sample =
    /^[a-zA-Z_:][a-zA-Z0-9_:]*(\{([a-zA-Z_][a-zA-Z0-9_]*="([^"\\]|\\.)*",?)*\})? (-?[0-9.e+-]+|NaN|[+-]Inf)$/;
  const lines = body.trimEnd().split('\n');
  for (const line of lines)
    assert.ok(line.startsWith('# HELP ') || line.startsWith('# TYPE ') || sample.test(line), line);
  const types = new Map(
    lines
      .filter((line) => line.startsWith('# TYPE '))
      .map((line) => line.split(' ').slice(2) as [string, string]),
  );
  assert.ok(types.size >= 10, `${types.size} metrics`);
  for (const [name, type] of types) if (type === 'counter') assert.match(name, /_total$/, name);
  for (const line of lines.filter((one) => !one.startsWith('#'))) {
    const name = /^[^{ ]+/.exec(line)![0];
    assert.ok(
      types.has(name) || types.has(name.replace(/_(bucket|sum|count)$/, '')),
      `no TYPE for ${name}`,
    );
  }
});

test('every command is counted once, errors too, and its time measured', async () => {
  await using wire = await gate.connect();
  const pattern = /_total\{[^}]*command="zcard"/;
  const before = await metric(pattern);
  await wire.askAll(Array.from({ length: 25 }, () => ['ZCARD', 'none']));
  await until(async () => (await metric(pattern)) > before, 'the counter moves');
  const counted = (await gate.admin('/metrics')).body
    .split('\n')
    .filter((line) => pattern.test(line))
    .map((line) => Number(line.split(' ').at(-1)));
  assert.ok(counted.includes(25), `${counted}`);
  const { body } = await gate.admin('/metrics');
  assert.match(body, /_bucket\{[^}]*le="[^"]+"/);
  await wire.ask('SET', 'string', 'x');
  const errors = /error[a-z_]*_total\{[^}]*command="lpush"/;
  await wire.askAll(Array.from({ length: 5 }, () => ['LPUSH', 'string', 'x']));
  assert.ok((await metric(errors)) >= 5);
});

test('connections are counted as they come and go', async () => {
  const open =
    /connections?(_active|_open)?\{[^}]*listener="main"[^}]*\} |clients?(_connected|_active|_open)?\{[^}]*listener="main"/;
  await until(async () => (await metric(open)) === 0, 'clients of other tests are gone');
  const wires = await Promise.all(Array.from({ length: 7 }, () => gate.connect()));
  await Promise.all(wires.map((wire) => wire.ask('PING')));
  assert.equal(await metric(open), 7);
  for (const wire of wires) wire.close();
  await until(async () => (await metric(open)) === 0, 'all have left');
});

test('/stats is JSON and knows listeners, upstreams, servers and commands', async () => {
  await gate.ask('GET', 'k');
  const { status, body } = await gate.admin('/stats');
  assert.equal(status, 200);
  assert.equal(typeof JSON.parse(body), 'object');
  for (const word of ['main', ...servers.addresses, 'get']) assert.ok(body.includes(word), word);
});

test('/topology names every server and whether it takes keys', async () => {
  const { status, body } = await gate.admin('/topology');
  assert.equal(status, 200);
  assert.equal(typeof JSON.parse(body), 'object');
  for (const address of servers.addresses) assert.ok(body.includes(address));
});

test('/config shows what is in force, without secrets', async () => {
  await using own = await startTidegate({
    listeners: {
      main: {
        users: [{ name: 'default', password: 'door-secret' }],
        routes: [{ prefix: '', upstream: 'main' }],
      },
    },
    upstreams: { main: { kind: 'shards', servers: servers.addresses, password: 'server-secret' } },
  });
  const { status, body } = await own.admin('/config');
  assert.equal(status, 200);
  assert.equal(typeof JSON.parse(body), 'object');
  assert.ok(body.includes(servers.addresses[0]!));
  assert.doesNotMatch(body + own.logs, /door-secret|server-secret/);
});

test('a token, once set, is demanded for every page but the health of the process', async () => {
  await using own = await startTidegate({
    ...shards(servers.addresses),
    admin: { token: 'admin-secret' },
  });
  for (const page of ['/metrics', '/stats', '/config', '/topology']) {
    assert.equal((await own.admin(page)).status, 401, page);
    assert.equal(
      (await own.admin(page, { headers: { authorization: 'Bearer wrong' } })).status,
      401,
      page,
    );
    assert.equal(
      (await own.admin(page, { headers: { authorization: 'Bearer admin-secret' } })).status,
      200,
      page,
    );
  }
  assert.equal((await own.admin('/healthz')).status, 200);
});

test('/readyz says no while no server can be reached, and yes again after', async () => {
  await using own = await startRedises(1);
  await using door = await startTidegate(
    shards(own.addresses, {
      health_check: {
        interval: '100ms',
        timeout: '100ms',
        unhealthy_threshold: 1,
        healthy_threshold: 1,
      },
    }),
  );
  await until(async () => (await door.admin('/readyz')).status === 200, 'ready');
  await own[0]!.kill();
  await until(async () => (await door.admin('/readyz')).status === 503, 'not ready');
  assert.equal((await door.admin('/healthz')).status, 200);
  await own[0]!.start();
  await until(async () => (await door.admin('/readyz')).status === 200, 'ready again');
});

test('without the token readiness says only yes or no, and with it why', async () => {
  await using own = await startTidegate({
    ...shards(['127.0.0.1:1']),
    admin: { token: 'admin-secret' },
  });
  assert.deepEqual(JSON.parse((await own.admin('/readyz')).body), { ready: false });
  const headers = { authorization: 'Bearer admin-secret' };
  const { reasons } = JSON.parse((await own.admin('/readyz', { headers })).body) as Reasons;
  assert.match(reasons.join(), /^upstream main has no server/);
  assert.equal((await own.admin('/drain', { method: 'POST' })).status, 401);
});

test('POST /drain ends the gateway with 0, and no page of another origin can ask for it', async () => {
  await using own = await startTidegate(shards(servers.addresses));
  const origin = 'https://example.org';
  const foreign = await own.admin('/drain', { method: 'POST', headers: { origin } });
  assert.equal(foreign.status, 403);
  assert.equal(own.exit, null);
  assert.equal((await own.admin('/drain', { method: 'POST' })).status, 202);
  assert.deepEqual(await own.ended(), { code: 0, signal: null });
});

test('a method a page does not have is 405 with those it has', async () => {
  assert.equal((await gate.admin('/drain')).status, 405);
  const posted = await gate.admin('/stats', { method: 'POST', body: 'x' });
  assert.deepEqual(
    [posted.status, JSON.parse(posted.body)],
    [405, { error: 'allowed: GET, HEAD' }],
  );
  assert.deepEqual(await gate.admin('/stats', { method: 'HEAD' }), { status: 200, body: '' });
});

test('/ lists the pages', async () => {
  const { body } = await gate.admin('/');
  for (const page of [
    '/healthz',
    '/readyz',
    '/metrics',
    '/stats',
    '/config',
    '/topology',
    '/drain',
  ])
    assert.ok(body.includes(page), page);
});

test('an unknown page is 404, and nonsense on the admin port harms nobody', async () => {
  assert.equal((await gate.admin('/nothing')).status, 404);
  const nonsense = await Wire.connect({ port: gate.adminPort });
  nonsense.write('\x00\xff garbage\r\n\r\n');
  nonsense.close();
  assert.equal((await gate.admin('/healthz')).status, 200);
  assert.equal(await gate.ask('PING'), '+PONG\r\n');
});
