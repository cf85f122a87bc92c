import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { murmur2 } from '../../core/murmur2.ts';
import type { ServerShare } from './distribution.ts';
import { MaglevTable } from './maglev.ts';

function servers(...weights: number[]): ServerShare[] {
  return weights.map((weight, index) => ({ key: `127.0.0.1:${90 + index}`, weight }));
}

describe('the maglev table', () => {
  it('is filled as Envoy fills its table of seven places', () => {
    // Envoy's own test (MaglevLoadBalancerTest, Basic): ports 90 to 95, the owner of each place.
    const table = MaglevTable.of(servers(1, 1, 1, 1, 1, 1), { tableSize: 7 });
    assert.deepEqual(
      table.places().map((server) => 90 + server),
      [92, 94, 90, 91, 95, 90, 93],
    );
  });

  it('gives places by weight', () => {
    // Envoy's own test (MaglevLoadBalancerTest, Weighted): 17 places for weights 1 and 2.
    const places = MaglevTable.of(servers(1, 2), { tableSize: 17 }).places();
    assert.deepEqual(
      places.map((server) => 90 + server),
      [91, 90, 90, 91, 90, 91, 91, 90, 91, 91, 91, 91, 91, 90, 91, 90, 91],
    );
  });

  it('does not depend on the order in which servers are named', () => {
    const forth = servers(1, 3, 2);
    const back = forth.toReversed();
    const forthPlaces = MaglevTable.of(forth, { tableSize: 1009 }).places();
    const backPlaces = MaglevTable.of(back, { tableSize: 1009 }).places();
    assert.deepEqual(
      backPlaces.map((server) => back[server]?.key),
      forthPlaces.map((server) => forth[server]?.key),
    );
  });

  it('takes the hash of a key modulo its size, whatever the size', () => {
    const out = new Uint32Array(2);
    for (const tableSize of [7, 1009, 65_537, 5_000_011]) {
      const table = MaglevTable.of(servers(1, 2, 3), { tableSize });
      const places = table.places();
      for (let i = 0; i < 5000; i++) {
        const key = Buffer.from(`key:${i}`);
        murmur2(key, 0, key.length, out);
        const place = ((BigInt(out[0]!) << 32n) | BigInt(out[1]!)) % BigInt(tableSize);
        assert.equal(table.pick(key, 0, key.length), places[Number(place)]);
      }
    }
  });

  it('refuses a size that is no prime, too small or too large', () => {
    for (const tableSize of [6, 65_536, 2, 5_000_077, 7.5]) {
      assert.throws(() => MaglevTable.of(servers(1, 1, 1), { tableSize }), RangeError);
    }
  });
});
