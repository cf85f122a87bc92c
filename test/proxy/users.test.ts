/** Who may come in and what they may do: the words are those of Redis 7.0, asked from a real server. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kept } from '../support/kept.ts';
import { startRedis } from '../support/redis.ts';
import { startTidegate } from '../support/tidegate.ts';
import { bulk, Wire } from '../support/wire.ts';

/** The same users on a real server and at the door. */
const users = [
  { name: 'default', password: 'open' },
  { name: 'app', password: 'secret', keys: ['user:*'], commands: ['+@all', '-@dangerous'] },
  { name: 'reader', password: 'r', keys: ['*'], commands: ['-@all', '+@read', '+@connection'] },
  {
    name: 'narrow',
    password: 'n',
    keys: ['a?c', 'h[ae]llo', 'x\\*y'],
    commands: ['-@all', '+get', '+mget', '+config|get'],
  },
  { name: 'nokeys', password: 'k', keys: ['none:*'], commands: ['+@all', '-get', '+get'] },
];

const server = kept(await startRedis());
const real = kept(await startRedis({ password: 'open' }));
for (const { name, password, keys = ['*'], commands = ['+@all'] } of users) {
  const rules = ['reset', 'on', `>${password}`, ...keys.map((key) => `~${key}`), '&*', ...commands];
  if (name !== 'default') await real.ask('ACL', 'SETUSER', name, ...rules);
}
const gate = kept(
  await startTidegate({
    listeners: {
      main: { users, routes: [{ prefix: '', upstream: 'main' }] },
      open: { routes: [{ prefix: '', upstream: 'main' }] },
    },
    upstreams: { main: { kind: 'shards', servers: [server.address] } },
  }),
);

const before = [
  ['GET', 'k'],
  ['PING'],
  ['NOSUCH', 'a'],
  ['GET'],
  ['ECHO', 'x'],
  ['SELECT', '0'],
  ['CLIENT', 'ID'],
  ['COMMAND', 'COUNT'],
  ['HELLO'],
  ['HELLO', '3'],
  ['HELLO', '2'],
  ['HELLO', '9'],
  ['HELLO', '3', 'SETNAME', 'x'],
  ['AUTH'],
  ['AUTH', 'a', 'b', 'c'],
  ['TIME'],
  ['MGET', 'a', 'b'],
  ['RESET'],
];
for (const args of before) {
  test(`before authentication, ${args.join(' ')} is answered as Redis does`, async () => {
    await using wire = await gate.connect();
    await using direct = await Wire.connect({ port: real.port });
    assert.equal(await wire.ask(...args), await direct.ask(...args));
  });
}

test('QUIT is answered and obeyed before authentication', async () => {
  await using wire = await gate.connect();
  assert.equal(await wire.ask('QUIT'), '+OK\r\n');
  assert.equal(await wire.ended(), '');
});

for (const [fault, bytes] of [
  ['many elements', '*11\r\n$4\r\nPING\r\n'],
  ['a long bulk string', '*2\r\n$4\r\nAUTH\r\n$16385\r\n'],
] as const) {
  test(`a stranger who announces ${fault} is sent away as Redis does`, async () => {
    await using wire = await gate.connect();
    await using direct = await Wire.connect({ port: real.port });
    for (const to of [wire, direct]) to.write(bytes);
    assert.equal(await wire.ended(), await direct.ended());
  });
}

const forms: { args: string[]; reply: string }[] = [
  { args: ['AUTH', 'open'], reply: '+OK\r\n' },
  { args: ['AUTH', 'default', 'open'], reply: '+OK\r\n' },
  { args: ['AUTH', 'app', 'secret'], reply: '+OK\r\n' },
  { args: ['auth', 'wrong'], reply: '-ERR invalid password\r\n' },
  { args: ['AUTH', 'app', 'wrong'], reply: '-WRONGPASS invalid username-password pair\r\n' },
  { args: ['AUTH', 'nobody', 'secret'], reply: '-WRONGPASS invalid username-password pair\r\n' },
  { args: ['AUTH', 'APP', 'secret'], reply: '-WRONGPASS invalid username-password pair\r\n' },
  { args: ['AUTH', 'app', ''], reply: '-WRONGPASS invalid username-password pair\r\n' },
  {
    args: ['HELLO', '3', 'AUTH', 'app', 'wrong'],
    reply: '-WRONGPASS invalid username-password pair\r\n',
  },
];
for (const { args, reply } of forms) {
  test(`${args.join(' ')} is answered ${JSON.stringify(reply)}`, async () => {
    await using wire = await gate.connect();
    assert.equal(await wire.ask(...args), reply);
    const after = await wire.ask('ECHO', 'x');
    assert.equal(after, reply.startsWith('+') ? bulk('x') : '-NOAUTH Authentication required.\r\n');
  });
}

test('HELLO with AUTH and SETNAME opens, names and switches at once', async () => {
  await using wire = await gate.connect();
  const reply = await wire.ask('HELLO', '3', 'AUTH', 'app', 'secret', 'SETNAME', 'me');
  assert.ok(reply.startsWith('%'), reply);
  assert.equal(await wire.ask('CLIENT', 'GETNAME'), bulk('me'));
  assert.equal(await wire.ask('GET', 'user:none'), '_\r\n');
});

test('a wrong password takes nothing from who is already in, as in Redis', async () => {
  await using wire = await gate.connect({ auth: ['app', 'secret'] });
  await wire.ask('AUTH', 'app', 'wrong');
  assert.equal(await wire.ask('GET', 'user:1'), '$-1\r\n');
});

test('RESET takes the user away', async () => {
  await using wire = await gate.connect({ auth: ['app', 'secret'] });
  assert.equal(await wire.ask('RESET'), '+RESET\r\n');
  assert.equal(await wire.ask('GET', 'user:1'), '-NOAUTH Authentication required.\r\n');
});

test('AUTH where no password is set says so', async () => {
  await using wire = await gate.connect({ listener: 'open' });
  assert.equal(await wire.ask('AUTH', 'x'), '-ERR Client sent AUTH, but no password is set\r\n');
});

const asUser: Record<string, string[][]> = {
  app: [
    ['GET', 'user:1'],
    ['SET', 'user:1', 'v'],
    ['GET', 'other'],
    ['SET', 'other', 'v'],
    ['MGET', 'user:1', 'other'],
    ['MSET', 'user:1', '1', 'other', '2'],
    ['DEL', 'other', 'user:1'],
    ['RENAME', 'user:1', 'other'],
    ['KEYS', '*'],
    ['FLUSHALL'],
    ['CONFIG', 'GET', 'x'],
    ['CLIENT', 'LIST'],
    ['CLIENT', 'KILL', 'ID', '9'],
    ['SORT', 'user:1', 'STORE', 'other'],
    ['XREAD', 'STREAMS', 'user:1', 'other', '0', '0'],
    ['CLIENT', 'GETNAME'],
    ['PING'],
    ['NOSUCH', 'x'],
    ['GET'],
    ['ZUNIONSTORE', 'user:1', '2', 'user:2', 'other'],
    ['OBJECT', 'ENCODING', 'other'],
    ['INFO', 'nosuch'],
    ['BITOP', 'NOT', 'user:1', 'other'],
    ['GEORADIUS', 'user:1', '1', '1', '1', 'm', 'STORE', 'other'],
    ['SWAPDB', '0', '1'],
  ],
  reader: [
    ['GET', 'k'],
    ['SET', 'k', 'v'],
    ['DEL', 'k'],
    ['HGETALL', 'k'],
    ['PING'],
    ['ECHO', 'x'],
    ['GETEX', 'k'],
    ['SORT_RO', 'k'],
    ['SORT', 'k'],
    ['CLIENT', 'GETNAME'],
    ['SCAN', '0', 'MATCH', 'nothing'],
    ['PUBLISH', 'c', 'm'],
    ['COMMAND', 'COUNT', 'x'],
    ['TIME'],
    ['SELECT', '0'],
  ],
  narrow: [
    ['GET', 'abc'],
    ['GET', 'abbc'],
    ['GET', 'hello'],
    ['GET', 'hillo'],
    ['GET', 'x*y'],
    ['GET', 'xzy'],
    ['get', 'hallo'],
    ['MGET', 'abc', 'nope'],
    ['MGET', 'abc', 'hello'],
    ['SET', 'abc', '1'],
    ['CONFIG', 'GET', 'nosuch'],
    ['CONFIG', 'SET', 'a', 'b'],
    ['CONFIG', 'RESETSTAT'],
    ['PING'],
    ['HELLO', '3', 'SETNAME', 'x'],
    ['STRLEN', 'abc'],
  ],
  nokeys: [['GET', 'x'], ['GET', 'none:x'], ['PING'], ['DBSIZE', 'x']],
};
for (const { name, password } of users.slice(1)) {
  for (const args of asUser[name]!) {
    test(`user ${name}: ${args.join(' ')} is allowed or refused in the words of Redis`, async () => {
      await server.ask('FLUSHALL');
      await real.ask('FLUSHALL');
      await using wire = await gate.connect({ auth: [name, password] });
      await using direct = await real.connect({ auth: [name, password] });
      const [found, wanted] = [await wire.ask(...args), await direct.ask(...args)];
      assert.equal(refusal(found), refusal(wanted));
    });
  }
}

/** The whole reply if it refuses, or that it did not: what is allowed is compared elsewhere. */
function refusal(reply: string): string {
  return /^-(NOPERM|NOAUTH)/.test(reply) ? reply : 'allowed';
}

test('two users on two connections keep their own rights, pipelined at the same time', async () => {
  await using one = await gate.connect({ auth: ['default', 'open'] });
  await using two = await gate.connect({ auth: ['app', 'secret'] });
  const asked = Array.from({ length: 200 }, () => ['SET', 'other', 'v']);
  const [free, bound] = await Promise.all([one.askAll(asked), two.askAll(asked)]);
  assert.ok(free.every((reply) => reply === '+OK\r\n'));
  assert.ok(bound.every((reply) => reply.startsWith('-NOPERM')));
});

test('keys are judged as the client names them, before a route renames them', async () => {
  await using own = await startTidegate({
    listeners: {
      main: {
        users: [{ name: 'default', password: 'p', keys: ['user:*'] }],
        routes: [
          { prefix: 'user:', upstream: 'main', remove_prefix: true },
          { prefix: '', upstream: 'main' },
        ],
      },
    },
    upstreams: { main: { kind: 'shards', servers: [server.address] } },
  });
  await using wire = await own.connect({ auth: ['p'] });
  assert.equal(await wire.ask('SET', 'user:x', '1'), '+OK\r\n');
  assert.match(await wire.ask('SET', 'x', '1'), /^-NOPERM/);
});

test('each of several passwords of one user opens', async () => {
  await using own = await startTidegate({
    listeners: {
      main: {
        users: [{ name: 'default', passwords: ['old', 'new'] }],
        routes: [{ prefix: '', upstream: 'main' }],
      },
    },
    upstreams: { main: { kind: 'shards', servers: [server.address] } },
  });
  for (const password of ['old', 'new']) {
    await using wire = await own.connect({ auth: [password] });
    assert.equal(await wire.ask('PING'), '+PONG\r\n');
  }
});

test('secrets come from the environment and from files, and never appear in the logs', async () => {
  await using own = await startTidegate(
    {
      listeners: {
        main: {
          users: [{ name: 'default', password: { env: 'DOOR_PASSWORD' } }],
          routes: [{ prefix: '', upstream: 'main' }],
        },
      },
      upstreams: { main: { kind: 'shards', servers: [real.address], password: 'open' } },
    },
    { env: { DOOR_PASSWORD: 'from-the-environment' } },
  );
  await using wire = await own.connect({ auth: ['from-the-environment'] });
  assert.equal(await wire.ask('SET', 'k', 'v'), '+OK\r\n');
  await wire.ask('AUTH', 'a-wrong-one');
  const config = await own.admin('/config');
  assert.doesNotMatch(own.logs + config.body, /from-the-environment|a-wrong-one|"open"/);
});

for (const [what, upstream] of [
  ['one password for all servers', { password: 'open' }],
  ['a user name', { username: 'app', password: 'secret' }],
  [
    'credentials of one server',
    { password: 'wrong', credentials: [{ server: real.address, password: 'open' }] },
  ],
] as const) {
  test(`the door opens its servers with ${what}`, async () => {
    await using own = await startTidegate({
      listeners: { main: { routes: [{ prefix: '', upstream: 'main' }] } },
      upstreams: { main: { kind: 'shards', servers: [real.address], ...upstream } },
    });
    for (const protocol of [2, 3] as const) {
      await using wire = await own.connect({ protocol });
      assert.equal(await wire.ask('SET', 'user:1', 'v'), '+OK\r\n');
    }
  });
}

test('a user of some keys may not run scripts: here nobody sees which keys they touch', async () => {
  await using own = await startTidegate({
    listeners: {
      main: {
        users: [{ name: 'app', password: 'secret', keys: ['user:*'] }],
        routes: [{ prefix: '', upstream: 'main' }],
      },
    },
    upstreams: { main: { kind: 'shards', servers: [real.address], password: 'open' } },
  });
  await using wire = await own.connect({ auth: ['app', 'secret'] });
  assert.match(
    await wire.ask('EVAL', "return redis.call('GET', 'other')", '0'),
    /^-NOPERM scripts/,
  );
  assert.equal(await wire.ask('SET', 'user:1', 'v'), '+OK\r\n');
});
