/** Puts a load on a port and says what came of it: redis-benchmark, or our own generator where it cannot. */
import path from 'node:path';
import { TestProcess } from '../test/support/process.ts';
import { Wire } from '../test/support/wire.ts';
import { keyName, keySpace, type Load } from './loads.ts';

/** What one run of a load showed. */
export interface Run {
  readonly requests: number;
  readonly rps: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const POPULATE_BYTES = 4 * 1024 * 1024;
const POPULATE_LIMIT_MS = 30_000;

/** Writes every key of the load through the port, so that each GET finds a value of the right size. */
export async function populate(port: number, load: Load): Promise<void> {
  const value = Buffer.alloc(load.valueBytes, 'x');
  const batch = Math.max(1, Math.min(500, Math.floor(POPULATE_BYTES / load.valueBytes)));
  await using wire = await Wire.connect({ port }, { timeoutMs: POPULATE_LIMIT_MS });
  for (let at = 0; at < keySpace(load); at += batch) {
    const count = Math.min(batch, keySpace(load) - at);
    const commands = Array.from({ length: count }, (_, i) => ['SET', keyName(at + i), value]);
    const wrong = (await wire.askAll(commands)).find((reply) => reply !== '+OK\r\n');
    if (wrong !== undefined) throw new Error(`SET answered ${wrong.trim()}`);
  }
}

/**
 * Runs a load for about `seconds`. redis-benchmark counts requests, not time, so it needs the rate that is
 * to be expected.
 */
export async function generate(
  load: Load,
  port: number,
  seconds: number,
  expectedRps: number,
  core: number | null,
): Promise<Run> {
  const requests = Math.max(load.clients * load.pipeline * 2, Math.ceil(expectedRps * seconds), 10);
  const isPrepared = load.kind === 'mixed' || load.kind === 'MGET';
  const command = isPrepared ? prepared(load, port, seconds) : redisBenchmark(load, port, requests);
  const pinned = core === null ? command : ['taskset', '-c', `${core}`, ...command];
  await using child = new TestProcess(pinned[0] ?? '', pinned.slice(1));
  const limitMs = 20_000 + seconds * 20_000;
  const { code } = await child.ended(limitMs);
  if (code !== 0) throw new Error(lastLine(child.stderr) || lastLine(child.stdout));
  return isPrepared ? (JSON.parse(child.stdout) as Run) : csvRun(child, requests);
}

function redisBenchmark(load: Load, port: number, requests: number): string[] {
  const { clients, pipeline, valueBytes, kind } = load;
  const common = ['redis-benchmark', '-h', '127.0.0.1', '-p', `${port}`, '--csv'];
  const amount = ['-n', `${requests}`, '-c', `${clients}`, '-P', `${pipeline}`];
  const data = ['-r', `${keySpace(load)}`, '-d', `${valueBytes}`];
  return [...common, ...amount, ...data, '-t', kind.toLowerCase()];
}

function prepared(load: Load, port: number, seconds: number): string[] {
  const program = path.join(import.meta.dirname, 'prepared-load.ts');
  const { clients, pipeline, valueBytes, kind, keys } = load;
  const many = kind === 'MGET' ? keys : 0;
  const figures = [port, clients, pipeline, valueBytes, keySpace(load), seconds, many].map(String);
  return [process.execPath, program, ...figures];
}

/** `"test","rps","avg_latency_ms","min_latency_ms","p50_latency_ms","p95_…","p99_…","max_…"` and one row. */
function csvRun(child: TestProcess, requests: number): Run {
  const row = child.stdout.trim().split('\n').at(-1) ?? '';
  const cells = row.split(/","/).map((cell) => Number(cell.replaceAll('"', '')));
  const [, rps = Number.NaN, , , p50Ms = Number.NaN, , p99Ms = Number.NaN] = cells.slice(-8);
  if (!(rps > 0)) throw new Error(lastLine(child.stderr) || `redis-benchmark printed ${row}`);
  return { requests, rps, p50Ms, p99Ms };
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1)?.slice(0, 200) ?? '';
}
