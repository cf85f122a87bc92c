/**
 * What the tests need beside Node: `redis-server` and `openssl`. A machine without them gets Debian's
 * packages when we are root; otherwise the tests fail with a sentence. They are never skipped.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { sleep } from './bounded.ts';

const packages = { 'redis-server': 'redis-server', openssl: 'openssl' } as const;

export type Tool = keyof typeof packages;

const LOCK = path.join(tmpdir(), 'tidegate-test-install.lock');
const LOCK_LIMIT_MS = 240_000;
const POLICY = '/usr/sbin/policy-rc.d';

/** Returns when all tools are there; throws a sentence when they cannot be had. */
export async function ensureTools(...tools: readonly Tool[]): Promise<void> {
  if (tools.every(isThere)) return;
  await takeLock();
  try {
    for (const tool of tools) if (!isThere(tool)) install(tool);
  } finally {
    rmSync(LOCK, { recursive: true, force: true });
  }
}

function isThere(tool: Tool): boolean {
  return (process.env['PATH'] ?? '')
    .split(path.delimiter)
    .some((folder) => folder !== '' && existsSync(path.join(folder, tool)));
}

/** Two test files that both find the tool missing must not both call the package manager. */
async function takeLock(): Promise<void> {
  const end = performance.now() + LOCK_LIMIT_MS;
  while (performance.now() < end) {
    try {
      mkdirSync(LOCK);
      return;
    } catch {
      // Held by another file, or left behind by one that was killed: then it grows old.
      const made = statSync(LOCK, { throwIfNoEntry: false })?.mtimeMs ?? Date.now();
      if (Date.now() - made > LOCK_LIMIT_MS) rmSync(LOCK, { recursive: true, force: true });
      await sleep(200);
    }
  }
  throw new Error(`another test run has been installing packages for too long (${LOCK})`);
}

function install(tool: Tool): void {
  const name = packages[tool];
  const wanted = `the tests need ${tool} (Debian package ${name})`;
  if (process.getuid?.() !== 0) {
    throw new Error(`${wanted}; install it, or run the tests as root so that they can`);
  }
  // The package starts a service on the standard port; this policy file is how Debian is told not to.
  const madePolicy = !existsSync(POLICY);
  if (madePolicy) writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    aptGet(wanted, ['update', '-q']);
    aptGet(wanted, ['install', '-y', '-q', '--no-install-recommends', name]);
  } finally {
    if (madePolicy) rmSync(POLICY, { force: true });
  }
  if (!isThere(tool)) throw new Error(`${wanted}; the package was installed but it is not in PATH`);
}

function aptGet(wanted: string, args: readonly string[]): void {
  const result = spawnSync('apt-get', args, {
    encoding: 'utf8',
    timeout: LOCK_LIMIT_MS,
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' },
  });
  if (result.status === 0) return;
  const reason = result.error?.message ?? result.stderr.trim();
  throw new Error(`${wanted}; apt-get ${args[0]} failed: ${reason}`);
}
