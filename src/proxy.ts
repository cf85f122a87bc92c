/** The composition root: a configuration in, a running proxy out. */
import { availableParallelism } from 'node:os';
import type { Admin } from './admin/server.ts';
import type { Plan } from './admin/topology.ts';
import type { Config } from './config/config.ts';
import { redact } from './config/redact.ts';
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
  /** Accepts nobody new and answers what is under way. The admin port stays open. */
  drain(): Promise<void>;
  close(): Promise<void>;
}

/** Rejects when an address cannot be had; nothing stays open then. */
export async function createProxy(config: Config, log: Log): Promise<Proxy> {
  const { promise: ended, resolve: end } = Promise.withResolvers<ProxyEnd>();
  const workers = await startWorkers(config, log, end);
  let isDraining = false;
  let admin: Admin | null;
  try {
    admin = await openAdmin(config, log, workers, () => isDraining, end);
  } catch (error) {
    await workers.close();
    throw error;
  }
  return {
    addresses: workers.addresses,
    adminAddress: admin?.address ?? null,
    ended,
    drain: () => {
      isDraining = true;
      return workers.drain();
    },
    close: async () => {
      await Promise.all([workers.close(), admin?.close()]);
    },
  };
}

/** With several workers this thread needs nothing of what serves clients, and does not load it. */
async function startWorkers(
  config: Config,
  log: Log,
  end: (reason: ProxyEnd) => void,
): Promise<Workers> {
  const count = config.workers === 'auto' ? availableParallelism() : config.workers;
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
  const { startOne } = await import('./workers/one.ts');
  return await startOne(config, log);
}

/** Loaded only now, while clients are served already: most of a start would be spent on it. */
async function openAdmin(
  config: Config,
  log: Log,
  workers: Workers,
  isDraining: () => boolean,
  end: (reason: ProxyEnd) => void,
): Promise<Admin | null> {
  if (config.admin === null) return null;
  const { startAdmin } = await import('./admin/server.ts');
  const { listen, token } = config.admin;
  const host = {
    version: VERSION,
    plan: planOf(config, workers.addresses),
    config: redact(config),
    isDraining,
    gather: () => workers.gather(),
    requestDrain: () => end({ kind: 'asked' }),
  };
  return await startAdmin(listen, token, host, log);
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
      ([name, { kind, distribution, hashTags, servers }]) => ({
        name,
        kind,
        distribution,
        hashTags,
        servers: servers.map(({ address, weight }) => ({ name: address.text, weight })),
      }),
    ),
  };
}
