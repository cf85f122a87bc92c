/**
 * Everything one event loop serves, put together from the configuration: listeners in front, upstreams
 * behind. With `workers: auto` each thread has one of these and they share nothing but ports.
 */
import { CommandTable, UNKNOWN } from './commands/lookup.ts';
import type {
  Config,
  ListenerConfig,
  RouteConfig,
  ServerConfig,
  UpstreamConfig,
} from './config/config.ts';
import type { Log } from './core/log.ts';
import { Tick } from './core/tick.ts';
import type { Mirror, Route } from './routing/route.ts';
import { Router } from './routing/router.ts';
import { type ShardOptions, Shards } from './routing/shards.ts';
import { about } from './session/about.ts';
import { type AskPeers, Clients } from './session/clients.ts';
import { ListenerFigures } from './session/figures.ts';
import { Listener } from './session/listener.ts';
import { Users } from './session/users.ts';
import { VERSION } from './version.ts';

export interface WorkerIdentity {
  readonly index: number;
  readonly count: number;
}

export class Worker {
  readonly clients: Clients;
  readonly groups: ReadonlyMap<string, Shards>;
  readonly listeners: readonly Listener[];
  readonly #tick = new Tick();

  constructor(config: Config, log: Log, identity: WorkerIdentity, ask: AskPeers | null) {
    this.clients = new Clients(this.#tick, log, identity, ask);
    const groups = new Map<string, Shards>();
    for (const [name, upstream] of Object.entries(config.upstreams)) {
      groups.set(name, new Shards(shardsOptions(name, upstream), this.#tick, log));
    }
    this.groups = groups;
    this.listeners = Object.entries(config.listeners)
      // The kernel deals out TCP connections over workers; a path is one worker's alone.
      .filter(([, { listen }]) => listen.kind === 'tcp' || identity.index === 0)
      .map(([name, listener]) => this.#makeListener(name, listener, identity.count > 1, log));
  }

  /** Addresses by listener name, once all can be connected to. */
  async listen(): Promise<Record<string, string>> {
    const addresses: Record<string, string> = {};
    for (const listener of this.listeners) addresses[listener.name] = await listener.listen();
    return addresses;
  }

  async drain(): Promise<void> {
    await Promise.all(this.listeners.map((listener) => listener.drain()));
  }

  async close(): Promise<void> {
    for (const listener of this.listeners) listener.close();
    this.clients.close();
    await Promise.all([...this.groups.values()].map((group) => group.close()));
  }

  #makeListener(name: string, config: ListenerConfig, reusePort: boolean, log: Log): Listener {
    const routes = config.routes.map((route) => this.#makeRoute(route));
    const { tls, limits } = config;
    const table = new CommandTable(config.customCommands);
    const figures = new ListenerFigures();
    return new Listener(
      {
        name,
        address: config.listen,
        tls:
          tls === null
            ? null
            : { cert: tls.cert.pem, key: tls.key.pem, clientCa: tls.clientCa?.pem ?? null },
        connectionsMax: config.maxConnections,
        idleTimeoutMs: config.idleTimeoutMs,
        reusePort,
      },
      {
        backend: new Router(
          routes,
          config.caseInsensitivePrefixes,
          UNKNOWN,
          about(VERSION, this.clients, figures),
        ),
        table,
        limits: {
          bulkBytesMax: limits.maxBulkBytes,
          elementsMax: limits.maxElements,
          inlineBytesMax: limits.maxInlineBytes,
          pipelineMax: limits.maxPipeline,
          inFlightBytesMax: limits.maxInFlightBytes,
          outputBytesMax: limits.maxOutputBufferBytes,
        },
        tick: this.#tick,
        users: config.users.length === 0 ? null : new Users(config.users, table),
        clients: this.clients,
        figures,
        version: VERSION,
      },
      log,
    );
  }

  #makeRoute(route: RouteConfig): Route {
    return {
      prefix: route.prefix,
      removePrefix: route.removePrefix,
      keyFormat: route.keyFormat,
      group: this.#group(route.upstream),
      readGroup: route.readUpstream === null ? null : this.#group(route.readUpstream),
      mirrors: route.mirror.map((mirror): Mirror => {
        const everything = { ...CATCH_ALL, group: this.#group(mirror.upstream) };
        return {
          backend: new Router([everything], false, UNKNOWN, null),
          percent: mirror.percent,
          excludeReads: mirror.excludeReads,
        };
      }),
    };
  }

  /** The configuration was checked: a route names an upstream that exists. */
  #group(name: string): Shards {
    return this.groups.get(name)!;
  }
}

const CATCH_ALL = { prefix: '', removePrefix: false, keyFormat: '', readGroup: null, mirrors: [] };

function shardsOptions(
  name: string,
  upstream: UpstreamConfig,
): ConstructorParameters<typeof Shards>[0] {
  return {
    name,
    servers: upstream.servers.map((server) => shardOptions(server, upstream)),
    distribution: upstream.distribution,
    placement: {
      hashTags: upstream.hashTags,
      minimumRingSize: upstream.ring.minimumSize,
      ringHash: upstream.ring.hash,
    },
    retry: upstream.retry,
    healthCheck: upstream.healthCheck,
    outliers: upstream.outlierDetection,
  };
}

function shardOptions(server: ServerConfig, upstream: UpstreamConfig): ShardOptions {
  const { tls } = upstream;
  return {
    name: server.address.text,
    weight: server.weight,
    address: server.address,
    tls:
      tls === null
        ? null
        : {
            ca: tls.ca?.pem ?? null,
            cert: tls.cert?.pem ?? null,
            key: tls.key?.pem ?? null,
            serverName: tls.serverName,
          },
    credentials:
      server.auth === null
        ? null
        : { username: server.auth.username ?? '', password: server.auth.password },
    database: upstream.database,
    connections: upstream.connections,
    dedicatedMax: upstream.dedicatedMax,
    connectionsPerSecond: upstream.connectionRate,
    connectTimeoutMs: upstream.connectTimeoutMs,
    opTimeoutMs: upstream.opTimeoutMs,
    pendingMax: upstream.limits.maxPending,
    pendingBytesMax: upstream.limits.maxPendingBytes,
    reply: { bytesMax: upstream.limits.maxReplyBytes, nestingMax: upstream.limits.maxNesting },
    flushBytesMin: upstream.flush.maxBytes,
    flushTimeoutMs: upstream.flush.timeoutMs,
  };
}
