/** The composition root: a configuration in, a running proxy out, and another one put in its place. */
import { availableParallelism } from 'node:os';
import { type ReloadOutcome, Reloads } from './admin/reloads.ts';
import type { Admin, AdminHost } from './admin/server.ts';
import type { Plan } from './admin/topology.ts';
import { canonicalAddress } from './config/address.ts';
import { changesBetween } from './config/changes.ts';
import type { AdminConfig, Config } from './config/config.ts';
import { lossesBetween } from './config/embedded-changes.ts';
import { ConfigError, type Fault } from './config/faults.ts';
import type { LoadedConfig } from './config/load.ts';
import { redact } from './config/redact.ts';
import { explain } from './core/explain.ts';
import type { Log } from './core/log.ts';
import { VERSION } from './version.ts';
import type { Workers } from './workers/workers.ts';

/** Why a proxy should be ended by whoever runs it. */
export type ProxyEnd =
  /** Somebody asked for it on the admin port: drain, then close. */
  | { readonly kind: 'asked' }
  /** A part of it is gone: close, and start anew. */
  | { readonly kind: 'failed'; readonly reason: string };

export interface Proxy {
  /** `host:port` by listener name, as bound. */
  readonly addresses: Readonly<Record<string, string>>;
  /** Null: no admin port. */
  readonly adminAddress: string | null;
  /** Never rejects; pending as long as all is well. */
  readonly ended: Promise<ProxyEnd>;
  /** Reads the configuration again; never rejects, and tells the log too. */
  reload(): Promise<ReloadOutcome>;
  /** Accepts nobody new and answers what is under way. The admin port stays open. */
  drain(): Promise<void>;
  close(): Promise<void>;
}

/** Where a reload gets its configuration. */
export interface ReloadSource {
  /** Throws `ConfigError`. */
  read(): LoadedConfig;
  /** Called when it is in force. */
  onApplied?(config: Config): void;
}

/** Rejects when an address cannot be had; nothing stays open then. `source` null: nothing to reload. */
export async function createProxy(
  config: Config,
  log: Log,
  source: ReloadSource | null = null,
): Promise<Proxy> {
  const { promise: ended, resolve: end } = Promise.withResolvers<ProxyEnd>();
  const workers = await startWorkers(config, log, end);
  const gateway = new Gateway(config, log, source, workers, ended, end);
  try {
    await gateway.openAdmin();
  } catch (error) {
    await workers.close();
    throw error;
  }
  return gateway;
}

/** The admin port with what it asks for. */
interface OpenAdmin {
  readonly port: Admin;
  token: string | null;
}

class Gateway implements Proxy {
  readonly ended: Promise<ProxyEnd>;
  readonly #log: Log;
  readonly #source: ReloadSource | null;
  readonly #workers: Workers;
  readonly #reloads = new Reloads(() => this.#reload());
  readonly #end: (reason: ProxyEnd) => void;
  #config: Config;
  #plan: Plan;
  #admin: OpenAdmin | null = null;
  #isDraining = false;

  constructor(
    config: Config,
    log: Log,
    source: ReloadSource | null,
    workers: Workers,
    ended: Promise<ProxyEnd>,
    end: (reason: ProxyEnd) => void,
  ) {
    this.ended = ended;
    this.#config = config;
    this.#plan = planOf(config, workers.addresses);
    this.#log = log;
    this.#source = source;
    this.#workers = workers;
    this.#end = end;
  }

  get addresses(): Readonly<Record<string, string>> {
    return this.#workers.addresses;
  }

  get adminAddress(): string | null {
    return this.#admin?.port.address ?? null;
  }

  async openAdmin(): Promise<void> {
    this.#admin = await this.#open(this.#config.admin);
  }

  reload(): Promise<ReloadOutcome> {
    return this.#reloads.ask();
  }

  drain(): Promise<void> {
    this.#isDraining = true;
    return this.#workers.drain();
  }

  async close(): Promise<void> {
    this.#isDraining = true;
    await Promise.all([this.#workers.close(), this.#admin?.port.close()]);
  }

  async #reload(): Promise<ReloadOutcome> {
    if (this.#source === null) return this.#impossible('started without a file: nothing to read');
    if (this.#isDraining) return this.#impossible('draining: nothing is changed any more');
    try {
      const before = this.#config;
      await this.#apply(this.#source.read());
      const changes = changesBetween(before, this.#config);
      this.#source.onApplied?.(this.#config);
      this.#log.info(changes, 'configuration reloaded');
      return { kind: 'applied', changes };
    } catch (error) {
      const faults = error instanceof ConfigError ? error.message : explain(error);
      const fields = { faults: faults.split('\n') };
      this.#log.error(fields, 'configuration refused, the old one stays in force');
      return { kind: 'refused', faults };
    }
  }

  #impossible(reason: string): ReloadOutcome {
    this.#log.warn({ reason }, 'no reload');
    return { kind: 'impossible', reason };
  }

  /** All or nothing: until every socket is open nothing is changed. */
  async #apply({ config, faultAt }: LoadedConfig): Promise<void> {
    const count = countOf(config);
    const running = countOf(this.#config);
    if (count !== running) {
      const reason = `found ${count}, running ${running}: the number of workers changes with a restart only`;
      throw new ConfigError([faultAt(['workers'], reason)]);
    }
    const losses = lossesBetween(this.#config, config);
    if (losses.length > 0) {
      throw new ConfigError(losses.map(({ path, reason }) => faultAt(path, reason)));
    }
    try {
      await this.#workers.prepare(config);
    } catch (error) {
      throw new ConfigError([this.#faultOfOpening(error, config, faultAt)]);
    }
    const old = this.#admin;
    const stays = isSamePlace(this.#config.admin, config.admin);
    let next = old;
    try {
      if (!stays) next = await this.#open(config.admin);
    } catch (error) {
      await this.#workers.abort();
      throw new ConfigError([faultAt(['admin', 'listen'], this.#explainOpening(error))]);
    }
    await this.#workers.commit();
    this.#config = config;
    this.#plan = planOf(config, this.#workers.addresses);
    this.#admin = next;
    if (next !== null) next.token = config.admin?.token ?? null;
    if (!stays) old?.port.retire();
  }

  #faultOfOpening(error: unknown, config: Config, faultAt: LoadedConfig['faultAt']): Fault {
    const upstream: unknown = error instanceof Error ? Reflect.get(error, 'upstream') : undefined;
    if (typeof upstream === 'string') return faultAt(['upstreams', upstream], explain(error));
    const listener: unknown = error instanceof Error ? Reflect.get(error, 'listener') : undefined;
    const isKnown = typeof listener === 'string' && Object.hasOwn(config.listeners, listener);
    const path = isKnown ? ['listeners', listener, 'listen'] : ['listeners'];
    return faultAt(path, this.#explainOpening(error));
  }

  /** A port may be taken by ourselves, on an address that overlaps the new one. */
  #explainOpening(error: unknown): string {
    const port: unknown = error instanceof Error ? Reflect.get(error, 'port') : undefined;
    const isTaken = error instanceof Error && Reflect.get(error, 'code') === 'EADDRINUSE';
    const own = [...Object.values(this.addresses), this.adminAddress ?? ''];
    const ours = isTaken ? own.find((address) => address.endsWith(`:${port}`)) : undefined;
    if (ours === undefined) return explain(error);
    return `this gateway still listens on ${ours}: choose another port, or restart`;
  }

  /** Loaded only now, while clients are served already: most of a start would be spent on it. */
  async #open(config: AdminConfig | null): Promise<OpenAdmin | null> {
    if (config === null) return null;
    const { startAdmin } = await import('./admin/server.ts');
    const { token } = config;
    const shown = { token };
    const host: AdminHost = {
      version: VERSION,
      token: () => shown.token,
      plan: () => this.#plan,
      config: () => redact(this.#config),
      isDraining: () => this.#isDraining,
      gather: () => this.#workers.gather(),
      requestDrain: () => this.#end({ kind: 'asked' }),
      reloads: this.#reloads,
      requestReload: () => this.reload(),
    };
    const port = await startAdmin(config.listen, host, this.#log);
    return Object.assign(shown, { port });
  }
}

function isSamePlace(one: AdminConfig | null, other: AdminConfig | null): boolean {
  if (one === null || other === null) return one === other;
  return canonicalAddress(one.listen) === canonicalAddress(other.listen);
}

/** All clients must see one engine, and each worker has memory of its own. */
function countOf({ workers, upstreams }: Config): number {
  if (workers !== 'auto') return workers;
  const hasEngine = Object.values(upstreams).some(({ embedded }) => embedded !== null);
  return hasEngine ? 1 : availableParallelism();
}

/** With several workers this thread needs nothing of what serves clients, and does not load it. */
async function startWorkers(
  config: Config,
  log: Log,
  end: (reason: ProxyEnd) => void,
): Promise<Workers> {
  const count = countOf(config);
  if (count > 1) {
    const { canSharePorts, startMany } = await import('./workers/many.ts');
    if (canSharePorts() || config.workers !== 'auto') {
      // No client waits for this thread: it loads the admin port while the others load the rest.
      const [workers] = await Promise.all([
        startMany(config, count, log, (reason) => end({ kind: 'failed', reason })),
        config.admin === null ? null : import('./admin/server.ts'),
      ]);
      return workers;
    }
  }
  if (config.workers === 'auto' && availableParallelism() > count) {
    log.info({}, 'one worker: all clients share the embedded engine');
  }
  const { startOne } = await import('./workers/one.ts');
  return await startOne(config, log, (reason) => end({ kind: 'failed', reason }));
}

function planOf(config: Config, addresses: Readonly<Record<string, string>>): Plan {
  return {
    listeners: Object.entries(config.listeners).map(([name, { listen, tls, routes }]) => ({
      name,
      address: addresses[name] ?? listen.text,
      tls: tls !== null,
      routes: routes.map(({ prefix, removePrefix, keyFormat, upstream, readUpstream, mirror }) => ({
        prefix,
        removePrefix,
        keyFormat,
        upstream,
        readUpstream,
        mirrors: mirror.map((each) => each.upstream),
      })),
    })),
    upstreams: Object.entries(config.upstreams).map(
      ([name, { kind, distribution, hashTags, servers, sentinel, embedded }]) => ({
        name,
        kind,
        distribution: kind === 'cluster' ? 'slots' : distribution,
        hashTags: kind === 'cluster' || hashTags,
        service: sentinel?.service ?? null,
        engine: embedded === null ? null : { dir: embedded.dir, databases: embedded.databases },
        servers: servers.map(({ address, weight }) => ({ name: address.text, weight })),
      }),
    ),
  };
}
