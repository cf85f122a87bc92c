/** Middle and spread of a few rounds. */
import type { LoadResult, Sample } from './measure.ts';

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export function spread(values: readonly number[]): Spread | null {
  if (values.length === 0) return null;
  const sorted = values.toSorted((one, other) => one - other);
  const middle = sorted.length / 2;
  const upper = sorted[Math.floor(middle)]!;
  const lower = sorted[Math.ceil(middle) - 1]!;
  return { median: (upper + lower) / 2, min: sorted[0]!, max: sorted.at(-1)! };
}

export type Figure = keyof Sample;

export function figure(result: LoadResult, peer: string, name: Figure): Spread | null {
  const samples = result.series.get(peer)?.samples ?? [];
  return spread(samples.filter((sample) => sample !== null).map((sample) => sample[name]));
}

/** One peer's figure divided by another's, round by round. */
export function ratio(
  result: LoadResult,
  peer: string,
  other: string,
  name: Figure,
): Spread | null {
  const own = result.series.get(peer)?.samples ?? [];
  const others = result.series.get(other)?.samples ?? [];
  const ratios: number[] = [];
  for (const [round, sample] of own.entries()) {
    const beside = others[round];
    if (sample && beside) ratios.push(sample[name] / beside[name]);
  }
  return spread(ratios);
}

export function text(value: Spread | null, digits = 2): string {
  if (value === null) return '–';
  const { median, min, max } = value;
  return `${median.toFixed(digits)} (${min.toFixed(digits)}–${max.toFixed(digits)})`;
}
