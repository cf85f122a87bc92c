/** DUMP and RESTORE: payloads go to a real server and come from there, old ones and damaged ones among them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Engine } from '../../src/engine/engine.ts';
import { RdbKind } from '../../src/engine/rdb/kinds.ts';
import type { RdbWriter } from '../../src/engine/rdb/primitives.ts';
import { until } from '../support/bounded.ts';
import { compareWithServer, EngineClient } from '../support/engine.ts';
import { compareEffects } from '../support/engine-effects.ts';
import { Random, secondsOfRun, seedOfRun } from '../support/random.ts';
import { bodyOf, latin1, payloadOf, rdbValue, ziplist, zipmap } from '../support/rdb-payloads.ts';
import { startRedis } from '../support/redis.ts';
import { KINDS, type Kind, makeValue, readingsOf, UNORDERED } from '../support/values.ts';
import { decode, type Value, type Wire } from '../support/wire.ts';

type Ask = (commands: readonly (readonly string[])[]) => Promise<string[]>;

function asker(client: EngineClient): Ask {
  return async (commands) => commands.map((words) => client.ask(words) ?? '(waits)');
}

function wireAsker(wire: Wire): Ask {
  return (commands) => wire.askAll(commands);
}

/** All that a value is, in an order of its own where it has none. */
async function contentsOf(ask: Ask, kind: Kind, key: string): Promise<Value[]> {
  const readings = readingsOf(kind, key);
  const replies = await ask(readings);
  return replies.map((reply, index) => {
    const value = decode(reply);
    const [name = ''] = readings[index]!;
    if (!UNORDERED.includes(name)) return value;
    const all = value as string[];
    if (name === 'SMEMBERS') return all.sort(byBytes);
    return pairs(all).sort(byBytes);
  });
}

function byBytes(one: string, other: string): number {
  return one < other ? -1 : 1;
}

function pairs(all: readonly string[]): string[] {
  return Array.from({ length: all.length / 2 }, (_none, i) => `${all[i * 2]} → ${all[i * 2 + 1]}`);
}

/** All but what OBJECT ENCODING says. */
function withoutForm([type = null, , ...rest]: readonly Value[]): Value[] {
  return [type, ...rest];
}

async function dumpOf(ask: Ask, key: string): Promise<string> {
  const [reply = ''] = await ask([['DUMP', key]]);
  return decode(reply) as string;
}

/** Whose bytes are the same here and there: those of a hash table have no order, and groups tell times. */
function isExact(kind: Kind, payload: string): boolean {
  const number = payload.charCodeAt(0);
  if (number === RdbKind.set || number === RdbKind.hash) return false;
  return kind !== 'stream';
}

const ROUNDS = 240;
/** Values a second, about. */
const PACE = 120;

test('what is dumped here a server restores, and the other way round', async () => {
  const random = new Random(seedOfRun());
  await using server = await startRedis();
  await using wire = await server.connect();
  const client = new EngineClient(new Engine());
  const [here, there] = [asker(client), wireAsker(wire)];
  const rounds = secondsOfRun(ROUNDS / PACE, 0.4) * PACE;
  for (let i = 0; i < rounds; i++) {
    const kind = KINDS[i % KINDS.length]!;
    const message = `seed ${random.seed}, round ${i}, a ${kind}`;
    const compression = random.pick(['yes', 'no']);
    const make = makeValue(random, kind, 'a');
    await there([['FLUSHALL'], ['CONFIG', 'SET', 'rdbcompression', compression], ...make]);
    await here([['FLUSHALL'], ...make]);
    const own = await dumpOf(here, 'a');
    const foreign = await dumpOf(there, 'a');
    // Once made anew a value may have a smaller form, there as here.
    for (const ask of [here, there]) {
      const replies = await ask([
        ['RESTORE', 'own', '0', own],
        ['RESTORE', 'foreign', '0', foreign],
      ]);
      assert.deepEqual(replies, ['+OK\r\n', '+OK\r\n'], message);
    }
    const before = await contentsOf(here, kind, 'a');
    for (const key of ['own', 'foreign']) {
      const wanted = await contentsOf(there, kind, key);
      assert.deepEqual(await contentsOf(here, kind, key), wanted, message);
      if (key === 'own') assert.deepEqual(withoutForm(wanted), withoutForm(before), message);
    }
    const source = await contentsOf(there, kind, 'a');
    assert.deepEqual(
      withoutForm(await contentsOf(here, kind, 'foreign')),
      withoutForm(source),
      message,
    );
    if (compression === 'no' && isExact(kind, own)) assert.equal(own, foreign, message);
  }
});

/** Short and long ones, numbers of every width. */
const FEW = [
  'a',
  '0',
  '12',
  '13',
  '-1',
  '300',
  '-70000',
  '16777215',
  '5000000000',
  '',
  'x'.repeat(63),
];
const MORE = [...FEW, 'y'.repeat(64), 'z'.repeat(254), 'q'.repeat(17_000), '2147483647', 'last'];
const PAIRS = FEW.flatMap((field, index) => [field, FEW[FEW.length - 1 - index]!]);

function strings(writer: RdbWriter, all: readonly string[]): void {
  for (const text of all) writer.string(latin1(text));
}

function textDouble(writer: RdbWriter, text: string): void {
  writer.byte(text.length);
  writer.raw(latin1(text));
}

/** A listpack of these, from the engine itself. */
function listpack(elements: readonly string[]): Buffer {
  const client = new EngineClient(new Engine());
  client.ask(['RPUSH', 'l', ...elements]);
  const payload = decode(client.ask(['DUMP', 'l'])!) as string;
  // Behind kind, count of nodes and container comes one string, whose length takes one byte or two.
  const body = bodyOf(payload);
  return body.subarray((body[3]! & 0x40) === 0 ? 4 : 5);
}

const OLD: readonly (readonly [string, Kind, Buffer])[] = [
  [
    'a list of strings',
    'list',
    rdbValue(RdbKind.list, (writer) => {
      writer.length(MORE.length);
      strings(writer, MORE);
    }),
  ],
  [
    'a list in a ziplist',
    'list',
    rdbValue(RdbKind.listZiplist, (writer) => writer.string(ziplist(MORE))),
  ],
  [
    'a list of ziplists',
    'list',
    rdbValue(RdbKind.listNodes, (writer) => {
      writer.length(3);
      for (const part of [FEW, [], MORE]) writer.string(ziplist(part));
    }),
  ],
  [
    'a list with a large element',
    'list',
    rdbValue(RdbKind.listNodes2, (writer) => {
      writer.length(1);
      writer.length(1);
      writer.string(latin1('q'.repeat(20_000)));
    }),
  ],
  [
    'a set',
    'set',
    rdbValue(RdbKind.set, (writer) => {
      writer.length(MORE.length);
      strings(writer, MORE);
    }),
  ],
  [
    'a sorted set with scores as digits',
    'zset',
    rdbValue(RdbKind.zset, (writer) => {
      writer.length(5);
      for (const [member, score] of [
        ['a', '1'],
        ['b', '-2.5'],
        ['12', '1e10'],
      ] as const) {
        writer.string(latin1(member));
        textDouble(writer, score);
      }
      writer.string(latin1('high'));
      writer.byte(254);
      writer.string(latin1('low'));
      writer.byte(255);
    }),
  ],
  [
    'a sorted set in a ziplist',
    'zset',
    rdbValue(RdbKind.zsetZiplist, (writer) =>
      writer.string(ziplist(['a', '-1', 'b', '1.5', '12', '2', 'd', '70000'])),
    ),
  ],
  [
    'a hash in a ziplist',
    'hash',
    rdbValue(RdbKind.hashZiplist, (writer) => writer.string(ziplist(PAIRS))),
  ],
  [
    'a hash in a zipmap',
    'hash',
    rdbValue(RdbKind.hashZipmap, (writer) => writer.string(zipmap(PAIRS))),
  ],
  [
    'a hash in a zipmap with room',
    'hash',
    rdbValue(RdbKind.hashZipmap, (writer) => writer.string(zipmap(['a', '1', 'b', ''], 3))),
  ],
];

/** Of a server that allows more in a listpack. */
const LENIENT: typeof OLD = [
  [
    'a hash of long values',
    'hash',
    rdbValue(RdbKind.hashListpack, (writer) => {
      writer.string(listpack(['a', 'x'.repeat(100), '7', 'y'.repeat(5000)]));
    }),
  ],
  [
    'a sorted set of long members',
    'zset',
    rdbValue(RdbKind.zsetListpack, (writer) => {
      writer.string(listpack(['a', '1', 'm'.repeat(100), '1', '7', '2.5', 'z', 'inf']));
    }),
  ],
];

test('values of old servers, and of others that are set otherwise, are what they are on a server', async () => {
  await using server = await startRedis();
  await using wire = await server.connect();
  const there = wireAsker(wire);
  const here = asker(new EngineClient(new Engine()));
  for (const [title, kind, value] of [...OLD, ...LENIENT]) {
    const command = ['RESTORE', 'k', '0', payloadOf(value, 6), 'REPLACE'];
    assert.deepEqual(await there([command]), ['+OK\r\n'], `${title} on the server`);
    assert.deepEqual(await here([command]), ['+OK\r\n'], title);
    const wanted = await contentsOf(there, kind, 'k');
    assert.deepEqual(await contentsOf(here, kind, 'k'), wanted, title);
  }
});

test('values of later servers are understood', () => {
  const now = 1_700_000_000_000;
  const engine = new Engine({ clock: () => now });
  const client = new EngineClient(engine);
  const restore = (value: Buffer, version: number): string | null =>
    client.ask(['RESTORE', 'k', '0', payloadOf(value, version), 'REPLACE']);
  const set = rdbValue(RdbKind.setListpack, (writer) => writer.string(listpack(['a', '12', ''])));
  assert.equal(restore(set, 11), '+OK\r\n');
  const members = decode(client.ask(['SMEMBERS', 'k'])!) as string[];
  assert.deepEqual(members.sort(byBytes), ['', '12', 'a']);
  const hash = rdbValue(RdbKind.hashExpiring, (writer) => {
    writer.time(now + 5000);
    writer.length(2);
    writer.length(0);
    strings(writer, ['stays', '1']);
    writer.length(1001);
    strings(writer, ['goes', '2']);
  });
  const pack = rdbValue(RdbKind.hashListpackExpiring, (writer) => {
    writer.time(now + 6000);
    writer.string(listpack(['goes', '2', String(now + 6000), 'stays', '1', '0']));
  });
  for (const value of [hash, pack]) {
    assert.equal(restore(value, 12), '+OK\r\n');
    const times = client.ask(['HPTTL', 'k', 'FIELDS', '2', 'goes', 'stays']);
    assert.equal(times, '*2\r\n:6000\r\n:-1\r\n');
    const again = decode(client.ask(['DUMP', 'k'])!) as string;
    assert.equal(client.ask(['RESTORE', 'other', '0', again, 'REPLACE']), '+OK\r\n');
    assert.equal(client.ask(['HPTTL', 'other', 'FIELDS', '2', 'goes', 'stays']), times);
  }
  assert.match(restore(hash, 13)!, /^-ERR DUMP payload version or checksum are wrong/);
});

test('a stream of Redis 7.2 is that of 7.0 with one time more', () => {
  const client = new EngineClient(new Engine());
  client.ask(['XADD', 's', '1-1', 'f', 'v']);
  client.ask(['XGROUP', 'CREATE', 's', 'g', '0']);
  client.ask(['XREADGROUP', 'GROUP', 'g', 'c', 'STREAMS', 's', '>']);
  const body = bodyOf(decode(client.ask(['DUMP', 's'])!) as string);
  // At the end: seen (8), a count of one (1), an id (16).
  const at = body.length - 17;
  const later = Buffer.concat([body.subarray(0, at), Buffer.alloc(8, 1), body.subarray(at)]);
  later[0] = RdbKind.stream3;
  assert.equal(client.ask(['RESTORE', 't', '0', payloadOf(later, 11)]), '+OK\r\n');
  const full = (key: string): string | null => client.ask(['XINFO', 'STREAM', key, 'FULL']);
  assert.equal(full('t'), full('s'));
});

test('hashes whose fields expire ask for a server that knows of it', () => {
  const client = new EngineClient(new Engine());
  client.ask(['HSET', 'h', 'f', 'v']);
  client.ask(['HPEXPIRE', 'h', '100000', 'FIELDS', '1', 'f']);
  const payload = decode(client.ask(['DUMP', 'h'])!) as string;
  assert.equal(payload.charCodeAt(payload.length - 10), 12);
});

test('a list of new form keeps what is written there as text though it is a number', () => {
  const client = new EngineClient(new Engine());
  const pack = latin1('\x0e\x00\x00\x00\x02\x00\x8212\x03\x81x\x02\xff');
  const value = rdbValue(RdbKind.listNodes2, (writer) => {
    writer.length(1);
    writer.length(2);
    writer.string(pack);
  });
  assert.equal(client.ask(['RESTORE', 'l', '0', payloadOf(value)]), '+OK\r\n');
  assert.equal(client.ask(['LREM', 'l', '0', '12']), ':1\r\n');
  assert.equal(client.ask(['LRANGE', 'l', '0', '-1']), '*1\r\n$1\r\nx\r\n');
});

/** What commands do to a value of unknown kind, whatever it is. */
const USES: readonly string[][] = [
  ['TYPE', 'd'],
  ['OBJECT', 'ENCODING', 'd'],
  ['GET', 'd'],
  ['APPEND', 'd', 'x'],
  ['LRANGE', 'd', '0', '-1'],
  ['LPOS', 'd', '12'],
  ['LREM', 'd', '0', '12'],
  ['LINSERT', 'd', 'BEFORE', 'text', 'x'],
  ['LSET', 'd', '-2', 'another'],
  ['LPUSH', 'd', 'x'],
  ['RPOP', 'd', '3'],
  ['SMEMBERS', 'd'],
  ['SADD', 'd', '5', 'text', 'new'],
  ['SREM', 'd', '12'],
  ['SPOP', 'd', '2'],
  ['HGETALL', 'd'],
  ['HSET', 'd', 'text', '1', '12', '2', 'new', '3'],
  ['HDEL', 'd', '0', 'text'],
  ['HRANDFIELD', 'd', '5', 'WITHVALUES'],
  ['ZRANGE', 'd', '0', '-1', 'WITHSCORES'],
  ['ZRANGEBYSCORE', 'd', '-inf', '2', 'WITHSCORES'],
  ['ZADD', 'd', '2', 'text', '7', 'new'],
  ['ZRANK', 'd', 'text'],
  ['ZPOPMIN', 'd', '2'],
  ['ZINCRBY', 'd', '1', '12'],
  ['XRANGE', 'd', '-', '+'],
  ['XREVRANGE', 'd', '+', '-'],
  ['XINFO', 'STREAM', 'd', 'FULL', 'COUNT', '0'],
  ['XPENDING', 'd', 'g', '-', '+', '100'],
  ['XREADGROUP', 'GROUP', 'g', 'new', 'COUNT', '3', 'STREAMS', 'd', '>'],
  ['XAUTOCLAIM', 'd', 'g', 'other', '0', '0', 'COUNT', '5'],
  ['XADD', 'd', '*', 'f', 'v'],
  ['XDEL', 'd', '1-0', '1-1'],
  ['XTRIM', 'd', 'MAXLEN', '5'],
  ['XGROUP', 'DELCONSUMER', 'd', 'g', 'c'],
  ['XGROUP', 'DESTROY', 'd', 'g'],
  ['COPY', 'd', 'e', 'REPLACE'],
  ['DUMP', 'd'],
];

/** With changes of a few bytes, some of them to what means much. */
function damage(random: Random, body: Buffer): Buffer {
  const damaged = Buffer.from(body);
  const changes = random.between(1, 4);
  for (let i = 0; i < changes; i++) {
    const near = random.chance(50) ? Math.min(60, damaged.length) : damaged.length;
    const at = random.below(near);
    damaged[at] = random.chance(50)
      ? random.pick([0, 1, 2, 0x7f, 0x80, 0x81, 0xc3, 0xf0, 0xf4, 0xfe, 0xff])
      : random.below(256);
  }
  if (random.chance(10)) return damaged.subarray(0, random.below(damaged.length));
  return damaged;
}

test('a damaged payload is refused or gives a value that commands can use', async () => {
  const random = new Random(seedOfRun());
  await using server = await startRedis();
  await using wire = await server.connect();
  const bodies = OLD.map(([, , value]) => value);
  for (let i = 0; i < 60; i++) {
    const make = makeValue(random, KINDS[i % KINDS.length]!, 'a');
    const compression = ['CONFIG', 'SET', 'rdbcompression', i % 3 === 0 ? 'yes' : 'no'];
    await wire.askAll([compression, ['FLUSHALL'], ...make]);
    const body = bodyOf(await dumpOf(wireAsker(wire), 'a'));
    if (body.length < 20_000) bodies.push(body);
  }
  const engine = new Engine();
  const client = new EngineClient(engine);
  const seen = { refused: 0, taken: 0 };
  const end = performance.now() + secondsOfRun(2.5, 0.5) * 1000;
  while (performance.now() < end) {
    const payload = payloadOf(damage(random, random.pick(bodies)));
    const shown = `seed ${random.seed}, ${JSON.stringify(payload)}`;
    const { bytes } = engine.arena;
    const reply = client.ask(['RESTORE', 'd', '0', payload, 'REPLACE']);
    if (reply === '+OK\r\n') {
      seen.taken++;
      use(random, client, shown);
    } else {
      assert.equal(reply, '-ERR Bad data format\r\n', shown);
      seen.refused++;
      assert.equal(engine.arena.bytes, bytes, shown);
    }
    client.ask(['DEL', 'd', 'e']);
    if (seen.taken % 50 === 0) await new Promise(setImmediate);
  }
  client.ask(['FLUSHALL']);
  await until(() => engine.arena.bytes === 0, 'memory comes back', 5000);
  assert.ok(seen.refused > 50 && seen.taken > 50, JSON.stringify(seen));
});

function use(random: Random, client: EngineClient, shown: string): void {
  const again = decode(client.ask(['DUMP', 'd'])!) as string;
  assert.equal(client.ask(['RESTORE', 'e', '0', again, 'REPLACE']), '+OK\r\n', shown);
  for (const words of USES) {
    try {
      if (random.chance(70)) assert.notEqual(client.ask(words), null);
    } catch (error) {
      throw new Error(`${words.join(' ')}: ${shown}`, { cause: error });
    }
  }
}

const GOOD = payloadOf(rdbValue(RdbKind.string, (writer) => writer.string(latin1('value'))));
const NUMBER = payloadOf(rdbValue(RdbKind.string, (writer) => writer.string(latin1('12345'))));
const PAYLOADS = [
  GOOD,
  GOOD,
  NUMBER,
  payloadOf(latin1('\x00\x05value behind')),
  payloadOf(latin1('\x01\x00')),
  payloadOf(latin1('\x0b\x08\x02\x00\x00\x00\x00\x00\x00\x00')),
  payloadOf(latin1('\x63\x00')),
  payloadOf(latin1('')),
  payloadOf(latin1('\x00\x01v'), 60_000),
  payloadOf(latin1('\x02\x02\x01a\x01a')),
  payloadOf(latin1('\x04\x01\x01a\x01b')),
  payloadOf(latin1('\x04\x02\x01a\x01b')),
  'short',
  '',
  `${GOOD.slice(0, -1)}x`,
];
const TIMES = [
  '0',
  '0',
  '5000',
  '100000',
  '99999999999999',
  '9223372036854775807',
  '-1',
  'x',
  '1.5',
  '',
];
const WORDS: readonly string[][] = [
  [],
  [],
  ['REPLACE'],
  ['replace', 'absttl'],
  ['ABSTTL'],
  ['IDLETIME', '100'],
  ['IDLETIME', '16777215'],
  ['IDLETIME', '4294967296'],
  ['IDLETIME', '-1'],
  ['IDLETIME', 'x'],
  ['IDLETIME'],
  ['FREQ', '5'],
  ['FREQ', '256'],
  ['FREQ', '-1'],
  ['FREQ', 'x'],
  ['FREQ'],
  ['nonsense'],
];
const NAMES = ['a', 'b', 'c'];

function nextCommand(random: Random, times: readonly string[]): string[] {
  const key = random.pick(NAMES);
  switch (random.below(8)) {
    case 0:
      return ['DUMP', 'nothing'];
    case 1:
      return ['DEL', key];
    case 2:
      return ['EXISTS', key];
    case 3:
      return ['TYPE', key];
    default:
      break;
  }
  const words = [...random.pick(WORDS), ...(random.chance(40) ? random.pick(WORDS) : [])];
  if (random.chance(40)) words.push('REPLACE');
  return ['RESTORE', key, random.pick(times), random.pick(PAYLOADS), ...words];
}

/** Two clocks never show the same second all the time. */
function withoutSeconds(words: readonly string[], reply: string): string {
  if (words[1] !== 'IDLETIME' || !reply.startsWith(':')) return reply;
  return String(Math.round(Number(reply.slice(1)) / 10));
}

test('what RESTORE is told is taken or refused as on a server', async () => {
  await compareWithServer({
    random: new Random(seedOfRun()),
    rounds: 3000,
    next: (random) => {
      const chosen = random.below(10);
      if (chosen === 0) return ['OBJECT', 'IDLETIME', random.pick(NAMES)];
      if (chosen === 1) return ['OBJECT', 'ENCODING', random.pick(NAMES)];
      if (chosen === 2) return ['GET', random.pick(NAMES)];
      return nextCommand(random, TIMES);
    },
    normal: withoutSeconds,
  });
});

test('how often a key was used is restored where that is what counts', () => {
  const client = new EngineClient(new Engine());
  const restore = (...words: string[]): void => {
    assert.equal(client.ask(['RESTORE', 'k', '0', GOOD, 'REPLACE', ...words]), '+OK\r\n');
  };
  client.ask(['CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lfu']);
  for (const frequency of ['0', '5', '255']) {
    restore('FREQ', frequency);
    assert.equal(client.ask(['OBJECT', 'FREQ', 'k']), `:${frequency}\r\n`);
  }
  restore('IDLETIME', '100');
  assert.equal(client.ask(['OBJECT', 'FREQ', 'k']), ':5\r\n');
  client.ask(['CONFIG', 'SET', 'maxmemory-policy', 'noeviction']);
  restore('FREQ', '200');
  assert.equal(client.ask(['OBJECT', 'IDLETIME', 'k']), ':0\r\n');
});

test('RESTORE tells of itself and stands in the file as on a server', async () => {
  const times = ['0', '0', '100000', '-1', '9223372036854775807'];
  await compareEffects({
    random: new Random(seedOfRun()),
    rounds: 400,
    keys: NAMES,
    next: (random) => nextCommand(random, times),
  });
});

test('a member of a list that is restored goes to who waits for it', () => {
  const engine = new Engine();
  const waiting = new EngineClient(engine);
  const other = new EngineClient(engine);
  other.ask(['RPUSH', 'from', 'a', 'b']);
  const payload = decode(other.ask(['DUMP', 'from'])!) as string;
  assert.equal(waiting.ask(['BLPOP', 'to', '0']), null);
  assert.equal(other.ask(['RESTORE', 'to', '0', payload]), '+OK\r\n');
  assert.deepEqual(waiting.later, ['*2\r\n$2\r\nto\r\n$1\r\na\r\n']);
  assert.equal(other.ask(['LRANGE', 'to', '0', '-1']), '*1\r\n$1\r\nb\r\n');
});
