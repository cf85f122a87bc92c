/**
 * What the operating system says about a process and the machine. Linux only: figures come from /proc, so that
 * every peer is measured by the same clock, whatever it says about itself.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import os from 'node:os';

const TICKS_PER_SECOND = 100;

/** Microseconds of processor time of a process so far: all its threads and all its children. */
export function cpuUs(pid: number): number {
  let sum = threadsCpuUs(pid);
  for (const child of childrenOf(pid)) sum += cpuUs(child);
  return sum;
}

/** Resident bytes of a process and its children. */
export function residentBytes(pid: number): number {
  const kib = /^VmRSS:\s+(\d+) kB/m.exec(read(`/proc/${pid}/status`))?.[1];
  let sum = Number(kib ?? 0) * 1024;
  for (const child of childrenOf(pid)) sum += residentBytes(child);
  return sum;
}

/** Nanoseconds from the scheduler where the kernel keeps them, ticks of 10 ms otherwise. */
function threadsCpuUs(pid: number): number {
  let sum = 0;
  for (const thread of entries(`/proc/${pid}/task`)) {
    sum += Number(read(`/proc/${pid}/task/${thread}/schedstat`).split(' ')[0] ?? 0);
  }
  if (sum > 0) return sum / 1000;
  // The name stands in brackets and may hold spaces; user and system time are fields 14 and 15.
  const fields = read(`/proc/${pid}/stat`).split(') ').at(-1)?.split(' ') ?? [];
  return ((Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) * 1e6) / TICKS_PER_SECOND;
}

function childrenOf(pid: number): number[] {
  const text = entries(`/proc/${pid}/task`)
    .map((thread) => read(`/proc/${pid}/task/${thread}/children`))
    .join(' ');
  return text.split(/\s+/).filter(Boolean).map(Number);
}

/** A process may end between the question and the answer: then there is nothing to count. */
function read(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}

function entries(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** Binds all threads of a process to one core. */
export function pin(pid: number, core: number): void {
  const { status, stderr } = spawnSync('taskset', ['-a', '-c', '-p', `${core}`, `${pid}`], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`cannot pin a process with taskset: ${stderr}`);
}

/** Raises the limit of open files for us and all we start; returns what it is then. */
export function raiseOpenFiles(wanted: number): number {
  if (openFilesLimit() < wanted) {
    // Node has raised the soft limit to the hard one already; more needs a privilege we may not have.
    spawnSync('prlimit', ['--pid', `${process.pid}`, `--nofile=${wanted}:${wanted}`]);
  }
  return openFilesLimit();
}

function openFilesLimit(): number {
  const soft = /^Max open files\s+(\S+)/m.exec(read('/proc/self/limits'))?.[1];
  return soft === 'unlimited' ? Number.MAX_SAFE_INTEGER : Number(soft ?? 1024);
}

export function describeMachine(): string {
  const [core] = os.cpus();
  const kernel = /^\d+(\.\d+)*/.exec(os.release())?.[0] ?? os.release();
  const memoryGib = (os.totalmem() / 2 ** 30).toFixed(1);
  return `${os.availableParallelism()} cores (${core?.model.trim()}), ${memoryGib} GiB, Linux ${kernel}`;
}

/** The first thing in a program's own words that looks like a version. */
export function versionOf(command: string, ...args: readonly string[]): string {
  const { stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  return /\d+\.\d+(\.\d+)?/.exec(`${stdout}${stderr}`)?.[0] ?? 'unknown';
}

export function isInstalled(command: string): boolean {
  return spawnSync('sh', ['-c', 'command -v "$1"', 'sh', command]).status === 0;
}
