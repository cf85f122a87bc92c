import assert from 'node:assert/strict';
import { it } from 'node:test';
import { handOn, modulo64 } from './table.ts';

it('modulo64 is exact for sizes of every magnitude', () => {
  const words = new Uint32Array(2);
  for (const size of [1, 2, 3, 17, 65_535, 65_536, 65_537, 999_983, 16_777_215]) {
    for (let i = 0; i < 2000; i++) {
      crypto.getRandomValues(words);
      if (i === 0) words.fill(0xffffffff);
      const [high, low] = words as unknown as [number, number];
      const expected = ((BigInt(high) << 32n) | BigInt(low)) % BigInt(size);
      assert.equal(modulo64(high, low, size), Number(expected), `${high} ${low} ${size}`);
    }
  }
});

it('handOn gives each place of an ejected server to the next healthy owner, in a circle', () => {
  const owners = Int32Array.from([2, 0, 1, 2, 2, 1, 0, 1]);
  assert.deepEqual([...handOn(owners, [false, true, false])], [2, 0, 2, 2, 2, 0, 0, 2]);
  assert.deepEqual([...handOn(owners, [true, true, false])], [2, 2, 2, 2, 2, 2, 2, 2]);
  assert.deepEqual([...handOn(owners, [true, true, true])], new Array(8).fill(-1));
  assert.equal(handOn(owners, [false, false, false]), owners);
});
