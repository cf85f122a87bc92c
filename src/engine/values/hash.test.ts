import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random, seedOfRun } from '../../../test/support/random.ts';
import { startRedis } from '../../../test/support/redis.ts';
import { Arena } from '../memory/arena.ts';
import { defaultSettings } from '../settings.ts';
import { HashValue } from './hash.ts';
import { Element } from './listpack.ts';

const field = new Element();
const value = new Element();

function entriesOf(hash: HashValue): [string, string][] {
  const entries: [string, string][] = [];
  hash.forEach((slot) => {
    hash.readField(slot, field);
    hash.readValue(slot, value);
    entries.push([field.text, value.text]);
  });
  return entries;
}

function put(hash: HashValue, name: string, text: string): boolean {
  const bytes = Buffer.from(`${name}${text}`);
  return hash.set(bytes, 0, name.length, bytes, name.length, bytes.length);
}

function find(hash: HashValue, name: string): number {
  const bytes = Buffer.from(name);
  return hash.find(bytes, 0, bytes.length);
}

test('it holds what a Map holds, in every form, and when fields expire', (context) => {
  const random = new Random(seedOfRun());
  context.diagnostic(`seed ${random.seed}`);
  const arena = new Arena();
  const settings = { ...defaultSettings(), hashMaxListpackEntries: 10, hashMaxListpackValue: 20 };
  const forms = new Set<string>();
  for (let round = 0; round < 80; round++) {
    const hash = new HashValue(arena, settings);
    const wanted = new Map<string, string>();
    const times = new Map<string, number>();
    const range = random.pick([4, 9, 30]);
    const expiring = random.chance(50);
    for (let i = 0; i < 200; i++) {
      const name = `f${random.below(range)}`;
      const slot = find(hash, name);
      assert.equal(slot >= 0, wanted.has(name));
      if (random.chance(50)) {
        const text = random.chance(1) ? 'x'.repeat(21) : String(random.below(5000));
        assert.equal(put(hash, name, text), !wanted.has(name));
        wanted.set(name, text);
      } else if (slot >= 0 && expiring && random.chance(40)) {
        const at = random.between(1, 50);
        assert.equal(hash.expiresAt(hash.expire(slot, at)), at);
        times.set(name, at);
      } else if (slot >= 0 && random.chance(20)) {
        assert.equal(hash.persist(slot), times.delete(name));
      } else if (slot >= 0) {
        hash.remove(slot);
        wanted.delete(name);
        times.delete(name);
      }
      assert.equal(hash.size, wanted.size);
      assert.equal(hash.nextExpiry, Math.min(...times.values()));
      forms.add(hash.encoding);
    }
    assert.deepEqual(new Map(entriesOf(hash)), wanted);
    const copy = hash.copy();
    assert.equal(copy.encoding, hash.encoding);
    while (!hash.release(7));
    assert.deepEqual(new Map(entriesOf(copy)), wanted);
    for (const name of wanted.keys()) {
      assert.equal(copy.expiresAt(find(copy, name)), times.get(name) ?? 0);
    }
    copy.release(Infinity);
  }
  assert.equal(arena.bytes, 0);
  assert.equal(forms.size, 3);
});

test('a small one has the bytes of a real server', async () => {
  await using server = await startRedis({ config: { rdbcompression: 'no' } });
  const hash = new HashValue(new Arena(), defaultSettings());
  const words: string[] = [];
  for (const [name, text] of [
    ['a', '1'],
    ['12', 'text'],
    ['b', ''],
    ['a', '70000'],
    ['-3', 'y'.repeat(64)],
  ] as const) {
    put(hash, name, text);
    words.push(name, text);
  }
  await server.ask('HSET', 'k', ...words);
  const reply = Buffer.from(await server.ask('DUMP', 'k'), 'latin1');
  assert.ok(reply.includes(hash.packed!), 'the dump contains the listpack');
});
