import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../../test/support/random.ts';
import { Arena, type Ref } from './arena.ts';

test('blobs of every size keep their bytes while others come, go, grow and shrink', () => {
  const source = new Random(3);
  const random = (): number => source.next() / 2 ** 32;
  const arena = new Arena();
  const kept: { ref: Ref; bytes: Buffer }[] = [];
  const fresh = (): Buffer => {
    const length = Math.floor(2 ** (random() * 18)) - 1;
    return Buffer.alloc(length, Math.floor(random() * 256));
  };
  for (let i = 0; i < 20_000; i++) {
    const at = Math.floor(random() * kept.length);
    const one = kept[at];
    const dice = random();
    if (one === undefined || dice < 0.4) {
      const bytes = fresh();
      kept.push({ ref: arena.create(bytes, 0, bytes.length), bytes });
    } else if (dice < 0.8) {
      assert.ok(arena.equals(one.ref, one.bytes, 0, one.bytes.length));
      arena.free(one.ref);
      kept.splice(at, 1);
    } else {
      const bytes = fresh();
      one.ref = arena.resize(one.ref, bytes.length);
      const common = Math.min(bytes.length, one.bytes.length);
      assert.ok(arena.view(one.ref).subarray(0, common).equals(one.bytes.subarray(0, common)));
      bytes.copy(arena.bufferOf(one.ref), arena.startOf(one.ref));
      one.bytes = bytes;
    }
  }
  for (const { ref, bytes } of kept) assert.ok(arena.view(ref).equals(bytes));
  for (const { ref } of kept) arena.free(ref);
  assert.equal(arena.bytes, 0);
});

test('a page that is free again serves blobs of another size', () => {
  const arena = new Arena();
  const refs = Array.from({ length: 100_000 }, () => arena.allocate(60));
  const full = arena.reservedBytes;
  for (const ref of refs) arena.free(ref);
  const others = Array.from({ length: 5000 }, () => arena.allocate(1000));
  assert.ok(arena.reservedBytes <= full + 1024 * 1024);
  assert.equal(new Set(others).size, 5000);
});

test('a blob that grows bit by bit is seldom copied', () => {
  const arena = new Arena();
  let ref = arena.allocate(0);
  let moves = 0;
  for (let length = 1; length <= 300_000; length++) {
    const next = arena.resize(ref, length);
    if (next !== ref) moves++;
    ref = next;
  }
  assert.ok(moves < 120, String(moves));
  assert.equal(arena.lengthOf(ref), 300_000);
});
