/**
 * A primary, its replicas and the Sentinels that watch them, all real processes; and a Sentinel that says what a test
 * says. Periods of the Sentinels are cut short, so that a failover takes about two seconds.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import tls from 'node:tls';
import { until } from './bounded.ts';
import { freePort } from './ports.ts';
import { TestProcess } from './process.ts';
import { startRedis, type TestRedis } from './redis.ts';
import type { Certificates } from './tls.ts';
import { bulk, decode, replyEnd, type Value, Wire } from './wire.ts';

export const SERVICE = 'mymaster';

export interface ServiceOptions {
  readonly replicas?: number;
  readonly sentinels?: number;
  /** Of the servers. */
  readonly password?: string;
  /** Of the Sentinels. */
  readonly sentinelPassword?: string;
}

export async function startService(options: ServiceOptions = {}): Promise<TestService> {
  const { replicas = 2, sentinels = 3, password } = options;
  const service = new TestService();
  try {
    const common = {
      ...(password === undefined ? {} : { password }),
      config: {
        'repl-diskless-sync-delay': '0',
        'repl-ping-replica-period': '1',
        'enable-debug-command': 'yes',
        ...(password === undefined ? {} : { masterauth: password }),
      },
    };
    const primary = await startRedis(common);
    service.servers.push(primary);
    const config = { ...common.config, replicaof: ['127.0.0.1', String(primary.port)] };
    for (let i = 0; i < replicas; i++) {
      service.servers.push(await startRedis({ ...common, config }));
    }
    for (let i = 0; i < sentinels; i++) {
      const sentinel = new TestSentinel(await freePort(), primary, options);
      service.sentinels.push(sentinel);
      await sentinel.start();
    }
    await service.settled();
    return service;
  } catch (error) {
    await service[Symbol.asyncDispose]();
    throw error;
  }
}

/** So long a failover takes at most, unless it came to nothing. */
const FAILOVER_MS = 8000;

export class TestService {
  /** The primary first, as it was at the start. */
  readonly servers: TestRedis[] = [];
  readonly sentinels: TestSentinel[] = [];

  get primary(): TestRedis {
    return this.servers[0]!;
  }

  get replicas(): readonly TestRedis[] {
    return this.servers.slice(1);
  }

  get addresses(): string[] {
    return this.sentinels.map(({ address }) => address);
  }

  /** Whom all Sentinels that run name, once he says so himself. */
  async agreed(limitMs = 20_000, other?: TestRedis): Promise<TestRedis> {
    let named: TestRedis | undefined;
    await until(
      async () => {
        const running = this.sentinels.filter(({ isRunning }) => isRunning);
        const all = await Promise.all(running.map((sentinel) => sentinel.primary()));
        named = this.servers.find((server) => all.every((address) => address === server.address));
        if (named === undefined || named === other || !named.isRunning) return false;
        return (await roleOf(named)) === 'master';
      },
      'the Sentinels agree',
      limitMs,
    );
    return named!;
  }

  /** Waits until every Sentinel knows everything, and all replicas are in step. */
  async settled(limitMs = 30_000): Promise<void> {
    const others = this.sentinels.length - 1;
    const replicas = this.servers.filter(({ isRunning }) => isRunning).length - 1;
    await this.agreed(limitMs);
    await until(
      async () => {
        const views = await Promise.all(this.sentinels.map((sentinel) => sentinel.view()));
        return views.every((view) => view.others === others && view.well === replicas);
      },
      'every Sentinel knows all',
      limitMs,
      50,
    );
  }

  /** A failover somebody asks for; resolves to the new primary. */
  async failover(): Promise<TestRedis> {
    const before = await this.agreed();
    let next: TestRedis | null = null;
    await until(
      async () => {
        // Said again if nothing came of it: on a busy machine a Sentinel gives up.
        await this.sentinels[0]!.ask('SENTINEL', 'FAILOVER', SERVICE);
        next = await this.agreed(FAILOVER_MS, before).catch(() => null);
        return next !== null;
      },
      'a failover that was asked for',
      60_000,
      200,
    );
    return next!;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.sentinels.map((each) => each[Symbol.asyncDispose]()));
    await Promise.all(this.servers.map((each) => each[Symbol.asyncDispose]()));
  }
}

export async function roleOf(server: TestRedis): Promise<string> {
  const [role] = (await server.value('ROLE')) as Value[];
  return String(role);
}

/**
 * Milliseconds between what a Sentinel does of its own accord; a second or more each, unless told. A replica is promoted
 * only if it was heard of within five periods of PING, and in an outage it is asked once a second.
 */
const PERIODS = {
  'info-period': 200,
  'ping-period': 500,
  'ask-period': 100,
  'publish-period': 200,
  'tilt-period': 1000,
  'election-timeout': 2000,
  'min-link-reconnect-period': 500,
} as const;

export class TestSentinel {
  readonly port: number;
  readonly #directory: string = mkdtempSync(path.join(tmpdir(), 'tidegate-sentinel-'));
  readonly #file: string = path.join(this.#directory, 'sentinel.conf');
  readonly #password: string | undefined;
  #process: TestProcess | null = null;
  #wire: Wire | null = null;

  constructor(port: number, primary: TestRedis, options: ServiceOptions) {
    this.port = port;
    this.#password = options.sentinelPassword;
    const lines = [
      `port ${port}`,
      'bind 127.0.0.1',
      `dir ${this.#directory}`,
      `sentinel monitor ${SERVICE} 127.0.0.1 ${primary.port} 2`,
      `sentinel down-after-milliseconds ${SERVICE} 1000`,
      `sentinel failover-timeout ${SERVICE} 5000`,
      `sentinel parallel-syncs ${SERVICE} 2`,
      ...(options.password === undefined
        ? []
        : [`sentinel auth-pass ${SERVICE} ${options.password}`]),
      ...(this.#password === undefined
        ? []
        : [`requirepass ${this.#password}`, `sentinel sentinel-pass ${this.#password}`]),
    ];
    writeFileSync(this.#file, `${lines.join('\n')}\n`);
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  get isRunning(): boolean {
    return this.#process?.exit === null;
  }

  async start(): Promise<void> {
    this.#process = new TestProcess('redis-server', [this.#file, '--sentinel']);
    await until(async () => (await this.#tune()) !== null, 'the Sentinel answers', 10_000, 20);
  }

  async kill(): Promise<void> {
    this.#wire?.close();
    this.#process?.signal('SIGKILL');
    await this.#process?.ended();
  }

  /** Sees and says nothing until it is told to go on. */
  pause(): void {
    this.#process?.signal('SIGSTOP');
  }

  resume(): void {
    this.#process?.signal('SIGCONT');
  }

  async ask(...args: readonly string[]): Promise<string> {
    if (this.#wire === null || this.#wire.closed) {
      const auth = this.#password === undefined ? {} : { auth: [this.#password] };
      this.#wire = await Wire.connect({ port: this.port }, auth);
    }
    return await this.#wire.ask(...args);
  }

  /** Address it names. */
  async primary(): Promise<string> {
    const told = decode(await this.ask('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', SERVICE));
    return (told as string[]).join(':');
  }

  /** How many other Sentinels it knows, and how many replicas it finds well. */
  async view(): Promise<{ readonly others: number; readonly well: number }> {
    const others = decode(await this.ask('SENTINEL', 'SENTINELS', SERVICE)) as string[][];
    const replicas = decode(await this.ask('SENTINEL', 'REPLICAS', SERVICE)) as string[][];
    const well = replicas.filter((fields) => {
      const field = (name: string): string | undefined => fields[fields.indexOf(name) + 1];
      return field('flags') === 'slave' && field('master-link-status') === 'ok';
    });
    return {
      others: others.filter((fields) => fields.includes('sentinel')).length,
      well: well.length,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#wire?.close();
    await this.#process?.[Symbol.asyncDispose]();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async #tune(): Promise<true | null> {
    const periods = Object.entries(PERIODS).flatMap(([name, ms]) => [name, String(ms)]);
    try {
      const told = await this.ask('SENTINEL', 'DEBUG', ...periods);
      if (told !== '+OK\r\n') throw new Error(told);
      return true;
    } catch (error) {
      // It is about to listen.
      if (this.isRunning) return null;
      throw new Error(`the Sentinel ended\n${this.#process?.output()}`, { cause: error });
    }
  }
}

/** What a scripted Sentinel says. */
export interface Statement {
  /** `host:port`; null: it does not know the service. */
  primary: string | null;
  /** By address: true if it is to be read from. */
  replicas: ReadonlyMap<string, boolean>;
  /** Other Sentinels by address. */
  others: readonly string[];
}

/** A Sentinel that says what a test says. */
export class ScriptedSentinel {
  readonly says: Statement = { primary: null, replicas: new Map(), others: [] };
  /** Commands heard. */
  readonly heard: string[] = [];
  /** It keeps its answers to itself, until `speak`. */
  isMute = false;
  readonly #unsaid: (() => void)[] = [];
  readonly #sockets: Set<net.Socket> = new Set();
  readonly #listening: Set<net.Socket> = new Set();
  readonly #server: net.Server;

  /** `certificates`: it speaks TLS. */
  constructor(certificates?: Certificates) {
    const take = (socket: net.Socket): void => this.#take(socket);
    if (certificates === undefined) {
      this.#server = net.createServer({ noDelay: true }, take);
    } else {
      const { cert, key } = certificates.server;
      this.#server = tls.createServer({ cert: readFileSync(cert), key: readFileSync(key) }, take);
    }
  }

  static async start(
    primary: string | null,
    certificates?: Certificates,
  ): Promise<ScriptedSentinel> {
    const sentinel = new ScriptedSentinel(certificates);
    sentinel.says.primary = primary;
    await new Promise<void>((resolve, reject) => {
      sentinel.#server.once('error', reject);
      sentinel.#server.listen(0, '127.0.0.1', resolve);
    });
    return sentinel;
  }

  get address(): string {
    const address = this.#server.address();
    return `127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  }

  /** How often it was asked who is primary. */
  get asked(): number {
    return this.heard.filter((command) => /get-master-addr/i.test(command)).length;
  }

  get listeners(): number {
    return this.#listening.size;
  }

  /** Says what it kept to itself. */
  speak(): void {
    this.isMute = false;
    for (const say of this.#unsaid.splice(0)) say();
  }

  /** Tells everybody who listens. */
  publish(event: string, message: string): void {
    const text = `*3\r\n${bulk('message')}${bulk(event)}${bulk(message)}`;
    for (const socket of this.#listening) socket.write(text, 'latin1');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve));
  }

  #take(socket: net.Socket): void {
    this.#sockets.add(socket);
    let rest: Buffer = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      for (let end = replyEnd(rest, 0); end >= 0; end = replyEnd(rest, 0)) {
        const words = decode(rest.toString('latin1', 0, end)) as string[];
        rest = rest.subarray(end);
        const reply = this.#replyTo(words, socket);
        if (this.isMute) this.#unsaid.push(() => socket.write(reply, 'latin1'));
        else socket.write(reply, 'latin1');
      }
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#sockets.delete(socket));
  }

  #replyTo(words: readonly string[], socket: net.Socket): string {
    this.heard.push(words.join(' '));
    const { primary, replicas, others } = this.says;
    const [command = '', sub = ''] = words.map((word) => word.toLowerCase());
    if (command === 'ping') return '+PONG\r\n';
    if (command === 'subscribe') {
      this.#listening.add(socket);
      return `*3\r\n${bulk('subscribe')}${bulk(words[1]!)}:1\r\n`;
    }
    if (sub === 'myid') return bulk(`id-${this.address}`);
    if (sub === 'get-master-addr-by-name')
      return primary === null ? '*-1\r\n' : list(split(primary));
    if (primary === null) return '-ERR No such master with that name\r\n';
    if (sub === 'sentinels') {
      return nested(others.map((each) => [...place(each), 'runid', `id-${each}`]));
    }
    return nested(
      [...replicas].map(([address, isWell]) => [
        ...place(address),
        ...['flags', isWell ? 'slave' : 's_down,slave', 'role-reported', 'slave'],
        ...['master-link-status', 'ok'],
      ]),
    );
  }
}

function split(address: string): string[] {
  return [address.slice(0, address.lastIndexOf(':')), address.slice(address.lastIndexOf(':') + 1)];
}

function place(address: string): string[] {
  const [host, port] = split(address) as [string, string];
  return ['ip', host, 'port', port];
}

function list(words: readonly string[]): string {
  return `*${words.length}\r\n${words.map(bulk).join('')}`;
}

function nested(lists: readonly (readonly string[])[]): string {
  return `*${lists.length}\r\n${lists.map(list).join('')}`;
}
