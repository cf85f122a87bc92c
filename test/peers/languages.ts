/**
 * Clients of other languages through the door, in front of four shards and of a cluster:
 *
 *   node test/peers/languages.ts            redis-py in RESP2 and RESP3, go-redis likewise
 *
 * Needs `python3` with venv and `go`; both fetch their client from their own index. A language that is not on the
 * machine is named and counts as a failure: nothing is skipped in silence.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startCluster } from '../support/cluster.ts';
import { run } from '../support/process.ts';
import { startRedises } from '../support/redis.ts';
import { cluster, shards, startTidegate } from '../support/tidegate.ts';

const LIMIT_MS = 300_000;
const RUNS = [
  ['shards', '2'],
  ['shards', '3'],
  ['cluster', '2'],
  ['cluster', '3'],
] as const;
const TOURS = path.join(import.meta.dirname, 'languages');

interface Tour {
  readonly name: string;
  /** Makes the client ready in `folder`; the command line of the tour without its arguments. */
  prepare(folder: string): Promise<readonly string[]>;
}

const python: Tour = {
  name: 'redis-py',
  async prepare(folder) {
    const home = path.join(folder, 'python');
    await must('python3', '-m', 'venv', home);
    await must(path.join(home, 'bin', 'pip'), 'install', '--quiet', 'redis');
    return [path.join(home, 'bin', 'python'), path.join(TOURS, 'tour.py')];
  },
};

const go: Tour = {
  name: 'go-redis',
  async prepare(folder) {
    const home = path.join(folder, 'go');
    const binary = path.join(home, 'tour');
    await must('cp', '-r', TOURS, home);
    await must('go', '-C', home, 'mod', 'tidy');
    await must('go', '-C', home, 'build', '-o', binary, 'tour.go');
    return [binary];
  },
};

async function must(command: string, ...args: string[]): Promise<void> {
  const { code, stderr } = await run(command, args, { limitMs: LIMIT_MS });
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}: ${stderr}`);
}

async function play(tour: Tour, folder: string): Promise<boolean> {
  try {
    const [command = '', ...args] = await tour.prepare(folder);
    for (const [kind, protocol] of RUNS) {
      await using servers = kind === 'cluster' ? await startCluster() : await startRedises(4);
      const config = kind === 'cluster' ? cluster : shards;
      const options = kind === 'cluster' ? {} : { hash_tags: true };
      await using gate = await startTidegate(config(servers.addresses, options));
      const line = [...args, String(gate.port), protocol];
      const { code, stdout, stderr } = await run(command, line, { limitMs: LIMIT_MS });
      process.stdout.write(
        `${kind}: ${code === 0 ? stdout : `${tour.name} RESP${protocol}: ${stderr}\n`}`,
      );
      if (code !== 0) return false;
    }
    return true;
  } catch (error) {
    process.stdout.write(`${tour.name}: ${error instanceof Error ? error.message : error}\n`);
    return false;
  }
}

/** True when every tour went to its end. */
export async function tourLanguages(): Promise<boolean> {
  const folder = mkdtempSync(path.join(tmpdir(), 'tidegate-languages-'));
  try {
    const results = [await play(python, folder), await play(go, folder)];
    return results.every(Boolean);
  } finally {
    // Go's module cache is read-only, but it lies elsewhere.
    rmSync(folder, { recursive: true, force: true });
  }
}

if (import.meta.main) process.exitCode = (await tourLanguages()) ? 0 : 1;
