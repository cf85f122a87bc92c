/** What servers remember of slow commands and of latency, put together by time. */
import type { Command } from '../commands/command.ts';
import { pairsOf, textOf, type Value } from '../resp/value.ts';
import type { JoinValues } from './poll.ts';

/** Entries that a server returns when none are counted out. */
const SLOWLOG_DEFAULT = 10;

/**
 * Newest first, no more than were asked for. Ids count the commands of one server, so the same may stand for
 * several entries; times are whole seconds, so within one the order is that of the servers.
 */
export function slowlogJoin(command: Command): JoinValues {
  const count = command.argc > 2 ? Number(command.text(2)) : SLOWLOG_DEFAULT;
  return (replies) => {
    if (!replies.every((reply) => Array.isArray(reply))) return undefined;
    const entries = replies.flat();
    const times = new Map(entries.map((entry) => [entry, numberAt(entry, 1)]));
    if ([...times.values()].some(Number.isNaN)) return undefined;
    entries.sort((left, right) => times.get(right)! - times.get(left)!);
    return count < 0 ? entries : entries.slice(0, count);
  };
}

/** Pairs of time and latency, oldest first as a server gives them. */
export const joinHistory: JoinValues = (replies) => {
  if (!replies.every((reply) => Array.isArray(reply))) return undefined;
  const samples = replies.flat();
  if (samples.some((sample) => Number.isNaN(numberAt(sample, 0)))) return undefined;
  return samples.sort((left, right) => numberAt(left, 0) - numberAt(right, 0));
};

/**
 * Per event: its name, when it happened last, how long that took, the longest. Newer servers add the sum and the
 * number of all.
 */
export const joinLatest: JoinValues = (replies) => {
  const events = new Map<string, Value[]>();
  for (const reply of replies) {
    if (!Array.isArray(reply)) return undefined;
    for (const event of reply) {
      const name = Array.isArray(event) ? textOf(event[0]!) : null;
      if (name === null || Number.isNaN(numberAt(event, 3))) return undefined;
      const known = events.get(name);
      events.set(
        name,
        known === undefined ? (event as Value[]) : joinEvent(known, event as Value[]),
      );
    }
  }
  return [...events.values()];
};

function joinEvent(left: Value[], right: Value[]): Value[] {
  const latest = numberAt(right, 1) > numberAt(left, 1) ? right : left;
  const rest = left.slice(4).map((_value, at) => numberAt(left, at + 4) + numberAt(right, at + 4));
  return [
    left[0]!,
    latest[1]!,
    latest[2]!,
    Math.max(numberAt(left, 3), numberAt(right, 3)),
    ...rest,
  ];
}

/** Not a number: the value is no list, or has none at that place. */
function numberAt(list: Value, index: number): number {
  const value = Array.isArray(list) ? list[index] : undefined;
  return typeof value === 'number' || typeof value === 'bigint' ? Number(value) : Number.NaN;
}

interface Calls {
  calls: number;
  /** Commands that took no more than so many microseconds, and more than the next lower number. */
  readonly buckets: Map<number, number>;
}

/**
 * Per command: its calls, and for powers of two how many took no longer. A server leaves out buckets that add
 * nothing, so counts are taken apart, added and summed up anew.
 */
export const joinHistograms: JoinValues = (replies) => {
  const commands = new Map<string, Calls>();
  for (const reply of replies) {
    const pairs = pairsOf(reply);
    if (pairs === null) return undefined;
    for (const [name, figures] of pairs) {
      const calls = readCalls(figures);
      const text = textOf(name);
      if (calls === null || text === null) return undefined;
      addCalls(commands, text, calls);
    }
  }
  return { map: [...commands].map(([name, calls]) => [name, writeCalls(calls)] as const) };
};

const CALLS = 'calls';
const HISTOGRAM = 'histogram_usec';

function readCalls(figures: Value): Calls | null {
  const fields = new Map((pairsOf(figures) ?? []).map(([name, value]) => [textOf(name), value]));
  const histogram = pairsOf(fields.get(HISTOGRAM) ?? null);
  if (histogram === null) return null;
  const buckets = new Map<number, number>();
  let before = 0;
  for (const [limit, count] of histogram) {
    buckets.set(Number(limit), Number(count) - before);
    before = Number(count);
  }
  return { calls: Number(fields.get(CALLS) ?? 0), buckets };
}

function addCalls(commands: Map<string, Calls>, name: string, more: Calls): void {
  const known = commands.get(name);
  if (known === undefined) {
    commands.set(name, more);
    return;
  }
  known.calls += more.calls;
  for (const [limit, count] of more.buckets) {
    known.buckets.set(limit, (known.buckets.get(limit) ?? 0) + count);
  }
}

function writeCalls({ calls, buckets }: Calls): Value {
  let sum = 0;
  const limits = [...buckets.keys()].sort((left, right) => left - right);
  const histogram = limits.map((limit) => {
    sum += buckets.get(limit)!;
    return [limit, sum] as const;
  });
  return {
    map: [
      [CALLS, calls],
      [HISTOGRAM, { map: histogram }],
    ],
  };
}
