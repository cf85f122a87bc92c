/**
 * What is compared: direct Redis, Tidegate, nutcracker, Envoy, and whatever the command line adds. A peer is
 * a way to make a command out of servers and a port; starting, asking and ending is the same for all.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { type EnvoyBinary, envoyConfig } from '../test/peers/envoy.ts';
import { sleep } from '../test/support/bounded.ts';
import { freePort } from '../test/support/ports.ts';
import { TestProcess } from '../test/support/process.ts';
import { Wire } from '../test/support/wire.ts';
import { isInstalled, versionOf } from './process.ts';

const START_LIMIT_MS = 20_000;
const PROBE = 'tidegate:bench:probe';
const ROOT = path.resolve(import.meta.dirname, '..');

export interface Peer {
  readonly name: string;
  readonly version: string;
  /** Makes what it needs in `folder`; null: no process of its own, the first server is asked directly. */
  readonly command: ((place: Place) => readonly string[]) | null;
}

/** Where a peer shall work. */
export interface Place {
  readonly folder: string;
  readonly port: number;
  /** Ports of the servers, on loopback. */
  readonly servers: readonly number[];
}

export const direct: Peer = {
  name: 'direct',
  version: isInstalled('redis-server') ? versionOf('redis-server', '--version') : 'none',
  command: null,
};

export const tidegate: Peer = {
  name: 'Tidegate',
  version: `of this checkout, Node ${process.versions.node}`,
  command: ({ folder, port, servers }) => {
    const file = path.join(folder, 'tidegate.yaml');
    const addresses = servers.map((server) => `127.0.0.1:${server}`).join(', ');
    writeFileSync(
      file,
      [
        'workers: 1',
        'log: { level: warn }',
        'listeners:',
        `  main: { listen: "127.0.0.1:${port}", max_connections: 20000, routes: [{ prefix: "", upstream: main }] }`,
        'upstreams:',
        `  main: { kind: shards, servers: [${addresses}], distribution: ketama, op_timeout: 5s }`,
        '',
      ].join('\n'),
    );
    return [process.execPath, path.join(ROOT, 'src/cli/main.ts'), 'serve', '--config', file];
  },
};

export function nutcracker(statsPort: number): Peer {
  return {
    name: 'nutcracker',
    version: versionOf('nutcracker', '--version'),
    command: ({ folder, port, servers }) => {
      const file = path.join(folder, 'nutcracker.yml');
      writeFileSync(
        file,
        [
          'main:',
          `  listen: 127.0.0.1:${port}`,
          '  hash: fnv1a_64',
          '  distribution: ketama',
          '  redis: true',
          '  preconnect: true',
          '  servers:',
          ...servers.map((server) => `    - 127.0.0.1:${server}:1`),
          '',
        ].join('\n'),
      );
      const quiet = ['-v', '0', '-o', path.join(folder, 'log'), '-p', path.join(folder, 'pid')];
      return ['nutcracker', '-c', file, '-a', '127.0.0.1', '-s', `${statsPort}`, ...quiet];
    },
  };
}

export function envoy(binary: EnvoyBinary): Peer {
  return {
    name: 'Envoy',
    version: binary.version,
    command: ({ folder, port, servers }) => {
      const file = path.join(folder, 'envoy.json');
      const doors = [
        { servers: servers.map((server) => ({ port: server })), policy: 'RING_HASH' },
      ] as const;
      writeFileSync(file, JSON.stringify(envoyConfig(doors, [port])));
      const options = ['--concurrency', '1', '--log-level', 'error', '--disable-hot-restart'];
      return [binary.path, '-c', file, ...options];
    },
  };
}

/** `name=command`, in which `{listen}`, `{port}` and `{servers}` are filled in; split at spaces. */
export function peerFromText(text: string): Peer {
  const [, name, line] = /^([\w-]+)=(.+)$/.exec(text) ?? [];
  if (name === undefined || line === undefined) {
    throw new Error(`--peer expects name=command with {listen} and {servers}, not ${text}`);
  }
  return {
    name,
    version: 'given on the command line',
    command: ({ port, servers }) => {
      const addresses = servers.map((server) => `127.0.0.1:${server}`).join(',');
      return line
        .split(/\s+/)
        .map((word) =>
          word
            .replaceAll('{listen}', `127.0.0.1:${port}`)
            .replaceAll('{port}', `${port}`)
            .replaceAll('{servers}', addresses),
        );
    },
  };
}

/** A peer at work in front of servers. */
export class RunningPeer {
  readonly peer: Peer;
  readonly port: number;
  /** The process whose time and memory are counted: the server itself when asked directly. */
  readonly pid: number;
  /** From the start of the process to the first answer that came through it; 0 without a process. */
  readonly startMs: number;
  readonly #process: TestProcess | null;
  readonly #folder: string | null;

  private constructor(
    peer: Peer,
    port: number,
    pid: number,
    startMs: number,
    process: TestProcess | null,
    folder: string | null,
  ) {
    this.peer = peer;
    this.port = port;
    this.pid = pid;
    this.startMs = startMs;
    this.#process = process;
    this.#folder = folder;
  }

  static async start(
    peer: Peer,
    servers: readonly { readonly port: number; readonly pid: number }[],
  ): Promise<RunningPeer> {
    const [first] = servers;
    if (first === undefined) throw new Error('no server');
    if (peer.command === null) return new RunningPeer(peer, first.port, first.pid, 0, null, null);
    const folder = mkdtempSync(path.join(tmpdir(), 'tidegate-bench-'));
    const port = await freePort();
    const ports = servers.map((server) => server.port);
    const [command = '', ...args] = peer.command({ folder, port, servers: ports });
    const began = performance.now();
    const child = new TestProcess(command, args);
    try {
      await firstAnswer(peer.name, port, child, began + START_LIMIT_MS);
      const startMs = performance.now() - began;
      return new RunningPeer(peer, port, child.pid, startMs, child, folder);
    } catch (error) {
      await child[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process?.[Symbol.asyncDispose]();
    if (this.#folder !== null) rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Asks until a value comes back that only a server can have answered. */
async function firstAnswer(
  name: string,
  port: number,
  child: TestProcess,
  limit: number,
): Promise<void> {
  let last = 'no connection';
  while (performance.now() < limit) {
    if (child.exit !== null) throw new Error(`${name} ended at its start\n${child.output()}`);
    try {
      await using wire = await Wire.connect({ port }, { timeoutMs: 1000 });
      last = await wire.ask('GET', PROBE);
      if (last.startsWith('$')) return;
    } catch (error) {
      // Not listening yet. What it was is told if it never gets better.
      last = String(error);
    }
    await sleep(2);
  }
  throw new Error(`${name} did not answer within ${START_LIMIT_MS} ms: ${last}\n${child.output()}`);
}
