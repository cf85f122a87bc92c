/** What groups of servers are told, from what was configured for their upstreams. */
import type { Secret, SecretFiles } from '../core/secret-files.ts';
import type { EmbeddedOptions } from '../routing/embedded.ts';
import type { FleetOptions } from '../routing/fleet.ts';
import type { SentinelOptions } from '../routing/sentinel.ts';
import type { ShardsOptions } from '../routing/shards.ts';
import type { Address, TlsOptions } from '../upstream/dial.ts';
import type { Credentials } from '../upstream/handshake.ts';
import type { UpstreamOptions } from '../upstream/upstream.ts';
import { canonicalAddress } from './address.ts';
import type {
  AuthConfig,
  EmbeddedConfig,
  FleetConfig,
  SecretConfig,
  SentinelConfig,
  UpstreamConfig,
  UpstreamTlsConfig,
} from './config.ts';

export function fleetOptions(
  name: string,
  upstream: UpstreamConfig,
  fleet: FleetConfig,
  secrets: SecretFiles,
): FleetOptions {
  const { readPolicy, zone, redirectsMax, topology, auth } = fleet;
  // Once for all nodes, those to come included: what the configuration says of a file grows old.
  const common = credentialsOf(auth, secrets);
  const own = credentialsByServer(fleet, secrets);
  return {
    name,
    optionsOf: (address, nodeName) => ({
      ...serverOptions(address, nodeName, own.get(nodeName) ?? common, upstream),
      // A server that is no cluster's has no such mode.
      readsReplica: upstream.kind === 'cluster' && readPolicy !== 'primary',
      ownTimeoutMs: Math.max(upstream.opTimeoutMs, topology.timeoutMs),
    }),
    opTimeoutMs: upstream.opTimeoutMs,
    retry: upstream.retry,
    redirectsMax,
    topology,
    readPolicy,
    zone,
    healthCheck: upstream.healthCheck,
    outliers: upstream.outlierDetection,
  };
}

/** By canonical address. */
function credentialsByServer(
  { credentials }: FleetConfig,
  secrets: SecretFiles,
): ReadonlyMap<string, Credentials | null> {
  return new Map(
    credentials.map((each) => [canonicalAddress(each.server), credentialsOf(each.auth, secrets)]),
  );
}

/** Sentinels have users of their own, mostly none: what the upstream's servers are told is not said to them. */
export function sentinelOptions(
  name: string,
  upstream: UpstreamConfig,
  sentinel: SentinelConfig,
  secrets: SecretFiles,
): SentinelOptions {
  const own = credentialsByServer(sentinel, secrets);
  const seeds = upstream.servers.map(({ address }) => address);
  // They share a password, or they could not ask each other: those that are learnt have it too.
  const [common = null] = seeds.flatMap((seed) => own.get(canonicalAddress(seed)) ?? []);
  return {
    ...fleetOptions(name, upstream, sentinel, secrets),
    seeds,
    service: sentinel.service,
    sentinelOptionsOf: (address, sentinelName) => ({
      ...serverOptions(address, sentinelName, own.get(sentinelName) ?? common, upstream),
      database: 0,
      ownTimeoutMs: Math.max(upstream.opTimeoutMs, sentinel.topology.timeoutMs),
    }),
  };
}

export function embeddedOptions(name: string, embedded: EmbeddedConfig): EmbeddedOptions {
  return {
    name,
    databases: embedded.databases,
    dir: embedded.dir,
    fsync: embedded.appendSync,
    parameters: {
      maxmemory: String(embedded.maxMemoryBytes),
      'maxmemory-policy': embedded.eviction,
      'notify-keyspace-events': embedded.notifyKeyspaceEvents,
    },
  };
}

export function shardsOptions(
  name: string,
  upstream: UpstreamConfig,
  secrets: SecretFiles,
): ShardsOptions {
  return {
    name,
    servers: upstream.servers.map(({ address, weight, auth }) => ({
      ...serverOptions(address, address.text, credentialsOf(auth, secrets), upstream),
      weight,
    })),
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

function serverOptions(
  address: Address,
  name: string,
  credentials: Credentials | null,
  upstream: UpstreamConfig,
): UpstreamOptions {
  const { tls } = upstream;
  return {
    name,
    address,
    tls: tls === null ? null : pemsOf(tls),
    credentials,
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

function credentialsOf(auth: AuthConfig | null, secrets: SecretFiles): Credentials | null {
  if (auth === null) return null;
  const { username, password } = auth;
  const secret = livingSecret(password, secrets);
  return {
    username: username ?? '',
    get password() {
      return secret.text;
    },
  };
}

export function livingSecret({ text, file }: SecretConfig, secrets: SecretFiles): Secret {
  return file === null ? { text } : secrets.open(file, text);
}

export function pemsOf(tls: UpstreamTlsConfig): TlsOptions {
  return {
    ca: tls.ca?.pem ?? null,
    cert: tls.cert?.pem ?? null,
    key: tls.key?.pem ?? null,
    serverName: tls.serverName,
  };
}
