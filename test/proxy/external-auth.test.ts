/** Logins judged by a service behind gRPC, with a real one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import grpc from '@grpc/grpc-js';
import { type Answer, AuthService, startAuthService } from '../support/auth-service.ts';
import { sleep, until } from '../support/bounded.ts';
import { kept } from '../support/kept.ts';
import { freePort } from '../support/ports.ts';
import { startRedis } from '../support/redis.ts';
import { configAt, freePlaces, reloadWell, startAt } from '../support/reload.ts';
import { type Section, startTidegate, type Tidegate } from '../support/tidegate.ts';
import { makeCertificates } from '../support/tls.ts';

const NOAUTH = '-NOAUTH Authentication required.\r\n';
const FAILED = '-ERR external authentication failed\r\n';
const server = kept(await startRedis());

function gateway(external: Section, listener: Section = {}): Promise<Tidegate> {
  return startTidegate({
    listeners: {
      main: { external_auth: external, routes: [{ prefix: '', upstream: 'main' }], ...listener },
    },
    upstreams: { main: { kind: 'shards', servers: [server.address] } },
  });
}

/** Knows everybody whose password is their name. */
function byName({ username, password }: { username: string; password: string }): Answer {
  return username === password ? {} : { status: { code: 7 }, message: `no ${username} here` };
}

test('the service says who comes in, by AUTH and by HELLO', async () => {
  await using service = await startAuthService();
  service.judge = byName;
  await using gate = await gateway({ grpc: service.address, timeout: '5s' });
  await using wire = await gate.connect();
  assert.equal(await wire.ask('GET', 'k'), NOAUTH);
  assert.equal(await wire.ask('AUTH', 'bob', 'guess'), '-ERR no bob here\r\n');
  assert.equal(await wire.ask('GET', 'k'), NOAUTH);
  assert.equal(await wire.ask('AUTH', 'bob', 'bob'), '+OK\r\n');
  assert.equal(await wire.ask('GET', 'k'), '$-1\r\n');
  await using other = await gate.connect();
  assert.match(await other.ask('HELLO', '3', 'AUTH', 'eve', 'x'), /^-ERR no eve here/);
  assert.match(await other.ask('HELLO', '3'), /^-NOAUTH HELLO/);
  const hello = await other.ask('HELLO', '3', 'AUTH', 'eve', 'eve', 'SETNAME', 'e');
  assert.match(hello, /^%7\r\n/);
  assert.equal(await other.ask('CLIENT', 'GETNAME'), '$1\r\ne\r\n');
  assert.match(await other.ask('CLIENT', 'INFO'), /user=eve /);
  assert.deepEqual(service.asked.slice(0, 2), [
    { username: 'bob', password: 'guess' },
    { username: 'bob', password: 'bob' },
  ]);
});

test('a password alone is asked without a name, and RESET logs out', async () => {
  await using service = await startAuthService();
  await using gate = await gateway({ grpc: service.address, timeout: '5s' });
  await using wire = await gate.connect();
  assert.equal(await wire.ask('AUTH', 'secret'), '+OK\r\n');
  assert.deepEqual(service.asked, [{ username: '', password: 'secret' }]);
  assert.equal(await wire.ask('RESET'), '+RESET\r\n');
  assert.equal(await wire.ask('GET', 'k'), NOAUTH);
});

test('what a client sends behind its AUTH waits for the answer, and replies keep their order', async () => {
  await using service = await startAuthService();
  const answer = Promise.withResolvers<Answer>();
  service.judge = () => answer.promise;
  await using gate = await gateway({ grpc: service.address, timeout: '5s' });
  await using wire = await gate.connect();
  const replies = wire.askAll([
    ['GET', 'k'],
    ['AUTH', 'a', 'b'],
    ['ECHO', 'x'],
    ['SET', 'k', '1'],
  ]);
  await until(() => service.asked.length === 1, 'the service is asked');
  await using other = await gate.connect();
  assert.equal(await other.ask('GET', 'k'), NOAUTH, 'others are served meanwhile');
  answer.resolve({ status: { code: 0 } });
  assert.deepEqual(await replies, [NOAUTH, '+OK\r\n', '$1\r\nx\r\n', '+OK\r\n']);
  await wire.ask('DEL', 'k');
});

test('the name decides the rights, and passwords of users are not asked for', async () => {
  await using service = await startAuthService();
  const users = [
    { name: 'default', keys: ['public:*'], commands: ['+@read'] },
    { name: 'app', password: 'unused', keys: ['app:*'] },
  ];
  await using gate = await gateway({ grpc: service.address, timeout: '5s' }, { users });
  await using wire = await gate.connect();
  assert.equal(await wire.ask('AUTH', 'app', 'anything'), '+OK\r\n');
  assert.equal(await wire.ask('SET', 'app:1', 'v'), '+OK\r\n');
  assert.match(await wire.ask('SET', 'public:1', 'v'), /^-NOPERM/);
  for (const auth of [['somebody', 'x'], ['x']]) {
    assert.equal(await wire.ask('AUTH', ...auth), '+OK\r\n');
    assert.equal(await wire.ask('GET', 'public:1'), '$-1\r\n');
    assert.match(await wire.ask('GET', 'app:1'), /^-NOPERM/);
    assert.match(await wire.ask('SET', 'public:1', 'v'), /^-NOPERM/);
  }
});

test('a name without rights stays out where no default user is configured', async () => {
  await using service = await startAuthService();
  const users = [{ name: 'app' }];
  await using gate = await gateway({ grpc: service.address, timeout: '5s' }, { users });
  await using wire = await gate.connect();
  assert.equal(await wire.ask('AUTH', 'somebody', 'x'), '-ERR unauthorized\r\n');
  assert.equal(await wire.ask('GET', 'k'), NOAUTH);
  assert.equal(await wire.ask('AUTH', 'app', 'x'), '+OK\r\n');
});

test('a refusal without words is told in ours, and one of several lines in one', async () => {
  await using service = await startAuthService();
  await using gate = await gateway({ grpc: service.address, timeout: '5s' });
  await using wire = await gate.connect();
  service.judge = () => ({ status: { code: 16 } });
  assert.equal(await wire.ask('AUTH', 'a', 'b'), '-ERR unauthorized\r\n');
  service.judge = () => ({ status: { code: 16 }, message: 'go\r\n+OK\r\naway' });
  assert.equal(await wire.ask('AUTH', 'a', 'b'), '-ERR go  +OK  away\r\n');
  assert.equal(await wire.ask('PING'), NOAUTH);
});

test('a login ends when the service said, and can be renewed', async () => {
  await using service = await startAuthService();
  const until500 = (): Answer => {
    const ms = Date.now() + 500;
    return { expiration: { seconds: Math.floor(ms / 1000), nanos: (ms % 1000) * 1e6 } };
  };
  service.judge = until500;
  await using gate = await gateway({ grpc: service.address, timeout: '5s', expiration: true });
  await using wire = await gate.connect();
  const startedAt = performance.now();
  assert.equal(await wire.ask('AUTH', 'a', 'b'), '+OK\r\n');
  await until(async () => (await wire.ask('ECHO', 'x')) === NOAUTH, 'the login ends');
  const took = performance.now() - startedAt;
  assert.ok(took > 490 && took < 2000, `${took} ms`);
  await wire.expect('+OK\r\n', 'AUTH', 'a', 'b');
  await sleep(300);
  await wire.expect('+OK\r\n', 'AUTH', 'a', 'b');
  await sleep(300);
  assert.equal(await wire.ask('ECHO', 'x'), '$1\r\nx\r\n', 'the later login counts');
  service.judge = () => ({});
  await wire.expect('+OK\r\n', 'AUTH', 'a', 'b');
  await sleep(600);
  assert.equal(await wire.ask('ECHO', 'x'), '$1\r\nx\r\n', 'without a time it is for good');
  service.judge = () => ({ expiration: { seconds: 1 } });
  const late = await wire.askAll([
    ['AUTH', 'a', 'b'],
    ['ECHO', 'x'],
  ]);
  assert.deepEqual(late, ['+OK\r\n', NOAUTH]);
});

test('without expiration: true a login stays', async () => {
  await using service = await startAuthService();
  service.judge = () => ({ expiration: { seconds: 1 } });
  await using gate = await gateway({ grpc: service.address, timeout: '5s' });
  await using wire = await gate.connect({ auth: ['a', 'b'] });
  assert.equal(await wire.ask('ECHO', 'x'), '$1\r\nx\r\n');
});

test('a service that fails, is slow or away is told as such, without a word of the password', async () => {
  const port = await freePort();
  await using gate = await gateway({ grpc: `127.0.0.1:${port}`, timeout: '300ms' });
  await using wire = await gate.connect();
  assert.equal(await wire.ask('AUTH', 'bob', 'hush-hush'), FAILED);
  {
    await using service = await startAuthService(port);
    service.judge = byName;
    await until(async () => (await wire.ask('AUTH', 'bob', 'bob')) === '+OK\r\n', 'it is found');
    service.judge = () => null;
    assert.equal(await wire.ask('AUTH', 'bob', 'hush-hush'), FAILED);
    service.judge = () => new Promise(() => undefined);
    const startedAt = performance.now();
    assert.equal(await wire.ask('AUTH', 'bob', 'hush-hush'), FAILED);
    const took = performance.now() - startedAt;
    assert.ok(took > 250 && took < 1500, `${took} ms`);
    assert.equal(await wire.ask('ECHO', 'x'), '$1\r\nx\r\n', 'who is in stays in, as in Redis');
  }
  await until(async () => (await wire.ask('AUTH', 'bob', 'bob')) === FAILED, 'it is gone');
  await using again = await startAuthService(port);
  await until(async () => (await wire.ask('AUTH', 'bob', 'bob')) === '+OK\r\n', 'it is back');
  assert.ok(again.asked.length > 0);
  const { body } = await gate.admin('/metrics');
  assert.match(body, /external_auth_errors_total\{listener="main"\} [1-9]/);
  assert.match(gate.logs, /external authentication failed/);
  assert.doesNotMatch(gate.logs, /hush/);
});

test('clients that leave while they are judged leave nothing behind', async () => {
  await using service = await startAuthService();
  service.judge = () => sleep(50).then(() => ({}));
  await using gate = await gateway({ grpc: service.address, timeout: '5s' });
  for (let i = 0; i < 50; i++) {
    const wire = await gate.connect();
    wire.send('AUTH', 'a', 'b');
    wire.reset();
  }
  await using wire = await gate.connect({ auth: ['a', 'b'] });
  assert.equal(await wire.ask('ECHO', 'x'), '$1\r\nx\r\n');
});

test('the service is reached over TLS, and verified', async () => {
  using certificates = await makeCertificates();
  const { ca, server: pair, client } = certificates;
  const read = (file: string): Buffer => certificates.read(file);
  await using service = await new AuthService().listen(
    0,
    grpc.ServerCredentials.createSsl(
      read(ca),
      [{ cert_chain: read(pair.cert), private_key: read(pair.key) }],
      true,
    ),
  );
  const tls = { ca, cert: client.cert, key: client.key, server_name: 'redis.internal' };
  await using gate = await gateway({ grpc: service.address, timeout: '5s', tls });
  await using wire = await gate.connect({ auth: ['a', 'b'] });
  assert.equal(await wire.ask('ECHO', 'x'), '$1\r\nx\r\n');
  const stranger = { ...tls, ca: certificates.strangerCa };
  await using wrong = await gateway({ grpc: service.address, timeout: '2s', tls: stranger });
  assert.equal(await wrong.ask('AUTH', 'a', 'b'), FAILED);
});

test('AUTH inside MULTI is asked when EXEC runs, and what follows waits', async () => {
  await using service = await startAuthService();
  service.judge = (asked) => sleep(30).then(() => byName(asked));
  await using gate = await gateway({ grpc: service.address, timeout: '5s' });
  await using wire = await gate.connect({ auth: ['a', 'a'] });
  const replies = await wire.askAll([
    ['MULTI'],
    ['AUTH', 'bob', 'bob'],
    ['SET', 'k', '1'],
    ['AUTH', 'bob', 'wrong'],
    ['EXEC'],
    ['CLIENT', 'INFO'],
    ['DEL', 'k'],
  ]);
  const queued = '+QUEUED\r\n';
  assert.deepEqual(replies.slice(0, 5), [
    '+OK\r\n',
    queued,
    queued,
    queued,
    '*3\r\n+OK\r\n+OK\r\n-ERR no bob here\r\n',
  ]);
  assert.match(replies[5]!, /user=bob /);
  assert.equal(replies[6], ':1\r\n');
});

test('a reload keeps who the service let in, with the rights and the end it has now', async () => {
  await using service = await startAuthService();
  const endsAt = Math.ceil(Date.now() / 1000) + 2;
  service.judge = ({ username }) =>
    username === 'short' ? { expiration: { seconds: endsAt } } : {};
  const places = await freePlaces();
  const first = { servers: [server.address] };
  const external_auth = { grpc: service.address, timeout: '5s', expiration: true };
  const everything = { external_auth };
  await using gate = await startAt(configAt(places, { first }, everything));
  await using long = await gate.connect({ auth: ['long', 'x'] });
  await using short = await gate.connect({ auth: ['short', 'x'] });
  const limited = { external_auth, users: [{ name: 'default', commands: ['+@read'] }] };
  await reloadWell(gate, configAt(places, { first }, limited));
  for (const wire of [long, short]) {
    assert.equal(await wire.ask('GET', 'none'), '$-1\r\n');
    assert.match(await wire.ask('SET', 'k', 'v'), /^-NOPERM/);
  }
  assert.match(await long.ask('AUTH', 'long', 'again'), /^\+OK/);
  await until(
    async () => (await short.ask('GET', 'none')) === NOAUTH,
    'its login ends all the same',
  );
  const byPassword = { users: [{ name: 'long', password: 'x' }] };
  await reloadWell(gate, configAt(places, { first }, byPassword));
  await long.ended();
  await using later = await gate.connect({ auth: ['long', 'x'] });
  assert.equal(await later.ask('GET', 'none'), '$-1\r\n');
  await reloadWell(gate, configAt(places, { first }, everything));
  await later.ended();
});

test('a client that is subscribed is closed when its login ends', async () => {
  await using service = await startAuthService();
  service.judge = () => ({ expiration: { seconds: Math.floor(Date.now() / 1000) + 1 } });
  await using gate = await gateway({ grpc: service.address, timeout: '5s', expiration: true });
  await using wire = await gate.connect({ auth: ['a', 'b'] });
  assert.match(await wire.ask('SUBSCRIBE', 'news'), /subscribe/);
  assert.equal(await wire.ended(), '');
});
