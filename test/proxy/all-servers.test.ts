/** What names no key is asked of all servers: one door, four servers, and one server with the same data to compare. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '../support/bounded.ts';
import { kept } from '../support/kept.ts';
import { type RedisGroup, startRedis, startRedises } from '../support/redis.ts';
import { shards, startTidegate, type Tidegate } from '../support/tidegate.ts';
import { type Argument, decode, type Value, type Wire } from '../support/wire.ts';

const servers = kept(await startRedises(4, { config: { 'enable-debug-command': 'yes' } }));
const single = kept(await startRedis());
const gate = kept(await startTidegate(shards(servers.addresses)));

/** Sends the same to the door and to the one server. */
async function both(wire: Wire, ...words: readonly Argument[]): Promise<[Value, Value]> {
  return [await wire.value(...words), await single.value(...words)];
}

async function fill(wire: Wire, count: number, prefix = 'key:'): Promise<string[]> {
  const names = Array.from({ length: count }, (_none, at) => `${prefix}${at}`);
  await using other = await single.connect({ timeoutMs: 20_000 });
  for (let at = 0; at < count; at += 5000) {
    const sets = names.slice(at, at + 5000).map((name) => ['SET', name, 'v']);
    await Promise.all([wire.askAll(sets), other.askAll(sets)]);
  }
  return names;
}

async function empty(): Promise<void> {
  await Promise.all([...servers, single].map((server) => server.ask('FLUSHALL')));
}

function byText(left: string, right: string): number {
  return left < right ? -1 : 1;
}

function sorted(value: Value): string[] {
  return (value as string[]).toSorted(byText);
}

async function scanAll(wire: Wire, ...options: string[]): Promise<string[]> {
  const found: string[] = [];
  let cursor = '0';
  do {
    const [next, keys] = (await wire.value('SCAN', cursor, ...options)) as [string, string[]];
    assert.ok(/^\d+$/.test(next) && BigInt(next) < 2n ** 63n, next);
    found.push(...keys);
    cursor = next;
  } while (cursor !== '0');
  return found;
}

for (const protocol of [2, 3] as const) {
  test(`KEYS, DBSIZE and SCAN see what one server with all keys sees, in RESP${protocol}`, async () => {
    await empty();
    await using wire = await gate.connect({ protocol });
    await fill(wire, 300);
    await wire.ask('RPUSH', 'a-list', '1');
    await single.ask('RPUSH', 'a-list', '1');
    for (const words of [
      ['KEYS', '*'],
      ['KEYS', 'key:1?'],
      ['KEYS', 'nothing*'],
    ]) {
      const [ours, theirs] = await both(wire, ...words);
      assert.deepEqual(sorted(ours), sorted(theirs), words.join(' '));
    }
    assert.deepEqual(await both(wire, 'DBSIZE'), [301, 301]);
    await using other = await single.connect({ protocol });
    for (const options of [[], ['COUNT', '7'], ['MATCH', '*9'], ['TYPE', 'list']]) {
      assert.deepEqual(
        [...new Set(await scanAll(wire, ...options))].sort(byText),
        [...new Set(await scanAll(other, ...options))].sort(byText),
        options.join(' '),
      );
    }
  });

  test(`replies that are maps or reports have the shape of one server, in RESP${protocol}`, async () => {
    await using wire = await gate.connect({ protocol });
    await using other = await single.connect({ protocol });
    const calls = [
      ['CONFIG', 'GET', 'maxmemory*'],
      ['MEMORY', 'STATS'],
      ['FUNCTION', 'STATS'],
      ['FUNCTION', 'LIST'],
      ['LATENCY', 'LATEST'],
      ['SLOWLOG', 'GET'],
      ['MODULE', 'LIST'],
      ['ACL', 'WHOAMI'],
      ['ACL', 'CAT', 'hash'],
      ['MEMORY', 'DOCTOR'],
      ['INFO', 'replication'],
      ['ROLE'],
      ['LASTSAVE'],
      ['SCRIPT', 'EXISTS', 'x'],
      ['RANDOMKEY'],
      ['SLOWLOG', 'HELP'],
    ];
    for (const call of calls) {
      const [ours, theirs] = [await wire.ask(...call), await other.ask(...call)];
      assert.equal(shapeOf(ours), shapeOf(theirs), call.join(' '));
    }
  });
}

/** Types and places of a reply, without numbers and texts that differ from server to server. */
function shapeOf(raw: string): string {
  return raw
    .replace(/[$=]\d+\r\n[\s\S]*?(?=\r\n[$*:+,%~_=#-]|\r\n$)/g, (text) => text[0]!)
    .replace(/([:,+])[^\r]*/g, '$1');
}

test('SCAN meets every key that stays, among 100,000 and with writes beside', async () => {
  await empty();
  await using wire = await gate.connect({ timeoutMs: 20_000 });
  const names = await fill(wire, 100_000, 'stays:');
  let isDone = false;
  let written = 0;
  const writer = (async () => {
    await using other = await gate.connect({ timeoutMs: 20_000 });
    for (; !isDone; written += 200) {
      const from = written;
      await other.askAll(
        Array.from({ length: 200 }, (_none, at) => ['SET', `comes:${from + at}`, 'v']),
      );
      await other.ask('DEL', ...Array.from({ length: 100 }, (_none, at) => `comes:${from + at}`));
    }
  })();
  const found = new Set(await scanAll(wire, 'COUNT', '500'));
  isDone = true;
  await writer;
  assert.ok(written > 1000, `${written} writes`);
  assert.deepEqual(
    names.filter((name) => !found.has(name)),
    [],
  );
});

test('a cursor goes on over another connection', async () => {
  await empty();
  await using wire = await gate.connect();
  const names = await fill(wire, 500);
  const found = new Set<string>();
  let cursor = '0';
  do {
    await using other = await gate.connect();
    const reply = (await other.value('SCAN', cursor, 'COUNT', '50')) as [string, string[]];
    for (const key of reply[1]) found.add(key);
    cursor = reply[0];
  } while (cursor !== '0');
  assert.deepEqual([...found].sort(byText), names.toSorted(byText));
});

test('a cursor that nobody has given out is refused, other mistakes as a server does', async () => {
  await using wire = await gate.connect();
  for (const cursor of ['x', '-1', '4', '1023', '9223372036854775808', '1.5', ' 1']) {
    await wire.expect('-ERR invalid cursor\r\n', 'SCAN', cursor);
  }
  for (const words of [['SCAN', '0', 'COUNT', 'x'], ['SCAN', '0', 'COUNT'], ['SCAN']]) {
    await wire.expect(await single.ask(...words), ...words);
  }
});

test('RANDOMKEY takes every key about equally often', async () => {
  await empty();
  await using wire = await gate.connect();
  assert.equal(await wire.ask('RANDOMKEY'), '$-1\r\n');
  const names = await fill(wire, 40);
  const asked = Array.from({ length: 4000 }, () => ['RANDOMKEY']);
  const counts = new Map(names.map((name) => [name, 0]));
  for (const reply of await wire.askAll(asked)) {
    const name = decode(reply) as string;
    counts.set(name, counts.get(name)! + 1);
  }
  // A server's own choice among ten keys is not quite even, so each is only met; their sums are held to account.
  for (const [name, count] of counts) assert.ok(count > 0, `${name} is never taken`);
  const onServers = await Promise.all(servers.map((server) => server.value('KEYS', '*')));
  for (const keys of onServers as string[][]) {
    const share = keys.reduce((sum, name) => sum + counts.get(name)!, 0) / 4000;
    assert.ok(Math.abs(share - keys.length / 40) < 0.05, `${keys.length} of 40 keys: ${share}`);
  }
});

test('FLUSHDB and SWAPDB act on one database of every server, FLUSHALL on all', async () => {
  await empty();
  await using wire = await gate.connect();
  await fill(wire, 50);
  await wire.ask('SELECT', 3);
  await wire.askAll(Array.from({ length: 20 }, (_none, at) => ['SET', `third:${at}`, 'v']));
  await wire.expect('+OK\r\n', 'SWAPDB', 3, 5);
  await wire.expect(':0\r\n', 'DBSIZE');
  await wire.ask('SELECT', 5);
  await wire.expect(':20\r\n', 'DBSIZE');
  await wire.expect('+OK\r\n', 'FLUSHDB', 'ASYNC');
  await wire.ask('SELECT', 0);
  await wire.expect(':50\r\n', 'DBSIZE');
  await wire.expect(await single.ask('FLUSHALL', 'NOW'), 'FLUSHALL', 'NOW');
  await wire.expect('+OK\r\n', 'FLUSHALL');
  const sizes = await Promise.all(servers.map((server) => server.value('DBSIZE')));
  assert.deepEqual(sizes, [0, 0, 0, 0]);
});

test('a script that was loaded runs beside every key', async () => {
  await empty();
  await using wire = await gate.connect();
  const hash = await wire.value('SCRIPT', 'LOAD', "return redis.call('SET', KEYS[1], 'x')");
  const names = Array.from({ length: 40 }, (_none, at) => `k${at}`);
  const replies = await wire.askAll(names.map((name) => ['EVALSHA', String(hash), 1, name]));
  assert.ok(replies.every((reply) => reply === '+OK\r\n'));
  await wire.expect('*2\r\n:1\r\n:0\r\n', 'SCRIPT', 'EXISTS', String(hash), 'ab');
  await servers[2]!.ask('SCRIPT', 'FLUSH');
  await wire.expect('*2\r\n:0\r\n:0\r\n', 'SCRIPT', 'EXISTS', String(hash), 'ab');
  await wire.expect('+OK\r\n', 'SCRIPT', 'FLUSH');
  await wire.expect(await single.ask('SCRIPT', 'KILL'), 'SCRIPT', 'KILL');
});

const LIBRARY = (name: string): string =>
  `#!lua name=${name}\nredis.register_function('f_${name}', function(keys) return keys[1] end)`;

test('functions are loaded, listed, dumped, restored and deleted on all servers', async () => {
  await using wire = await gate.connect();
  for (const name of ['one', 'two', 'three']) {
    assert.equal(await wire.value('FUNCTION', 'LOAD', LIBRARY(name)), name);
  }
  for (let at = 0; at < 20; at++) {
    assert.equal(await wire.value('FCALL', 'f_two', 1, `k${at}`), `k${at}`);
  }
  const listed = (await wire.value('FUNCTION', 'LIST')) as Value[][];
  assert.deepEqual(listed.map((library) => String(library[1])).sort(byText), [
    'one',
    'three',
    'two',
  ]);
  const dump = Buffer.from((await wire.value('FUNCTION', 'DUMP')) as string, 'latin1');
  await wire.expect('+OK\r\n', 'FUNCTION', 'FLUSH');
  await wire.expect('*0\r\n', 'FUNCTION', 'LIST');
  await wire.expect('+OK\r\n', 'FUNCTION', 'RESTORE', dump);
  await wire.expect('+OK\r\n', 'FUNCTION', 'DELETE', 'one');
  const stats = (await wire.value('FUNCTION', 'STATS')) as Value[];
  assert.deepEqual(stats[3], ['LUA', ['libraries_count', 2, 'functions_count', 2]]);
  await wire.expect(await single.ask('FUNCTION', 'DELETE', 'no'), 'FUNCTION', 'DELETE', 'no');
  await servers[1]!.ask('FUNCTION', 'DELETE', 'two');
  assert.match(
    await wire.ask('FUNCTION', 'LIST'),
    /^-ERR the servers behind this door give different/,
  );
  assert.match(
    await wire.ask('FUNCTION', 'DUMP'),
    /^-ERR the servers behind this door give different/,
  );
  await wire.expect('-finished with 1 error(s)\r\n', 'FUNCTION', 'DELETE', 'two');
  await wire.ask('FUNCTION', 'FLUSH');
});

test('SCRIPT KILL ends a script that keeps one server busy, though it came through the same door', async () => {
  await using busy = await startRedises(2, { config: { 'busy-reply-threshold': '50' } });
  await using slow = await startTidegate(shards(busy.addresses, { op_timeout: '20s' }));
  await using wire = await slow.connect();
  await using other = await slow.connect();
  wire.send('EVAL', 'while true do end', 1, 'k');
  await until(
    async () => (await other.ask('SCRIPT', 'KILL')) === '+OK\r\n',
    'a server has something to kill',
  );
  assert.match(await wire.read(), /^-ERR Error running script|^-ERR .*[Ss]cript killed/);
  await other.expect(':0\r\n', 'DBSIZE');
});

test('CONFIG SET reaches every server, and CONFIG GET names each setting once', async () => {
  await using wire = await gate.connect();
  await wire.expect('+OK\r\n', 'CONFIG', 'SET', 'maxmemory', '100mb', 'hz', '20');
  const values = await Promise.all(servers.map((server) => server.value('CONFIG', 'GET', 'hz')));
  assert.deepEqual(values, [
    ['hz', '20'],
    ['hz', '20'],
    ['hz', '20'],
    ['hz', '20'],
  ]);
  assert.deepEqual(await wire.value('CONFIG', 'GET', 'maxmemory'), ['maxmemory', '104857600']);
  const [ours, theirs] = (await both(wire, 'CONFIG', 'GET', '*')) as [Value[], Value[]];
  assert.equal(ours.length, theirs.length);
  for (const words of [['SET', 'nosuch', '1'], ['SET', 'maxmemory', 'x'], ['NOSUCH'], ['GET']]) {
    await wire.expect(await single.ask('CONFIG', ...words), 'CONFIG', ...words);
  }
  await wire.expect('+OK\r\n', 'CONFIG', 'SET', 'maxmemory', '0', 'hz', '10');
});

test('CONFIG RESETSTAT empties the figures of every server', async () => {
  await using wire = await gate.connect();
  await wire.askAll(Array.from({ length: 40 }, (_none, at) => ['GET', `k${at}`]));
  await wire.expect('+OK\r\n', 'CONFIG', 'RESETSTAT');
  assert.deepEqual(await servers.calls('get'), [0, 0, 0, 0]);
});

test('SLOWLOG has the slow commands of all servers, newest first', async () => {
  await using wire = await gate.connect();
  await wire.ask('CONFIG', 'SET', 'slowlog-log-slower-than', '0');
  await wire.expect('+OK\r\n', 'SLOWLOG', 'RESET');
  await wire.askAll(Array.from({ length: 40 }, (_none, at) => ['GET', `slow${at}`]));
  await wire.ask('CONFIG', 'SET', 'slowlog-log-slower-than', '-1');
  const all = (await wire.value('SLOWLOG', 'GET', -1)) as Value[][];
  const gets = all.filter((entry) => (entry[3] as string[])[0] === 'GET');
  assert.equal(gets.length, 40);
  const times = all.map((entry) => Number(entry[1]));
  assert.deepEqual(
    times,
    times.toSorted((left, right) => right - left),
  );
  assert.equal(await wire.value('SLOWLOG', 'LEN'), all.length);
  assert.equal(((await wire.value('SLOWLOG', 'GET')) as Value[]).length, 10);
  assert.deepEqual(await wire.value('SLOWLOG', 'GET', 3), all.slice(0, 3));
  await wire.expect(await single.ask('SLOWLOG', 'GET', 'x'), 'SLOWLOG', 'GET', 'x');
  await wire.ask('SLOWLOG', 'RESET');
  await wire.expect(':0\r\n', 'SLOWLOG', 'LEN');
});

test('LATENCY tells of the events of all servers', async () => {
  await using wire = await gate.connect();
  await wire.ask('CONFIG', 'SET', 'latency-monitor-threshold', '1');
  await servers[1]!.ask('DEBUG', 'SLEEP', '0.01');
  await servers[3]!.ask('DEBUG', 'SLEEP', '0.03');
  const [event] = (await wire.value('LATENCY', 'LATEST')) as Value[][];
  assert.equal(event![0], 'command');
  assert.ok(Number(event![3]) >= 30, String(event));
  assert.equal(((await wire.value('LATENCY', 'HISTORY', 'command')) as Value[]).length, 2);
  assert.match(String(await wire.value('LATENCY', 'GRAPH', 'command')), /command - high/);
  await wire.expect(':2\r\n', 'LATENCY', 'RESET');
  await wire.expect('*0\r\n', 'LATENCY', 'LATEST');
  await wire.expect(await single.ask('LATENCY', 'GRAPH', 'none'), 'LATENCY', 'GRAPH', 'none');
  await wire.ask('CONFIG', 'SET', 'latency-monitor-threshold', '0');
  const [name, figures] = (await wire.value('LATENCY', 'HISTOGRAM', 'config|get')) as Value[];
  if (name !== undefined) assert.equal((figures as Value[])[0], 'calls');
});

test('MEMORY USAGE and OBJECT ask the server of the key', async () => {
  await using wire = await gate.connect();
  for (let at = 0; at < 12; at++) {
    await Promise.all([wire, single].map((to) => to.ask('SET', `mine:${at}`, 'value')));
    for (const words of [
      ['MEMORY', 'USAGE'],
      ['OBJECT', 'ENCODING'],
      ['OBJECT', 'REFCOUNT'],
    ]) {
      const [ours, theirs] = await both(wire, ...words, `mine:${at}`);
      assert.deepEqual(ours, theirs);
    }
  }
});

test('CLUSTER speaks as a server that is none, but knows the slot of a key', async () => {
  await using wire = await gate.connect();
  for (const words of [
    ['INFO'],
    ['SLOTS'],
    ['SHARDS'],
    ['NODES'],
    ['MYID'],
    ['COUNTKEYSINSLOT', '1'],
  ]) {
    await wire.expect(await single.ask('CLUSTER', ...words), 'CLUSTER', ...words);
  }
  await wire.expect(':12182\r\n', 'CLUSTER', 'KEYSLOT', 'foo');
  await wire.expect(':5474\r\n', 'CLUSTER', 'KEYSLOT', '{user}:1');
  await wire.expect(await single.ask('CLUSTER', 'NOSUCH'), 'CLUSTER', 'NOSUCH');
});

/** Fields of INFO by name. */
function fieldsOf(text: Value): Map<string, string> {
  const lines = String(text)
    .split('\r\n')
    .filter((line) => line.includes(':'));
  return new Map(
    lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]),
  );
}

function titlesOf(text: Value): string[] {
  return String(text)
    .split('\r\n')
    .filter((line) => line.startsWith('#'));
}

test('INFO has the sections and fields of one server, and those of the door', async () => {
  await using wire = await gate.connect();
  await wire.askAll([['SET', 'k', 'v'], ['NOSUCHTHING'], ['SET', 'k']]);
  await single.ask('SET', 'k', 'v');
  for (const words of [
    [],
    ['all'],
    ['everything'],
    ['default'],
    ['memory'],
    ['CPU', 'Stats'],
    ['nosuch'],
  ]) {
    const [ours, theirs] = await both(wire, 'INFO', ...words);
    const own = words.length === 0 || /all|every|default/.test(words[0]!) ? ['# Tidegate'] : [];
    assert.deepEqual(titlesOf(ours), [...titlesOf(theirs), ...own], words.join(' '));
    const have = fieldsOf(ours);
    const changing = /^(cmdstat|latency_perc|errorstat|db\d)/;
    const missing = [...fieldsOf(theirs).keys()].filter(
      (name) => !have.has(name) && !changing.test(name),
    );
    assert.deepEqual(missing, [], words.join(' '));
  }
  assert.equal(fieldsOf(await wire.value('INFO')).get('loading'), '0');
  assert.match(await wire.ask('INFO', 'tidegate'), /^\$\d+\r\n# Tidegate\r\ntidegate_version:/);
});

test('INFO adds up what servers count: keys of every database, calls, bytes, processor time', async () => {
  await empty();
  await using wire = await gate.connect();
  await wire.askAll([
    ...Array.from({ length: 30 }, (_none, at) => ['SET', `a${at}`, 'v', 'EX', '1000']),
    ...Array.from({ length: 30 }, (_none, at) => ['SET', `b${at}`, 'v']),
  ]);
  await wire.ask('SELECT', 4);
  await wire.askAll(Array.from({ length: 9 }, (_none, at) => ['SET', `c${at}`, 'v']));
  await wire.ask('CONFIG', 'RESETSTAT');
  await wire.askAll(Array.from({ length: 50 }, (_none, at) => ['GET', `c${at}`]));
  const ours = fieldsOf(await wire.value('INFO', 'everything'));
  const theirs = await Promise.all(
    servers.map(async (one) => fieldsOf(await one.value('INFO', 'everything'))),
  );
  const sum = (name: string): number =>
    theirs.reduce((total, one) => total + Number(one.get(name)), 0);
  assert.match(ours.get('db0')!, /^keys=60,expires=30,avg_ttl=\d+/);
  assert.match(ours.get('db4')!, /^keys=9,expires=0,avg_ttl=0/);
  assert.match(ours.get('cmdstat_get')!, /^calls=50,usec=\d+,usec_per_call=\d+\.\d\d,/);
  assert.equal(Number(ours.get('keyspace_hits')), 9);
  assert.equal(Number(ours.get('keyspace_misses')), 41);
  for (const name of ['maxclients', 'repl_backlog_size', 'total_system_memory']) {
    assert.equal(Number(ours.get(name)), sum(name), name);
  }
  for (const name of ['used_memory', 'used_cpu_user', 'used_cpu_sys', 'allocator_resident']) {
    const value = Number(ours.get(name));
    assert.ok(
      value > 0 && Math.abs(value / sum(name) - 1) < 0.2,
      `${name}: ${value}, ${sum(name)}`,
    );
  }
  assert.match(ours.get('used_memory_human')!, /^\d+\.\d\dM$/);
  const ratio = Number(ours.get('used_memory_rss')) / Number(ours.get('used_memory'));
  assert.ok(Math.abs(Number(ours.get('mem_fragmentation_ratio')) - ratio) < 0.01);
});

test('INFO.SHARD is the INFO of one server', async () => {
  await using wire = await gate.connect();
  for (const [at, server] of servers.entries()) {
    const fields = fieldsOf(await wire.value('INFO.SHARD', at, 'server'));
    assert.equal(fields.get('tcp_port'), String(server.port));
    assert.ok(!fields.has('used_memory'));
  }
  await wire.expect('-ERR shard_id 4 out of range (0-3)\r\n', 'INFO.SHARD', 4);
  await wire.expect('-ERR invalid shard_id - must be a numeric shard index\r\n', 'INFO.SHARD', 'x');
});

test('with a server gone nothing passes for the whole, and all is well when it is back', async () => {
  await using few: RedisGroup = await startRedises(3);
  await using door: Tidegate = await startTidegate(shards(few.addresses));
  await using wire = await door.connect({ protocol: 3 });
  await wire.askAll(Array.from({ length: 60 }, (_none, at) => ['SET', `k${at}`, 'v']));
  await few[1]!.kill();
  const failed = '-finished with 1 error(s)\r\n';
  const whole = [
    ...['DBSIZE', 'RANDOMKEY', 'FLUSHALL', 'INFO', 'ROLE', 'LASTSAVE'].map((name) => [name]),
    ...[
      ['KEYS', '*'],
      ['CONFIG', 'GET', 'hz'],
      ['CONFIG', 'SET', 'hz', '10'],
      ['MEMORY', 'STATS'],
    ],
    ...[
      ['SCRIPT', 'LOAD', 'return 1'],
      ['SLOWLOG', 'GET'],
      ['FUNCTION', 'LIST'],
      ['SWAPDB', '0', '1'],
    ],
  ];
  for (const words of whole) await wire.expect(failed, ...words);
  await wire.expect('-upstream failure\r\n', 'SCAN', '1');
  await wire.expect('-upstream failure\r\n', 'INFO.SHARD', '1');
  assert.match(await wire.ask('INFO', 'tidegate'), /^=\d+\r\ntxt:# Tidegate/);
  await few[1]!.restart();
  await until(async () => (await wire.ask('DBSIZE')).startsWith(':'), 'the server is back');
});

test('several groups behind one listener are asked together, and none twice', async () => {
  await empty();
  await using door = await startTidegate({
    listeners: {
      main: {
        routes: [
          { prefix: 'u:', upstream: 'users', remove_prefix: true },
          { prefix: 'again:', upstream: 'again' },
          { prefix: '', upstream: 'main' },
        ],
      },
    },
    upstreams: {
      main: { kind: 'shards', servers: servers.addresses.slice(0, 2) },
      users: { kind: 'shards', servers: servers.addresses.slice(2) },
      again: { kind: 'shards', servers: servers.addresses.slice(0, 1) },
    },
  });
  await using wire = await door.connect();
  await wire.askAll(
    ['u:1', 'u:2', 'u:3', 'a', 'b', 'c', 'again:1'].map((key) => ['SET', key, 'v']),
  );
  await wire.expect(':7\r\n', 'DBSIZE');
  // Names are those the servers know.
  assert.deepEqual(sorted(await wire.value('KEYS', '*')), [
    '1',
    '2',
    '3',
    'a',
    'again:1',
    'b',
    'c',
  ]);
  assert.deepEqual((await scanAll(wire)).sort(byText), ['1', '2', '3', 'a', 'again:1', 'b', 'c']);
});

test('one server is asked as if the door were not there', async () => {
  await using door = await startTidegate(shards([single.address]));
  await using wire = await door.connect();
  for (const words of [
    ['SCAN', ''],
    ['SCAN', '-1'],
    ['CLUSTER', 'KEYSLOT', 'a'],
    ['LATENCY', 'LATEST'],
  ]) {
    await wire.expect(await single.ask(...words), ...words);
  }
  assert.deepEqual(titlesOf(await wire.value('INFO')), titlesOf(await single.value('INFO')));
  assert.equal(fieldsOf(await wire.value('INFO.SHARD', 0)).get('tcp_port'), String(single.port));
});

test('a transaction takes PUBLISH to any channel, and SPUBLISH where its keys are', async () => {
  await using door = await startTidegate(shards(servers.addresses, { hash_tags: true }));
  await using wire = await door.connect();
  const reply = await wire.askAll([
    ['MULTI'],
    ['SET', '{a}k', 'v'],
    ['PUBLISH', '{a}channel', 'x'],
    ['EXEC'],
  ]);
  assert.equal(reply[3], '*2\r\n+OK\r\n:0\r\n');
  const others = Array.from({ length: 20 }, (_none, at) => `channel:${at}`);
  await wire.askAll([['MULTI'], ['SET', '{a}k', 'v']]);
  const published = await wire.askAll(others.map((channel) => ['PUBLISH', channel, 'x']));
  assert.ok(published.every((line) => line === '+QUEUED\r\n'));
  const replies = await wire.askAll(others.map((channel) => ['SPUBLISH', channel, 'x']));
  assert.ok(replies.some((line) => line.startsWith('-CROSSSLOT')));
  assert.ok(replies.every((line) => line === '+QUEUED\r\n' || line.startsWith('-CROSSSLOT')));
});
