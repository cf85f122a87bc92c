/**
 * Cost of finding a key's server, in nanoseconds per key: `node bench/routing/hash.ts [rounds]`.
 * The best of several rounds, because the machine is shared; every round walks 4096 keys, so nothing is
 * learned by heart. Building a distribution is timed as well: it happens when servers change.
 */
import { performance } from 'node:perf_hooks';
import { murmur2 } from '../../src/core/murmur2.ts';
import { createDistribution, type DistributionKind } from '../../src/routing/hash/distribution.ts';

const KINDS: readonly DistributionKind[] = ['ketama', 'maglev', 'modula', 'crc16'];
const KEYS = 4096;
const PASSES = 100;

interface Keys {
  readonly bytes: Uint8Array;
  readonly length: number;
}

function keysOf(length: number): Keys {
  const bytes = Buffer.alloc(KEYS * length);
  for (let i = 0; i < KEYS; i++) bytes.write(`${i}`.padStart(length, 'k'), i * length, 'latin1');
  return { bytes, length };
}

function best(
  rounds: number,
  keys: Keys,
  work: (bytes: Uint8Array, start: number, end: number) => number,
): string {
  let bestNs = Number.POSITIVE_INFINITY;
  let sum = 0;
  for (let round = 0; round < rounds; round++) {
    const began = performance.now();
    for (let pass = 0; pass < PASSES; pass++) {
      for (let i = 0; i < KEYS; i++) {
        sum += work(keys.bytes, i * keys.length, (i + 1) * keys.length);
      }
    }
    bestNs = Math.min(bestNs, ((performance.now() - began) * 1e6) / (PASSES * KEYS));
  }
  // The sum is looked at, so that no work can be left out.
  return Number.isNaN(sum) ? 'no figure' : bestNs.toFixed(1);
}

const rounds = Number(process.argv[2] ?? 15);
const servers = Array.from({ length: 4 }, (_, i) => ({ key: `127.0.0.1:${7001 + i}`, weight: 1 }));
const hash = new Uint32Array(2);
const lengths = [3, 10, 20, 40];
console.log(`ns per key of ${lengths.join(', ')} bytes; 4 servers; building in ms`);
const plain = lengths.map((length) =>
  best(rounds, keysOf(length), (bytes, start, end) => {
    murmur2(bytes, start, end, hash);
    return hash[1]!;
  }),
);
console.log('murmur2 '.padEnd(18), plain.join('  '));
for (const kind of KINDS) {
  for (const hashTags of [false, true]) {
    const began = performance.now();
    const distribution = createDistribution(kind, servers, { hashTags });
    const builtMs = (performance.now() - began).toFixed(1);
    const figures = lengths.map((length) =>
      best(rounds, keysOf(length), (bytes, start, end) => distribution.pick(bytes, start, end)),
    );
    console.log(
      `${kind}${hashTags ? ' + tags' : ''}`.padEnd(18),
      figures.join('  '),
      `built in ${builtMs}`,
    );
  }
}
