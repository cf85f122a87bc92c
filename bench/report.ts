/** bench/RESULTS.md: ratios first, since absolute figures of a shared machine say little. */
import type { Verdict } from './acceptance.ts';
import { IN_FLIGHT_BYTES_MAX } from './loads.ts';
import type { LoadResult, SizeResult } from './measure.ts';
import { type Figure, figure, ratio, spread, text } from './statistics.ts';

const OURS: string = 'Tidegate';

const BUSY_HINT =
  'Medians. Well below 1: the load generator or the servers were the limit, so throughput says less than time per request.';

export interface Subject {
  readonly name: string;
  readonly version: string;
}

export interface Report {
  readonly machine: string;
  readonly rounds: number;
  readonly seconds: number;
  readonly pinned: boolean;
  readonly idleClients: number;
  /** What `--only` said; empty: every load. */
  readonly only: string;
  readonly subjects: readonly Subject[];
  readonly missing: readonly string[];
  readonly results: readonly LoadResult[];
  readonly sizes: ReadonlyMap<string, SizeResult>;
  readonly verdicts: readonly Verdict[];
}

export function markdown(report: Report): string {
  return [
    '# Results',
    '',
    ...introduction(report),
    ...verdictTable(report),
    ...ratioTable(report, 'Throughput', 'rps', 'More is better.'),
    ...ratioTable(report, 'Processor time per request', 'cpuUs', 'Less is better.'),
    ...figureTable(report, 'Thousand requests per second', 'rps', 1000, 1),
    ...figureTable(report, 'Processor time per request, µs', 'cpuUs', 1, 2),
    ...figureTable(report, 'Cores used by the peer', 'busy', 1, 2, BUSY_HINT),
    ...figureTable(report, 'Median latency, ms', 'p50Ms', 1, 3),
    ...figureTable(report, '99th percentile of latency, ms', 'p99Ms', 1, 3),
    ...sizeTable(report),
    ...failures(report),
  ].join('\n');
}

function introduction(report: Report): string[] {
  const { machine, rounds, seconds, pinned, missing } = report;
  const pinning = pinned
    ? 'each peer on core 0, servers and load on core 1'
    : 'nothing pinned to a core';
  return [
    `Written by \`npm run bench\` on ${new Date().toISOString().slice(0, 10)}. ${machine}; ${pinning}.`,
    `${rounds} rounds of ${seconds} s per load and peer. In each round the peers take turns; a ratio is taken`,
    'within a round. Every cell: median of the rounds (least–most). Servers, peers and load generator share the',
    'machine, so ratios mean more than figures. Every proxy has one worker. Loads with more than',
    `${IN_FLIGHT_BYTES_MAX / 2 ** 20} MiB of values under way are left out. *direct* asks one Redis server without a proxy;`,
    'its processor time is that of the server. Processor time is what the kernel counted for all threads of',
    'the process. Load: redis-benchmark, one thread; MGET and *mixed* (GET and SET in turn): `bench/prepared-load.ts`.',
    '',
    ...report.subjects.map(({ name, version }) => `- ${name}: ${version}`),
    ...missing.map((sentence) => `- missing: ${sentence}`),
    ...(report.only === '' ? [] : [`- only loads that match \`${report.only}\``]),
    '',
  ];
}

function verdictTable({ verdicts }: Report): string[] {
  if (verdicts.length === 0) return [];
  return [
    '## What must hold',
    '',
    '| what | measured | |',
    '| --- | --- | --- |',
    ...verdicts.map(({ what, measured, met }) => {
      const mark = met === null ? 'no figure' : met ? 'met' : '**not met**';
      return `| ${what} | ${measured} | ${mark} |`;
    }),
    '',
  ];
}

function ratioTable(report: Report, title: string, name: 'rps' | 'cpuUs', hint: string): string[] {
  const peers = measured(report).filter((peer) => peer !== OURS);
  const rivals = peers.filter((peer) => peer !== 'direct' || name === 'rps');
  const columns: [string, string][] = rivals.map((peer) => [OURS, peer]);
  if (name === 'rps') {
    for (const peer of peers) if (peer !== 'direct') columns.push([peer, 'direct']);
  }
  return table(
    `${title}, ratios`,
    hint,
    columns.map(([peer, other]) => `${peer} ÷ ${other}`),
    report.results.map((result) => [
      result.load.name,
      ...columns.map(([peer, other]) => text(ratio(result, peer, other, name))),
    ]),
  );
}

function figureTable(
  report: Report,
  title: string,
  name: Figure,
  divisor: number,
  digits: number,
  hint = 'Medians.',
): string[] {
  const peers = measured(report);
  const rows = report.results.map((result) => {
    const cells = peers.map((peer) => {
      const value = figure(result, peer, name);
      return value === null ? '–' : (value.median / divisor).toFixed(digits);
    });
    return [result.load.name, ...cells];
  });
  return table(title, hint, peers, rows);
}

/** Names of the peers that have at least one figure. */
function measured({ subjects, results }: Report): string[] {
  return subjects
    .map(({ name }) => name)
    .filter((name) => results.some((result) => figure(result, name, 'rps') !== null));
}

function sizeTable({ sizes, idleClients }: Report): string[] {
  const kib = (bytes: number | null): string =>
    bytes === null || bytes === 0 ? '–' : (bytes / 1024).toFixed(1);
  const mib = (bytes: number): string => (bytes === 0 ? '–' : (bytes / 2 ** 20).toFixed(1));
  const rows = [...sizes].map(([name, size]) => [
    name,
    text(spread(size.startMs), 0),
    mib(size.residentBytes),
    kib(size.idleClientBytes),
    mib(size.busyBytes),
  ]);
  const columns = ['start to first answer, ms', 'at rest, MiB', 'per idle client, KiB'];
  const hint = `${idleClients} idle clients, each of which has asked once; resident memory.`;
  return table('Size', hint, [...columns, 'after all loads, MiB'], rows);
}

function failures(report: Report): string[] {
  const { results, sizes, subjects } = report;
  const present = measured(report);
  const absent = subjects
    .filter(({ name }) => results.length > 0 && !present.includes(name))
    .map(({ name }) => `- ${name}: no figure under any load`);
  const sizeLines = [...sizes].flatMap(([peer, { failure }]) =>
    failure === null ? [] : [`- ${peer}, start and idle clients: ${firstLine(failure)}`],
  );
  const loadLines = results.flatMap(({ load, series }) =>
    [...series].flatMap(([peer, { failure }]) =>
      failure === null ? [] : [`- ${peer}, ${load.name}: ${firstLine(failure)}`],
    ),
  );
  const lines = [...absent, ...sizeLines, ...loadLines];
  return lines.length === 0 ? [] : ['## Runs that failed', '', ...lines, ''];
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? '';
}

function table(
  title: string,
  hint: string,
  columns: readonly string[],
  rows: readonly (readonly string[])[],
): string[] {
  if (rows.length === 0) return [];
  return [
    `## ${title}`,
    '',
    hint,
    '',
    `| | ${columns.join(' | ')} |`,
    `| --- |${' ---: |'.repeat(columns.length)}`,
    ...rows.map((row) => `| ${row.join(' | ')} |`),
    '',
  ];
}
