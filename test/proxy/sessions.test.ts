/** What one client does never shows on another's connection: databases, protocols, names, modes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sleep, timed, until } from '../support/bounded.ts';
import { kept } from '../support/kept.ts';
import { startRedis, startRedises } from '../support/redis.ts';
import { shards, startTidegate } from '../support/tidegate.ts';
import { type Argument, bulk, decode, encode, Wire } from '../support/wire.ts';

const servers = kept(await startRedises(2));
const gate = kept(await startTidegate(shards(servers.addresses)));
const plain = kept(await startRedis());
const single = kept(await startTidegate(shards([plain.address])));

test('two clients in two databases, pipelines interleaved, never see each other', async () => {
  await servers.flush();
  await using one = await gate.connect();
  await using two = await gate.connect();
  await one.ask('SELECT', '1');
  await two.ask('SELECT', '2');
  for (let round = 0; round < 30; round++) {
    const names = Array.from({ length: 20 }, (_none, index) => `k${round}:${index}`);
    const asked = (owner: string): Argument[][] =>
      names.flatMap((name) => [
        ['SET', name, owner],
        ['GET', name],
      ]);
    const [a, b] = await Promise.all([one.askAll(asked('one')), two.askAll(asked('two'))]);
    assert.deepEqual(
      a,
      names.flatMap(() => ['+OK\r\n', bulk('one')]),
    );
    assert.deepEqual(
      b,
      names.flatMap(() => ['+OK\r\n', bulk('two')]),
    );
  }
});

test('SELECT in the middle of a pipeline holds from there on', async () => {
  await servers.flush();
  await using wire = await gate.connect();
  const replies = await wire.askAll([
    ['SET', 'k', 'zero'],
    ['SELECT', '3'],
    ['SET', 'k', 'three'],
    ['SELECT', '0'],
    ['GET', 'k'],
    ['SELECT', '3'],
    ['GET', 'k'],
    ['MGET', 'k', 'l'],
    ['SELECT', '15'],
    ['GET', 'k'],
  ]);
  assert.deepEqual(replies.map(decode), [
    'OK',
    'OK',
    'OK',
    'OK',
    'zero',
    'OK',
    'three',
    ['three', null],
    'OK',
    null,
  ]);
});

test('many clients in many databases, all at once', async () => {
  await servers.flush();
  const wires = await Promise.all(Array.from({ length: 16 }, () => gate.connect()));
  try {
    await Promise.all(wires.map((wire, database) => wire.ask('SELECT', String(database))));
    await Promise.all(
      wires.map(async (wire, database) => {
        for (let round = 0; round < 20; round++) {
          const asked = [
            ['SET', `k${round}`, `${database}`],
            ['GET', `k${round}`],
            ['MGET', `k${round}`, 'none'],
          ];
          assert.deepEqual((await wire.askAll(asked)).map(decode), [
            'OK',
            `${database}`,
            [`${database}`, null],
          ]);
        }
      }),
    );
  } finally {
    for (const wire of wires) wire.close();
  }
});

test('a new client starts in database 0 whatever others have selected', async () => {
  await servers.flush();
  await using one = await gate.connect();
  await one.askAll([
    ['SELECT', '5'],
    ['SET', 'k', 'five'],
  ]);
  await using two = await gate.connect();
  assert.equal(await two.ask('GET', 'k'), '$-1\r\n');
});

test('the database of an upstream is where its sessions start', async () => {
  await plain.ask('FLUSHALL');
  await using own = await startTidegate(shards([plain.address], { database: 4 }));
  await own.ask('SET', 'k', 'v');
  await plain.ask('SELECT', '4');
  const found = await plain.ask('GET', 'k');
  await plain.ask('SELECT', '0');
  assert.equal(found, bulk('v'));
});

test('a database the server does not have is refused and the session stays where it was', async () => {
  await plain.ask('FLUSHALL');
  await using wire = await single.connect();
  await wire.ask('SET', 'k', 'zero');
  assert.match(await wire.ask('SELECT', '16'), /^-ERR DB index is out of range/);
  assert.equal(await wire.ask('GET', 'k'), bulk('zero'));
  assert.equal(await single.ask('GET', 'k'), bulk('zero'));
});

test('RESP2 and RESP3 clients at the same time each get their own protocol', async () => {
  await servers.flush();
  await using two = await gate.connect();
  await using three = await gate.connect({ protocol: 3 });
  await two.ask('HSET', 'h', 'f', 'v');
  await two.ask('ZADD', 'z', '1.5', 'm');
  const asked = [
    ['HGETALL', 'h'],
    ['GET', 'none'],
    ['ZSCORE', 'z', 'm'],
  ];
  const many = Array.from({ length: 50 }, () => asked).flat();
  const [old, fresh] = await Promise.all([two.askAll(many), three.askAll(many)]);
  assert.equal(old.join(''), '*2\r\n$1\r\nf\r\n$1\r\nv\r\n$-1\r\n$3\r\n1.5\r\n'.repeat(50));
  assert.equal(fresh.join(''), '%1\r\n$1\r\nf\r\n$1\r\nv\r\n_\r\n,1.5\r\n'.repeat(50));
});

test('a session changes its protocol in the middle of a pipeline', async () => {
  await servers.flush();
  await using wire = await gate.connect();
  const replies = await wire.askAll([
    ['GET', 'none'],
    ['HELLO', '3'],
    ['GET', 'none'],
    ['HELLO', '2'],
    ['GET', 'none'],
  ]);
  assert.deepEqual(
    replies.map((reply) => reply.slice(0, 2)),
    ['$-', '%7', '_\r', '*1', '$-'],
  );
});

test('HELLO tells what a client expects to be told', async () => {
  await using wire = await single.connect();
  await using direct = await plain.connect();
  const [ours, theirs] = [await wire.value('HELLO', '3'), await direct.value('HELLO', '3')] as [
    string[],
    string[],
  ];
  const names = (reply: string[]): string[] => reply.filter((_one, index) => index % 2 === 0);
  const told = (reply: string[], name: string): unknown => reply[reply.indexOf(name) + 1];
  assert.deepEqual(names(ours), names(theirs));
  assert.deepEqual(
    ['proto', 'mode', 'role', 'modules'].map((name) => told(ours, name)),
    [3, 'standalone', 'master', []],
  );
  assert.equal(typeof told(ours, 'id'), 'number');
  assert.match(String(told(ours, 'version')), /^\d+\.\d+\.\d+/);
});

test('CLIENT ID is another for every connection and never goes down', async () => {
  const ids: number[] = [];
  for (let index = 0; index < 5; index++) {
    await using wire = await gate.connect();
    ids.push(Number(await wire.value('CLIENT', 'ID')));
  }
  assert.deepEqual(
    ids,
    [...new Set(ids)].sort((a, b) => a - b),
  );
});

test('CLIENT LIST and INFO show who is here: name, database, last command', async () => {
  await using one = await gate.connect();
  await using two = await gate.connect({ protocol: 3 });
  await one.askAll([
    ['CLIENT', 'SETNAME', 'first'],
    ['SELECT', '7'],
    ['GET', 'k'],
  ]);
  await two.askAll([
    ['CLIENT', 'SETNAME', 'second'],
    ['CLIENT', 'SETINFO', 'LIB-NAME', 'my-lib'],
    ['CLIENT', 'SETINFO', 'LIB-VER', '1.2'],
  ]);
  const id = await one.value('CLIENT', 'ID');
  const list = String(await two.value('CLIENT', 'LIST'))
    .trimEnd()
    .split('\n');
  const first = list.find((line) => line.includes(' name=first '));
  assert.match(
    first ?? '',
    new RegExp(
      `^id=${id} addr=127\\.0\\.0\\.1:\\d+ laddr=127\\.0\\.0\\.1:\\d+ fd=-?\\d+ name=first age=\\d+ idle=\\d+ .*\\bdb=7\\b.* cmd=client\\|id `,
    ),
  );
  assert.match(
    list.find((line) => line.includes(' name=second ')) ?? '',
    /lib-name=my-lib lib-ver=1\.2/,
  );
  assert.match(String(await one.value('CLIENT', 'INFO')), new RegExp(`^id=${id} .*name=first`));
  assert.equal(
    String(await two.value('CLIENT', 'LIST', 'ID', String(id), '999999'))
      .trimEnd()
      .split('\n').length,
    1,
  );
});

test('CLIENT KILL by id and by address ends that client only', async () => {
  await using killer = await gate.connect();
  await using one = await gate.connect();
  await using two = await gate.connect();
  const id = await one.value('CLIENT', 'ID');
  assert.equal(await killer.ask('CLIENT', 'KILL', 'ID', String(id)), ':1\r\n');
  await one.ended();
  const info = String(await two.value('CLIENT', 'INFO'));
  const address = /addr=(\S+)/.exec(info)?.[1] ?? '';
  assert.equal(await killer.ask('CLIENT', 'KILL', address), '+OK\r\n');
  await two.ended();
  assert.equal(await killer.ask('PING'), '+PONG\r\n');
});

test('CLIENT KILL of oneself is answered first, and SKIPME is obeyed', async () => {
  await using wire = await gate.connect();
  const id = String(await wire.value('CLIENT', 'ID'));
  assert.equal(await wire.ask('CLIENT', 'KILL', 'ID', id), ':0\r\n');
  assert.equal(await wire.ask('CLIENT', 'KILL', 'ID', id, 'SKIPME', 'no'), ':1\r\n');
  assert.equal(await wire.ended(), '');
});

test('a killed client with commands under way leaves its neighbours in order', async () => {
  await servers.flush();
  await using killer = await gate.connect();
  await using victim = await gate.connect();
  await using neighbour = await gate.connect();
  const id = String(await victim.value('CLIENT', 'ID'));
  for (const server of servers) server.pause();
  victim.write(
    Buffer.concat(Array.from({ length: 100 }, (_none, index) => encode(['SET', `v${index}`, 'x']))),
  );
  const names = Array.from({ length: 100 }, (_none, index) => `n${index}`);
  const replies = neighbour.askAll(
    names.flatMap((name) => [
      ['SET', name, name],
      ['GET', name],
    ]),
  );
  await killer.ask('CLIENT', 'KILL', 'ID', id);
  for (const server of servers) server.resume();
  assert.deepEqual(
    await replies,
    names.flatMap((name) => ['+OK\r\n', bulk(name)]),
  );
});

for (const script of [
  [
    ['CLIENT', 'REPLY', 'OFF'],
    ['SET', 'k', '1'],
    ['GET', 'k'],
    ['PING'],
    ['NOSUCH'],
    ['CLIENT', 'REPLY', 'ON'],
    ['GET', 'k'],
  ],
  [
    ['CLIENT', 'REPLY', 'SKIP'],
    ['GET', 'k'],
    ['GET', 'k'],
  ],
  [['CLIENT', 'REPLY', 'SKIP'], ['CLIENT', 'REPLY', 'SKIP'], ['PING'], ['PING']],
  [
    ['CLIENT', 'REPLY', 'OFF'],
    ['CLIENT', 'REPLY', 'SKIP'],
    ['PING'],
    ['CLIENT', 'REPLY', 'ON'],
    ['PING'],
  ],
  [
    ['CLIENT', 'REPLY', 'SKIP'],
    ['MGET', 'a', 'b', 'c'],
    ['MGET', 'k', 'a'],
  ],
  [['CLIENT', 'REPLY', 'ON'], ['PING']],
  [['CLIENT', 'REPLY', 'OFF'], ['RESET'], ['PING']],
  [
    ['CLIENT', 'SETNAME', 'n'],
    ['SELECT', '3'],
    ['RESET'],
    ['CLIENT', 'GETNAME'],
    ['SET', 'after-reset', '1'],
    ['SELECT', '0'],
    ['GET', 'after-reset'],
  ],
]) {
  test(`${script.map((args) => args.join(' ')).join(', ')}: the bytes are Redis's own`, async () => {
    const talk = async (to: { port: number }): Promise<string> => {
      await using wire = await Wire.connect(to);
      wire.write(Buffer.concat([...script, ['ECHO', 'end']].map(encode)));
      let all = '';
      while (!all.endsWith(bulk('end'))) all += await wire.read();
      return all;
    };
    assert.equal(await talk(single), await talk(plain));
  });
}

test('CLIENT PAUSE holds everybody back for its time, and UNPAUSE ends it', async () => {
  await using one = await single.connect();
  await using two = await single.connect();
  await one.ask('CLIENT', 'PAUSE', '300');
  const { ms } = await timed(() => two.ask('GET', 'k'));
  // PAUSE ALL holds UNPAUSE back too, in Redis as here.
  await one.ask('CLIENT', 'PAUSE', '4000', 'WRITE');
  const held = two.ask('SET', 'k', 'v');
  await sleep(50);
  await one.ask('CLIENT', 'UNPAUSE');
  assert.equal(await held, '+OK\r\n');
  assert.ok(ms > 200 && ms < 1000, `${ms} ms`);
});

test('CLIENT PAUSE WRITE lets reads pass', async () => {
  await using one = await single.connect();
  await using two = await single.connect();
  await using three = await single.connect();
  await one.ask('CLIENT', 'PAUSE', '400', 'WRITE');
  const reading = await timed(() => two.ask('GET', 'k'));
  const writing = await timed(() => three.ask('SET', 'k', 'v'));
  await one.ask('CLIENT', 'UNPAUSE');
  assert.ok(reading.ms < 150, `read took ${reading.ms} ms`);
  assert.ok(writing.ms > 200, `write took ${writing.ms} ms`);
});

test('names, no-evict, no-touch and the like are answered as Redis does', async () => {
  await using wire = await gate.connect();
  const replies = await wire.askAll([
    ['CLIENT', 'SETNAME', 'x'],
    ['CLIENT', 'NO-EVICT', 'ON'],
    ['CLIENT', 'NO-TOUCH', 'on'],
    ['CLIENT', 'SETINFO', 'lib-name', 'a'],
    ['CLIENT', 'GETREDIR'],
    ['CLIENT', 'UNBLOCK', '123456'],
    ['CLIENT', 'GETNAME'],
  ]);
  assert.deepEqual(replies, [
    '+OK\r\n',
    '+OK\r\n',
    '+OK\r\n',
    '+OK\r\n',
    ':-1\r\n',
    ':0\r\n',
    bulk('x'),
  ]);
});

test('QUIT is answered after everything before it', async () => {
  await using wire = await gate.connect();
  await wire.ask('SET', 'q', 'v');
  wire.write(
    Buffer.concat([['GET', 'q'], ['MGET', 'q', 'none'], ['QUIT'], ['GET', 'q']].map(encode)),
  );
  assert.equal(await wire.ended(), `${bulk('v')}*2\r\n${bulk('v')}$-1\r\n+OK\r\n`);
});

test('a client that ends its sending side still gets what it asked for', async () => {
  await using wire = await gate.connect();
  await wire.ask('SET', 'half', 'v');
  wire.send('GET', 'half');
  wire.socket.end();
  assert.equal(await wire.ended(), bulk('v'));
});

test('a client that goes away mid-pipeline leaves nothing behind', async () => {
  await using watcher = await gate.connect();
  const count = async (): Promise<number> =>
    String(await watcher.value('CLIENT', 'LIST'))
      .trimEnd()
      .split('\n').length;
  const before = await count();
  for (let index = 0; index < 50; index++) {
    const wire = await gate.connect();
    wire.write(Buffer.concat(Array.from({ length: 50 }, () => encode(['GET', 'k']))));
    wire.reset();
  }
  await until(async () => (await count()) === before, 'all of them are gone');
});
