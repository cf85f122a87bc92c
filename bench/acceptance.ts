/** The lines on speed and size that a release has to meet, each with what was measured. */
import type { LoadResult, SizeResult } from './measure.ts';
import { figure, ratio, type Spread, spread, text } from './statistics.ts';

const OURS = 'Tidegate';
const IDLE_CLIENT_BYTES_MAX = 12 * 1024;
const START_MS_MAX = 400;

/** One demand: `met` is null when there is no figure for it. */
export interface Verdict {
  readonly line: 8 | 9 | 10;
  readonly what: string;
  readonly measured: string;
  readonly met: boolean | null;
}

export function judge(
  results: readonly LoadResult[],
  sizes: ReadonlyMap<string, SizeResult>,
): Verdict[] {
  const verdicts: Verdict[] = [];
  for (const result of results) verdicts.push(...judgeLoad(result));
  const ours = sizes.get(OURS);
  if (ours === undefined) return verdicts;
  const idle = ours.idleClientBytes;
  verdicts.push({
    line: 10,
    what: 'memory of an idle client, at most 12 KiB',
    measured: idle === null ? (ours.failure ?? 'no figure') : `${(idle / 1024).toFixed(1)} KiB`,
    met: idle === null ? null : idle <= IDLE_CLIENT_BYTES_MAX,
  });
  const start = spread(ours.startMs);
  verdicts.push({
    line: 10,
    what: 'start to first answer, at most 400 ms',
    measured: `${text(start, 0)} ms`,
    met: start === null ? null : start.median <= START_MS_MAX,
  });
  return verdicts;
}

function judgeLoad(result: LoadResult): Verdict[] {
  const { kind, shards, clients, valueBytes, pipeline, keys } = result.load;
  if (clients !== 50 || valueBytes !== 3) return [];
  const speed = (peer: string): Spread | null => ratio(result, OURS, peer, 'rps');
  const cost = ratio(result, OURS, 'nutcracker', 'cpuUs');
  const least = (line: 8 | 9, peer: string, value: Spread | null, limit: number): Verdict => ({
    line,
    what: `${result.load.name}: throughput at least ${limit} of ${peer}`,
    measured: text(value),
    met: value === null ? null : value.median >= limit,
  });
  const most = (limit: number): Verdict => ({
    line: 8,
    what: `${result.load.name}: processor time per request at most ${limit} of nutcracker`,
    measured: `${text(cost)}, ${text(figure(result, OURS, 'cpuUs'))} µs`,
    met: cost === null ? null : cost.median <= limit,
  });
  if (shards === 1 && (kind === 'GET' || kind === 'SET')) {
    if (pipeline === 1) {
      const best = bestOf(result, ['nutcracker', 'Envoy']);
      return [least(8, best, speed(best), 0.95), most(1.1)];
    }
    if (pipeline === 16) {
      const nutcracker = least(8, 'nutcracker', speed('nutcracker'), 1.5);
      return [nutcracker, least(8, 'Envoy', speed('Envoy'), 2), most(0.6)];
    }
  }
  if (shards !== 4) return [];
  if (kind === 'MGET' && keys === 100) return [least(9, 'Envoy', speed('Envoy'), 5)];
  if (kind === 'mixed' && pipeline === 16) {
    return [least(9, 'nutcracker', speed('nutcracker'), 1.3)];
  }
  return [];
}

/** The peer with the higher throughput. */
function bestOf(result: LoadResult, peers: readonly string[]): string {
  const rate = (peer: string): number => figure(result, peer, 'rps')?.median ?? 0;
  return peers.reduce((best, peer) => (rate(peer) > rate(best) ? peer : best));
}

export function verdictText({ line, what, measured, met }: Verdict): string {
  const mark = met === null ? 'no figure' : met ? 'met' : 'NOT MET';
  return `${line}  ${mark.padEnd(9)}  ${what}: ${measured}`;
}
