import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { tagEnd, tagStart } from '../../commands/slot.ts';
import type { Distribution, DistributionKind } from './distribution.ts';
import { createDistribution } from './distribution.ts';

const KINDS: readonly DistributionKind[] = ['ketama', 'maglev', 'modula', 'crc16'];
const KEYS: readonly Uint8Array[] = Array.from({ length: 20_000 }, (_, i) =>
  Buffer.from(`key:${i}`),
);
const WEIGHTS = [1, 2, 3, 2];
const SERVERS = WEIGHTS.map((weight, index) => ({ key: `10.0.0.${index}:6379`, weight }));

function owners(distribution: Distribution): number[] {
  return KEYS.map((key) => distribution.pick(key, 0, key.length));
}

function shares(picked: number[]): number[] {
  return WEIGHTS.map(
    (_, server) => picked.filter((owner) => owner === server).length / picked.length,
  );
}

for (const kind of KINDS) {
  describe(kind, () => {
    const distribution = createDistribution(kind, SERVERS);
    const before = owners(distribution);

    it('gives keys by weight', () => {
      for (const [server, share] of shares(before).entries()) {
        const fair = WEIGHTS[server]! / 8;
        assert.ok(
          Math.abs(share - fair) < 0.035,
          `server ${server} has ${share} instead of ${fair}`,
        );
      }
    });

    it('moves no key of a healthy server when others are ejected', () => {
      const after = owners(distribution.withEjected([false, false, true, true]));
      for (const [i, owner] of before.entries()) {
        if (owner < 2) assert.equal(after[i], owner);
        else assert.ok(after[i] === 0 || after[i] === 1);
      }
    });

    it('spreads the keys of an ejected server over all others', () => {
      const after = owners(distribution.withEjected([false, false, true, false]));
      const gained = shares(after).map((share, server) => share - shares(before)[server]!);
      for (const server of [0, 1, 3]) assert.ok(gained[server]! > 0.02, `${server}: ${gained}`);
    });

    it('leaves handed-on keys alone when one more server is ejected', () => {
      const one = owners(distribution.withEjected([false, false, true, false]));
      const two = owners(distribution.withEjected([true, false, true, false]));
      for (const [i, owner] of one.entries()) if (owner !== 0) assert.equal(two[i], owner);
    });

    it('has no server when all are ejected, and all again when none is', () => {
      const none = distribution.withEjected([true, true, true, true]);
      assert.deepEqual(new Set(owners(none)), new Set([-1]));
      assert.deepEqual(owners(none.withEjected([false, false, false, false])), before);
    });

    it('meets keys of one hash tag on one server only when told', () => {
      const tagged = createDistribution(kind, SERVERS, { hashTags: true });
      const picked = new Set<number>();
      const plain = new Set<number>();
      for (let i = 0; i < 200; i++) {
        const key = Buffer.from(`cart:{user:7}:${i}`);
        picked.add(tagged.pick(key, 0, key.length));
        plain.add(distribution.pick(key, 0, key.length));
      }
      assert.deepEqual([...picked], [distribution.pick(Buffer.from('user:7'), 0, 6)]);
      assert.equal(plain.size, 4);
      assert.deepEqual(owners(tagged), before);
    });

    it('sees only the bytes of the key', () => {
      const bytes = Buffer.from('noise key:1 noise');
      const alone = Buffer.from('key:1');
      assert.equal(distribution.pick(bytes, 6, 11), distribution.pick(alone, 0, 5));
    });
  });
}

describe('hash tags', () => {
  const cases: readonly (readonly [key: string, hashed: string])[] = [
    ['foo', 'foo'],
    ['', ''],
    ['foo{}{bar}', 'foo{}{bar}'],
    ['foo{{bar}}zap', '{bar'],
    ['foo{bar}{zap}', 'bar'],
    ['{bar}', 'bar'],
    ['foo{bar', 'foo{bar'],
    ['foo}bar{x}', 'x'],
    ['}{', '}{'],
    ['{}', '{}'],
  ];
  for (const [key, hashed] of cases) {
    it(`of '${key}' hash '${hashed}'`, () => {
      const bytes = Buffer.from(`{a}${key}{b}`);
      const end = 3 + key.length;
      const from = tagStart(bytes, 3, end);
      const to = tagEnd(bytes, 3, end, from);
      assert.equal(bytes.toString('latin1', from, to), hashed);
    });
  }
});

describe('createDistribution', () => {
  it('refuses no servers and a weight that is no whole number', () => {
    assert.throws(() => createDistribution('ketama', []), RangeError);
    for (const weight of [0, -1, 1.5, Number.NaN]) {
      assert.throws(() => createDistribution('modula', [{ key: 'a:1', weight }]), /weight of a:1/);
    }
  });
});
