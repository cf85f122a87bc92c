/**
 * Rounds. The machine is shared and noisy, so peers take turns within each round (A B C A B C …): a ratio is
 * taken between neighbours in time, and what is told is the median of the rounds with the least and the most.
 */
import path from 'node:path';
import { sleep, until } from '../test/support/bounded.ts';
import { TestProcess } from '../test/support/process.ts';
import { startRedises } from '../test/support/redis.ts';
import { generate, populate } from './generate.ts';
import { type Load, load } from './loads.ts';
import { type Peer, RunningPeer } from './peers.ts';
import { cpuUs, pin, residentBytes } from './process.ts';

/** One peer under one load in one round. */
export interface Sample {
  readonly rps: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Processor time of the peer per request. */
  readonly cpuUs: number;
  /** Of one core, how much the peer used: well below 1, something else was the limit. */
  readonly busy: number;
}

/** A peer's samples by round; null where the run failed, and the reason of the last failure. */
export interface Series {
  readonly samples: (Sample | null)[];
  failure: string | null;
}

export interface LoadResult {
  readonly load: Load;
  readonly series: ReadonlyMap<string, Series>;
}

/** What a peer takes without any load. */
export interface SizeResult {
  readonly startMs: number[];
  residentBytes: number;
  /** After the loads; 0 when there were none. */
  busyBytes: number;
  idleClientBytes: number | null;
  failure: string | null;
}

export interface Settings {
  readonly rounds: number;
  readonly seconds: number;
  /** Peer on core 0, servers and load on core 1. */
  readonly pinned: boolean;
  readonly idleClients: number;
  readonly say: (text: string) => void;
}

const PEER_CORE = 0;
const OTHER_CORE = 1;
const WARMUP_SECONDS = 0.3;
/** A gateway serves for weeks: what compilers do in its first seconds is no part of its speed. */
const FIRST_WARMUP_SECONDS = 2;
const FIRST_GUESS_RPS = 20_000;
const SETTLE_MS = 1500;
const IDLE_LIMIT_MS = 60_000;
const SERVER_OPTIONS = { config: { maxclients: '15000' } } as const;

/** All loads of one number of shards: servers and peers are started once. */
export async function measureLoads(
  peers: readonly Peer[],
  loads: readonly Load[],
  sizes: ReadonlyMap<string, SizeResult>,
  settings: Settings,
): Promise<LoadResult[]> {
  const [first] = loads;
  if (first === undefined) return [];
  await using servers = await startRedises(first.shards, SERVER_OPTIONS);
  await using stack = new AsyncDisposableStack();
  const running: Contestant[] = [];
  for (const peer of peers) {
    try {
      const started = stack.use(await RunningPeer.start(peer, servers));
      running.push({ running: started, rps: 0, valueBytes: 0 });
    } catch (error) {
      // The others are still worth comparing; the report has no figure for this one.
      settings.say(reasonOf(error));
    }
  }
  if (settings.pinned) {
    for (const { running: one } of running) pin(one.pid, PEER_CORE);
    for (const server of servers) pin(server.pid, OTHER_CORE);
  }
  for (const one of running) await warm(one, first.shards, settings);
  const results: LoadResult[] = [];
  for (const each of loads) results.push(await measureLoad(running, each, settings));
  for (const { running: one } of running) {
    const size = sizes.get(one.peer.name);
    if (size) size.busyBytes = Math.max(size.busyBytes, residentBytes(one.pid));
  }
  return results;
}

/** With and without pipelining, before anything is counted. */
async function warm(one: Contestant, shards: 1 | 4, settings: Settings): Promise<void> {
  for (const pipeline of [1, 16]) {
    const warmup = load({ shards, pipeline });
    one.rps = FIRST_GUESS_RPS * Math.min(pipeline, 4);
    await prepare(one, warmup, settings);
    await sampleOf(one, warmup, FIRST_WARMUP_SECONDS, settings);
  }
}

interface Contestant {
  readonly running: RunningPeer;
  /** The rate of its last run of this load. */
  rps: number;
  /** Size of the values it has written. */
  valueBytes: number;
}

async function measureLoad(
  contestants: readonly Contestant[],
  load: Load,
  settings: Settings,
): Promise<LoadResult> {
  const series = new Map<string, Series>();
  for (const one of contestants) {
    const own: Series = { samples: [], failure: null };
    series.set(one.running.peer.name, own);
    one.rps = FIRST_GUESS_RPS * Math.min(load.pipeline, 4);
    await attempt(own, () => prepare(one, load, settings));
  }
  for (let round = 0; round < settings.rounds; round++) {
    for (const one of contestants) {
      const own = series.get(one.running.peer.name);
      if (own === undefined) continue;
      const sample = await attempt(own, () => sampleOf(one, load, settings.seconds, settings));
      own.samples.push(sample);
    }
  }
  settings.say(`${load.name}: ${summary(contestants, series)}`);
  return { load, series };
}

/** Writes the keys, and warms the peer up with short runs, which also tell the rate to expect. */
async function prepare(one: Contestant, load: Load, settings: Settings): Promise<void> {
  if (one.valueBytes !== load.valueBytes) await populate(one.running.port, load);
  one.valueBytes = load.valueBytes;
  await sampleOf(one, load, WARMUP_SECONDS / 6, settings);
  await sampleOf(one, load, WARMUP_SECONDS, settings);
}

async function sampleOf(
  one: Contestant,
  load: Load,
  seconds: number,
  settings: Settings,
): Promise<Sample> {
  const { pid, port } = one.running;
  const before = cpuUs(pid);
  const core = settings.pinned ? OTHER_CORE : null;
  const { requests, rps, p50Ms, p99Ms } = await generate(load, port, seconds, one.rps, core);
  one.rps = rps;
  const perRequestUs = (cpuUs(pid) - before) / requests;
  return { rps, p50Ms, p99Ms, cpuUs: perRequestUs, busy: (perRequestUs * rps) / 1e6 };
}

async function attempt<T>(series: Series, work: () => Promise<T>): Promise<T | null> {
  if (series.failure !== null) return null;
  try {
    return await work();
  } catch (error) {
    series.failure = reasonOf(error);
    return null;
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function summary(contestants: readonly Contestant[], series: ReadonlyMap<string, Series>): string {
  const parts = contestants.map(({ running }) => {
    const own = series.get(running.peer.name);
    const rates = own?.samples.filter((sample) => sample !== null).map(({ rps }) => rps) ?? [];
    const best =
      rates.length === 0 ? own?.failure : `${(Math.max(...rates) / 1000).toFixed(1)} k/s`;
    return `${running.peer.name} ${best}`;
  });
  return parts.join(', ');
}

/** Start and idle clients, each on a peer that has done nothing else; one shard. */
export async function measureSizes(
  peers: readonly Peer[],
  settings: Settings,
): Promise<Map<string, SizeResult>> {
  const sizes = new Map<string, SizeResult>();
  for (const peer of peers) {
    sizes.set(peer.name, {
      startMs: [],
      residentBytes: 0,
      busyBytes: 0,
      idleClientBytes: null,
      failure: null,
    });
  }
  for (let round = 0; round < settings.rounds; round++) {
    for (const peer of peers) {
      const size = sizes.get(peer.name);
      if (size === undefined || size.failure !== null) continue;
      try {
        await measureSize(peer, size, round === 0, settings);
      } catch (error) {
        size.failure = reasonOf(error);
      }
    }
  }
  for (const [name, { startMs, idleClientBytes, failure }] of sizes) {
    const idle = idleClientBytes === null ? 'no figure' : `${Math.round(idleClientBytes)} B`;
    const starts = startMs.map((ms) => Math.round(ms)).join(' ');
    settings.say(
      `${name}: starts in ${starts} ms, idle client ${idle}${failure ? `, ${failure}` : ''}`,
    );
  }
  return sizes;
}

async function measureSize(
  peer: Peer,
  size: SizeResult,
  withIdle: boolean,
  settings: Settings,
): Promise<void> {
  await using servers = await startRedises(1, SERVER_OPTIONS);
  await using running = await RunningPeer.start(peer, servers);
  if (peer.command !== null) size.startMs.push(running.startMs);
  if (!withIdle || settings.idleClients === 0) return;
  await sleep(SETTLE_MS);
  size.residentBytes = residentBytes(running.pid);
  size.idleClientBytes = await idleClientBytes(running, settings.idleClients);
}

/** Growth of resident memory per client that has asked once and stays; garbage has time to go. */
async function idleClientBytes(running: RunningPeer, count: number): Promise<number> {
  const before = residentBytes(running.pid);
  const program = path.join(import.meta.dirname, 'idle-load.ts');
  const args = [program, `${running.port}`, `${count}`];
  await using clients = new TestProcess(process.execPath, args);
  const allOpen = (): boolean => {
    if (clients.exit !== null) throw new Error(clients.stderr.trim());
    return clients.stdout.includes('open');
  };
  await until(allOpen, `${count} idle clients of ${running.peer.name}`, IDLE_LIMIT_MS, 50);
  await sleep(SETTLE_MS);
  return (residentBytes(running.pid) - before) / count;
}
