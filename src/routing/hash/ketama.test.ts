import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { murmur2 } from '../../core/murmur2.ts';
import type { ServerShare } from './distribution.ts';
import { KetamaRing } from './ketama.ts';

/** The ring of six hosts in Envoy's own test of its ring (RingHashLoadBalancerTest, Basic). */
const ENVOY_RING: readonly (readonly [port: number, position: bigint])[] = [
  [94, 833437586790550860n],
  [92, 928266305478181108n],
  [90, 1033482794131418490n],
  [95, 3551244743356806947n],
  [93, 3851675632748031481n],
  [91, 5583722120771150861n],
  [91, 6311230543546372928n],
  [93, 7700377290971790572n],
  [95, 13144177310400110813n],
  [92, 13444792449719432967n],
  [94, 15516499411664133160n],
  [90, 16117243373044804889n],
];

function servers(...weights: number[]): ServerShare[] {
  return weights.map((weight, index) => ({ key: `127.0.0.1:${90 + index}`, weight }));
}

function pointsOf(
  weights: number[],
  minimumRingSize?: number,
  maximumRingSize = 8_388_608,
): number[] {
  const options = { ...(minimumRingSize !== undefined && { minimumRingSize }), maximumRingSize };
  const points = KetamaRing.of(servers(...weights), options).points();
  return weights.map((_, server) => points.filter((point) => point.server === server).length);
}

function hashOf(key: Uint8Array): bigint {
  const out = new Uint32Array(2);
  murmur2(key, 0, key.length, out);
  return (BigInt(out[0]!) << 32n) | BigInt(out[1]!);
}

describe('the ketama ring', () => {
  it('stands point for point where Envoy puts it', () => {
    const ring = KetamaRing.of(servers(1, 1, 1, 1, 1, 1), { minimumRingSize: 12 });
    const found = ring.points().map(({ position, server }) => [90 + server, position]);
    assert.deepEqual(found, ENVOY_RING);
  });

  it('has 342 points for each of three equal servers by default', () => {
    assert.deepEqual(pointsOf([1, 1, 1]), [342, 342, 342]);
    assert.deepEqual(pointsOf([7, 7, 7]), [342, 342, 342]);
    assert.deepEqual(pointsOf([1]), [1024]);
    assert.deepEqual(pointsOf([1, 1, 1, 1]), [256, 256, 256, 256]);
  });

  it('gives points by weight, at least one to the lightest', () => {
    assert.deepEqual(pointsOf([1, 2, 3], 6), [1, 2, 3]);
    assert.deepEqual(pointsOf([1, 2, 3], 6144), [1024, 2048, 3072]);
    assert.deepEqual(pointsOf([1, 2, 3], 1), [1, 2, 3]);
  });

  it('alternates a fractional share when the maximum cuts the ring', () => {
    assert.deepEqual(pointsOf([1, 1, 1, 1], 6, 6), [2, 1, 2, 1]);
    assert.throws(() => pointsOf([1], 4, 3), RangeError);
  });

  it('gives a key to the first point that is not below its hash', () => {
    for (const minimumRingSize of [1, 3, 50, 1024]) {
      const ring = KetamaRing.of(servers(1, 2, 1, 5), { minimumRingSize });
      const points = ring.points();
      for (let i = 0; i < 3000; i++) {
        const key = Buffer.from(`key:${i}`);
        const hash = hashOf(key);
        const owner = points.find(({ position }) => position >= hash) ?? points[0];
        assert.equal(ring.pick(key, 0, key.length), owner?.server);
      }
    }
  });

  it('takes the other hash for its points when told', () => {
    const ring = KetamaRing.of(servers(1, 1), { minimumRingSize: 2, ringHash: 'murmur2' });
    const positions = ring.points().map((point) => point.position);
    const expected = ['127.0.0.1:90_0', '127.0.0.1:91_0'].map((name) => hashOf(Buffer.from(name)));
    assert.deepEqual(new Set(positions), new Set(expected));
  });

  it('hands a key of an ejected server to the next point whose server is well', () => {
    const ring = KetamaRing.of(servers(1, 1, 1, 1), {});
    const points = ring.points();
    const ejected = [false, true, false, true];
    const left = points.filter(({ server }) => !ejected[server]);
    const view = ring.withEjected(ejected);
    for (let i = 0; i < 3000; i++) {
      const key = Buffer.from(`key:${i}`);
      const hash = hashOf(key);
      const owner = left.find(({ position }) => position >= hash) ?? left[0];
      assert.equal(view.pick(key, 0, key.length), owner?.server);
    }
  });
});
