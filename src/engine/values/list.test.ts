import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random, seedOfRun } from '../../../test/support/random.ts';
import { Arena } from '../memory/arena.ts';
import { defaultSettings } from '../settings.ts';
import { List, ListCursor } from './list.ts';
import { Element, Listpack } from './listpack.ts';

const VALUES = ['', '7', '-300', '70000', '-9223372036854775808', 'short', 'm'.repeat(100)];
const LONG_VALUES = ['l'.repeat(4100), 'h'.repeat(9000), 'g'.repeat(70_000)];
const ROUNDS = 20_000;
const SIZE_MAX = 400;

const cursor = new ListCursor();
const element = new Element();

function put(list: List, atFront: boolean, text: string): void {
  const bytes = Buffer.from(text);
  list.push(atFront, bytes, 0, bytes.length);
}

function contents(list: List): string[] {
  const found: string[] = [];
  for (list.begin(true, cursor); cursor.node !== null; cursor.next()) {
    cursor.read(element);
    found.push(element.text);
  }
  return found;
}

function backwards(list: List): string[] {
  const found: string[] = [];
  for (list.begin(false, cursor); cursor.node !== null; cursor.previous()) {
    cursor.read(element);
    found.push(element.text);
  }
  return found;
}

for (const fill of [-2, -1, -5, 1, 4]) {
  test(`a list of nodes of ${fill} is what an array is, and gives all memory back`, (context) => {
    const random = new Random(seedOfRun());
    context.diagnostic(`seed ${random.seed}`);
    const arena = new Arena();
    const list = new List(arena, { ...defaultSettings(), listMaxListpackSize: fill });
    const model: string[] = [];
    for (let i = 0; i < ROUNDS; i++) {
      change(list, model, random);
      assert.equal(list.size, model.length);
      if (i % 200 === 0) {
        assert.deepEqual(contents(list), model);
        assert.deepEqual(backwards(list), model.toReversed());
      }
    }
    const copy = list.copy();
    while (!list.release(10)) assert.ok(list.size > 0);
    assert.deepEqual(contents(copy), model);
    copy.release(Infinity);
    assert.equal(arena.bytes, 0);
  });
}

function change(list: List, model: string[], random: Random): void {
  const text = random.chance(97) ? random.pick(VALUES) : random.pick(LONG_VALUES);
  const bytes = Buffer.from(text);
  const atFront = random.chance(50);
  const index = random.below(model.length + 1);
  const isThere = list.seek(index, cursor);
  assert.equal(isThere, index < model.length);
  const isFull = model.length > SIZE_MAX && random.chance(20);
  switch (isFull ? 5 : random.below(7)) {
    case 0:
    case 1:
      list.push(atFront, bytes, 0, bytes.length);
      model.splice(atFront ? 0 : model.length, 0, text);
      break;
    case 2:
      if (!isThere) return;
      list.insert(cursor, atFront, bytes, 0, bytes.length);
      model.splice(atFront ? index + 1 : index, 0, text);
      break;
    case 3:
      if (!isThere) return;
      list.replace(cursor, bytes, 0, bytes.length);
      model[index] = text;
      break;
    case 4:
      if (!isThere) return;
      list.remove(cursor, atFront);
      model.splice(index, 1);
      checkAfterRemoval(model, index, atFront);
      break;
    case 5:
      if (!isFull && random.chance(95)) return;
      list.cut(atFront, index);
      model.splice(atFront ? 0 : model.length - index, index);
      break;
    default:
      if (model.length === 0) return;
      list.peek(atFront, element);
      assert.equal(element.text, model.at(atFront ? 0 : -1));
      list.drop(atFront);
      model.splice(atFront ? 0 : -1, 1);
  }
}

/** The cursor stands on what came next, in its direction. */
function checkAfterRemoval(model: readonly string[], index: number, forward: boolean): void {
  const next = forward ? index : index - 1;
  assert.equal(cursor.node === null, next < 0 || next >= model.length);
  if (cursor.node === null) return;
  cursor.read(element);
  assert.equal(element.text, model[next]);
}

test('a list goes out and comes back as listpacks', () => {
  const arena = new Arena();
  const list = new List(arena, defaultSettings());
  for (let i = 0; i < 5000; i++) put(list, i % 3 === 0, i % 2 === 0 ? String(i) : `text ${i}`);
  const again = new List(arena, defaultSettings());
  for (const pack of list.packs()) {
    const read = Listpack.from(arena, pack, 0, pack.length);
    again.appendPack(pack, 0, pack.length, read.count);
    read.free();
  }
  assert.equal(again.size, 5000);
  assert.deepEqual(contents(again), contents(list));
});

test('a queue of a few elements takes the memory of a few, however long it was', () => {
  const arena = new Arena();
  const list = new List(arena, defaultSettings());
  for (let i = 0; i < 100_000; i++) put(list, true, `element ${i}`);
  while (list.size > 3) list.drop(false);
  assert.ok(arena.bytes < 300, `${arena.bytes} bytes`);
  for (let i = 0; i < 100_000; i++) {
    put(list, true, `element ${i}`);
    list.drop(false);
  }
  assert.ok(arena.bytes < 300, `${arena.bytes} bytes`);
});

/** Of a million elements. Measured: 5 to 10 microseconds for one in the middle. */
const SEEK_US_MAX = 500;

test('a place in the middle of a million elements is found without passing all of them', () => {
  const arena = new Arena();
  const list = new List(arena, defaultSettings());
  for (let i = 0; i < 1_000_000; i++) put(list, false, `element ${i}`);
  const start = performance.now();
  for (let i = 0; i < 100; i++) {
    assert.ok(list.seek(500_000 - i, cursor));
    cursor.read(element);
    assert.equal(element.text, `element ${500_000 - i}`);
  }
  const microseconds = ((performance.now() - start) * 1000) / 100;
  assert.ok(microseconds < SEEK_US_MAX, `${microseconds} us`);
});
