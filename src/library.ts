/**
 * A Redis in the process of the caller: `createEngine()`, for tests of whatever uses Redis and for small programs. No
 * configuration, no files, no admin port; what those need is not even loaded, so that it takes milliseconds to be there.
 *
 *   call ──────────────────────────▶ router ─▶ engine
 *   listen ─▶ sessions of clients ─────┘
 */
import type { Lease, LeaseHolder } from './backend/backend.ts';
import { Command } from './commands/command.ts';
import { CommandTable, checkArity, UNKNOWN } from './commands/lookup.ts';
import { unknownCommandText } from './commands/unknown.ts';
import { silent } from './core/log.ts';
import { Tick } from './core/tick.ts';
import { decodeReply } from './resp/decode.ts';
import { wrongNumberOfArguments } from './resp/errors.ts';
import type { Value } from './resp/value.ts';
import { Embedded } from './routing/embedded.ts';
import { Hubs } from './routing/hub.ts';
import { Router } from './routing/router.ts';
import { about } from './session/about.ts';
import { Clients } from './session/clients.ts';
import { ListenerFigures } from './session/figures.ts';
import type { SessionLimits } from './session/host.ts';
import { Listener } from './session/listener.ts';
import { VERSION } from './version.ts';

export interface CreateEngineOptions {
  /** Default 16. */
  readonly databases?: number;
  /** Folder that keeps the data; default: memory only. */
  readonly dir?: string;
  /** With `dir`, when a write is given to the disk; default `everysec`. */
  readonly appendonly?: 'always' | 'everysec' | 'no';
  /** Parameters under the names of redis.conf: `{ maxmemory: '64mb', 'notify-keyspace-events': 'KEA' }`. */
  readonly config?: Readonly<Record<string, string>>;
  /** Milliseconds since 1970: what keys expire by. Default: the clock of the machine. */
  readonly clock?: () => number;
}

export interface EngineAddress {
  readonly host: string;
  readonly port: number;
}

export type CallArgument = string | number | Buffer;

/** A reply as plain data: text is read as UTF-8, a map is a `Map`, a set an array. */
export type CallReply =
  | null
  | boolean
  | number
  | bigint
  | string
  | readonly CallReply[]
  | ReadonlyMap<CallReply, CallReply>;

export interface InProcessEngine {
  /** Opens a port for clients; a free one of 127.0.0.1 unless told. */
  listen(address?: Partial<EngineAddress>): Promise<EngineAddress>;
  /**
   * Runs one command without a socket; rejects with the error if that is the reply. Each call is a client of its own, so
   * for transactions, subscriptions and another database connect one.
   */
  call(command: string, ...args: CallArgument[]): Promise<CallReply>;
  /** As FLUSHALL. */
  flushAll(): Promise<void>;
  /** Closes clients and ports; what was in memory only is gone. */
  close(): Promise<void>;
}

const LIMITS: SessionLimits = {
  bulkBytesMax: 512 * 1024 * 1024,
  elementsMax: 1024 * 1024,
  inlineBytesMax: 64 * 1024,
  pipelineMax: 4096,
  inFlightBytesMax: 64 * 1024 * 1024,
  outputBytesMax: 256 * 1024 * 1024,
};
const CONNECTIONS_MAX = 10_000;

/** Throws if `dir` holds what cannot be read, or a parameter of `config` is none. */
export function createEngine(options: CreateEngineOptions = {}): InProcessEngine {
  return new LibraryEngine(options);
}

class LibraryEngine implements InProcessEngine {
  readonly #tick = new Tick();
  readonly #hubs = new Hubs();
  readonly #clients = new Clients(this.#tick, silent, { index: 0, count: 1 }, null);
  readonly #figures = new ListenerFigures();
  readonly #table = new CommandTable();
  readonly #group: Embedded;
  readonly #router: Router;
  readonly #listeners: Listener[] = [];
  /** Why nothing works any more: the disk takes nothing. */
  #failure: string | null = null;

  constructor({ databases, dir, appendonly, config, clock }: CreateEngineOptions) {
    this.#group = new Embedded(
      {
        name: 'engine',
        databases: databases ?? 16,
        dir: dir ?? null,
        fsync: appendonly ?? 'everysec',
        parameters: config ?? {},
        ...(clock === undefined ? {} : { clock }),
      },
      this.#tick,
      silent,
      (reason) => this.#fail(reason),
    );
    const route = {
      prefix: '',
      removePrefix: false,
      keyFormat: '',
      group: this.#group,
      readGroup: null,
      mirrors: [],
    };
    const told = about(VERSION, this.#clients, this.#figures);
    this.#router = new Router([route], false, UNKNOWN, told, this.#hubs);
  }

  async listen(address: Partial<EngineAddress> = {}): Promise<EngineAddress> {
    const { host = '127.0.0.1', port = 0 } = address;
    const options = {
      name: `engine${this.#listeners.length}`,
      address: { kind: 'tcp', host, port },
      tls: null,
      connectionsMax: CONNECTIONS_MAX,
      idleTimeoutMs: 0,
      reusePort: false,
    } as const;
    const listener = new Listener(
      options,
      {
        backend: this.#router,
        channels: this.#router.channels,
        table: this.#table,
        limits: LIMITS,
        tick: this.#tick,
        users: null,
        authenticator: null,
        clients: this.#clients,
        figures: this.#figures,
        version: VERSION,
      },
      silent,
    );
    const bound = await listener.listen();
    this.#listeners.push(listener);
    return { host, port: Number(bound.slice(bound.lastIndexOf(':') + 1)) };
  }

  call(name: string, ...args: CallArgument[]): Promise<CallReply> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== null) throw new Error(this.#failure);
      const command = this.#commandOf([name, ...args]);
      this.#send(command, (value) => {
        try {
          resolve(plain(value));
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  async flushAll(): Promise<void> {
    await this.call('flushall');
  }

  async close(): Promise<void> {
    for (const listener of this.#listeners) listener.close();
    this.#clients.close();
    this.#hubs.close();
    await this.#group.close();
  }

  #commandOf(words: readonly CallArgument[]): Command {
    const command = new Command(UNKNOWN, Buffer.alloc(0));
    command.fill(words.map((word) => (Buffer.isBuffer(word) ? word : Buffer.from(String(word)))));
    command.protocol = 3;
    const spec = this.#table.resolve(command);
    if (spec === undefined) throw new Error(unknownCommandText(command));
    command.spec = spec;
    if (!checkArity(spec, command.argc)) throw new Error(wrongNumberOfArguments(spec.name));
    return command;
  }

  #send(command: Command, then: (reply: Value) => void): void {
    const sink = {
      reply: (bytes: Buffer, start: number, end: number) =>
        then(decodeReply(Buffer.from(bytes.subarray(start, end)))),
      fail: (error: Error) => then({ error: error.message }),
    };
    // Who publishes is told of clients, and the router knows them; who may wait has to be somebody.
    if (command.spec.door === 'channel') this.#router.dispatch(command, sink);
    else this.#borrow(command).dispatch(command, sink);
  }

  #borrow(command: Command): Lease {
    return this.#group.engine.lease(command, NEVER_LOST);
  }

  #fail(reason: string): void {
    this.#failure = reason;
    for (const listener of this.#listeners) listener.close();
  }
}

const NEVER_LOST: LeaseHolder = {
  onLost(): void {
    // There is no connection.
  },
};

/** Throws what is an error. */
function plain(value: Value): CallReply {
  if (value === null || typeof value !== 'object') return value;
  if (Buffer.isBuffer(value)) return value.toString();
  if (Array.isArray(value)) return value.map(plain);
  if ('error' in value) throw new Error(value.error);
  if ('status' in value) return value.status;
  if ('double' in value) return value.double;
  if ('bigNumber' in value) return BigInt(value.bigNumber);
  if ('verbatim' in value) return value.verbatim;
  if ('map' in value) return new Map(value.map.map(([key, each]) => [plain(key), plain(each)]));
  if ('set' in value) return value.set.map(plain);
  return 'push' in value ? value.push.map(plain) : null;
}
