/**
 * Cluster mode beside shards mode: `node bench/routing/cluster.ts [ROUNDS]`.
 *
 * Three primaries of a real cluster and three plain servers, a gateway in front of each, the same load at both in
 * turn. Prints per load the median of processor time and throughput of cluster mode over shards mode.
 */

import { startCluster } from '../../test/support/cluster.ts';
import { run } from '../../test/support/process.ts';
import { startRedises } from '../../test/support/redis.ts';
import { cluster, shards, startTidegate, type Tidegate } from '../../test/support/tidegate.ts';
import { cpuUs } from '../process.ts';

interface Sample {
  readonly rps: number;
  readonly cpuUs: number;
}

const ROUNDS = Number(process.argv[2] ?? 7);
const KEYS = '100000';
const LOADS: readonly (readonly [name: string, args: readonly string[], requests: number])[] = [
  ['GET, 50 clients', ['-t', 'get', '-c', '50'], 100_000],
  ['SET, 50 clients', ['-t', 'set', '-c', '50'], 100_000],
  ['GET, 50 clients, pipeline 16', ['-t', 'get', '-c', '50', '-P', '16'], 600_000],
  ['SET, 50 clients, pipeline 16', ['-t', 'set', '-c', '50', '-P', '16'], 600_000],
];

await using real = await startCluster({ replicas: 0 });
await using plain = await startRedises(3);
await using clusterGate = await startTidegate(cluster(real.addresses));
await using shardsGate = await startTidegate(shards(plain.addresses));
for (const [name, args, requests] of LOADS) {
  const ratios: { rps: number; cpu: number }[] = [];
  for (let round = -1; round < ROUNDS; round++) {
    const one = await measure(clusterGate, args, requests);
    const other = await measure(shardsGate, args, requests);
    // The first round warms both up.
    if (round >= 0) ratios.push({ rps: one.rps / other.rps, cpu: one.cpuUs / other.cpuUs });
  }
  const rps = median(ratios.map((ratio) => ratio.rps));
  const cpu = median(ratios.map((ratio) => ratio.cpu));
  console.log(
    `${name}: ${rps.toFixed(2)} of the throughput, ${cpu.toFixed(2)} of the processor time`,
  );
}

async function measure(gate: Tidegate, args: readonly string[], requests: number): Promise<Sample> {
  const before = cpuUs(gate.pid);
  const { stdout } = await run(
    'redis-benchmark',
    ['-p', String(gate.port), '-n', String(requests), '-r', KEYS, '--csv', ...args],
    { limitMs: 120_000 },
  );
  const rps = Number(stdout.trim().split('\n').at(-1)?.split(',')[1]?.replaceAll('"', ''));
  return { rps, cpuUs: (cpuUs(gate.pid) - before) / requests };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}
