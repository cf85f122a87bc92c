/** Durations, sizes and rates as people write them: `250ms`, `64kb`, `100/s`. Null: not one. */

const DURATION_UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};
/** Binary, as redis.conf counts `kb`, `mb` and `gb`. */
const SIZE_UNITS: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1024,
  mb: 1024 ** 2,
  gb: 1024 ** 3,
};
const RATE_UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600 };

/** A timer of Node overflows beyond this and would fire at once. */
export const DURATION_MS_MAX: number = 2 ** 31 - 1;

export const DURATION_PATTERN = '^(0|[0-9]+(\\.[0-9]+)?(ms|s|m|h))$';
export const SIZE_PATTERN = '^(0|[0-9]+(\\.[0-9]+)?(b|kb|mb|gb))$';
export const RATE_PATTERN = '^[0-9]+(\\.[0-9]+)?/(s|m|h)$';

/** Milliseconds. A bare number has no unit and is refused, but for 0. */
export function parseDuration(value: unknown): number | null {
  const ms = parseQuantity(value, DURATION_UNITS);
  return ms === null || ms > DURATION_MS_MAX ? null : ms;
}

/** Whole bytes. */
export function parseSize(value: unknown): number | null {
  const bytes = parseQuantity(value, SIZE_UNITS);
  return bytes === null || !Number.isSafeInteger(bytes) ? null : bytes;
}

/** The shortest way to write it. */
export function formatSize(bytes: number): string {
  const units = ['gb', 'mb', 'kb'].filter((unit) => bytes > 0 && bytes % SIZE_UNITS[unit]! === 0);
  const unit = units[0] ?? 'b';
  return bytes === 0 ? '0' : `${bytes / SIZE_UNITS[unit]!}${unit}`;
}

/** Events per second, greater than 0. */
export function parseRate(value: unknown): number | null {
  if (typeof value !== 'string') return null;
  const match = /^(\d+(?:\.\d+)?)\/([smh])$/.exec(value);
  if (match === null) return null;
  const rate = Number(match[1]) / RATE_UNITS[match[2]!]!;
  return rate > 0 && Number.isFinite(rate) ? rate : null;
}

function parseQuantity(value: unknown, units: Readonly<Record<string, number>>): number | null {
  if (value === 0 || value === '0') return 0;
  if (typeof value !== 'string') return null;
  const match = /^(\d+(?:\.\d+)?)([a-z]+)$/.exec(value.toLowerCase());
  if (match === null || !Object.hasOwn(units, match[2]!)) return null;
  return Number(match[1]) * units[match[2]!]!;
}
