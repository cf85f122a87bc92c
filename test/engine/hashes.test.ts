/** Hashes: generated commands to a real server and to the engine. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Engine } from '../../src/engine/engine.ts';
import { compareWithServer, EngineClient, sortedReply } from '../support/engine.ts';
import { compareEffects } from '../support/engine-effects.ts';
import { Random, secondsOfRun, seedOfRun } from '../support/random.ts';
import { FIELDS, KEYS, LONG, next, UNORDERED, VALUES } from './generators/hashes.ts';

const ROUNDS = 6000;
/** Commands a second, about: how long a run is told in seconds. */
const PACE = 4000;

test('small hashes say what a real server says, in its order', async (context) => {
  const random = new Random(seedOfRun());
  context.diagnostic(`seed ${random.seed}`);
  await compareWithServer({
    random,
    rounds: Math.max(ROUNDS, secondsOfRun(0, 0.2) * PACE),
    // 1e4932 of them would be too long for a listpack.
    next: (from) => {
      const words = next(from);
      return words.includes('1e4932') ? ['HGETALL', words[1]!] : words;
    },
  });
});

test('hashes of any size say what a real server says', async (context) => {
  const random = new Random(seedOfRun());
  context.diagnostic(`seed ${random.seed}`);
  const many = [...FIELDS, ...Array.from({ length: 20 }, (_none, i) => `n${i}`), LONG];
  await compareWithServer({
    random,
    rounds: Math.max(ROUNDS, secondsOfRun(0, 0.2) * PACE),
    next: (from) => next(from, many, [...VALUES, LONG]),
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
      return UNORDERED.includes(words[0]!) ? ['HLEN', words[1]!] : words;
    },
    keys: KEYS,
    config: { 'hash-max-listpack-entries': '4', 'hash-max-listpack-value': '14' },
    settings: { hashMaxListpackEntries: 4, hashMaxListpackValue: 14 },
  });
});

for (const [name, count] of [
  ['a listpack', 40],
  ['a hash table', 600],
] as const) {
  const names = Array.from({ length: count }, (_none, i) => `f${i}`);
  const fill = (): EngineClient => {
    const client = new EngineClient(new Engine());
    client.ask(['HSET', 'k', ...names.flatMap((field) => [field, `v${field}`])]);
    return client;
  };

  test(`random fields of ${name} are different ones with their values, and none is preferred`, () => {
    const client = fill();
    for (const wanted of [1, 10, count - 1]) {
      const times = new Map<string, number>();
      for (let i = 0; i < (200 * count) / wanted; i++) {
        const reply = client.ask(['HRANDFIELD', 'k', String(wanted), 'WITHVALUES'])!;
        const picked = elements(reply);
        assert.equal(picked.length, wanted * 2);
        for (let at = 0; at < picked.length; at += 2) {
          assert.equal(picked[at + 1], `v${picked[at]}`);
          times.set(picked[at]!, (times.get(picked[at]!) ?? 0) + 1);
        }
      }
      assert.equal(times.size, count);
      for (const n of times.values()) assert.ok(Math.abs(n - 200) < 7 * Math.sqrt(200), String(n));
    }
    assert.equal(elements(client.ask(['HRANDFIELD', 'k', '-1000'])!).length, 1000);
  });

  test(`HSCAN shows all of ${name}, with or without values`, () => {
    const client = fill();
    for (const isPlain of [true, false]) {
      const seen = new Map<string, string>();
      let cursor = '0';
      do {
        const words = ['HSCAN', 'k', cursor, 'COUNT', '3', ...(isPlain ? ['NOVALUES'] : [])];
        const [at = '0', ...shown] = elements(client.ask(words)!);
        const step = isPlain ? 1 : 2;
        for (let i = 0; i < shown.length; i += step) seen.set(shown[i]!, shown[i + step - 1]!);
        cursor = at;
      } while (cursor !== '0');
      const wanted = names.map((field): [string, string] => [field, isPlain ? field : `v${field}`]);
      assert.deepEqual(seen, new Map(wanted));
    }
  });
}

test('memory of hashes comes back', () => {
  const engine = new Engine();
  const client = new EngineClient(engine);
  client.ask(['SET', 'x', '1']);
  const before = engine.arena.bytes;
  const random = new Random(seedOfRun());
  for (let i = 0; i < 3000; i++) client.ask(next(random, FIELDS, [...VALUES, LONG]));
  for (const key of KEYS) client.ask(['DEL', key]);
  assert.equal(engine.arena.bytes, before, `seed ${random.seed}`);
});

/** Bulk strings of a reply, without line ends in them. */
function elements(reply: string): string[] {
  return [...reply.matchAll(/\$\d+\r\n([^\r]*)\r\n/g)].map((match) => match[1]!);
}
