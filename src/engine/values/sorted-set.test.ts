import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../../test/support/random.ts';
import { Arena } from '../memory/arena.ts';
import { defaultSettings, type Settings } from '../settings.ts';
import { Element } from './listpack.ts';
import { SortedSet } from './sorted-set.ts';

const element = new Element();

function make(settings: Partial<Settings> = {}): { set: SortedSet; arena: Arena } {
  const arena = new Arena();
  return { set: new SortedSet(arena, { ...defaultSettings(), ...settings }), arena };
}

function bytes(text: string): [Buffer, number, number] {
  const buffer = Buffer.from(`<${text}>`);
  return [buffer, 1, buffer.length - 1];
}

function pairs(set: SortedSet): [string, number][] {
  const all: [string, number][] = [];
  for (let place = set.first(); place !== 0; place = set.next(place)) {
    set.read(place, element);
    all.push([element.text, set.scoreAt(place)]);
  }
  return all;
}

function ordered(model: ReadonlyMap<string, number>): [string, number][] {
  return [...model].sort((a, b) => a[1] - b[1] || (a[0] < b[0] ? -1 : 1));
}

for (const [kind, entries] of [
  ['listpack', 10_000],
  ['skiplist', 0],
] as const) {
  test(`a ${kind} keeps members in order of score, then of bytes, whatever is added, changed and removed`, () => {
    const random = new Random(11);
    const { set, arena } = make({ zsetMaxListpackEntries: entries });
    const model = new Map<string, number>();
    for (let i = 0; i < 6000; i++) {
      const member = `m${random.below(200)}`;
      const score = random.below(20) / 4;
      if (random.chance(60)) {
        set.set(...bytes(member), score);
        model.set(member, score);
      } else {
        const place = set.find(...bytes(member));
        assert.equal(place !== 0, model.delete(member));
        if (place !== 0) set.removeRun(place, 1);
      }
      if (i % 50 !== 0) continue;
      const wanted = ordered(model);
      assert.equal(set.encoding, kind);
      assert.deepEqual(pairs(set), wanted);
      for (const [rank, [member]] of wanted.entries()) {
        const place = set.find(...bytes(member));
        assert.equal(set.at(rank), place);
        assert.equal(set.rankOf(place), rank);
      }
    }
    assert.equal(set.release(Infinity), true);
    assert.equal(arena.bytes, 0);
  });
}

test('a big one knows where ranges of scores and of bytes begin and end', () => {
  const { set } = make({ zsetMaxListpackEntries: 0 });
  const random = new Random(5);
  const scores = Array.from({ length: 5000 }, () => random.below(1000));
  for (const [i, score] of scores.entries()) set.add(...bytes(`m${i}`), score);
  const sorted = scores.toSorted((a, b) => a - b);
  for (let bound = -1; bound < 1001; bound += 7) {
    const first = set.firstAbove(bound, false);
    const above = sorted.findIndex((score) => score >= bound);
    assert.equal(first === 0 ? -1 : set.rankOf(first), above);
    const last = set.lastBelow(bound, true);
    assert.equal(
      last === 0 ? -1 : set.rankOf(last),
      sorted.findLastIndex((score) => score < bound),
    );
  }
});

test('a run of members goes at once', () => {
  const { set } = make({ zsetMaxListpackEntries: 0 });
  for (let i = 0; i < 1000; i++) set.add(...bytes(`m${i}`), i);
  set.removeRun(set.at(100), 700);
  assert.equal(set.size, 300);
  assert.deepEqual(
    pairs(set).map(([, score]) => score),
    [
      ...Array.from({ length: 100 }, (_none, i) => i),
      ...Array.from({ length: 200 }, (_none, i) => 800 + i),
    ],
  );
  assert.equal(set.rankOf(set.at(250)), 250);
});

test('it leaves its listpack at the first member too many or too long', () => {
  const { set } = make({ zsetMaxListpackEntries: 2, zsetMaxListpackValue: 3 });
  set.add(...bytes('a'), 1);
  set.add(...bytes('b'), 2);
  assert.equal(set.encoding, 'listpack');
  set.add(...bytes('c'), 1.5);
  assert.equal(set.encoding, 'skiplist');
  assert.deepEqual(pairs(set), [
    ['a', 1],
    ['c', 1.5],
    ['b', 2],
  ]);
  const other = make({ zsetMaxListpackValue: 3 }).set;
  other.add(...bytes('long'), 1);
  assert.equal(other.encoding, 'skiplist');
});

test('a listpack has integers as integers and other scores as text', () => {
  const { set } = make();
  set.add(...bytes('a'), 1);
  set.add(...bytes('b'), 2.5);
  set.add(...bytes('c'), 2 ** 60);
  set.add(...bytes('d'), 1e300);
  const view = set.pack!.view();
  // a, 1, b, "2.5"
  assert.equal(view.subarray(6, 6 + 13).toString('hex'), '816102010181620283322e3504');
  const texts = pairs(set).map(([member]) => set.scoreText(set.find(...bytes(member))));
  assert.deepEqual(texts, ['1', '2.5', '1152921504606846976', '1.0000000000000001e+300']);
});

test('memory of a big one is given back in slices', () => {
  const { set, arena } = make();
  for (let i = 0; i < 1000; i++) set.add(...bytes(`m${i}`), i);
  let slices = 1;
  while (!set.release(100)) slices++;
  assert.equal(slices, 10);
  assert.equal(arena.bytes, 0);
});
