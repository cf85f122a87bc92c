import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random, seedOfRun } from '../../../test/support/random.ts';
import { startRedis } from '../../../test/support/redis.ts';
import { Arena } from '../memory/arena.ts';
import { narrow } from '../numbers.ts';
import { Intset } from './intset.ts';

const EDGES: readonly bigint[] = [7n, 15n, 16n, 31n, 32n, 52n, 53n, 54n, 62n].flatMap((bits) => [
  2n ** bits,
  -(2n ** bits),
  2n ** bits - 1n,
  -(2n ** bits) - 1n,
]);
const LIMITS: readonly bigint[] = [2n ** 63n - 1n, -(2n ** 63n), 0n];

test('it holds what a sorted list holds, whatever is added and removed', (context) => {
  const random = new Random(seedOfRun());
  context.diagnostic(`seed ${random.seed}`);
  const arena = new Arena();
  for (let round = 0; round < 30; round++) {
    const set = new Intset(arena);
    const all = [...EDGES, ...LIMITS].slice(0, 4 + random.below(40));
    const list = new Set<bigint>();
    for (let i = 0; i < 300; i++) {
      const big = random.pick(all) + BigInt(random.below(3)) - 1n;
      const value = narrow(BigInt.asIntN(64, big));
      const key = BigInt(value);
      assert.equal(set.has(value), list.has(key));
      if (random.chance(60)) {
        assert.equal(set.add(value), !list.has(key));
        list.add(key);
      } else if (list.delete(key)) set.removeAt(set.find(value));
      assert.equal(set.count, list.size);
    }
    const sorted = [...list].sort((a, b) => (a < b ? -1 : 1));
    assert.deepEqual(
      Array.from({ length: set.count }, (_none, i) => set.at(i)),
      sorted.map(narrow),
    );
    set.free();
  }
  assert.equal(arena.bytes, 0);
});

test('its bytes are those of a real server', async () => {
  await using server = await startRedis({ config: { rdbcompression: 'no' } });
  const lists: readonly (readonly (number | bigint)[])[] = [
    [3, -2, 1],
    [70_000, 5, -1],
    [...EDGES, ...LIMITS],
  ];
  for (const [index, values] of lists.entries()) {
    const set = new Intset(new Arena());
    for (const value of values) set.add(narrow(BigInt(value)));
    const key = `k${index}`;
    await server.ask('SADD', key, ...values.map(String));
    const reply = Buffer.from(await server.ask('DUMP', key), 'latin1');
    assert.ok(reply.includes(set.view()), 'the dump contains the intset');
    const copy = Intset.from(new Arena(), set.view(), 0, set.view().length);
    assert.deepEqual(copy.view(), set.view());
    assert.ok(copy.has(narrow(BigInt(values[1]!))));
  }
});
