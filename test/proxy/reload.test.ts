/** The configuration is read again while clients are served: what changes, and what must not. */
import assert from 'node:assert/strict';
import { copyFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, test } from 'node:test';
import { sleep, until } from '../support/bounded.ts';
import { kept } from '../support/kept.ts';
import { connectionsTo } from '../support/leaks.ts';
import { startPeer } from '../support/peer.ts';
import { freePort, isFree } from '../support/ports.ts';
import { run, TestProcess } from '../support/process.ts';
import { startRedis, startRedises } from '../support/redis.ts';
import { configAt, freePlaces, metric, reload, reloadWell, startAt } from '../support/reload.ts';
import { MAIN, runTidegate, type Tidegate } from '../support/tidegate.ts';
import { makeCertificates } from '../support/tls.ts';
import { bulk, decode, encode, Wire } from '../support/wire.ts';

const servers = kept(await startRedises(2));
const [one, two] = [servers[0]!, servers[1]!];
await one.ask('SET', 'where', 'one');
await two.ask('SET', 'where', 'two');
const certificates = await makeCertificates();
after(() => certificates[Symbol.dispose]());

const first = { servers: [one.address] };
const second = { servers: [two.address] };

async function idOf(wire: Wire): Promise<number> {
  return decode(await wire.ask('CLIENT', 'ID')) as number;
}

test('SIGHUP applies a changed route to clients that are connected, and they stay', async () => {
  const places = await freePlaces();
  await using gate = await startAt(configAt(places, { first, second }));
  await using wire = await gate.connect();
  const id = await idOf(wire);
  assert.equal(await wire.ask('GET', 'where'), bulk('one'));
  const routes = [{ prefix: '', upstream: 'second' }];
  const text = JSON.stringify(configAt(places, { first, second }, { routes }));
  writeFileSync(gate.configFile, text);
  gate.signal('SIGHUP');
  await until(() => gate.logs.includes('configuration reloaded'), 'the log says so');
  assert.equal(await wire.ask('GET', 'where'), bulk('two'));
  assert.equal(await idOf(wire), id);
  const shown = JSON.parse((await gate.admin('/config')).body);
  assert.equal(shown.listeners.main.routes[0].upstream, 'second');
});

test('the answer to POST /reload names what changed, and the pages show it', async () => {
  const places = await freePlaces();
  await using gate = await startAt(configAt(places, { first }));
  const { status, body } = await reload(gate, configAt(places, { second, first }));
  assert.equal(status, 200);
  assert.deepEqual(JSON.parse(body), {
    status: 'reloaded',
    listeners: { added: [], changed: ['main'], removed: [] },
    upstreams: { added: ['second'], changed: [], removed: [] },
    admin: false,
    log: false,
  });
  const topology = JSON.parse((await gate.admin('/topology')).body);
  assert.equal(topology.listeners[0].routes[0].upstream, 'second');
  assert.equal((await gate.admin('/readyz')).status, 200);
  assert.equal(await metric(gate, 'tidegate_config_reloads_total{result="applied"}'), 1);
  const at = await metric(gate, 'tidegate_config_last_reload_timestamp_seconds');
  const started = await metric(gate, 'process_start_time_seconds');
  assert.ok(at > started && at <= Date.now() / 1000, `${at}`);
});

test('a bad file is refused whole, in the words of check, and the old one stays in force', async () => {
  const places = await freePlaces();
  await using gate = await startAt(configAt(places, { first }));
  await using wire = await gate.connect();
  const bad = configAt(places, { second }, { bogus: 1, routes: [{ prefix: '', upstream: 'no' }] });
  const { status, body } = await reload(gate, bad);
  const checked = await runTidegate(['check', gate.configFile]);
  assert.deepEqual([status, body, checked.code], [422, checked.stdout, 2]);
  assert.equal(body.trimEnd().split('\n').length, 2, body);
  assert.equal(await wire.ask('GET', 'where'), bulk('one'));
  assert.equal(await gate.ask('GET', 'where'), bulk('one'));
  await until(() => gate.logs.includes('configuration refused'), 'the log says so');
  assert.equal(await metric(gate, 'tidegate_config_reloads_total{result="refused"}'), 1);
});

test('what is no configuration at all, or no file, is refused too', async () => {
  const places = await freePlaces();
  await using gate = await startAt(configAt(places, { first }));
  for (const text of ['', 'listeners: [', 'null', '{}']) {
    assert.equal((await reload(gate, text)).status, 422, text);
  }
  const good = configAt(places, { first });
  await reloadWell(gate, good);
  assert.equal(await gate.ask('GET', 'where'), bulk('one'));
});

test('an upstream that did not change keeps its links and its figures', async () => {
  const places = await freePlaces();
  await using gate = await startAt(configAt(places, { first }));
  const opened = `tidegate_server_connections_opened_total{upstream="first",server="${one.address}"}`;
  const replies = 'tidegate_command_replies_total{upstream="first",command="get"}';
  const commands = 'tidegate_listener_commands_total{listener="main"}';
  await using wire = await gate.connect();
  await wire.ask('GET', 'where');
  const [linksBefore, commandsBefore] = [await metric(gate, opened), await metric(gate, commands)];
  await reloadWell(gate, configAt(places, { first, second }));
  await reloadWell(gate, configAt(places, { first, second }, { max_connections: 5 }));
  await wire.ask('GET', 'where');
  assert.equal(await metric(gate, opened), linksBefore);
  assert.equal(await metric(gate, replies), 2);
  assert.equal(await metric(gate, commands), commandsBefore + 1);
});

test('links of an upstream that is gone are closed, once nothing is under way on them', async () => {
  const places = await freePlaces();
  await using peer = await startPeer();
  const old = { servers: [`127.0.0.1:${peer.port}`], op_timeout: '5s' };
  await using gate = await startAt(configAt(places, { old }));
  await using wire = await gate.connect();
  wire.send('GET', 'slow');
  const link = await peer.connection();
  await link.hears(encode(['GET', 'slow']).toString());
  await reloadWell(gate, configAt(places, { first }));
  assert.equal(link.closed, false);
  link.say(bulk('at last'));
  assert.equal(await wire.read(), bulk('at last'));
  await link.gone();
  assert.equal(await wire.ask('GET', 'where'), bulk('one'));
});

test('of upstreams that were replaced and still have something under way, 64 are waited for', async () => {
  const places = await freePlaces();
  await using peer = await startPeer();
  const slow = { servers: [`127.0.0.1:${peer.port}`] };
  const file = (count: number): ReturnType<typeof configAt> =>
    configAt(places, { slow: { ...slow, op_timeout: `${30 + count}s` } });
  await using gate = await startAt(file(0));
  const wires: Wire[] = [];
  for (let count = 0; count < 65; count++) {
    const wire = await gate.connect();
    wires.push(wire);
    wire.send('GET', 'k');
    await (await peer.connection(count)).hears(encode(['GET', 'k']).toString());
    await reloadWell(gate, file(count + 1));
  }
  assert.equal(await wires[0]!.read(), '-upstream failure\r\n');
  peer.connections[1]!.say(bulk('v'));
  assert.equal(await wires[1]!.read(), bulk('v'));
  for (const wire of wires) wire.close();
});

test('a command never overtakes an earlier one of its client that is still on an old link', async () => {
  const places = await freePlaces();
  await using peer = await startPeer();
  const old = { servers: [`127.0.0.1:${peer.port}`], op_timeout: '5s' };
  await using gate = await startAt(configAt(places, { old }));
  await using wire = await gate.connect();
  wire.send('SET', 'k', 'new');
  const before = await peer.connection();
  await before.hears(encode(['SET', 'k', 'new']).toString());
  await reloadWell(gate, configAt(places, { old: { ...old, op_timeout: '6s' } }));
  const link = await peer.connection(1);
  wire.send('GET', 'k');
  await sleep(100);
  assert.equal(link.heard, '');
  before.say('+OK\r\n');
  await link.hears(encode(['GET', 'k']).toString());
  link.say(bulk('new'));
  assert.deepEqual(await wire.readAll(2), ['+OK\r\n', bulk('new')]);
});

test('rights go by name: changed ones hold at once, a changed password closes nobody', async () => {
  const places = await freePlaces();
  const user = { name: 'app', password: 'old' };
  const users = [user, { name: 'gone', password: 'x' }];
  await using gate = await startAt(configAt(places, { first }, { users }));
  await using stays = await gate.connect({ auth: ['app', 'old'] });
  await using leaves = await gate.connect({ auth: ['gone', 'x'] });
  await using waits = await gate.connect({ auth: ['gone', 'x'] });
  waits.send('BLPOP', 'never', '0');
  const lent = `tidegate_server_connections_lent{upstream="first",server="${one.address}"}`;
  await until(async () => (await metric(gate, lent)) === 1, 'it waits');
  await using stranger = await gate.connect();
  const next = [{ name: 'app', password: 'new', commands: ['+@all', '-set'], keys: ['w*'] }];
  await reloadWell(gate, configAt(places, { first }, { users: next }));
  await Promise.all([leaves.ended(), waits.ended()]);
  assert.equal(await stays.ask('GET', 'where'), bulk('one'));
  assert.match(await stays.ask('SET', 'where', 'x'), /^-NOPERM .*'set'/);
  assert.match(await stays.ask('GET', 'other'), /^-NOPERM /);
  assert.match(await stays.ask('AUTH', 'app', 'old'), /^-WRONGPASS/);
  assert.match(await stranger.ask('GET', 'where'), /^-NOAUTH/);
  assert.equal(await stranger.ask('AUTH', 'app', 'new'), '+OK\r\n');
});

test('when users appear, who never logged in is closed; when they go, everybody may come in', async () => {
  const places = await freePlaces();
  const users = [{ name: 'default', password: 'p' }];
  await using gate = await startAt(configAt(places, { first }));
  await using open = await gate.connect();
  await open.ask('PING');
  await reloadWell(gate, configAt(places, { first }, { users }));
  await open.ended();
  await using closed = await gate.connect();
  assert.match(await closed.ask('GET', 'where'), /^-NOAUTH/);
  await reloadWell(gate, configAt(places, { first }));
  assert.equal(await closed.ask('GET', 'where'), bulk('one'));
});

test('a transaction ends on the server where it began, and the next one is elsewhere', async () => {
  const places = await freePlaces();
  await using gate = await startAt(configAt(places, { first }));
  await using wire = await gate.connect();
  await one.ask('SET', 'n', '1');
  assert.deepEqual(await wire.askAll([['WATCH', 'n'], ['MULTI'], ['INCR', 'n']]), [
    '+OK\r\n',
    '+OK\r\n',
    '+QUEUED\r\n',
  ]);
  await reloadWell(gate, configAt(places, { second }));
  assert.equal(await wire.ask('INCR', 'n'), '+QUEUED\r\n');
  assert.equal(await wire.ask('EXEC'), '*2\r\n:2\r\n:3\r\n');
  assert.equal(await one.ask('GET', 'n'), bulk('3'));
  await wire.ask('MULTI');
  await wire.ask('SET', 'n', 'other');
  assert.equal(await wire.ask('EXEC'), '*1\r\n+OK\r\n');
  assert.equal(await two.ask('GET', 'n'), bulk('other'));
});

test('a client that waits at a server of before still gets what comes there, and is heard leaving', async () => {
  const places = await freePlaces();
  const blocked = async (): Promise<number> => {
    const info = String(await one.value('INFO', 'clients'));
    return Number(/blocked_clients:(\d+)/.exec(info)?.[1]);
  };
  await using gate = await startAt(configAt(places, { first }));
  await using waits = await gate.connect();
  await using leaves = await gate.connect();
  waits.send('BLPOP', 'queue', '0');
  leaves.send('BLPOP', 'other', '0');
  await until(async () => (await blocked()) === 2, 'both wait');
  await reloadWell(gate, configAt(places, { second }));
  leaves.close();
  await until(async () => (await blocked()) === 1, 'the server knows that one has left');
  await one.ask('RPUSH', 'queue', 'element');
  assert.equal(await waits.read(), `*2\r\n${bulk('queue')}${bulk('element')}`);
  assert.equal(await waits.ask('GET', 'where'), bulk('two'));
});

test('limits, time-outs and custom commands change under a client', async () => {
  const places = await freePlaces();
  await using gate = await startAt(configAt(places, { first }));
  await using wire = await gate.connect();
  const half = encode(['SET', 'half', 'way']);
  wire.write(half.subarray(0, 9));
  assert.match(await gate.ask('FOO.GET', 'a'), /^-ERR unknown command/);
  const changed = { limits: { max_bulk: '64b' }, custom_commands: ['foo.get'] };
  await reloadWell(gate, configAt(places, { first }, changed));
  wire.write(half.subarray(9));
  assert.equal(await wire.read(), '+OK\r\n');
  // Known here now, so the server has its say.
  assert.match(await wire.ask('FOO.GET', 'a'), /^-ERR unknown command .*with args beginning with/);
  const metrics = (await gate.admin('/metrics')).body;
  assert.match(metrics, /command_replies_total\{[^}]*command="foo\.get"\} 1/);
  assert.match(await wire.ask('SET', 'k', 'x'.repeat(65)), /^-ERR Protocol error: invalid bulk/);
});

test('a silent client is closed by an idle_timeout that came later', async () => {
  const places = await freePlaces();
  await using gate = await startAt(configAt(places, { first }));
  await using wire = await gate.connect();
  await wire.ask('PING');
  await reloadWell(gate, configAt(places, { first }, { idle_timeout: '100ms' }));
  await wire.ended();
});

test('a listener moves: the new door is open before the old one drains', async () => {
  const places = await freePlaces();
  const moved = { ...places, listen: `127.0.0.1:${await freePort()}` };
  await using peer = await startPeer();
  const slow = { servers: [`127.0.0.1:${peer.port}`], op_timeout: '5s' };
  await using gate = await startAt(configAt(places, { slow }));
  await using wire = await gate.connect();
  wire.send('GET', 'slow');
  const link = await peer.connection();
  await link.hears(encode(['GET', 'slow']).toString());
  await reloadWell(gate, configAt(moved, { slow }));
  assert.equal(await isFree(gate.port), true);
  await using fresh = await Wire.connect({ port: Number(moved.listen.split(':')[1]) });
  assert.equal(await fresh.ask('PING'), '+PONG\r\n');
  link.say(bulk('late'));
  assert.equal(await wire.read(), bulk('late'));
  await wire.ended();
  const active = 'tidegate_listener_connections_active{listener="main"}';
  await until(async () => (await metric(gate, active)) === 1, 'the old client is not counted');
  const total = 'tidegate_listener_connections_total{listener="main"}';
  assert.ok((await metric(gate, total)) >= 3);
});

test('a listener under another name keeps its socket and its clients', async () => {
  const places = await freePlaces();
  const config = configAt(places, { first });
  await using gate = await startAt(config);
  await using wire = await gate.connect();
  await wire.ask('PING');
  const { main } = config.listeners!;
  await reloadWell(gate, { ...config, listeners: { front: main! } });
  assert.equal(await wire.ask('GET', 'where'), bulk('one'));
  const active = 'tidegate_listener_connections_active{listener="front"}';
  await until(async () => (await metric(gate, active)) === 1, 'it is counted under the new name');
});

test('a unix socket is kept, and removed when it is not needed', async () => {
  const places = await freePlaces();
  const socket = path.join(one.directory, 'reload.sock');
  const config = configAt(places, { first });
  const door = { listen: `unix:${socket}`, routes: [{ prefix: '', upstream: 'first' }] };
  await using gate = await startAt({ ...config, listeners: { ...config.listeners, door } });
  await using wire = await Wire.connect({ path: socket });
  const changed = { ...door, max_connections: 7 };
  await reloadWell(gate, { ...config, listeners: { ...config.listeners, door: changed } });
  assert.equal(await wire.ask('GET', 'where'), bulk('one'));
  await reloadWell(gate, config);
  await wire.ended();
  await assert.rejects(Wire.connect({ path: socket }), { code: 'ENOENT' });
});

test('new certificates are for new clients, and TLS itself may come and go behind a socket', async () => {
  const places = await freePlaces();
  const cert = path.join(certificates.directory, 'reload.pem');
  const key = path.join(certificates.directory, 'reload.key');
  const install = (pair: { cert: string; key: string }): void => {
    copyFileSync(pair.cert, cert);
    copyFileSync(pair.key, key);
  };
  install(certificates.server);
  const config = configAt(places, { first }, { tls: { cert, key } });
  await using gate = await startAt(config);
  const secure = (ca: string): Promise<Wire> =>
    Wire.connect({ port: gate.port, tls: { ca: certificates.read(ca) } }, { timeoutMs: 2000 });
  await using before = await secure(certificates.ca);
  await before.ask('PING');
  install(certificates.stranger);
  await reloadWell(gate, config);
  assert.equal(await before.ask('GET', 'where'), bulk('one'));
  await assert.rejects(secure(certificates.ca));
  await using renewed = await secure(certificates.strangerCa);
  assert.equal(await renewed.ask('GET', 'where'), bulk('one'));

  await reloadWell(gate, configAt(places, { first }));
  await using plain = await gate.connect();
  assert.equal(await plain.ask('GET', 'where'), bulk('one'));
  assert.equal(await renewed.ask('GET', 'where'), bulk('one'));
});

test('a certificate that TLS will not take is refused before anything changes', async () => {
  const places = await freePlaces();
  const cert = path.join(certificates.directory, 'weak.pem');
  const key = path.join(certificates.directory, 'weak.key');
  const weak = ['req', '-x509', '-newkey', 'rsa:1024', '-nodes', '-subj', '/CN=weak', '-days', '2'];
  assert.equal((await run('openssl', [...weak, '-keyout', key, '-out', cert])).code, 0);
  const { server } = certificates;
  await using gate = await startAt(configAt(places, { first }, { tls: { ...server } }));
  const { status, body } = await reload(gate, configAt(places, { second }, { tls: { cert, key } }));
  assert.equal(status, 422);
  assert.match(body, /listeners\.main\.tls\.key: cannot be used with cert: .*key too small/);
  await using wire = await Wire.connect({
    port: gate.port,
    tls: { ca: certificates.read(certificates.ca) },
  });
  assert.equal(await wire.ask('GET', 'where'), bulk('one'));
});

test('clients must show a certificate from the reload on that asks for one', async () => {
  const places = await freePlaces();
  const { server, client, ca } = certificates;
  const config = configAt(places, { first }, { tls: { ...server } });
  await using gate = await startAt(config);
  await reloadWell(gate, configAt(places, { first }, { tls: { ...server, client_ca: ca } }));
  const trust = { ca: certificates.read(ca) };
  await assert.rejects(async () => {
    await using wire = await Wire.connect({ port: gate.port, tls: trust }, { timeoutMs: 2000 });
    await wire.ask('PING');
  });
  const own = { cert: certificates.read(client.cert), key: certificates.read(client.key) };
  await using wire = await Wire.connect({ port: gate.port, tls: { ...trust, ...own } });
  assert.equal(await wire.ask('PING'), '+PONG\r\n');
});

test('a password in a file is read again: the links are made anew with it', async () => {
  await using locked = await startRedis({ password: 'first' });
  const places = await freePlaces();
  const file = path.join(locked.directory, 'password');
  writeFileSync(file, 'first\n');
  const main = { servers: [locked.address], password: { file } };
  await using gate = await startAt(configAt(places, { main }));
  await using wire = await gate.connect();
  assert.equal(await wire.ask('SET', 'k', 'v'), '+OK\r\n');
  await locked.ask('CONFIG', 'SET', 'requirepass', 'second');
  writeFileSync(file, 'second\n');
  await reloadWell(gate, configAt(places, { main }));
  await locked.ask('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  await until(async () => (await wire.ask('GET', 'k')) === bulk('v'), 'the new password opens');
});

test('the admin port needs its token for a reload, and no page of another origin may ask', async () => {
  const places = await freePlaces();
  const guarded = { admin: { listen: places.admin, token: 'sesame' } };
  const config = configAt(places, { first }, {}, guarded);
  await using gate = await startAt(config);
  assert.equal((await reload(gate, config)).status, 401);
  const authorization = 'Bearer sesame';
  const foreign = { authorization, origin: 'http://elsewhere.test' };
  assert.equal((await reload(gate, config, foreign)).status, 403);
  assert.equal((await reload(gate, config, { authorization })).status, 200);
  assert.equal((await gate.admin('/reload', { headers: { authorization } })).status, 405);
});

test('the admin port moves and changes its token', async () => {
  const places = await freePlaces();
  const port = await freePort();
  const next = { listen: `127.0.0.1:${port}`, token: 'sesame' };
  await using gate = await startAt(configAt(places, { first }));
  await reloadWell(gate, configAt(places, { first }, {}, { admin: next }));
  assert.equal(await isFree(gate.adminPort), true);
  const ask = async (token: string): Promise<number> => {
    const headers = { authorization: `Bearer ${token}` };
    return (await fetch(`http://127.0.0.1:${port}/stats`, { headers })).status;
  };
  assert.deepEqual([await ask('sesame'), await ask('wrong')], [200, 401]);
  const other = { ...next, token: 'other' };
  writeFileSync(gate.configFile, JSON.stringify(configAt(places, { first }, {}, { admin: other })));
  gate.signal('SIGHUP');
  await until(async () => (await ask('other')) === 200, 'the new token opens');
  assert.equal(await ask('sesame'), 401);
});

test('another number of workers is refused, and nothing of that file is used', async () => {
  const places = await freePlaces();
  await using gate = await startAt(configAt(places, { first }));
  const { status, body } = await reload(gate, configAt(places, { second }, {}, { workers: 2 }));
  assert.equal(status, 422);
  const expected =
    /^\S+tidegate\.yaml:\d+:\d+ workers: found 2, running 1: .* with a restart only\n$/;
  assert.match(body, expected);
  assert.equal(await gate.ask('GET', 'where'), bulk('one'));
});

for (const [what, part] of [
  ['listener', 'listeners\\.side\\.listen'],
  ['admin', 'admin\\.listen'],
] as const) {
  test(`a file whose ${what} address is taken is refused, and nothing stays open of it`, async () => {
    const places = await freePlaces();
    const taken = `127.0.0.1:${one.port}`;
    const free = await freePort();
    await using gate = await startAt(configAt(places, { first }));
    const config = configAt(places, { second });
    const routes = [{ prefix: '', upstream: 'second' }];
    const extra = { listen: `127.0.0.1:${free}`, routes };
    const listeners = { ...config.listeners, extra };
    const links = connectionsTo(two.port);
    const { status, body } = await reload(
      gate,
      what === 'listener'
        ? { ...config, listeners: { ...listeners, side: { listen: taken, routes } } }
        : { ...config, listeners, admin: { listen: taken } },
    );
    assert.equal(status, 422);
    assert.match(body, new RegExp(`:\\d+:\\d+ ${part}: ${taken} is already in use`));
    assert.equal(await isFree(free), true);
    await until(() => connectionsTo(two.port) === links, 'its upstream is closed');
    assert.equal(await gate.ask('GET', 'where'), bulk('one'));
  });
}

test('a port that this gateway holds on another address is refused in clear words', async () => {
  const places = await freePlaces();
  await using gate = await startAt(configAt(places, { first }));
  const wide = { ...places, listen: `0.0.0.0:${gate.port}` };
  const { status, body } = await reload(gate, configAt(wide, { first }));
  assert.equal(status, 422);
  assert.match(body, new RegExp(`this gateway still listens on 127.0.0.1:${gate.port}`));
  assert.equal(await gate.ask('PING'), '+PONG\r\n');
});

test('several workers change together', async () => {
  const places = await freePlaces();
  const workers = { workers: 2 };
  await using gate = await startAt(configAt(places, { first }, {}, workers));
  await until(() => gate.logs.includes('"serving"'), 'all workers serve');
  const wires = await Promise.all(Array.from({ length: 16 }, () => gate.connect()));
  const ids = await Promise.all(wires.map(idOf));
  assert.deepEqual(new Set(ids.map((id) => id % 2)), new Set([0, 1]));
  const refused = await reload(gate, configAt(places, { second }, { bogus: 1 }, workers));
  assert.equal(refused.status, 422);
  const extra = { listen: `127.0.0.1:${await freePort()}` };
  const config = configAt(places, { second }, {}, workers);
  const listeners = { ...config.listeners, extra: { ...config.listeners!['main'], ...extra } };
  await reloadWell(gate, { ...config, listeners, log: { level: 'debug', format: 'json' } });
  const answers = await Promise.all(wires.map((wire) => wire.ask('GET', 'where')));
  assert.deepEqual(new Set(answers), new Set([bulk('two')]));
  for (const wire of wires) wire.close();
  const port = Number(extra.listen.split(':')[1]);
  const others = await Promise.all(Array.from({ length: 16 }, () => Wire.connect({ port })));
  const otherIds = await Promise.all(others.map(idOf));
  for (const wire of others) wire.close();
  assert.deepEqual(new Set(otherIds.map((id) => id % 2)), new Set([0, 1]));
  assert.equal((await gate.admin('/readyz')).status, 200);
  const taken = { ...config.listeners!['main']!, listen: one.address };
  const second_ = await reload(gate, { ...config, listeners: { ...listeners, taken } });
  assert.equal(second_.status, 422);
  assert.match(second_.body, /listeners\.taken\.listen: .* is already in use/);
});

test('reloads asked for at the same time all end with the last file in force', async () => {
  const places = await freePlaces();
  await using gate = await startAt(configAt(places, { first }));
  writeFileSync(gate.configFile, JSON.stringify(configAt(places, { second })));
  const asked = Array.from({ length: 10 }, () => gate.admin('/reload', { method: 'POST' }));
  gate.signal('SIGHUP');
  const answers = await Promise.all(asked);
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
  assert.equal(await gate.ask('GET', 'where'), bulk('two'));
});

test('the log changes its level and its format', async () => {
  const places = await freePlaces();
  const quiet = { log: { level: 'error', format: 'json' } };
  await using gate = await startAt(configAt(places, { first }, {}, quiet));
  const loud = { log: { level: 'info', format: 'pretty' } };
  await reloadWell(gate, configAt(places, { first }, {}, loud));
  await until(() => /^[\d:.]+ info {2}configuration reloaded/m.test(gate.logs), 'a pretty line');
});

test('without a file there is nothing to read: SIGHUP says so, and POST /reload too', async () => {
  const [port, admin] = [await freePort(), await freePort()];
  const options = ['--upstream', one.address, '--listen', `127.0.0.1:${port}`];
  const args = [MAIN, 'serve', ...options, '--admin', `127.0.0.1:${admin}`];
  await using gate = new TestProcess(process.execPath, args);
  await until(() => gate.stderr.includes('"serving"'), 'it serves');
  gate.signal('SIGHUP');
  await until(() => gate.stderr.includes('started without a file: nothing to read'), 'it says so');
  const answer = await fetch(`http://127.0.0.1:${admin}/reload`, { method: 'POST' });
  assert.equal(answer.status, 409);
  assert.match(await answer.text(), /started without a file/);
  await using wire = await Wire.connect({ port });
  assert.equal(await wire.ask('GET', 'where'), bulk('one'));
});

test('while it drains nothing is reloaded', async () => {
  const places = await freePlaces();
  await using peer = await startPeer();
  const slow = { servers: [`127.0.0.1:${peer.port}`], op_timeout: '5s' };
  await using gate = await startAt(configAt(places, { slow }));
  await using wire = await underWay(gate);
  gate.signal('SIGTERM');
  await until(() => gate.logs.includes('"draining"'), 'it drains');
  assert.equal((await reload(gate, configAt(places, { first }))).status, 409);
  (await peer.connection()).say(bulk('v'));
  assert.equal(await wire.read(), bulk('v'));
  assert.deepEqual(await gate.ended(), { code: 0, signal: null });
});

async function underWay(gate: Tidegate): Promise<Wire> {
  const wire = await gate.connect();
  wire.send('GET', 'k');
  await until(async () => {
    const { upstreams } = JSON.parse((await gate.admin('/stats')).body);
    const rows = Object.values(upstreams.slow.servers) as { pending: number }[];
    return rows.some(({ pending }) => pending > 0);
  }, 'the command is under way');
  return wire;
}
