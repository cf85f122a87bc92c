/** CONFIG GET, ROLE, MEMORY STATS and FUNCTION STATS of several servers as those of one. */
import { asInteger, pairsOf, textOf, type Value } from '../resp/value.ts';
import type { JoinValues } from './poll.ts';

type Pair = readonly [Value, Value];

/** Each name once. Settings that differ have the value of the first server: of which else? */
export const joinConfig: JoinValues = (replies) => {
  const settings = new Map<string, Pair>();
  for (const reply of replies) {
    const pairs = pairsOf(reply);
    if (pairs === null) return undefined;
    for (const pair of pairs) {
      const name = textOf(pair[0]);
      if (name === null) return undefined;
      if (!settings.has(name)) settings.set(name, pair);
    }
  }
  return { map: [...settings.values()] };
};

const PRIMARY = 'master';

/**
 * As one primary would say it: its offset, which is that of all streams together, and the replicas of all. One that
 * is no primary (yet) speaks for all: the door is no better than that.
 */
export const joinRoles: JoinValues = (replies) => {
  let offset = 0n;
  const replicas: Value[] = [];
  for (const reply of replies) {
    if (!Array.isArray(reply)) return undefined;
    if (textOf(reply[0] ?? null) !== PRIMARY) return reply;
    const [, bytes, followers] = reply;
    if ((typeof bytes !== 'number' && typeof bytes !== 'bigint') || !Array.isArray(followers)) {
      return undefined;
    }
    offset += BigInt(bytes);
    replicas.push(...followers);
  }
  return [PRIMARY, asInteger(offset), replicas];
};

/** A share that cannot be added but follows from what can: `part / (whole - less)`. */
interface Share {
  readonly part: string;
  readonly whole: string;
  readonly less?: string;
  readonly scale: number;
}

/** How a server computes them; the rest are bytes and counts, which are added, or averaged if fractions. */
const SHARES: Readonly<Record<string, Share>> = {
  'keys.bytes-per-key': {
    part: 'dataset.net',
    whole: 'keys.count',
    scale: 1,
  },
  'dataset.percentage': {
    part: 'dataset.bytes',
    whole: 'total.allocated',
    less: 'startup.allocated',
    scale: 100,
  },
  'peak.percentage': { part: 'total.allocated', whole: 'peak.allocated', scale: 100 },
  'allocator-fragmentation.ratio': {
    part: 'allocator.active',
    whole: 'allocator.allocated',
    scale: 1,
  },
  'allocator-rss.ratio': { part: 'allocator.resident', whole: 'allocator.active', scale: 1 },
};

/** Ratios whose parts are not told, but what they are a ratio to: averages with that weight are exact. */
const WEIGHTS: Readonly<Record<string, string>> = {
  fragmentation: 'total.allocated',
  'rss-overhead.ratio': 'allocator.resident',
};

/** Bytes per key are counted without what an empty server takes. */
const NET = 'dataset.net';

export const joinMemoryStats: JoinValues = (replies) => {
  const servers = replies.map(pairsOf);
  if (servers.includes(null)) return undefined;
  const fields = joinFields(servers as Pair[][]);
  const sums = new Map<string, number>();
  for (const [name, value] of fields) if (typeof value === 'number') sums.set(name, value);
  sums.set(NET, (sums.get('total.allocated') ?? 0) - (sums.get('startup.allocated') ?? 0));
  return {
    map: [...fields].map(([name, value]): Pair => {
      const better = shareOf(name, value, sums) ?? weighted(name, servers as Pair[][]);
      return [name, better ?? value];
    }),
  };
};

function weighted(name: string, servers: readonly Pair[][]): Value | undefined {
  const weightName = WEIGHTS[name];
  if (weightName === undefined) return undefined;
  let sum = 0;
  let weights = 0;
  for (const pairs of servers) {
    const fields = new Map(pairs.map(([field, value]) => [textOf(field), value]));
    const weight = Number(fields.get(weightName) ?? 0);
    sum += fractionOf(fields.get(name) ?? null) * weight;
    weights += weight;
  }
  return Number.isFinite(sum) && weights > 0 ? { double: sum / weights } : undefined;
}

/** Numbers added, fractions averaged, databases joined; names in the order in which servers bring them. */
function joinFields(servers: readonly Pair[][]): Map<string, Value> {
  const values = new Map<string, Value[]>();
  for (const [name, value] of servers.flat()) {
    const text = textOf(name) ?? '';
    const known = values.get(text);
    if (known === undefined) values.set(text, [value]);
    else known.push(value);
  }
  return new Map([...values].map(([name, all]) => [name, joinField(all)]));
}

function joinField(all: readonly Value[]): Value {
  const first = all[0]!;
  if (typeof first === 'number' || typeof first === 'bigint') {
    return all.reduce<number>((sum, value) => sum + Number(value), 0);
  }
  const pairs = all.map(pairsOf);
  if (!pairs.includes(null)) return { map: [...joinFields(pairs as Pair[][])] };
  const fractions = all.map(fractionOf);
  if (fractions.some(Number.isNaN)) return first;
  return { double: fractions.reduce((sum, value) => sum + value, 0) / fractions.length };
}

/** RESP2 has fractions as text. */
function fractionOf(value: Value): number {
  const isDouble =
    typeof value === 'object' && value !== null && !Buffer.isBuffer(value) && 'double' in value;
  if (isDouble) return value.double;
  const text = textOf(value);
  return text === null || text === '' ? Number.NaN : Number(text);
}

/** Undefined: this is no share. */
function shareOf(name: string, value: Value, sums: ReadonlyMap<string, number>): Value | undefined {
  const share = SHARES[name];
  if (share === undefined) return undefined;
  const part = sums.get(share.part);
  const whole = sums.get(share.whole);
  if (part === undefined || whole === undefined) return undefined;
  const rest = whole - (share.less === undefined ? 0 : (sums.get(share.less) ?? 0));
  const result = rest === 0 ? 0 : (part / rest) * share.scale;
  return typeof value === 'number' ? Math.trunc(result) : { double: result };
}

const RUNNING = 'running_script';
const ENGINES = 'engines';

/** The script that has run longest; of each engine what at least every server has. */
export const joinFunctionStats: JoinValues = (replies) => {
  let running: Value = null;
  const engines = new Map<string, Map<string, Value>>();
  for (const reply of replies) {
    const fields = fieldsOf(reply);
    if (fields === null) return undefined;
    const script = fields.get(RUNNING) ?? null;
    if (script !== null && durationOf(script) > durationOf(running)) running = script;
    for (const [name, figures] of fieldsOf(fields.get(ENGINES) ?? null) ?? []) {
      const known = engines.get(name);
      engines.set(name, leastOf(known, fieldsOf(figures) ?? new Map()));
    }
  }
  const all = [...engines].map(([name, figures]): Pair => [name, { map: [...figures] }]);
  return {
    map: [
      [RUNNING, running],
      [ENGINES, { map: all }],
    ],
  };
};

function fieldsOf(value: Value): Map<string, Value> | null {
  const pairs = pairsOf(value);
  return pairs === null ? null : new Map(pairs.map(([name, one]) => [textOf(name) ?? '', one]));
}

function durationOf(script: Value): number {
  return script === null ? -1 : Number(fieldsOf(script)?.get('duration_ms') ?? 0);
}

function leastOf(
  known: ReadonlyMap<string, Value> | undefined,
  figures: Map<string, Value>,
): Map<string, Value> {
  if (known === undefined) return figures;
  return new Map(
    [...figures].map(([name, value]) => [
      name,
      Math.min(Number(value), Number(known.get(name) ?? value)),
    ]),
  );
}
