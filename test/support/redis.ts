/** A real `redis-server` on a free loopback port, gone when the test is. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { until } from './bounded.ts';
import { ensureTools } from './install.ts';
import { freePort } from './ports.ts';
import { type Exit, TestProcess } from './process.ts';
import type { Certificates } from './tls.ts';
import { type Argument, decode, type Value, Wire, type WireOptions } from './wire.ts';

export interface RedisOptions {
  /** A fixed port; fails when it is taken. */
  readonly port?: number;
  readonly password?: string;
  /** A second, TLS port with these certificates. */
  readonly tls?: Certificates;
  /** Demand a client certificate on the TLS port. */
  readonly tlsClients?: boolean;
  /** More `--name value…` pairs. */
  readonly config?: Readonly<Record<string, string | readonly string[]>>;
}

export async function startRedis(options: RedisOptions = {}): Promise<TestRedis> {
  await ensureTools('redis-server');
  for (let tries = 0; ; tries++) {
    const port = options.port ?? (await freePort());
    const tlsPort = options.tls ? await freePort() : 0;
    const server = new TestRedis(port, tlsPort, options);
    try {
      await server.start();
      return server;
    } catch (error) {
      await server[Symbol.asyncDispose]();
      // Another test file may have taken the port between the question and the start.
      if (options.port !== undefined || tries >= 4) throw error;
    }
  }
}

/** Several servers at once. */
export async function startRedises(count: number, options?: RedisOptions): Promise<RedisGroup> {
  const group = new RedisGroup();
  const started = await Promise.allSettled(
    Array.from({ length: count }, () => startRedis(options)),
  );
  for (const one of started) if (one.status === 'fulfilled') group.push(one.value);
  const failed = started.find((one) => one.status === 'rejected');
  if (failed === undefined) return group;
  await group[Symbol.asyncDispose]();
  throw failed.reason;
}

export class RedisGroup extends Array<TestRedis> {
  get addresses(): string[] {
    return Array.from(this, (server) => server.address);
  }

  /** Calls of one command (`get`, `config|get`) on each server since the last `resetStats`. */
  calls(command: string): Promise<number[]> {
    return Promise.all(Array.from(this, (server) => server.calls(command)));
  }

  async resetStats(): Promise<void> {
    await Promise.all(Array.from(this, (server) => server.ask('CONFIG', 'RESETSTAT')));
  }

  async flush(): Promise<void> {
    await Promise.all(Array.from(this, (server) => server.ask('FLUSHALL')));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(Array.from(this, (server) => server[Symbol.asyncDispose]()));
  }
}

export class TestRedis {
  readonly port: number;
  readonly tlsPort: number;
  readonly directory: string;
  readonly unixPath: string;
  readonly password: string | undefined;
  readonly #options: RedisOptions;
  #process: TestProcess | null = null;
  #wire: Wire | null = null;

  constructor(port: number, tlsPort: number, options: RedisOptions) {
    this.port = port;
    this.tlsPort = tlsPort;
    this.password = options.password;
    this.directory = mkdtempSync(path.join(tmpdir(), 'tidegate-redis-'));
    this.unixPath = path.join(this.directory, 'redis.sock');
    this.#options = options;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  get isRunning(): boolean {
    return this.#process?.exit === null;
  }

  get pid(): number {
    return this.#process?.pid ?? -1;
  }

  async start(): Promise<void> {
    const child = new TestProcess('redis-server', this.#arguments());
    this.#process = child;
    await until(
      async () => {
        if (child.exit !== null) {
          throw new Error(`redis-server on ${this.port} ended\n${child.output()}`);
        }
        return child.stdout.includes('Ready to accept connections') && (await this.#answers());
      },
      `redis-server on ${this.port} answers`,
      10_000,
    );
  }

  /** Ends the process and waits for its end. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<Exit> {
    if (this.#process === null) throw new Error('not running');
    this.#forget();
    if (signal !== 'SIGKILL') this.#process.signal('SIGCONT');
    this.#process.signal(signal);
    return await this.#process.ended();
  }

  /** The process stops running but keeps its connections: the worst kind of outage. */
  pause(): void {
    this.#process?.signal('SIGSTOP');
  }

  resume(): void {
    this.#process?.signal('SIGCONT');
  }

  async restart(): Promise<void> {
    if (this.#process?.exit === null) await this.kill();
    await this.start();
  }

  /** A new raw connection straight to this server. */
  connect(options: WireOptions = {}): Promise<Wire> {
    const auth = this.password === undefined ? {} : { auth: [this.password] };
    return Wire.connect({ port: this.port }, { ...auth, ...options });
  }

  /** The raw reply of one command sent straight to this server. */
  async ask(...args: readonly Argument[]): Promise<string> {
    if (this.#wire === null || this.#wire.closed) this.#wire = await this.connect();
    return await this.#wire.ask(...args);
  }

  async value(...args: readonly Argument[]): Promise<Value> {
    return decode(await this.ask(...args));
  }

  /** Clients that wait in BLPOP and its kind. */
  async clientsBlocked(): Promise<number> {
    const text = String(await this.value('INFO', 'clients'));
    return Number(/blocked_clients:(\d+)/.exec(text)?.[1] ?? 0);
  }

  async calls(command: string): Promise<number> {
    const text = String(await this.value('INFO', 'commandstats'));
    const line = text.split('\r\n').find((one) => one.startsWith(`cmdstat_${command}:`));
    return Number(/calls=(\d+)/.exec(line ?? '')?.[1] ?? 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#forget();
    await this.#process?.[Symbol.asyncDispose]();
    rmSync(this.directory, { recursive: true, force: true });
  }

  #forget(): void {
    this.#wire?.close();
    this.#wire = null;
  }

  async #answers(): Promise<boolean> {
    try {
      await using wire = await Wire.connect({ port: this.port });
      return /^(\+PONG|-NOAUTH)/.test(await wire.ask('PING'));
    } catch {
      return false;
    }
  }

  #arguments(): string[] {
    const { password, tls, tlsClients, config } = this.#options;
    const args: string[] = [];
    const set = (name: string, ...values: readonly string[]): void => {
      args.push(`--${name}`, ...values);
    };
    set('port', String(this.port));
    set('bind', '127.0.0.1');
    set('daemonize', 'no');
    set('save', '');
    set('appendonly', 'no');
    set('dir', this.directory);
    set('unixsocket', this.unixPath);
    if (password !== undefined) set('requirepass', password);
    if (tls) {
      set('tls-port', String(this.tlsPort));
      set('tls-cert-file', tls.server.cert);
      set('tls-key-file', tls.server.key);
      set('tls-ca-cert-file', tls.ca);
      set('tls-auth-clients', tlsClients ? 'yes' : 'no');
    }
    for (const [name, value] of Object.entries(config ?? {})) {
      set(name, ...(typeof value === 'string' ? [value] : value));
    }
    return args;
  }
}
