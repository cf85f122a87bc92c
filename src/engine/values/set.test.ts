import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random, seedOfRun } from '../../../test/support/random.ts';
import { Arena } from '../memory/arena.ts';
import { defaultSettings } from '../settings.ts';
import { Element } from './listpack.ts';
import { SetValue } from './set.ts';

function membersOf(set: SetValue): string[] {
  const element = new Element();
  const members: string[] = [];
  set.some(element, () => {
    members.push(element.text);
    return false;
  });
  return members;
}

function bytes(text: string): [Buffer, number, number] {
  const buffer = Buffer.from(`<${text}>`);
  return [buffer, 1, buffer.length - 1];
}

for (const entries of [0, 20]) {
  test(`it holds what a Set holds, in every form (${entries} in a listpack)`, (context) => {
    const random = new Random(seedOfRun());
    context.diagnostic(`seed ${random.seed}`);
    const arena = new Arena();
    const settings = { ...defaultSettings(), setMaxIntsetEntries: 15 };
    settings.setMaxListpackEntries = entries;
    const forms = new Set<string>();
    for (let round = 0; round < 60; round++) {
      const set = new SetValue(arena, settings);
      const wanted = new Set<string>();
      const range = random.pick([5, 12, 18, 40]);
      const texts = random.chance(50);
      for (let i = 0; i < 150; i++) {
        const member = `${texts && random.chance(30) ? 'm' : ''}${random.below(range)}`;
        assert.equal(set.has(...bytes(member)), wanted.has(member));
        if (random.chance(60)) {
          assert.equal(set.add(...bytes(member)), !wanted.has(member));
          wanted.add(member);
        } else assert.equal(set.remove(...bytes(member)), wanted.delete(member));
        assert.equal(set.size, wanted.size);
        forms.add(set.encoding);
      }
      assert.deepEqual(new Set(membersOf(set)), wanted);
      const copy = set.copy();
      while (!set.release(7));
      assert.deepEqual(new Set(membersOf(copy)), wanted);
      copy.release(Infinity);
    }
    assert.equal(arena.bytes, 0);
    assert.equal(forms.size, entries === 0 ? 2 : 3);
  });
}

test('many members cost little more than themselves, and are released in slices', () => {
  const arena = new Arena();
  const set = new SetValue(arena, defaultSettings());
  const buffer = Buffer.alloc(16);
  for (let i = 0; i < 200_000; i++) {
    const length = buffer.write(`member:${i}`, 'latin1');
    set.add(buffer, 0, length);
  }
  assert.equal(set.size, 200_000);
  assert.ok(set.bytes + arena.bytes < 200_000 * 48, String((set.bytes + arena.bytes) / 200_000));
  let slices = 1;
  while (!set.release(20_000)) slices++;
  assert.equal(slices, 10);
  assert.equal(arena.bytes, 0);
});
