/**
 * Everything one event loop serves, put together from the configuration: listeners in front, upstreams
 * behind. With `workers: auto` each thread has one of these and they share nothing but ports.
 *
 * A reload builds the new configuration beside the old one and swaps in one go:
 *
 *   prepare: what differs is made and opened ──▶ commit: sessions change over, the rest is retired
 *                                           └──▶ abort: what was made is closed, nothing has changed
 *
 * What is the same stays the same object: a group whose configuration is equal keeps its links, a listener
 * whose address is equal keeps its socket and its clients, whatever else of it changed.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Backend } from './backend/backend.ts';
import { Line, limitConcurrency } from './backend/concurrency.ts';
import { injectFaults } from './backend/faults.ts';
import { CommandTable, UNKNOWN } from './commands/lookup.ts';
import { canonicalAddress } from './config/address.ts';
import { isSame } from './config/changes.ts';
import type {
  Config,
  EmbeddedConfig,
  ListenerConfig,
  RouteConfig,
  UpstreamConfig,
} from './config/config.ts';
import { secretFilesIn } from './config/file-secrets.ts';
import {
  embeddedOptions,
  fleetOptions,
  livingSecret,
  pemsOf,
  sentinelOptions,
  shardsOptions,
} from './config/group-options.ts';
import type { Log } from './core/log.ts';
import { quiet } from './core/quiet.ts';
import { SecretFiles } from './core/secret-files.ts';
import { Tick } from './core/tick.ts';
import { Cluster } from './routing/cluster.ts';
import { Embedded, type EmbeddedOptions } from './routing/embedded.ts';
import { Hubs } from './routing/hub.ts';
import type { Mirror, Route } from './routing/route.ts';
import { Router } from './routing/router.ts';
import { Sentinel } from './routing/sentinel.ts';
import { Shards } from './routing/shards.ts';
import { about } from './session/about.ts';
import { type AskPeers, Clients } from './session/clients.ts';
import { ExternalAuth } from './session/external-auth.ts';
import { ListenerFigures } from './session/figures.ts';
import type { ListenerHost } from './session/host.ts';
import { Listener, type ListenerOptions } from './session/listener.ts';
import { Users } from './session/users.ts';
import { VERSION } from './version.ts';

export interface WorkerIdentity {
  readonly index: number;
  readonly count: number;
}

/** Addresses as bound, by listener name: where the port is the kernel's choice, all workers need the same. */
export type Bound = Readonly<Record<string, string>>;

/** What stands behind one name. */
export type UpstreamGroup = Shards | Cluster | Sentinel | Embedded;

/** What a listener is apart from its socket. */
interface ListenerSettings {
  readonly options: ListenerOptions;
  readonly host: ListenerHost;
}

/** What there is to keep. */
interface Parts {
  readonly config: Pick<Config, 'upstreams' | 'listeners'>;
  readonly groups: ReadonlyMap<string, UpstreamGroup>;
  /** By place. */
  readonly listeners: ReadonlyMap<string, Listener>;
  /** By name: who moves to another address is counted on. */
  readonly figures: ReadonlyMap<string, ListenerFigures>;
  /** By listener name: who is under way there counts, whatever else has changed. */
  readonly lines: ReadonlyMap<string, Line>;
  /** By listener name, where one is configured. */
  readonly auths: ReadonlyMap<string, ExternalAuth>;
}

/** What stays with a listener's name. */
interface OfListener {
  readonly figures: ListenerFigures;
  readonly line: Line;
  readonly auth: ExternalAuth | null;
}

/** A configuration made real, in force or not yet. */
interface Draft extends Parts {
  /** Those that were not in force before. */
  readonly newGroups: readonly UpstreamGroup[];
  /** For engines in force before, what they become: they keep their data, whatever is said of them. */
  readonly tunings: ReadonlyMap<Embedded, EmbeddedOptions>;
  readonly newListeners: readonly Listener[];
  readonly newAuths: readonly ExternalAuth[];
  /** For listeners in force before, what they become. */
  readonly changes: ReadonlyMap<Listener, ListenerSettings>;
}

/** So long new upstreams may take to connect before they are used all the same: their servers may be down. */
const OPEN_MS_MAX = 1000;
/** So long commands under way on a group that was replaced may take. */
const RETIRE_MS_MAX = 60_000;
/** Replaced groups that still have something under way; of more the oldest is closed at once. */
const RETIRING_MAX = 64;

export class Worker {
  readonly clients: Clients;
  readonly hubs: Hubs = new Hubs();
  readonly #log: Log;
  readonly #identity: WorkerIdentity;
  readonly #secrets: SecretFiles;
  readonly #tick = new Tick();
  #current: Draft;
  #prepared: Draft | null = null;
  readonly #retiring: Set<UpstreamGroup> = new Set();
  readonly #draining: Set<Listener> = new Set();
  readonly #fail: (reason: string) => void;

  /** `fail`: a part of it cannot go on, and the process must end. */
  constructor(
    config: Config,
    log: Log,
    identity: WorkerIdentity,
    ask: AskPeers | null,
    fail: (reason: string) => void,
    bound: Bound = {},
  ) {
    this.#log = log;
    this.#fail = fail;
    this.#identity = identity;
    this.#secrets = new SecretFiles(log);
    this.clients = new Clients(this.#tick, log, identity, ask);
    this.#current = this.#draft(config, NOTHING, bound);
  }

  get groups(): ReadonlyMap<string, UpstreamGroup> {
    return this.#current.groups;
  }

  get listeners(): readonly Listener[] {
    return [...this.#current.listeners.values()];
  }

  /** By listener name. */
  get addresses(): Bound {
    return addressesOf(this.#current);
  }

  /** Resolves once clients can connect everywhere. Whoever knows no server yet has no connection to lend. */
  async listen(): Promise<void> {
    await Promise.all(this.#current.newAuths.map((auth) => auth.open()));
    const groups = [...this.groups.values()];
    await quiet(() => groups.every(isSurveyed), OPEN_MS_MAX);
    for (const listener of this.listeners) await listener.listen();
  }

  /** Opens what `config` has and the one in force has not; rejects, with nothing changed, if that fails. */
  async prepare(config: Config, bound: Bound): Promise<Bound> {
    // One that was given up before it was ready.
    await this.abort();
    const draft = this.#draft(config, this.#current, bound);
    try {
      await Promise.all(draft.newAuths.map((auth) => auth.open()));
      for (const listener of draft.newListeners) await open(listener);
    } catch (error) {
      await discard(draft);
      throw error;
    }
    await quiet(() => draft.newGroups.every((group) => group.isReady), OPEN_MS_MAX);
    this.#prepared = draft;
    return addressesOf(draft);
  }

  /** Puts in force what was prepared. All at once: no event comes between. */
  commit(): void {
    const before = this.#current;
    const after = this.#prepared!;
    this.#prepared = null;
    this.#current = after;
    for (const [engine, options] of after.tunings) engine.configure(options);
    for (const [listener, { options, host }] of after.changes) listener.configure(options, host);
    const listeners = new Set(after.listeners.values());
    for (const each of before.listeners.values()) if (!listeners.has(each)) this.#drain(each);
    const groups = new Set(after.groups.values());
    for (const each of before.groups.values()) if (!groups.has(each)) this.#retire(each);
    this.#secrets.retain(new Set(secretFilesIn(after.config)));
    this.clients.shelves.retain(new Set(after.groups.keys()));
    const auths = new Set(after.auths.values());
    for (const each of before.auths.values()) if (!auths.has(each)) retireAuth(each);
  }

  async abort(): Promise<void> {
    const draft = this.#prepared;
    this.#prepared = null;
    if (draft !== null) await discard(draft);
  }

  async drain(): Promise<void> {
    await Promise.all(this.listeners.map((listener) => listener.drain()));
  }

  async close(): Promise<void> {
    for (const listener of [...this.listeners, ...this.#draining]) listener.close();
    this.clients.close();
    this.hubs.close();
    for (const auth of this.#current.auths.values()) auth.close();
    this.#secrets.close();
    const groups = [...this.groups.values(), ...this.#retiring];
    await Promise.all(groups.map((group) => group.close()));
    await this.abort();
  }

  #drain(listener: Listener): void {
    this.#draining.add(listener);
    void listener.drain().then(() => this.#draining.delete(listener));
  }

  /** Nobody asks it any more; what it was asked before is answered first. */
  #retire(group: UpstreamGroup): void {
    const [oldest] = this.#retiring;
    if (oldest !== undefined && this.#retiring.size >= RETIRING_MAX) {
      this.#retiring.delete(oldest);
      void oldest.close();
    }
    this.#retiring.add(group);
    void quiet(() => group.isIdle, RETIRE_MS_MAX)
      .then(() => group.close())
      .then(() => this.#retiring.delete(group));
  }

  #draft(config: Config, inForce: Parts, bound: Bound): Draft {
    const newGroups: UpstreamGroup[] = [];
    const tunings = new Map<Embedded, EmbeddedOptions>();
    try {
      const groups = this.#draftGroups(config, inForce, newGroups, tunings);
      const listeners = this.#draftListeners(config, inForce, groups, bound);
      return { config, groups, newGroups, tunings, ...listeners };
    } catch (error) {
      for (const group of newGroups) void group.close();
      throw error;
    }
  }

  #draftGroups(
    config: Config,
    inForce: Parts,
    made: UpstreamGroup[],
    tunings: Map<Embedded, EmbeddedOptions>,
  ): Draft['groups'] {
    const groups = new Map<string, UpstreamGroup>();
    for (const [name, upstream] of Object.entries(config.upstreams)) {
      const kept = inForce.groups.get(name);
      if (kept !== undefined && isSame(upstream, inForce.config.upstreams[name])) {
        groups.set(name, kept);
        continue;
      }
      if (kept instanceof Embedded && upstream.embedded !== null) {
        tunings.set(kept, embeddedOptions(name, upstream.embedded));
        groups.set(name, kept);
        continue;
      }
      const group = this.#groupOf(name, upstream);
      made.push(group);
      groups.set(name, group);
    }
    return groups;
  }

  #groupOf(name: string, upstream: UpstreamConfig): UpstreamGroup {
    const { cluster, sentinel, embedded } = upstream;
    if (embedded !== null) return this.#engineOf(name, embedded);
    const secrets = this.#secrets;
    const scripts = this.clients.shelves.of(name);
    if (sentinel !== null) {
      const options = sentinelOptions(name, upstream, sentinel, secrets);
      return new Sentinel({ ...options, scripts }, this.#tick, this.#log);
    }
    if (cluster === null) {
      const options = shardsOptions(name, upstream, secrets);
      return new Shards({ ...options, scripts }, this.#tick, this.#log);
    }
    const seeds = upstream.servers.map(({ address }) => address);
    const options = fleetOptions(name, upstream, cluster, secrets);
    return new Cluster(
      { ...options, scripts, seeds, tls: upstream.tls !== null },
      this.#tick,
      this.#log,
    );
  }

  /** The error says which upstream it is about. */
  #engineOf(name: string, embedded: EmbeddedConfig): Embedded {
    try {
      return new Embedded(embeddedOptions(name, embedded), this.#tick, this.#log, this.#fail);
    } catch (error) {
      throw error instanceof Error ? Object.assign(error, { upstream: name }) : error;
    }
  }

  #draftListeners(
    config: Config,
    inForce: Parts,
    groups: Draft['groups'],
    bound: Bound,
  ): Omit<Draft, 'config' | 'groups' | 'newGroups' | 'tunings'> {
    const listeners = new Map<string, Listener>();
    const newListeners: Listener[] = [];
    const changes = new Map<Listener, ListenerSettings>();
    const figures = new Map<string, ListenerFigures>();
    const lines = new Map<string, Line>();
    const auths = new Map<string, ExternalAuth>();
    const newAuths: ExternalAuth[] = [];
    for (const [name, listener] of Object.entries(config.listeners)) {
      // The kernel deals out TCP connections over workers; a path is one worker's alone.
      if (listener.listen.kind === 'unix' && this.#identity.index > 0) continue;
      const counted = inForce.figures.get(name) ?? new ListenerFigures();
      figures.set(name, counted);
      const line = inForce.lines.get(name) ?? new Line();
      lines.set(name, line);
      const auth = this.#authOf(name, listener, inForce);
      if (auth !== null) {
        auths.set(name, auth);
        if (auth !== inForce.auths.get(name)) newAuths.push(auth);
      }
      const place = placeOf(name, listener);
      const kept = inForce.listeners.get(place);
      if (kept !== undefined && isUnchanged(name, listener, kept, inForce, groups)) {
        listeners.set(place, kept);
        continue;
      }
      const placed = atBound(listener, bound[name]);
      const settings = this.#settings(name, placed, groups, { figures: counted, line, auth });
      if (kept !== undefined) changes.set(kept, settings);
      const made = kept ?? new Listener(settings.options, settings.host, this.#log);
      if (kept === undefined) newListeners.push(made);
      listeners.set(place, made);
    }
    return { listeners, newListeners, changes, figures, lines, auths, newAuths };
  }

  #settings(
    name: string,
    config: ListenerConfig,
    groups: ReadonlyMap<string, UpstreamGroup>,
    own: OfListener,
  ): ListenerSettings {
    const { tls, limits } = config;
    const table = new CommandTable(config.customCommands);
    const router = new Router(
      config.routes.map((route) => makeRoute(route, groups)),
      config.caseInsensitivePrefixes,
      UNKNOWN,
      about(VERSION, this.clients, own.figures),
      this.hubs,
    );
    return {
      options: {
        name,
        address: config.listen,
        tls:
          tls === null
            ? null
            : { cert: tls.cert.pem, key: tls.key.pem, clientCa: tls.clientCa?.pem ?? null },
        connectionsMax: config.maxConnections,
        idleTimeoutMs: config.idleTimeoutMs,
        reusePort: this.#identity.count > 1,
      },
      host: {
        backend: this.#layered(router, config, own),
        channels: router.channels,
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
        users: this.#usersOf(config, table),
        authenticator: own.auth,
        clients: this.clients,
        figures: own.figures,
        version: VERSION,
      },
    };
  }

  /** What stands in front of the router, from the inside out. */
  #layered(router: Router, config: ListenerConfig, { figures, line }: OfListener): Backend {
    const { faults } = config;
    let backend: Backend = router;
    if (faults.length > 0) backend = injectFaults(faults, figures, this.#tick)(backend);
    // Outermost: a command is under way until its client has the answer.
    const places = this.#placesOf(config);
    return places === null ? backend : limitConcurrency(line, places, figures)(backend);
  }

  /** Of the commands under way at one time, this worker's; the parts of all workers add up to the whole. */
  #placesOf({ concurrency, listen }: ListenerConfig): number | null {
    const { index, count } = this.#identity;
    if (concurrency === null || listen.kind === 'unix') return concurrency;
    return Math.max(1, Math.floor((concurrency + count - 1 - index) / count));
  }

  /** The one in force, if nothing of it has changed. */
  #authOf(name: string, { externalAuth }: ListenerConfig, inForce: Parts): ExternalAuth | null {
    if (externalAuth === null) return null;
    const before = inForce.config.listeners[name]?.externalAuth;
    const kept = inForce.auths.get(name);
    if (kept !== undefined && isDeepStrictEqual(externalAuth, before)) return kept;
    const { tls } = externalAuth;
    const options = { ...externalAuth, listener: name, tls: tls === null ? null : pemsOf(tls) };
    return new ExternalAuth(options, this.#log);
  }

  /** Clients are dealt out over the workers, and nobody counts them all: each worker gives an equal part. */
  #usersOf({ users, listen }: ListenerConfig, table: CommandTable): Users | null {
    if (users.length === 0) return null;
    const parts = listen.kind === 'tcp' ? this.#identity.count : 1;
    const living = users.map(({ passwords, rate, ...user }) => ({
      ...user,
      passwords: passwords.map((password) => livingSecret(password, this.#secrets)),
      rate: rate === null ? null : rate / parts,
    }));
    return new Users(living, table);
  }
}

/** Before the first configuration. */
const NOTHING: Parts = {
  config: { upstreams: {}, listeners: {} },
  groups: new Map(),
  listeners: new Map(),
  figures: new Map(),
  lines: new Map(),
  auths: new Map(),
};

function isSurveyed(group: UpstreamGroup): boolean {
  return group instanceof Shards || group instanceof Embedded || group.survey.isDone;
}

/** What makes two listeners the same one: where clients connect. A port to be chosen belongs to the name. */
function placeOf(name: string, { listen }: ListenerConfig): string {
  const isAnyPort = listen.kind === 'tcp' && listen.port === 0;
  return isAnyPort ? `${name} ${listen.host}` : canonicalAddress(listen);
}

/** The place that another worker was given, if any. */
function atBound(config: ListenerConfig, bound: string | undefined): ListenerConfig {
  const { listen } = config;
  if (listen.kind === 'unix' || listen.port !== 0 || bound === undefined) return config;
  const port = Number(bound.slice(bound.lastIndexOf(':') + 1));
  return { ...config, listen: { ...listen, port } };
}

/** Nothing of it differs, nor does any group behind it: its sessions need not even be told. */
function isUnchanged(
  name: string,
  config: ListenerConfig,
  kept: Listener,
  inForce: Parts,
  groups: ReadonlyMap<string, UpstreamGroup>,
): boolean {
  if (kept.name !== name || !isSame(config, inForce.config.listeners[name])) return false;
  return config.routes
    .flatMap(({ upstream, readUpstream, mirror }) => [
      upstream,
      readUpstream ?? upstream,
      ...mirror.map((each) => each.upstream),
    ])
    .every((used) => groups.get(used) === inForce.groups.get(used));
}

/** The error says which listener it is about. */
async function open(listener: Listener): Promise<void> {
  try {
    await listener.listen();
  } catch (error) {
    throw error instanceof Error ? Object.assign(error, { listener: listener.name }) : error;
  }
}

/** Nobody asks it any more; what it was asked before is answered first. */
function retireAuth(auth: ExternalAuth): void {
  void quiet(() => auth.isIdle, RETIRE_MS_MAX).then(() => auth.close());
}

async function discard({ newListeners, newGroups, newAuths }: Draft): Promise<void> {
  for (const listener of newListeners) listener.close();
  for (const auth of newAuths) auth.close();
  await Promise.all(newGroups.map((group) => group.close()));
}

function addressesOf({ listeners, changes }: Draft): Bound {
  const named = [...listeners.values()].map((listener) => [
    changes.get(listener)?.options.name ?? listener.name,
    listener.address,
  ]);
  return Object.fromEntries(named);
}

/** The configuration was checked: a route names an upstream that exists. */
function makeRoute(route: RouteConfig, groups: ReadonlyMap<string, UpstreamGroup>): Route {
  return {
    prefix: route.prefix,
    removePrefix: route.removePrefix,
    keyFormat: route.keyFormat,
    group: groups.get(route.upstream)!,
    readGroup: route.readUpstream === null ? null : groups.get(route.readUpstream)!,
    mirrors: route.mirror.map((mirror): Mirror => {
      const everything = { ...CATCH_ALL, group: groups.get(mirror.upstream)! };
      return {
        backend: new Router([everything], false, UNKNOWN, null),
        percent: mirror.percent,
        excludeReads: mirror.excludeReads,
      };
    }),
  };
}

const CATCH_ALL = { prefix: '', removePrefix: false, keyFormat: '', readGroup: null, mirrors: [] };
