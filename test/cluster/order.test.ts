/**
 * What one client sends to one slot takes effect in that order, whatever happens to the slot meanwhile. Scripted
 * nodes, so that each reply comes exactly when it does the most harm.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sleep, timed, until } from '../support/bounded.ts';
import { slotOfKey } from '../support/cluster.ts';
import {
  type ScriptedCluster,
  type ScriptedNode,
  scriptCluster,
} from '../support/scripted-cluster.ts';
import { cluster, type Section, startTidegate, type Tidegate } from '../support/tidegate.ts';
import { bulk, type Wire } from '../support/wire.ts';

/** Lies in the first half of the slots. */
const KEY = 'bar';
const SLOT = slotOfKey(KEY);
/** Long enough for anything to arrive that is on its way. */
const QUIET_MS = 60;
const OK = '+OK\r\n';
const TRYAGAIN = '-TRYAGAIN Multiple keys request during rehashing of slot\r\n';

class Rig implements AsyncDisposable {
  readonly servers: ScriptedCluster;
  readonly gate: Tidegate;
  readonly wire: Wire;
  readonly other: Wire;

  constructor(servers: ScriptedCluster, gate: Tidegate, wire: Wire, other: Wire) {
    this.servers = servers;
    this.gate = gate;
    this.wire = wire;
    this.other = other;
  }

  static async open(nodes: number, upstream: Section = {}): Promise<Rig> {
    const servers = await scriptCluster(nodes);
    const topology = { refresh: '60s', min_interval: '60s' };
    const gate = await startTidegate(
      cluster(servers.addresses, { op_timeout: '5s', topology, ...upstream }),
    );
    return new Rig(servers, gate, await gate.connect(), await gate.connect());
  }

  node(index: number): ScriptedNode {
    return this.servers.nodes[index]!;
  }

  /** Waits until the door has read so many errors of a kind. */
  async refused(kind: string, count: number): Promise<void> {
    const line = `kind="${kind}"} ${count}\n`;
    await until(
      async () => (await this.gate.admin('/metrics')).body.includes(line),
      `${count} ${kind} are read`,
    );
  }

  /** Waits until the door believes that the first slot belongs to a node. */
  async believesIn(node: ScriptedNode): Promise<void> {
    await until(async () => {
      const { body } = await this.gate.admin('/topology');
      const rows: { name: string; slots: string[] }[] = JSON.parse(body).upstreams[0].servers;
      return rows.some(({ name, slots }) => name === node.address && slots[0]?.startsWith('0-'));
    }, 'the door has the new map');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.wire.close();
    this.other.close();
    await this.gate[Symbol.asyncDispose]();
    await this.servers[Symbol.asyncDispose]();
  }
}

function moved(to: ScriptedNode): string {
  return `-MOVED ${SLOT} ${to.address}\r\n`;
}

test('what comes after a move waits for what is under way at the old owner', async () => {
  await using rig = await Rig.open(2);
  const { wire, other } = rig;
  const [a, b] = [rig.node(0), rig.node(1)];
  other.send('GET', KEY);
  await a.hears(`GET ${KEY}`);
  wire.send('SET', KEY, 'old');
  await a.hears(`SET ${KEY} old`);
  await a.answer(`GET ${KEY}`, moved(b));
  await b.answer(`GET ${KEY}`, bulk('0'));
  assert.equal(await other.read(), bulk('0'));
  // The door knows the new owner now. This must not be there before the older one.
  wire.send('SET', KEY, 'new');
  await sleep(QUIET_MS);
  assert.deepEqual(b.waiting, []);
  await a.answer(`SET ${KEY} old`, moved(b));
  await b.answer(`SET ${KEY} old`, OK);
  await b.answer(`SET ${KEY} new`, OK);
  assert.deepEqual(await wire.readAll(2), [OK, OK]);
  assert.deepEqual(b.heard, [`GET ${KEY}`, `SET ${KEY} old`, `SET ${KEY} new`]);
});

test('the same where a survey tells of the move', async () => {
  await using rig = await Rig.open(2, { topology: { refresh: '50ms', min_interval: '20ms' } });
  const { wire, servers } = rig;
  const [a, b] = [rig.node(0), rig.node(1)];
  wire.send('SET', KEY, 'old');
  await a.hears(`SET ${KEY} old`);
  servers.view.epoch = 2;
  servers.share([b, a]);
  await rig.believesIn(b);
  wire.send('SET', KEY, 'new');
  await sleep(QUIET_MS);
  assert.ok(!b.waiting.includes(`SET ${KEY} new`));
  await a.answer(`SET ${KEY} old`, OK);
  await b.answer(`SET ${KEY} new`, OK);
});

test('a slot that goes on to a third node is still in order', async () => {
  await using rig = await Rig.open(3);
  const { wire } = rig;
  const [a, b, c] = [rig.node(0), rig.node(1), rig.node(2)];
  wire.send('SET', KEY, '1');
  await a.hears(`SET ${KEY} 1`);
  wire.send('SET', KEY, '2');
  await a.hears(`SET ${KEY} 2`);
  await a.answer(`SET ${KEY} 1`, moved(b));
  await b.hears(`SET ${KEY} 1`);
  wire.send('SET', KEY, '3');
  await b.answer(`SET ${KEY} 1`, moved(c));
  await c.hears(`SET ${KEY} 1`);
  await sleep(QUIET_MS);
  assert.deepEqual([b.waiting, c.waiting], [[], [`SET ${KEY} 1`]]);
  await a.answer(`SET ${KEY} 2`, moved(b));
  await b.answer(`SET ${KEY} 2`, moved(c));
  for (const value of ['1', '2', '3']) await c.answer(`SET ${KEY} ${value}`, OK);
  assert.deepEqual(await wire.readAll(3), [OK, OK, OK]);
  assert.deepEqual(
    c.heard,
    ['1', '2', '3'].map((value) => `SET ${KEY} ${value}`),
  );
});

test('a slot that comes back to its old owner is still in order', async () => {
  await using rig = await Rig.open(2);
  const { wire } = rig;
  const [a, b] = [rig.node(0), rig.node(1)];
  wire.send('SET', KEY, '1');
  await a.answer(`SET ${KEY} 1`, moved(b));
  await b.hears(`SET ${KEY} 1`);
  wire.send('SET', KEY, '2');
  await b.hears(`SET ${KEY} 2`);
  // The first goes round in a circle, so it waits a moment; the second may not pass it meanwhile, nor the third.
  await b.answer(`SET ${KEY} 1`, moved(a));
  await rig.refused('moved', 2);
  wire.send('SET', KEY, '3');
  await b.answer(`SET ${KEY} 2`, moved(a));
  for (const value of ['1', '2', '3']) {
    await a.hears(`SET ${KEY} ${value}`);
    assert.deepEqual(a.waiting, [`SET ${KEY} ${value}`]);
    await a.answer(`SET ${KEY} ${value}`, OK);
  }
  assert.deepEqual(await wire.readAll(3), [OK, OK, OK]);
});

test('a command told to try again holds later ones of its client, not those of others', async () => {
  await using rig = await Rig.open(2, { connections: 2 });
  const { wire, other } = rig;
  const a = rig.node(0);
  const many = `MSET {${KEY}}1 x {${KEY}}2 y`;
  wire.send(...many.split(' '));
  await a.answer(many, TRYAGAIN);
  await a.hears(many);
  wire.send('SET', `{${KEY}}1`, 'later');
  other.send('GET', `{${KEY}}1`);
  await a.answer(`GET {${KEY}}1`, bulk('o'));
  assert.equal(await other.read(), bulk('o'));
  await a.hears(many);
  assert.deepEqual(a.waiting, [many]);
  await a.answer(many, TRYAGAIN);
  await a.answer(many, OK);
  await a.answer(`SET {${KEY}}1 later`, OK);
  assert.deepEqual(await wire.readAll(2), [OK, OK]);
});

test('what was overtaken by a later command of its client is not tried again: it gets its error', async () => {
  await using rig = await Rig.open(2);
  const { wire } = rig;
  const a = rig.node(0);
  const many = `MSET {${KEY}}1 x {${KEY}}2 y`;
  wire.send(...many.split(' '));
  await a.hears(many);
  wire.send('SET', `{${KEY}}1`, 'later');
  await a.hears(`SET {${KEY}}1 later`);
  await a.answer(many, TRYAGAIN);
  await a.answer(`SET {${KEY}}1 later`, OK);
  assert.deepEqual(await wire.readAll(2), [TRYAGAIN, OK]);
  await sleep(QUIET_MS);
  assert.deepEqual(a.heard, [many, `SET {${KEY}}1 later`]);
});

test('several of one client that are all told to come later come in their order, one after the other', async () => {
  await using rig = await Rig.open(2);
  const { wire } = rig;
  const a = rig.node(0);
  const all = ['1', '2', '3'].map((value) => `SET ${KEY} ${value}`);
  for (const command of all) {
    wire.send(...command.split(' '));
    await a.hears(command);
  }
  for (const command of all) await a.answer(command, '-CLUSTERDOWN The cluster is down\r\n');
  await rig.refused('clusterdown', 3);
  wire.send('SET', KEY, '4');
  for (const command of all) {
    await a.hears(command);
    await sleep(QUIET_MS);
    assert.deepEqual(a.waiting, [command]);
    await a.answer(command, OK);
  }
  await a.answer(`SET ${KEY} 4`, OK);
  assert.deepEqual(await wire.readAll(4), [OK, OK, OK, OK]);
});

test('two reads cannot overtake each other: the one told to wait is asked again', async () => {
  await using rig = await Rig.open(2);
  const { wire } = rig;
  const a = rig.node(0);
  wire.send('STRLEN', KEY);
  await a.hears(`STRLEN ${KEY}`);
  wire.send('GET', KEY);
  await a.hears(`GET ${KEY}`);
  await a.answer(`STRLEN ${KEY}`, '-LOADING Redis is loading the dataset in memory\r\n');
  await a.answer(`GET ${KEY}`, bulk('v'));
  await a.answer(`STRLEN ${KEY}`, ':1\r\n');
  assert.deepEqual(await wire.readAll(2), [':1\r\n', bulk('v')]);
});

test('commands sent to a node under ASK arrive there in order, each behind its ASKING', async () => {
  await using rig = await Rig.open(2);
  const { wire } = rig;
  const [a, b] = [rig.node(0), rig.node(1)];
  b.replies.set('ASKING', OK);
  const both = [`SET ${KEY} 1`, `SET ${KEY} 2`];
  for (const command of both) wire.send(...command.split(' '));
  for (const command of both) await a.answer(command, `-ASK ${SLOT} ${b.address}\r\n`);
  for (const command of both) await b.answer(command, OK);
  assert.deepEqual(await wire.readAll(2), [OK, OK]);
  assert.deepEqual(
    b.all.filter((text) => !text.startsWith('CLUSTER')),
    ['ASKING', both[0], 'ASKING', both[1]],
  );
});

test('a move holds commands no longer than op_timeout, whatever the old owner does', async () => {
  await using rig = await Rig.open(2, { op_timeout: '400ms' });
  const { wire, other } = rig;
  const [a, b] = [rig.node(0), rig.node(1)];
  other.send('GET', KEY);
  await a.hears(`GET ${KEY}`);
  wire.send('SET', KEY, 'old');
  await a.hears(`SET ${KEY} old`);
  await a.answer(`GET ${KEY}`, moved(b));
  await b.answer(`GET ${KEY}`, bulk('0'));
  await sleep(100);
  wire.send('SET', KEY, 'new');
  const { ms } = await timed(() => b.answer(`SET ${KEY} new`, OK));
  assert.ok(ms < 500, `held for ${ms} ms`);
  assert.deepEqual(await wire.readAll(2), ['-upstream failure\r\n', OK]);
});

test('a read whose link was lost is asked of the new owner, before what came later', async () => {
  await using rig = await Rig.open(2, { topology: { refresh: '50ms', min_interval: '20ms' } });
  const { wire } = rig;
  const [a, b] = [rig.node(0), rig.node(1)];
  wire.send('GET', KEY);
  await a.hears(`GET ${KEY}`);
  rig.servers.view.epoch = 2;
  rig.servers.share([b, a]);
  await rig.believesIn(b);
  wire.send('SET', KEY, 'later');
  await sleep(QUIET_MS);
  assert.deepEqual(b.waiting, []);
  await a.stop();
  await b.answer(`GET ${KEY}`, bulk('v'));
  await b.answer(`SET ${KEY} later`, OK);
  assert.deepEqual(await wire.readAll(2), [bulk('v'), OK]);
  assert.deepEqual(b.heard, [`GET ${KEY}`, `SET ${KEY} later`]);
});

test('what is held has a limit, beyond which commands fail and are counted', async () => {
  const servers = await scriptCluster(2);
  await using _servers = servers;
  const [a, b] = servers.nodes as [ScriptedNode, ScriptedNode];
  await using gate = await startTidegate(
    cluster(
      servers.addresses,
      { op_timeout: '20s', topology: { refresh: '60s', min_interval: '60s' } },
      { limits: { max_pipeline: 20_000 } },
    ),
  );
  await using rig = new Rig(servers, gate, await gate.connect(), await gate.connect());
  const { wire, other } = rig;
  other.send('GET', KEY);
  await a.hears(`GET ${KEY}`);
  wire.send('SET', KEY, 'old');
  await a.hears(`SET ${KEY} old`);
  await a.answer(`GET ${KEY}`, moved(b));
  await b.answer(`GET ${KEY}`, bulk('0'));
  await other.read();
  b.replies.set(`SET ${KEY.toUpperCase()} NEW`, OK);
  const over = 16;
  const replies = wire.askAll(Array.from({ length: 16_384 + over }, () => ['SET', KEY, 'new']));
  await until(
    async () =>
      (await gate.admin('/metrics')).body.includes(`overflows_total{upstream="main"} ${over}\n`),
    'those beyond the limit have failed',
  );
  assert.ok(!b.all.includes(`SET ${KEY} new`));
  await a.answer(`SET ${KEY} old`, OK);
  const [old, ...all] = [...(await replies), await wire.read()];
  assert.equal(old, OK);
  assert.equal(all.filter((reply) => reply === OK).length, 16_384);
  assert.deepEqual(all.slice(-over), Array(over).fill('-upstream failure\r\n'));
});
