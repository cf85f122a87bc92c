/** Passwords exchanged in their files while the gateway runs. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { until } from '../support/bounded.ts';
import { startPeer } from '../support/peer.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { configAt, freePlaces, reload, reloadWell, startAt } from '../support/reload.ts';
import { frameOf } from '../support/sinks.ts';
import { shards, startTidegate } from '../support/tidegate.ts';

class SecretFile implements Disposable {
  readonly folder: string = mkdtempSync(path.join(tmpdir(), 'tidegate-secrets-'));
  readonly path: string = path.join(this.folder, 'password');

  constructor(text: string) {
    this.write(text);
  }

  write(text: string): void {
    writeFileSync(this.path, `${text}\n`);
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Ids of the gateway's connections to the server. */
async function links(server: TestRedis): Promise<string[]> {
  const list = await server.ask('CLIENT', 'LIST', 'TYPE', 'normal');
  return [...list.matchAll(/^id=(\d+) .*cmd=(?!client)/gm)].map((match) => match[1]!);
}

for (const [what, upstream] of [
  ['of an upstream', (file: string) => ({ password: { file } })],
  [
    'of one server',
    (file: string, address: string) => ({
      password: 'wrong',
      credentials: [{ server: address, password: { file } }],
    }),
  ],
] as const) {
  test(`a password ${what} is exchanged in its file without a restart`, async () => {
    await using server = await startRedis({ password: 'old-secret' });
    using file = new SecretFile('old-secret');
    await using gate = await startTidegate(
      shards([server.address], upstream(file.path, server.address)),
    );
    await using wire = await gate.connect();
    assert.equal(await wire.ask('SET', 'k', '1'), '+OK\r\n');
    const before = await links(server);
    assert.ok(before.length > 0);
    // As one does it: first both are valid, then the file, then the old one goes.
    await server.ask('ACL', 'SETUSER', 'default', '>new-secret');
    file.write('new-secret');
    await until(() => gate.logs.includes('secret exchanged'), 'it is read');
    assert.equal(await wire.ask('GET', 'k'), '$1\r\n1\r\n');
    assert.deepEqual(await links(server), before, 'links that stand stay');
    await server.ask('ACL', 'SETUSER', 'default', '<old-secret');
    await server.ask('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await until(async () => (await wire.ask('GET', 'k')) === '$1\r\n1\r\n', 'new links are made');
    await using newest = await gate.connect({ protocol: 3 });
    assert.equal(await newest.ask('GET', 'k'), '$1\r\n1\r\n');
    const { body } = await gate.admin('/config');
    assert.doesNotMatch(gate.logs + body, /old-secret|new-secret/);
  });
}

test('a link whose server no longer knows it is opened anew with the new password', async () => {
  await using peer = await startPeer();
  using file = new SecretFile('one');
  await using gate = await startTidegate(
    shards([`127.0.0.1:${peer.port}`], { password: { file: file.path } }),
  );
  const first = await peer.connection(0);
  await first.hears(frameOf('AUTH', 'one'));
  first.say('+OK\r\n');
  await using wire = await gate.connect();
  wire.send('GET', 'a');
  await first.hears(frameOf('AUTH', 'one') + frameOf('GET', 'a'));
  first.say('-NOAUTH Authentication required.\r\n');
  assert.match(await wire.read(), /^-NOAUTH/);
  await until(() => gate.logs.includes('server wants a password'), 'that is told');
  assert.equal(peer.connections.length, 1, 'and nothing else, as long as the password is the same');
  file.write('two');
  await until(() => gate.logs.includes('secret exchanged'), 'it is read');
  wire.send('GET', 'b');
  await first.hears(
    ['AUTH one', 'GET a', 'GET b'].map((line) => frameOf(...line.split(' '))).join(''),
  );
  first.say('-NOAUTH Authentication required.\r\n');
  assert.match(await wire.read(), /^-NOAUTH/);
  const second = await peer.connection(1);
  await second.hears(frameOf('AUTH', 'two'));
  second.say('+OK\r\n');
  wire.send('GET', 'c');
  await second.hears(frameOf('AUTH', 'two') + frameOf('GET', 'c'));
  second.say('$1\r\nx\r\n');
  assert.equal(await wire.read(), '$1\r\nx\r\n');
  await first.gone();
});

test('a password refused on connecting is tried with what the file says later', async () => {
  await using server = await startRedis({ password: 'right' });
  using file = new SecretFile('wrong');
  await using gate = await startTidegate(
    shards([server.address], { password: { file: file.path } }),
  );
  await using wire = await gate.connect();
  assert.equal(await wire.ask('GET', 'k'), '-upstream failure\r\n');
  file.write('right');
  await until(async () => (await wire.ask('GET', 'k')) === '$-1\r\n', 'it is let in');
});

test('logins use what the file of a user says now, and who is in stays in', async () => {
  await using server = await startRedis();
  using file = new SecretFile('one');
  const user = { name: 'app', passwords: [{ file: file.path }, 'other'] };
  await using gate = await startTidegate({
    ...shards([server.address], {}, { users: [user] }),
    workers: 2,
  });
  await using wire = await gate.connect({ auth: ['app', 'one'] });
  file.write('two');
  await until(() => gate.logs.split('secret exchanged').length === 3, 'both workers read it');
  for (const [password, reply] of [
    ['one', '-WRONGPASS invalid username-password pair\r\n'],
    ['two', '+OK\r\n'],
    ['other', '+OK\r\n'],
  ] as const) {
    assert.equal(await gate.ask('AUTH', 'app', password), reply);
  }
  assert.equal(await wire.ask('GET', 'k'), '$-1\r\n');
});

test('a reload after an exchange leaves connections alone, and a file no longer named is forgotten', async () => {
  await using server = await startRedis({ password: 'one' });
  using file = new SecretFile('one');
  const places = await freePlaces();
  const upstream = { servers: [server.address], password: { file: file.path } };
  await using gate = await startAt(configAt(places, { main: upstream }));
  await using wire = await gate.connect();
  assert.equal(await wire.ask('SET', 'k', 'v'), '+OK\r\n');
  const before = await links(server);
  assert.ok(before.length > 0);
  await server.ask('ACL', 'SETUSER', 'default', '>two');
  file.write('two');
  const { status, body } = await reload(gate, configAt(places, { main: upstream }));
  assert.deepEqual([status, JSON.parse(body).upstreams.changed], [200, []]);
  assert.equal(await wire.ask('GET', 'k'), '$1\r\nv\r\n');
  assert.deepEqual(await links(server), before);
  const plain = { ...upstream, password: 'two' };
  await reloadWell(gate, configAt(places, { main: plain }));
  assert.equal(await wire.ask('GET', 'k'), '$1\r\nv\r\n');
});
