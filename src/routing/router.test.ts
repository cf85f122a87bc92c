import assert from 'node:assert/strict';
import { test } from 'node:test';
import { commandOf, frameOf, Outcomes } from '../../test/support/sinks.ts';
import { type Backend, NOTHING_TO_LEND, type Refusal, type Sink } from '../backend/backend.ts';
import type { Command } from '../commands/command.ts';
import { UNKNOWN } from '../commands/lookup.ts';
import { linkError } from '../resp/errors.ts';
import type { Group } from './group.ts';
import type { Mirror, Route } from './route.ts';
import { Router } from './router.ts';

const LOST = linkError('closed', 'lost');

/** Writes down what it is sent; answers when told to, or at once. */
class FakeServer implements Backend {
  readonly got: string[] = [];
  readonly waiting: Sink[] = [];
  /** Answered before `dispatch` returns: a reply, or null for a failure. */
  atOnce: string | null | undefined;

  dispatch(command: Command, sink: Sink): void {
    const frame = command.bytes.toString('latin1', command.start, command.end);
    const words = frame.split('\r\n').filter((_line, index) => index > 0 && index % 2 === 0);
    assert.equal(frame, frameOf(...words), 'a whole frame and nothing else');
    assert.equal(command.argc, words.length);
    this.got.push(words.join(' '));
    if (this.atOnce === undefined) this.waiting.push(sink);
    else if (this.atOnce === null) sink.fail(LOST);
    else say(sink, this.atOnce);
  }

  answer(text: string): void {
    say(this.waiting.shift()!, text);
  }

  lease(): Refusal {
    return NOTHING_TO_LEND;
  }

  async close(): Promise<void> {}
}

function say(sink: Sink, text: string): void {
  const bytes = Buffer.from(text, 'latin1');
  sink.reply(bytes, 0, bytes.length);
  bytes.fill('#');
}

/** A key is on the server whose number it ends with; a key that ends with `x` is on none. */
class FakeGroup implements Group {
  readonly name: string;
  readonly servers: readonly FakeServer[];
  readonly only: Backend | null;
  hasTags = false;

  constructor(name: string, count: number) {
    this.name = name;
    this.servers = Array.from({ length: count }, () => new FakeServer());
    this.only = count === 1 ? this.servers[0]! : null;
  }

  serverOf(bytes: Buffer, _start: number, end: number): Backend | null {
    return this.servers[bytes[end - 1]! - 0x30] ?? null;
  }

  any(): Backend | null {
    return this.servers[0]!;
  }

  primaries(): readonly Backend[] {
    return this.servers;
  }

  nodes(): readonly Backend[] {
    return this.servers;
  }

  get got(): string[][] {
    return this.servers.map((server) => server.got);
  }

  async close(): Promise<void> {}
}

function route(prefix: string, group: Group, more: Partial<Route> = {}): Route {
  return {
    prefix,
    removePrefix: false,
    keyFormat: '',
    group,
    readGroup: null,
    mirrors: [],
    ...more,
  };
}

function mirror(group: FakeGroup, more: Partial<Mirror> = {}): Mirror {
  const backend = new Router([route('', group)], false, UNKNOWN, null);
  return { backend, percent: 100, excludeReads: false, ...more };
}

class Rig {
  readonly outcomes = new Outcomes();
  readonly router: Router;

  constructor(...routes: Route[]) {
    this.router = new Router(routes, false, UNKNOWN, null);
  }

  /** The line is the name of the outcome too. */
  ask(line: string): void {
    this.router.dispatch(commandOf(...line.split(' ')), this.outcomes.sink(line));
  }

  outcome(line: string): string {
    this.ask(line);
    return this.outcomes.all.at(-1)?.slice(line.length) ?? '';
  }
}

/** The same servers behind a router that looks at routes and behind one that need not. */
function bothKinds(count: number): [string, FakeGroup, Rig][] {
  return ['plain', 'routed'].map((kind) => {
    const group = new FakeGroup(kind, count);
    const others = kind === 'plain' ? [] : [route('unused:', new FakeGroup('unused', 1))];
    return [kind, group, new Rig(route('', group), ...others)];
  });
}

test('a command goes to the server of its key, whatever argument that is', () => {
  for (const [kind, group, rig] of bothKinds(3)) {
    for (const line of ['GET a1', 'EVAL s 1 a2 b0', 'OBJECT ENCODING a1', 'XREAD STREAMS a0 0']) {
      rig.ask(line);
    }
    assert.deepEqual(
      group.got,
      [['XREAD STREAMS a0 0'], ['GET a1', 'OBJECT ENCODING a1'], ['EVAL s 1 a2 b0']],
      kind,
    );
  }
});

test('a key without a server fails with no host', () => {
  for (const [kind, , rig] of bothKinds(2)) {
    for (const line of ['GET ax', 'MGET ax bx', 'SUNION ax bx']) {
      assert.equal(rig.outcome(line), '!no_host', `${kind} ${line}`);
    }
  }
});

test('several keys on one server pass as they are', () => {
  for (const [kind, group, rig] of bothKinds(2)) {
    for (const line of ['MGET a1 b1', 'SUNION a1 b1', 'MSETNX a1 1 b1 2']) rig.ask(line);
    assert.deepEqual(group.got, [[], ['MGET a1 b1', 'SUNION a1 b1', 'MSETNX a1 1 b1 2']], kind);
  }
});

test('several keys on several servers get CROSSSLOT unless the command can be split', () => {
  for (const [kind, group, rig] of bothKinds(2)) {
    for (const line of ['SUNION a0 b1', 'MSETNX a0 1 b1 2', 'RENAME a0 b1', 'SUNION a0 bx']) {
      assert.match(rig.outcome(line), /^=-CROSSSLOT /, `${kind} ${line}`);
    }
    assert.deepEqual(group.got, [[], []]);
  }
});

test('a split command asks each server once, and its answer is in order', () => {
  for (const [kind, group, rig] of bothKinds(3)) {
    rig.ask('MGET a0 b1 c0 d1 e1 f0');
    assert.deepEqual(group.got, [['MGET a0 c0 f0'], ['MGET b1 d1 e1'], []], kind);
    group.servers[1]!.answer('*3\r\n:1\r\n:3\r\n:4\r\n');
    assert.deepEqual(rig.outcomes.all, []);
    group.servers[0]!.answer('*3\r\n:0\r\n:2\r\n:5\r\n');
    assert.deepEqual(rig.outcomes.all, [
      'MGET a0 b1 c0 d1 e1 f0=*6\r\n:0\r\n:1\r\n:2\r\n:3\r\n:4\r\n:5\r\n',
    ]);
  }
});

test('pairs stay together when they are split', () => {
  for (const [kind, group, rig] of bothKinds(2)) {
    rig.ask('MSET a0 v1 b1 v0 c0 v1');
    assert.deepEqual(group.got, [['MSET a0 v1 c0 v1'], ['MSET b1 v0']], kind);
    for (const server of group.servers) server.answer('+OK\r\n');
    assert.match(rig.outcomes.all[0]!, /=\+OK\r\n$/);
  }
});

test('pairs that do not pair up are a wrong number of arguments, of which no server hears', () => {
  for (const [kind, group, rig] of bothKinds(2)) {
    rig.ask('MSET a0 1 b1');
    assert.deepEqual(group.got.flat(), [], kind);
    assert.match(
      rig.outcomes.all[0]!,
      /=-ERR wrong number of arguments for 'mset' command\r\n$/,
      kind,
    );
  }
});

test('patterns of SORT must lead to the server of its key, by a hash tag in front of the star', () => {
  const [[, group, rig]] = bothKinds(2) as [[string, FakeGroup, Rig]];
  group.hasTags = true;
  for (const refused of [
    'SORT l0 BY w_*',
    'SORT l0 GET # GET v_*->f0',
    'SORT_RO l0 BY w_*0',
    'SORT l0 BY {*}0',
    'SORT l0 BY *{t}0',
    'SORT l0 BY {t}*1',
  ]) {
    rig.ask(refused);
    assert.deepEqual(group.got.flat(), [], refused);
    assert.match(rig.outcomes.all.at(-1)!, /=-CROSSSLOT /, refused);
  }
  const allowed = ['SORT l0 BY nosort GET #', 'SORT l0 BY {t}w_*0', 'SORT l0 LIMIT 0 1 GET {t}*0'];
  for (const each of allowed) rig.ask(each);
  assert.deepEqual(group.got, [allowed, []]);
  group.hasTags = false;
  rig.ask('SORT l0 BY {t}w_*0');
  assert.match(rig.outcomes.all.at(-1)!, /=-CROSSSLOT /);
});

test('counts of a split command are added up', () => {
  for (const name of ['DEL', 'UNLINK', 'EXISTS', 'TOUCH']) {
    const [[, group, rig]] = bothKinds(2) as [[string, FakeGroup, Rig]];
    rig.ask(`${name} a0 b1 c1`);
    assert.deepEqual(group.got, [[`${name} a0`], [`${name} b1 c1`]]);
    group.servers[0]!.answer(':1\r\n');
    group.servers[1]!.answer(':2\r\n');
    assert.match(rig.outcomes.all[0]!, /=:3\r\n$/);
  }
});

test('keys without a server are errors in their places only', () => {
  for (const [kind, group, rig] of bothKinds(2)) {
    rig.ask('MGET a0 bx c0');
    group.servers[0]!.answer('*2\r\n:1\r\n:2\r\n');
    assert.match(rig.outcomes.all[0]!, /=\*3\r\n:1\r\n-no upstream host\r\n:2\r\n$/, kind);
  }
});

test('servers that answer or fail before dispatch returns are gathered like others', () => {
  for (const [kind, group, rig] of bothKinds(3)) {
    group.servers[0]!.atOnce = null;
    group.servers[1]!.atOnce = '*1\r\n:1\r\n';
    group.servers[2]!.atOnce = '*1\r\n:2\r\n';
    for (let i = 0; i < 3; i++) {
      assert.equal(rig.outcome('MGET a0 b1 c2'), '=*3\r\n-upstream failure\r\n:1\r\n:2\r\n', kind);
    }
  }
});

test('many split commands at once do not mix their parts', () => {
  const group = new FakeGroup('g', 4);
  const rig = new Rig(route('', group));
  const lines = Array.from(
    { length: 200 },
    (_none, i) =>
      `MGET ${Array.from({ length: (i % 7) + 2 }, (_n, j) => `k${i}.${j}-${(i * 3 + j * j) % 4}`).join(' ')}`,
  );
  for (const line of lines) rig.ask(line);
  for (const server of group.servers.toReversed()) {
    for (const line of server.got) {
      const values = line
        .split(' ')
        .slice(1)
        .map((key) => `$${key.length}\r\n${key}\r\n`);
      server.answer(`*${values.length}\r\n${values.join('')}`);
    }
  }
  assert.equal(rig.outcomes.all.length, lines.length);
  for (const outcome of rig.outcomes.all) {
    const [line, reply] = outcome.split('=') as [string, string];
    const keys = line.split(' ').slice(1);
    assert.equal(
      reply,
      `*${keys.length}\r\n${keys.map((key) => `$${key.length}\r\n${key}\r\n`).join('')}`,
    );
  }
});

test('commands without keys go to the one server, or to each of several', () => {
  const one = new FakeGroup('one', 1);
  new Rig(route('', one)).ask('DBSIZE');
  assert.deepEqual(one.got, [['DBSIZE']]);
  const several = new FakeGroup('several', 2);
  const rig = new Rig(route('', several));
  rig.ask('DBSIZE');
  for (const server of several.servers) server.answer(':2\r\n');
  assert.deepEqual(several.got, [['DBSIZE'], ['DBSIZE']]);
  assert.deepEqual(rig.outcomes.all, ['DBSIZE=:4\r\n']);
});

test('a script without keys, or with a wrong number of them, is any server’s', () => {
  const group = new FakeGroup('g', 3);
  const rig = new Rig(route('', group));
  for (const line of ['EVAL s 0', 'EVAL s many a1', 'ZUNION 9 a1']) rig.ask(line);
  assert.equal(group.servers[0]!.got.length, 3);
});

test('a database is asked for on every server, and each is asked once', () => {
  const [main, reads] = [new FakeGroup('main', 2), new FakeGroup('reads', 1)];
  const rig = new Rig(route('', main, { readGroup: reads }), route('a:', main));
  rig.ask('SELECT 3');
  assert.deepEqual([main.got, reads.got], [[['SELECT 3'], ['SELECT 3']], [['SELECT 3']]]);
  main.servers[0]!.answer('+OK\r\n');
  main.servers[1]!.answer('-ERR DB index is out of range\r\n');
  reads.servers[0]!.answer('+OK\r\n');
  assert.deepEqual(rig.outcomes.all, ['SELECT 3=-ERR DB index is out of range\r\n']);
});

test('a key goes by the longest prefix, and without a route to nobody', () => {
  const [users, admins] = [new FakeGroup('users', 1), new FakeGroup('admins', 1)];
  const rig = new Rig(route('user:', users), route('user:admin:', admins));
  for (const line of ['GET user:1', 'GET user:admin:1']) rig.ask(line);
  assert.deepEqual([users.got, admins.got], [[['GET user:1']], [['GET user:admin:1']]]);
  assert.equal(rig.outcome('GET other'), '!no_host');
});

test('what names no key goes to the servers of every route, each once', () => {
  const [users, others] = [new FakeGroup('users', 2), new FakeGroup('others', 1)];
  const reads = new FakeGroup('reads', 1);
  const rig = new Rig(
    route('user:', users),
    route('', others, { readGroup: reads }),
    route('o:', others),
  );
  for (const line of ['KEYS *', 'SCRIPT FLUSH']) rig.ask(line);
  assert.deepEqual(
    [users.got, others.got, reads.got],
    [
      [
        ['KEYS *', 'SCRIPT FLUSH'],
        ['KEYS *', 'SCRIPT FLUSH'],
      ],
      [['KEYS *', 'SCRIPT FLUSH']],
      [['SCRIPT FLUSH']],
    ],
  );
});

test('a channel is placed as a key is, without being rewritten', () => {
  const group = new FakeGroup('g', 3);
  const rig = new Rig(route('', group), route('p:', group, { removePrefix: true }));
  for (const line of ['PUBLISH p:a1 x', 'PUBLISH a2 x', 'SPUBLISH a2 x']) rig.ask(line);
  assert.deepEqual(group.got, [[], ['PUBLISH p:a1 x'], ['PUBLISH a2 x', 'SPUBLISH a2 x']]);
});

test('what all servers are asked is copied to the mirrors of every route', () => {
  const [main, shadow] = [new FakeGroup('main', 2), new FakeGroup('shadow', 2)];
  const rig = new Rig(
    route('', main),
    route('u:', main, { mirrors: [mirror(shadow, { excludeReads: true })] }),
  );
  for (const line of ['FLUSHALL', 'DBSIZE', 'SCAN nonsense', 'INFO.SHARD 9']) rig.ask(line);
  assert.deepEqual(shadow.got, [['FLUSHALL'], ['FLUSHALL']]);
});

/** A group of a Redis Cluster, where the last digit of a slot names its owner. */
class FakeCluster extends FakeGroup {
  readonly cluster = {
    any: (): Backend | null => this.servers[1]!,
    ownerOf: (slot: number): Backend | null => this.servers[slot % 10] ?? null,
  };
}

test('questions about a cluster go to a node of it, those about a slot to its owner', () => {
  const [plain, cluster] = [new FakeGroup('plain', 2), new FakeCluster('cluster', 3)];
  const rig = new Rig(route('', plain), route('c:', cluster));
  const asked = ['CLUSTER SLOTS', 'CLUSTER COUNTKEYSINSLOT 12', 'CLUSTER GETKEYSINSLOT 10 5'];
  for (const line of [...asked, 'CLUSTER COUNTKEYSINSLOT x']) rig.ask(line);
  assert.deepEqual(cluster.got, [
    [asked[2]!],
    [asked[0]!, 'CLUSTER COUNTKEYSINSLOT x'],
    [asked[1]!],
  ]);
  assert.equal(rig.outcome('CLUSTER COUNTKEYSINSLOT 19'), '!no_host');
  assert.equal(rig.outcome('CLUSTER KEYSLOT {user}:1'), '=:5474\r\n');
  assert.deepEqual(plain.got, [[], []]);
});

test('without a cluster the answer is that of a server that is none', () => {
  const rig = new Rig(route('', new FakeGroup('plain', 2)));
  for (const line of ['CLUSTER INFO', 'CLUSTER SHARDS', 'CLUSTER COUNTKEYSINSLOT 1']) {
    assert.equal(rig.outcome(line), '=-ERR This instance has cluster support disabled\r\n');
  }
});

test('INFO.SHARD asks one server by its number, also where there is but one', () => {
  const group = new FakeGroup('g', 3);
  const rig = new Rig(route('', group));
  for (const line of ['INFO.SHARD 2 memory', 'info.shard 0']) rig.ask(line);
  assert.deepEqual(group.got, [['INFO'], [], ['INFO memory']]);
  assert.equal(rig.outcome('INFO.SHARD 3'), '=-ERR shard_id 3 out of range (0-2)\r\n');
  for (const line of ['INFO.SHARD -1', 'INFO.SHARD one']) {
    assert.match(rig.outcome(line), /^=-ERR invalid shard_id - must be a numeric shard index\r\n$/);
  }
  assert.match(
    rig.outcome('INFO.SHARD 1 a b'),
    /^=-ERR wrong number of arguments for 'info\.shard'/,
  );
  const one = new FakeGroup('one', 1);
  new Rig(route('', one)).ask('INFO.SHARD 0');
  assert.deepEqual(one.got, [['INFO']]);
});

test('what cannot be joined is refused, except by the only server there is', () => {
  const rig = new Rig(route('', new FakeGroup('g', 2)));
  assert.match(
    rig.outcome('FT.SEARCH i q'),
    /^=-ERR 'ft\.search' names no key and several servers/,
  );
  assert.equal(
    rig.outcome('CONFIG NOSUCH'),
    "=-ERR unknown subcommand 'NOSUCH'. Try CONFIG HELP.\r\n",
  );
  const one = new FakeGroup('one', 1);
  const alone = new Rig(route('', one));
  for (const line of ['FT.SEARCH i q', 'CONFIG NOSUCH', 'SCAN nonsense', 'INFO tidegate'])
    alone.ask(line);
  assert.equal(one.servers[0]!.got.length, 4);
});

test('keys are placed as they are written, after their prefix was removed', () => {
  const group = new FakeGroup('g', 3);
  const rig = new Rig(
    route('p:', group, { removePrefix: true, keyFormat: '%KEY%-1' }),
    route('', group),
  );
  for (const line of ['GET p:a', 'MGET p:a b2 p:c', 'GET b2']) rig.ask(line);
  assert.deepEqual(group.got, [[], ['GET a-1', 'MGET a-1 c-1'], ['MGET b2', 'GET b2']]);
});

test('reads may go elsewhere than writes', () => {
  const [main, reads] = [new FakeGroup('main', 2), new FakeGroup('reads', 1)];
  const rig = new Rig(route('', main, { readGroup: reads }));
  for (const line of ['GET a1', 'SET a1 x', 'MGET a0 b1', 'EVAL s 1 a0', 'GETDEL a1'])
    rig.ask(line);
  assert.deepEqual(reads.got, [['GET a1', 'MGET a0 b1']]);
  assert.deepEqual(main.got, [['EVAL s 1 a0'], ['SET a1 x', 'GETDEL a1']]);
});

test('a mirror is sent what the server is sent, and nobody waits for it', () => {
  const [main, copy] = [new FakeGroup('main', 1), new FakeGroup('copy', 2)];
  const rig = new Rig(route('p:', main, { removePrefix: true, mirrors: [mirror(copy)] }));
  copy.servers[1]!.atOnce = null;
  for (const line of ['SET p:a0 x', 'GET p:b1', 'MGET p:a0 p:b1']) rig.ask(line);
  assert.deepEqual(main.got, [['SET a0 x', 'GET b1', 'MGET a0 b1']]);
  assert.deepEqual(copy.got, [
    ['SET a0 x', 'MGET a0'],
    ['GET b1', 'MGET b1'],
  ]);
  for (const reply of ['+OK\r\n', '_\r\n', '*2\r\n_\r\n_\r\n']) main.servers[0]!.answer(reply);
  copy.servers[0]!.answer('-ERR no\r\n');
  assert.equal(rig.outcomes.all.length, 3);
  assert.ok(rig.outcomes.all.every((outcome) => !outcome.includes('ERR')));
});

test('a mirror may be spared reads, and be sent a share only', (context) => {
  const [main, copy, share] = [1, 1, 1].map((count) => new FakeGroup('g', count));
  const mirrors = [mirror(copy!, { excludeReads: true }), mirror(share!, { percent: 30 })];
  const rig = new Rig(route('', main!, { mirrors }));
  let random = 0;
  context.mock.method(Math, 'random', () => random);
  for (const [i, line] of ['GET a', 'SET a 1', 'SET a 2', 'SET a 3'].entries()) {
    random = [0, 0.29, 0.3, 0.99][i]!;
    rig.ask(line);
  }
  assert.deepEqual(copy!.got, [['SET a 1', 'SET a 2', 'SET a 3']]);
  assert.deepEqual(share!.got, [['GET a', 'SET a 1']]);
});

test('whose command it is goes with every part of it', () => {
  const seen: unknown[] = [];
  const group = new FakeGroup('g', 2);
  for (const server of group.servers) {
    server.dispatch = (command) =>
      void seen.push([command.database, command.protocol, command.affinity]);
  }
  const rig = new Rig(route('', group), route('p:', group, { removePrefix: true }));
  for (const line of ['GET a1', 'MGET a0 b1', 'GET p:a1']) {
    const command = commandOf(...line.split(' '));
    Object.assign(command, { database: 9, protocol: 3, affinity: 77 });
    rig.router.dispatch(command, rig.outcomes.sink(line));
  }
  assert.deepEqual(
    seen,
    Array.from({ length: 4 }, () => [9, 3, 77]),
  );
});

test('a sink that asks again before dispatch returns disturbs neither the parts nor the mirror', () => {
  const [main, copy] = [new FakeGroup('main', 3), new FakeGroup('copy', 1)];
  for (const server of main.servers) server.atOnce = null;
  const rig = new Rig(
    route('p:', main, { removePrefix: true, mirrors: [mirror(copy)] }),
    route('', main),
  );
  const again = rig.outcomes.sink('again');
  const first = rig.outcomes.sink('first', () =>
    rig.router.dispatch(commandOf('MGET', 'x0', 'y1', 'z2'), again),
  );
  rig.router.dispatch(commandOf('MGET', 'p:a0', 'p:b1'), first);
  assert.deepEqual(copy.got, [['MGET a0 b1']]);
  assert.deepEqual(main.got, [['MGET a0', 'MGET x0'], ['MGET b1', 'MGET y1'], ['MGET z2']]);
  assert.equal(rig.outcomes.all.length, 2);
});
