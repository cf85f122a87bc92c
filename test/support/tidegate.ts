/** The product as users start it: a process of its own with a configuration file. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { until } from './bounded.ts';
import { freePort } from './ports.ts';
import { type Exit, run, TestProcess } from './process.ts';
import { type Argument, type Target, Wire, type WireOptions } from './wire.ts';

export const ROOT: string = path.resolve(import.meta.dirname, '../..');
export const MAIN: string = path.join(ROOT, 'src/cli/main.ts');

type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };
export type Section = { readonly [key: string]: Json };

/** The configuration file as data; JSON is YAML. Listeners and admin without `listen` get a free port. */
export interface TestConfig {
  readonly listeners?: { readonly [name: string]: Section };
  readonly upstreams?: { readonly [name: string]: Section };
  readonly admin?: Section;
  readonly workers?: number | 'auto';
  readonly log?: Section;
}

export interface TidegateOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** False: returns without waiting for the doors to open. */
  readonly wait?: boolean;
}

/** One upstream `main` of shards behind one listener `main`: what most tests want. */
export function shards(
  servers: readonly string[],
  upstream: Section = {},
  listener: Section = {},
): TestConfig {
  return {
    listeners: { main: { routes: [{ prefix: '', upstream: 'main' }], ...listener } },
    upstreams: { main: { kind: 'shards', servers, ...upstream } },
  };
}

/** One upstream `main`, a cluster with these seeds, behind one listener `main`. */
export function cluster(
  seeds: readonly string[],
  upstream: Section = {},
  listener: Section = {},
): TestConfig {
  return {
    listeners: { main: { routes: [{ prefix: '', upstream: 'main' }], ...listener } },
    upstreams: { main: { kind: 'cluster', servers: seeds, ...upstream } },
  };
}

/** One upstream `main`, an engine in the process, behind one listener `main`. */
export function embedded(upstream: Section = {}, listener: Section = {}): TestConfig {
  return {
    listeners: { main: { routes: [{ prefix: '', upstream: 'main' }], ...listener } },
    upstreams: { main: { kind: 'embedded', ...upstream } },
  };
}

/** One upstream `main`, a service of these Sentinels, behind one listener `main`. */
export function sentinel(
  sentinels: readonly string[],
  upstream: Section = {},
  listener: Section = {},
): TestConfig {
  return {
    listeners: { main: { routes: [{ prefix: '', upstream: 'main' }], ...listener } },
    upstreams: {
      main: { kind: 'sentinel', service: 'mymaster', servers: sentinels, ...upstream },
    },
  };
}

/** Starts the product with a configuration, given as data or as the text of a YAML file. */
export async function startTidegate(
  config: TestConfig | string,
  options: TidegateOptions = {},
): Promise<Tidegate> {
  const { text, doors, admin } =
    typeof config === 'string' ? readDoors(config) : await giveDoors(config);
  const gate = new Tidegate(text, doors, admin, options);
  if (options.wait === false) return gate;
  try {
    await gate.ready();
  } catch (error) {
    await gate[Symbol.asyncDispose]();
    throw error;
  }
  return gate;
}

/** Runs a command line of the product to its end. */
export function runTidegate(
  args: readonly string[],
  options: { env?: Readonly<Record<string, string>>; limitMs?: number; cwd?: string } = {},
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  return run(process.execPath, [MAIN, ...args], options);
}

/** A door: where clients reach a listener. */
interface Door {
  readonly target: Target;
  /** A TLS door is only tested for being open: the test brings the certificates. */
  readonly tls: boolean;
}

const ADMIN_OPENS_MS = 1500;

export class Tidegate {
  readonly directory: string = mkdtempSync(path.join(tmpdir(), 'tidegate-test-'));
  readonly configFile: string = path.join(this.directory, 'tidegate.yaml');
  readonly adminPort: number;
  readonly #doors: ReadonlyMap<string, Door>;
  readonly #process: TestProcess;

  constructor(
    config: string,
    doors: ReadonlyMap<string, Door>,
    adminPort: number,
    { env }: TidegateOptions,
  ) {
    this.adminPort = adminPort;
    this.#doors = doors;
    writeFileSync(this.configFile, config);
    this.#process = new TestProcess(
      process.execPath,
      [MAIN, 'serve', '--config', this.configFile],
      env ? { env } : {},
    );
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** Port of the listener `main`. */
  get port(): number {
    const target = this.target('main');
    if ('port' in target) return target.port;
    throw new Error('listener main has no port');
  }

  get exit(): Exit | null {
    return this.#process.exit;
  }

  /** Everything it wrote to standard output and standard error. */
  get logs(): string {
    return this.#process.stdout + this.#process.stderr;
  }

  get stderr(): string {
    return this.#process.stderr;
  }

  target(listener = 'main'): Target {
    const door = this.#doors.get(listener);
    if (door === undefined) throw new Error(`no listener ${listener}`);
    return door.target;
  }

  /** Waits until every door accepts and answers. */
  async ready(limitMs = 10_000): Promise<void> {
    for (const [name, door] of this.#doors) {
      await until(
        async () => {
          if (this.exit !== null) {
            throw new Error(`the gateway ended (${this.exit.code})\n${this.#process.output()}`);
          }
          return await isOpen(door);
        },
        `listener ${name} answers\n${this.#process.output()}`,
        limitMs,
        20,
      );
    }
  }

  connect(options: WireOptions & { readonly listener?: string } = {}): Promise<Wire> {
    return Wire.connect(this.target(options.listener), options);
  }

  /** One command on a connection of its own. */
  async ask(...args: readonly Argument[]): Promise<string> {
    await using wire = await this.connect();
    return await wire.ask(...args);
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.signal(signal);
  }

  ended(limitMs?: number): Promise<Exit> {
    return this.#process.ended(limitMs);
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM', limitMs = 10_000): Promise<Exit> {
    this.signal(signal);
    return await this.ended(limitMs);
  }

  /** An admin page: status and body. */
  async admin(page: string, init: RequestInit = {}): Promise<{ status: number; body: string }> {
    const response = await this.#fetch(`http://127.0.0.1:${this.adminPort}${page}`, init);
    return { status: response.status, body: await response.text() };
  }

  /** The admin port opens a little after the doors. */
  async #fetch(url: string, init: RequestInit): Promise<Response> {
    const end = performance.now() + ADMIN_OPENS_MS;
    while (true) {
      try {
        return await fetch(url, { ...init, signal: AbortSignal.timeout(5000) });
      } catch (error) {
        const cause: unknown = error instanceof Error ? error.cause : null;
        const isRefused = cause instanceof Error && Reflect.get(cause, 'code') === 'ECONNREFUSED';
        if (!isRefused || this.exit !== null || performance.now() > end) throw error;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  }

  /** Resident memory in bytes, without the children. */
  memory(): number {
    const status = readFileSync(`/proc/${this.pid}/status`, 'latin1');
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Workers are told to end by their parent, so it gets a moment to do that.
    if (this.exit === null) {
      this.signal('SIGCONT');
      this.signal('SIGTERM');
      this.signal('SIGTERM');
      await this.#process.ended(3000).catch(() => null);
    }
    await this.#process[Symbol.asyncDispose]();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

async function isOpen(door: Door): Promise<boolean> {
  try {
    if (door.tls) {
      const wire = await Wire.connect(door.target, { timeoutMs: 500 });
      wire.close();
      return true;
    }
    await using wire = await Wire.connect(door.target, { timeoutMs: 2000 });
    return /^(\+PONG|-NOAUTH)/.test(await wire.ask('PING'));
  } catch {
    return false;
  }
}

async function giveDoors(config: TestConfig): Promise<Doors> {
  const doors = new Map<string, Door>();
  const listeners: Record<string, Section> = {};
  for (const [name, listener] of Object.entries(config.listeners ?? {})) {
    const listen = String(listener['listen'] ?? `127.0.0.1:${await freePort()}`);
    listeners[name] = { listen, ...listener };
    doors.set(name, { target: targetOf(listen), tls: listener['tls'] !== undefined });
  }
  const admin = String(config.admin?.['listen'] ?? `127.0.0.1:${await freePort()}`);
  const whole = {
    log: { level: 'info', format: 'json' },
    ...config,
    listeners,
    admin: { listen: admin, ...config.admin },
  };
  return { text: JSON.stringify(whole, null, 2), doors, admin: portOf(admin) };
}

interface Doors {
  readonly text: string;
  readonly doors: ReadonlyMap<string, Door>;
  readonly admin: number;
}

/** The `listen:` lines of a YAML text, in order: named listeners first, `admin` last. */
function readDoors(text: string): Doors {
  const admin = /^admin:.*?listen:\s*([^\s,}]+)/m.exec(text)?.[1];
  const main = /listen:\s*([^\s,}]+)/.exec(text)?.[1];
  const doors = new Map<string, Door>();
  if (main !== undefined) doors.set('main', { target: targetOf(main), tls: false });
  return { text, doors, admin: admin === undefined ? 0 : portOf(admin) };
}

function targetOf(listen: string): Target {
  if (listen.startsWith('unix:')) return { path: listen.slice('unix:'.length) };
  return { port: portOf(listen), host: listen.slice(0, listen.lastIndexOf(':')) };
}

function portOf(listen: string): number {
  return Number(listen.slice(listen.lastIndexOf(':') + 1));
}
