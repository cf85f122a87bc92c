/**
 * A ring of points placed point for point as Envoy's ring_hash places them, so that keys written through
 * Envoy are found where they are.
 *
 *   points   sorted by hash   [ 3 ][ 17 ][ 90 ] ..... [ 2^64-5 ]
 *   owners                      2     0     2    .....     1
 *   buckets  2^k of them; bucket b names the first point whose upper k bits are at least b
 *
 * A key belongs to the first point whose hash is not below its own, after the last one to the first. The
 * bucket of the key's upper bits leaves about half a point to step over, whatever the size of the ring.
 *
 * Ejection: points never move. A point of an ejected server belongs to the next point whose server is well,
 * which is where its keys would go if the server had never been on the ring.
 */

import { murmur2 } from '../../core/murmur2.ts';
import type { Distribution, DistributionOptions, ServerShare } from './distribution.ts';
import { handOn } from './table.ts';
import { xxhash64 } from './xxhash64.ts';

const MINIMUM_SIZE = 1024;
const MAXIMUM_SIZE = 8_388_608;
const BUCKET_BITS_MAX = 22;

interface Points {
  readonly high: Uint32Array;
  readonly low: Uint32Array;
  /** The server of each point, none ejected. */
  readonly owners: Int32Array;
  /** One more than 2^k, so that the last bucket has an end as well. */
  readonly buckets: Int32Array;
  readonly shift: number;
}

const keyHash = new Uint32Array(2);

export class KetamaRing implements Distribution {
  readonly #points: Points;
  readonly #high: Uint32Array;
  readonly #low: Uint32Array;
  readonly #buckets: Int32Array;
  readonly #shift: number;
  readonly #owners: Int32Array;

  private constructor(points: Points, owners: Int32Array) {
    this.#points = points;
    this.#high = points.high;
    this.#low = points.low;
    this.#buckets = points.buckets;
    this.#shift = points.shift;
    this.#owners = owners;
  }

  static of(servers: readonly ServerShare[], options: DistributionOptions): KetamaRing {
    const points = place(servers, options);
    return new KetamaRing(points, points.owners);
  }

  /** Every point in order, for tests and for whoever wants to see the ring. */
  points(): { position: bigint; server: number }[] {
    return Array.from(this.#owners, (server, at) => ({
      position: (BigInt(this.#high[at]!) << 32n) | BigInt(this.#low[at]!),
      server,
    }));
  }

  pick(bytes: Uint8Array, start: number, end: number): number {
    murmur2(bytes, start, end, keyHash);
    const high = keyHash[0]!;
    const low = keyHash[1]!;
    const highs = this.#high;
    const count = highs.length;
    let at = this.#buckets[high >>> this.#shift]!;
    while (at < count) {
      const point = highs[at]!;
      if (point > high || (point === high && this.#low[at]! >= low)) return this.#owners[at]!;
      at++;
    }
    return this.#owners[0]!;
  }

  withEjected(ejected: readonly boolean[]): KetamaRing {
    return new KetamaRing(this.#points, handOn(this.#points.owners, ejected));
  }
}

/** Envoy's `RingHashLoadBalancer::Ring::Ring`, its sums in the same order: they are floating point. */
function place(servers: readonly ServerShare[], options: DistributionOptions): Points {
  const minimum = options.minimumRingSize ?? MINIMUM_SIZE;
  const maximum = options.maximumRingSize ?? MAXIMUM_SIZE;
  if (minimum > maximum) {
    throw new RangeError(`minimum ring size ${minimum} is above the maximum ${maximum}`);
  }
  const sum = servers.reduce((total, server) => total + server.weight, 0);
  const smallest = Math.min(...servers.map((server) => server.weight)) / sum;
  const scale = Math.min(Math.ceil(smallest * minimum) / smallest, maximum);
  const hash = options.ringHash === 'murmur2' ? pointOfMurmur2 : xxhash64;
  const hashes: bigint[] = [];
  const servedBy: number[] = [];
  let wanted = 0;
  for (const [index, server] of servers.entries()) {
    wanted += scale * (server.weight / sum);
    for (let i = 0; hashes.length < wanted; i++) {
      hashes.push(hash(Buffer.from(`${server.key}_${i}`)));
      servedBy.push(index);
    }
  }
  return arrange(hashes, servedBy);
}

function arrange(hashes: readonly bigint[], servedBy: readonly number[]): Points {
  const count = hashes.length;
  // Sorting BigInts with a comparator takes many seconds for millions of points, a typed array one.
  const sorted = BigUint64Array.from(hashes).sort();
  const places = new Map<bigint, number>();
  for (let i = count - 1; i >= 0; i--) places.set(sorted[i]!, i);
  const high = new Uint32Array(count);
  const low = new Uint32Array(count);
  const owners = new Int32Array(count);
  for (const [i, hash] of hashes.entries()) {
    const at = places.get(hash)!;
    places.set(hash, at + 1);
    high[at] = Number(hash >> 32n);
    low[at] = Number(hash & 0xffffffffn);
    owners[at] = servedBy[i]!;
  }
  const bits = Math.min(Math.max(Math.ceil(Math.log2(count)) + 1, 1), BUCKET_BITS_MAX);
  return { high, low, owners, buckets: bucketsOf(high, bits), shift: 32 - bits };
}

function bucketsOf(high: Uint32Array, bits: number): Int32Array {
  const buckets = new Int32Array(2 ** bits);
  let at = 0;
  for (let bucket = 0; bucket < buckets.length; bucket++) {
    while (at < high.length && high[at]! >>> (32 - bits) < bucket) at++;
    buckets[bucket] = at;
  }
  return buckets;
}

const pointHash = new Uint32Array(2);

function pointOfMurmur2(bytes: Uint8Array): bigint {
  murmur2(bytes, 0, bytes.length, pointHash);
  return (BigInt(pointHash[0]!) << 32n) | BigInt(pointHash[1]!);
}
