/** What nodes answer instead of an answer: followed within limits, and beyond them passed on as it is. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { timed } from '../support/bounded.ts';
import { slotOfKey } from '../support/cluster.ts';
import { type ScriptedNode, scriptCluster } from '../support/scripted-cluster.ts';
import { cluster, type Section, startTidegate } from '../support/tidegate.ts';
import { bulk } from '../support/wire.ts';

/** In the first half of the slots. */
const KEY = 'bar';
const SLOT = slotOfKey(KEY);
const QUIET: Section = { topology: { refresh: '60s', min_interval: '60s' } };
const OK = '+OK\r\n';

function moved(to: ScriptedNode): string {
  return `-MOVED ${SLOT} ${to.address}\r\n`;
}

test('an error beyond redirects_max reaches the client byte for byte', async () => {
  await using servers = await scriptCluster(3);
  const [a, b, c] = servers.nodes as [ScriptedNode, ScriptedNode, ScriptedNode];
  await using gate = await startTidegate(
    cluster(servers.addresses, { ...QUIET, redirects_max: 1 }),
  );
  await using wire = await gate.connect();
  wire.send('SET', KEY, '1');
  await a.answer(`SET ${KEY} 1`, moved(b));
  await b.answer(`SET ${KEY} 1`, moved(c));
  assert.equal(await wire.read(), moved(c));
  // What it says was learnt all the same.
  wire.send('SET', KEY, '2');
  await c.answer(`SET ${KEY} 2`, OK);
  assert.equal(await wire.read(), OK);
});

test('two nodes that send a command to each other are asked later, and five times at most', async () => {
  await using servers = await scriptCluster(2);
  const [a, b] = servers.nodes as [ScriptedNode, ScriptedNode];
  await using gate = await startTidegate(
    cluster(servers.addresses, { ...QUIET, op_timeout: '3s' }),
  );
  await using wire = await gate.connect();
  const { ms } = await timed(async () => {
    wire.send('SET', KEY, '1');
    for (let i = 0; i < 3; i++) {
      await a.answer(`SET ${KEY} 1`, moved(b));
      await b.answer(`SET ${KEY} 1`, moved(a));
    }
    assert.equal(await wire.read(), moved(a));
  });
  assert.ok(ms > 300, `${ms} ms`);
});

test('CLUSTERDOWN is waited out within op_timeout, and then told', async () => {
  const down = '-CLUSTERDOWN Hash slot not served\r\n';
  await using servers = await scriptCluster(2);
  const a = servers.nodes[0]!;
  a.replies.set(`INCR ${KEY.toUpperCase()}`, down);
  await using gate = await startTidegate(
    cluster(servers.addresses, { ...QUIET, op_timeout: '350ms' }),
  );
  await using wire = await gate.connect();
  const { result, ms } = await timed(() => wire.ask('INCR', KEY));
  assert.equal(result, down);
  assert.ok(ms < 350, `${ms} ms`);
  // At 0, 10, 40 and 130 ms; the next would be at 400, which is too late.
  assert.equal(a.all.filter((text) => text === `INCR ${KEY}`).length, 4);
});

for (const error of [
  '-LOADING Redis is loading the dataset in memory',
  "-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
  "-READONLY You can't write against a read only replica.",
  '-TRYAGAIN Multiple keys request during rehashing of slot',
]) {
  test(`${error.split(' ')[0]} is mended by asking again`, async () => {
    await using servers = await scriptCluster(2);
    const a = servers.nodes[0]!;
    await using gate = await startTidegate(cluster(servers.addresses, QUIET));
    await using wire = await gate.connect();
    wire.send('INCR', KEY);
    await a.answer(`INCR ${KEY}`, `${error}\r\n`);
    await a.answer(`INCR ${KEY}`, ':1\r\n');
    assert.equal(await wire.read(), ':1\r\n');
  });
}

test('an error that only looks like a redirection is an answer', async () => {
  await using servers = await scriptCluster(2);
  const a = servers.nodes[0]!;
  await using gate = await startTidegate(cluster(servers.addresses, QUIET));
  await using wire = await gate.connect();
  const errors = [
    `-MOVED ${SLOT} ${servers.addresses[1]} please\r\n`,
    '-MOVED 16384 127.0.0.1:1\r\n',
    '-MOVED 1 127.0.0.1:0\r\n',
    '-MOVEDON 1 127.0.0.1:1\r\n',
    '-ASK\r\n',
    '-WRONGTYPE Operation against a key holding the wrong kind of value\r\n',
  ];
  for (const error of errors) {
    wire.send('INCR', KEY);
    await a.answer(`INCR ${KEY}`, error);
    assert.equal(await wire.read(), error);
  }
  wire.send('LRANGE', KEY, '0', '1');
  await a.answer(`LRANGE ${KEY} 0 1`, `*1\r\n${moved(servers.nodes[1]!)}`);
  assert.equal(await wire.read(), `*1\r\n${moved(servers.nodes[1]!)}`);
});

test('a script that says TRYAGAIN in its own words may have written, so it is not run again', async () => {
  await using servers = await scriptCluster(2);
  const a = servers.nodes[0]!;
  await using gate = await startTidegate(cluster(servers.addresses, QUIET));
  await using wire = await gate.connect();
  wire.send('EVAL', 'x', '1', KEY);
  await a.answer(`EVAL x 1 ${KEY}`, '-TRYAGAIN it is not my day\r\n');
  assert.equal(await wire.read(), '-TRYAGAIN it is not my day\r\n');
  wire.send('EVAL', 'x', '1', KEY);
  await a.answer(`EVAL x 1 ${KEY}`, '-TRYAGAIN Multiple keys request during rehashing of slot\r\n');
  await a.answer(`EVAL x 1 ${KEY}`, ':1\r\n');
  assert.equal(await wire.read(), ':1\r\n');
});

test('a redirection without a host means the one that was asked', async () => {
  await using servers = await scriptCluster(2);
  const [a, b] = servers.nodes as [ScriptedNode, ScriptedNode];
  await using gate = await startTidegate(cluster(servers.addresses, QUIET));
  await using wire = await gate.connect();
  for (const host of ['', '?']) {
    wire.send('INCR', KEY);
    await a.answer(`INCR ${KEY}`, `-ASK ${SLOT} ${host}:${b.port}\r\n`);
    await b.answer('ASKING', OK);
    await b.answer(`INCR ${KEY}`, ':1\r\n');
    assert.equal(await wire.read(), ':1\r\n');
  }
});

test('pieces of a split command are redirected one by one', async () => {
  await using servers = await scriptCluster(2);
  const [a, b] = servers.nodes as [ScriptedNode, ScriptedNode];
  b.replies.set('ASKING', OK);
  await using gate = await startTidegate(cluster(servers.addresses, QUIET));
  await using wire = await gate.connect();
  wire.send('MGET', KEY, 'foo', 'hello', KEY);
  await a.answer(`MGET ${KEY} ${KEY}`, `-ASK ${SLOT} ${b.address}\r\n`);
  await a.answer('MGET hello', `-MOVED ${slotOfKey('hello')} ${b.address}\r\n`);
  await b.answer('MGET foo', `*1\r\n${bulk('f')}`);
  await b.answer('MGET hello', `*1\r\n${bulk('h')}`);
  await b.answer(`MGET ${KEY} ${KEY}`, `*2\r\n${bulk('b1')}${bulk('b2')}`);
  assert.equal(await wire.read(), `*4\r\n${bulk('b1')}${bulk('f')}${bulk('h')}${bulk('b2')}`);
});

test('a node nobody knew is learnt from a redirection', async () => {
  await using servers = await scriptCluster(3);
  const [a, , c] = servers.nodes as [ScriptedNode, ScriptedNode, ScriptedNode];
  servers.share(servers.nodes.slice(0, 2));
  await using gate = await startTidegate(cluster(servers.addresses.slice(0, 2), QUIET));
  await using wire = await gate.connect();
  wire.send('INCR', KEY);
  await a.answer(`INCR ${KEY}`, moved(c));
  await c.answer(`INCR ${KEY}`, ':1\r\n');
  assert.equal(await wire.read(), ':1\r\n');
  wire.send('INCR', KEY);
  await c.answer(`INCR ${KEY}`, ':2\r\n');
  assert.equal(await wire.read(), ':2\r\n');
});

test('so many unknown hosts are followed, and no more', async () => {
  await using servers = await scriptCluster(2);
  const a = servers.nodes[0]!;
  await using gate = await startTidegate(cluster(servers.addresses, QUIET));
  await using wire = await gate.connect();
  const replies: string[] = [];
  for (let port = 1; port <= 103; port++) {
    wire.send('INCR', KEY);
    await a.answer(`INCR ${KEY}`, `-ASK ${SLOT} 127.0.0.1:${port}\r\n`);
    replies.push(await wire.read());
  }
  assert.deepEqual(replies.slice(0, 100), Array(100).fill('-upstream failure\r\n'));
  assert.deepEqual(
    replies.slice(100),
    [101, 102, 103].map((port) => `-ASK ${SLOT} 127.0.0.1:${port}\r\n`),
  );
  const { body } = await gate.admin('/metrics');
  assert.match(body, /tidegate_cluster_strangers_refused_total\{upstream="main"\} 3/);
  assert.match(body, /tidegate_cluster_redirects_total\{upstream="main",kind="ask"\} 103/);
});

test('a transaction that is sent to and fro is refused after redirects_max, and told why', async () => {
  await using servers = await scriptCluster(2);
  const [a, b] = servers.nodes as [ScriptedNode, ScriptedNode];
  await using gate = await startTidegate(
    cluster(servers.addresses, { ...QUIET, redirects_max: 1 }),
  );
  await using wire = await gate.connect();
  wire.send('MULTI');
  wire.send('SET', KEY, '1');
  await a.answer('multi', OK);
  await a.answer(`SET ${KEY} 1`, moved(b));
  await b.answer('multi', OK);
  await b.answer(`SET ${KEY} 1`, moved(a));
  assert.deepEqual(await wire.readAll(2), [OK, moved(a)]);
  wire.send('EXEC');
  await b.answer('discard', OK);
  assert.match((await wire.read()) ?? '', /^-EXECABORT /);
});

test('ASK of a transaction is said once, before MULTI, and before each try of a wait', async () => {
  await using servers = await scriptCluster(2);
  const [a, b] = servers.nodes as [ScriptedNode, ScriptedNode];
  await using gate = await startTidegate(cluster(servers.addresses, QUIET));
  await using wire = await gate.connect();
  for (const words of [['MULTI'], ['SET', KEY, '1'], ['SET', KEY, '2'], ['EXEC']]) {
    wire.send(...words);
  }
  await a.answer('multi', OK);
  await a.answer(`SET ${KEY} 1`, `-ASK ${SLOT} ${b.address}\r\n`);
  for (const [text, reply] of [
    ['asking', OK],
    ['multi', OK],
    [`SET ${KEY} 1`, '+QUEUED\r\n'],
    [`SET ${KEY} 2`, '+QUEUED\r\n'],
    ['EXEC', '*2\r\n+OK\r\n+OK\r\n'],
  ] as const) {
    await b.answer(text, reply);
  }
  assert.deepEqual(await wire.readAll(4), [
    OK,
    '+QUEUED\r\n',
    '+QUEUED\r\n',
    '*2\r\n+OK\r\n+OK\r\n',
  ]);
  wire.send('BLPOP', KEY, '5');
  await a.answer(`BLPOP ${KEY} 5`, `-ASK ${SLOT} ${b.address}\r\n`);
  await b.answer('asking', OK);
  await b.answer(`BLPOP ${KEY} 5`, '*-1\r\n');
  assert.equal(await wire.read(), '*-1\r\n');
});
