import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../../test/support/random.ts';
import { Arena } from './arena.ts';
import { Dict, OWN } from './dict.ts';

function bytes(text: string): [Buffer, number, number] {
  const buffer = Buffer.from(`<${text}>`);
  return [buffer, 1, buffer.length - 1];
}

test('it says what a Map says, whatever is added and removed', () => {
  const source = new Random(7);
  const random = (): number => source.next() / 2 ** 32;
  const arena = new Arena();
  const dict = new Dict(arena, 1);
  const map = new Map<string, number>();
  for (let i = 0; i < 60_000; i++) {
    const key = `key:${Math.floor(random() * (i < 30_000 ? 20_000 : 50))}`;
    const entry = dict.find(...bytes(key));
    assert.equal(entry >= 0, map.has(key));
    if (entry >= 0) assert.equal(dict.get(entry, OWN), map.get(key));
    if (random() < (i < 30_000 ? 0.3 : 0.6) && entry >= 0) {
      dict.remove(entry);
      map.delete(key);
    } else if (entry < 0) {
      dict.set(dict.add(...bytes(key)), OWN, i);
      map.set(key, i);
    }
    assert.equal(dict.count, map.size);
  }
  const keys = new Set<string>();
  dict.forEach((entry) => {
    keys.add(arena.text(dict.keyOf(entry)));
  });
  assert.deepEqual(keys, new Set(map.keys()));
});

test('what stays from the first to the last call of a scan is shown, though the table grows and shrinks', () => {
  const source = new Random(11);
  const random = (): number => source.next() / 2 ** 32;
  for (const [before, during] of [
    [1000, 1],
    [1000, -1],
    [30, 5],
  ] as const) {
    const arena = new Arena();
    const dict = new Dict(arena, 0);
    for (let i = 0; i < before; i++) dict.add(...bytes(`stable:${i}`));
    for (let i = 0; i < before * 9; i++) dict.add(...bytes(`gone:${i}`));
    const seen = new Set<string>();
    let cursor = 0;
    let step = 0;
    do {
      cursor = dict.scan(cursor, (entry) => seen.add(arena.text(dict.keyOf(entry))));
      for (let i = 0; i < 20 && step < 500; i++) {
        if (during > 0) dict.add(...bytes(`new:${step}:${i}`));
        else {
          const entry = dict.find(...bytes(`gone:${Math.floor(random() * before * 9)}`));
          if (entry >= 0) dict.remove(entry);
        }
      }
      step++;
    } while (cursor !== 0 && step < 100_000);
    for (let i = 0; i < before; i++) assert.ok(seen.has(`stable:${i}`), `stable:${i}`);
  }
});

test('a random entry is any of them', () => {
  const dict = new Dict(new Arena(), 0);
  const entries = Array.from({ length: 5000 }, (_none, i) => dict.add(...bytes(String(i))));
  for (const entry of entries.slice(10)) dict.remove(entry);
  const seen = new Map<number, number>();
  for (let i = 0; i < 2000; i++) {
    const entry = dict.random();
    seen.set(entry, (seen.get(entry) ?? 0) + 1);
  }
  assert.equal(seen.size, 10);
  for (const count of seen.values()) assert.ok(count > 100 && count < 320, String(count));
});

test('memory comes back when entries go', () => {
  const arena = new Arena();
  const dict = new Dict(arena, 2);
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 50_000; i++) dict.add(...bytes(`some key ${i}`));
    const full = arena.reservedBytes;
    for (let i = 0; i < 50_000; i++) dict.remove(dict.find(...bytes(`some key ${i}`)));
    assert.equal(arena.bytes, 0);
    assert.ok(dict.bytes < 1000);
    assert.ok(arena.reservedBytes <= full);
  }
});

test('a walk comes by each entry once, though each is looked for meanwhile and the table is growing', () => {
  for (let size = 1; size < 300; size++) {
    const arena = new Arena();
    const dict = new Dict(arena, 0);
    for (let i = 0; i < size; i++) dict.add(...bytes(`key:${i}`));
    let visits = 0;
    dict.some((entry) => {
      visits++;
      assert.equal(dict.find(...bytes(arena.text(dict.keyOf(entry)))), entry);
      return false;
    });
    assert.equal(visits, size);
  }
});
