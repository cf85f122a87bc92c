/** Sets: generated commands to a real server and to the engine. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Engine } from '../../src/engine/engine.ts';
import { compareWithServer, EngineClient, sortedReply } from '../support/engine.ts';
import { compareEffects } from '../support/engine-effects.ts';
import { Random, secondsOfRun, seedOfRun } from '../support/random.ts';
import { KEYS, next, UNORDERED } from './generators/sets.ts';

const ROUNDS = 6000;
/** Commands a second, about: how long a run is told in seconds. */
const PACE = 4000;

test('sets say what a real server says', async (context) => {
  const random = new Random(seedOfRun());
  context.diagnostic(`seed ${random.seed}`);
  await compareWithServer({
    random,
    rounds: Math.max(ROUNDS, secondsOfRun(0, 0.2) * PACE),
    next: (from) => (from.chance(3) ? ['SET', 'text', 'a string'] : next(from)),
    normal: (words, reply) => (UNORDERED.includes(words[0]!) ? sortedReply(reply) : reply),
  });
});

test('events, changes, encodings and the file are those of a real server', async (context) => {
  const random = new Random(seedOfRun());
  context.diagnostic(`seed ${random.seed}`);
  await compareEffects({
    random,
    rounds: 1500,
    // What it replies is in no order of its own, and its effects are none.
    next: (from) => {
      const words = next(from);
      return UNORDERED.includes(words[0]!) ? ['SCARD', words[1]!] : words;
    },
    keys: KEYS,
    config: { 'set-max-intset-entries': '6' },
    settings: { setMaxIntsetEntries: 6 },
  });
});

test('SPOP of the only member does what it does on a real server', async () => {
  await compareEffects({
    random: new Random(seedOfRun()),
    rounds: 300,
    next: (from) =>
      from.pick([
        ['SADD', 'a', 'x'],
        ['SADD', 'a', 'x'],
        ['SPOP', 'a'],
        ['SPOP', 'a', '1'],
        ['SPOP', 'a', '5'],
        ['SPOP', 'a', '0'],
      ]),
    keys: ['a'],
  });
});

for (const [name, values, settings] of [
  ['an intset', Array.from({ length: 40 }, (_none, i) => String(i)), {}],
  ['a hash table', Array.from({ length: 40 }, (_none, i) => `m${i}`), {}],
  ['a listpack', Array.from({ length: 40 }, (_none, i) => `m${i}`), { setMaxListpackEntries: 128 }],
] as const) {
  test(`random members of ${name} are different ones, and none is preferred`, () => {
    const engine = new Engine();
    Object.assign(engine.settings, settings);
    const client = new EngineClient(engine);
    client.ask(['SADD', 'k', ...values]);
    for (const count of [1, 3, 10, 20, 39]) {
      const times = new Map<string, number>();
      const rounds = Math.ceil(8000 / count);
      for (let i = 0; i < rounds; i++) {
        const picked = elements(client.ask(['SRANDMEMBER', 'k', String(count)])!);
        assert.equal(new Set(picked).size, count);
        for (const one of picked) times.set(one, (times.get(one) ?? 0) + 1);
      }
      assertUniform(times, 40);
    }
    const times = new Map<string, number>();
    for (const one of elements(client.ask(['SRANDMEMBER', 'k', '-8000'])!)) {
      times.set(one, (times.get(one) ?? 0) + 1);
    }
    assertUniform(times, 40);
  });

  test(`what SPOP takes from ${name} is gone, and the rest is there`, () => {
    for (const count of [null, 1, 5, 20, 35, 39, 40, 50]) {
      const engine = new Engine();
      Object.assign(engine.settings, settings);
      const client = new EngineClient(engine);
      client.ask(['SADD', 'k', ...values]);
      const reply = client.ask(count === null ? ['SPOP', 'k'] : ['SPOP', 'k', String(count)])!;
      const taken = elements(reply);
      assert.equal(taken.length, Math.min(40, count ?? 1));
      const left = elements(client.ask(['SMEMBERS', 'k'])!);
      assert.equal(taken.length + left.length, 40);
      assert.deepEqual(new Set([...taken, ...left]), new Set(values));
      assert.equal(client.ask(['EXISTS', 'k']), left.length > 0 ? ':1\r\n' : ':0\r\n');
    }
  });

  test(`SSCAN shows all of ${name}`, () => {
    const engine = new Engine();
    Object.assign(engine.settings, settings);
    const client = new EngineClient(engine);
    client.ask(['SADD', 'k', ...values]);
    const seen = new Set<string>();
    let cursor = '0';
    do {
      const [at = '0', ...shown] = elements(client.ask(['SSCAN', 'k', cursor, 'COUNT', '3'])!);
      for (const one of shown) seen.add(one);
      cursor = at;
    } while (cursor !== '0');
    assert.deepEqual(seen, new Set(values));
  });
}

test('a set of few short members is a listpack if the settings say so', () => {
  const engine = new Engine();
  Object.assign(engine.settings, { setMaxListpackEntries: 4, setMaxListpackValue: 5 });
  const client = new EngineClient(engine);
  const encoding = (key: string): string => {
    const db = engine.databases[0]!;
    return db.objectOf(db.find(Buffer.from(key), 0, key.length)).encoding;
  };
  client.ask(['SADD', 'a', '1', '2']);
  assert.equal(encoding('a'), 'intset');
  client.ask(['SADD', 'a', 'x', 'x', '3']);
  assert.equal(encoding('a'), 'listpack');
  assert.deepEqual(elements(client.ask(['SMEMBERS', 'a'])!), ['1', '2', 'x', '3']);
  client.ask(['SADD', 'a', '4']);
  assert.equal(encoding('a'), 'hashtable');
  client.ask(['SADD', 'b', 'x', 'longer']);
  assert.equal(encoding('b'), 'hashtable');
  client.ask(['SADD', 'c', 'x']);
  client.ask(['SREM', 'c', 'x']);
  assert.equal(client.ask(['EXISTS', 'c']), ':0\r\n');
});

/** Bulk strings of a reply, without line ends in them. */
function elements(reply: string): string[] {
  return [...reply.matchAll(/\$\d+\r\n([^\r]*)\r\n/g)].map((match) => match[1]!);
}

/** Each of `count` as often as the others, give or take what chance does (seven deviations). */
function assertUniform(times: ReadonlyMap<string, number>, count: number): void {
  const total = [...times.values()].reduce((sum, n) => sum + n, 0);
  const mean = total / count;
  assert.equal(times.size, count);
  for (const [one, n] of times) {
    assert.ok(Math.abs(n - mean) < 7 * Math.sqrt(mean), `${one}: ${n} of ${total}`);
  }
}
