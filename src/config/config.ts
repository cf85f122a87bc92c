/**
 * What a configuration is once it has been read: everything checked, every default filled in, every
 * unit normalised (milliseconds, bytes, events per second), every secret resolved.
 *
 * These are the output types of the one schema (`schema.ts`): the schema functions promise them, so the
 * compiler refuses a schema that does not produce exactly this. Null stands for "not configured".
 */
import type { LogFormat, LogLevel } from '../core/log.ts';

export interface Config {
  readonly workers: number | 'auto';
  readonly log: LogConfig;
  /** Null: no admin port. */
  readonly admin: AdminConfig | null;
  /** By name, at least one. */
  readonly listeners: Readonly<Record<string, ListenerConfig>>;
  /** By name, at least one. */
  readonly upstreams: Readonly<Record<string, UpstreamConfig>>;
}

export interface LogConfig {
  readonly level: LogLevel;
  readonly format: LogFormat;
}

/** A place to listen at or to connect to. `text` is what was written, without the weight. */
export type Address =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number; readonly text: string }
  | { readonly kind: 'unix'; readonly path: string; readonly text: string };

export interface AdminConfig {
  readonly listen: Address;
  readonly token: string | null;
}

/** A file in PEM form, read and found to parse. */
export interface PemFile {
  /** Absolute. */
  readonly path: string;
  readonly pem: string;
}

export interface ListenerConfig {
  readonly listen: Address;
  readonly tls: ListenerTlsConfig | null;
  /** Empty: no authentication. */
  readonly users: readonly UserConfig[];
  /** Null: the passwords of `users` decide. */
  readonly externalAuth: ExternalAuthConfig | null;
  readonly maxConnections: number;
  /** Commands under way over all clients of all workers; null: unlimited. */
  readonly concurrency: number | null;
  /** 0: never. */
  readonly idleTimeoutMs: number;
  /** Lower case. */
  readonly customCommands: readonly string[];
  /** In the order of the file; at least one, prefixes unique. */
  readonly routes: readonly RouteConfig[];
  readonly caseInsensitivePrefixes: boolean;
  /** In the order of the file. */
  readonly faults: readonly FaultConfig[];
  readonly limits: ListenerLimits;
}

export interface ListenerTlsConfig {
  readonly cert: PemFile;
  readonly key: PemFile;
  /** Set: clients must show a certificate signed by one of these. */
  readonly clientCa: PemFile | null;
}

export interface ExternalAuthConfig {
  readonly address: Address;
  readonly timeoutMs: number;
  readonly expires: boolean;
  readonly tls: UpstreamTlsConfig | null;
}

/** A secret as it was read at the start. */
export interface SecretConfig {
  readonly text: string;
  /** Absolute; null: it did not come from a file. */
  readonly file: string | null;
}

export interface UserConfig {
  readonly name: string;
  /** Any of them opens; at least one, unless another service is asked. */
  readonly passwords: readonly SecretConfig[];
  /** Glob patterns; `['*']` unless told. */
  readonly keys: readonly string[];
  /** Rules in the order they apply; `['+@all']` unless told. */
  readonly commands: readonly string[];
  /** Commands per second of all its clients; null: unlimited. */
  readonly rate: number | null;
}

export interface RouteConfig {
  readonly prefix: string;
  readonly removePrefix: boolean;
  /** Contains `%KEY%`; `%KEY%` alone unless told. */
  readonly keyFormat: string;
  readonly upstream: string;
  readonly readUpstream: string | null;
  readonly mirror: readonly MirrorConfig[];
}

/** A fault on purpose. */
export interface FaultConfig {
  readonly kind: 'delay' | 'error';
  /** 0 to 100. */
  readonly percent: number;
  readonly delayMs: number;
  /** Lower case; empty: every command. */
  readonly commands: readonly string[];
}

export interface MirrorConfig {
  readonly upstream: string;
  /** 0 to 100. */
  readonly percent: number;
  readonly excludeReads: boolean;
}

export interface ListenerLimits {
  readonly maxBulkBytes: number;
  readonly maxElements: number;
  readonly maxInlineBytes: number;
  /** Commands of one client under way. */
  readonly maxPipeline: number;
  /** Bytes of commands of one client under way. */
  readonly maxInFlightBytes: number;
  readonly maxOutputBufferBytes: number;
}

export type Distribution = 'ketama' | 'maglev' | 'modula' | 'crc16';
export type RingHash = 'xxhash64' | 'murmur2';

export type ReadPolicy =
  | 'primary'
  | 'prefer_primary'
  | 'replica'
  | 'prefer_replica'
  | 'any'
  | 'nearest';

/** What is not of its kind (`distribution` of a cluster) has its default. */
export interface UpstreamConfig {
  readonly kind: 'shards' | 'cluster' | 'sentinel' | 'embedded';
  /**
   * In the order of the file; no duplicates, and at least one, but none of an embedded engine. Of a cluster: its seeds; of
   * a service: its Sentinels.
   */
  readonly servers: readonly ServerConfig[];
  readonly distribution: Distribution;
  readonly ring: RingConfig;
  readonly hashTags: boolean;
  readonly database: number;
  readonly tls: UpstreamTlsConfig | null;
  /** Shared connections per server and worker. */
  readonly connections: number;
  readonly dedicatedMax: number;
  readonly connectTimeoutMs: number;
  readonly opTimeoutMs: number;
  readonly flush: FlushConfig;
  /** New connections per second to one server; null: unlimited. */
  readonly connectionRate: number | null;
  /** Null: off. */
  readonly healthCheck: HealthCheckConfig | null;
  /** Null: off. */
  readonly outlierDetection: OutlierDetectionConfig | null;
  readonly retry: RetryConfig;
  readonly limits: UpstreamLimits;
  /** Null: of another kind. */
  readonly cluster: FleetConfig | null;
  /** Null: of another kind. */
  readonly sentinel: SentinelConfig | null;
  /** Null: of another kind. */
  readonly embedded: EmbeddedConfig | null;
}

export type AppendSync = 'always' | 'everysec' | 'no';

export const EVICTION_POLICIES = [
  'noeviction',
  'allkeys-lru',
  'allkeys-lfu',
  'allkeys-random',
  'volatile-lru',
  'volatile-lfu',
  'volatile-random',
  'volatile-ttl',
] as const;
export type EvictionPolicy = (typeof EVICTION_POLICIES)[number];

export interface EmbeddedConfig {
  /** Absolute; null: memory only. */
  readonly dir: string | null;
  readonly appendSync: AppendSync;
  /** 0: unlimited. */
  readonly maxMemoryBytes: number;
  readonly eviction: EvictionPolicy;
  readonly databases: number;
  /** In Redis's letters; empty: none. */
  readonly notifyKeyspaceEvents: string;
}

/** What a primary that Sentinels watch has. */
export interface SentinelConfig extends FleetConfig {
  readonly service: string;
}

/** What is common to kinds whose servers are learnt, and have replicas. */
export interface FleetConfig {
  readonly readPolicy: ReadPolicy;
  /** Empty: anywhere. */
  readonly zone: string;
  readonly redirectsMax: number;
  readonly topology: TopologyConfig;
  /** What nodes are told that are not named in `credentials`. */
  readonly auth: AuthConfig | null;
  readonly credentials: readonly NodeCredential[];
}

export interface NodeCredential {
  readonly server: Address;
  readonly auth: AuthConfig;
}

export interface TopologyConfig {
  readonly refreshMs: number;
  readonly timeoutMs: number;
  readonly minIntervalMs: number;
  readonly afterRedirects: number;
  readonly afterFailures: number;
}

export interface ServerConfig {
  readonly address: Address;
  /** Greater than 0. */
  readonly weight: number;
  /** What to say on connecting: of `credentials` where named there, else of the upstream. */
  readonly auth: AuthConfig | null;
}

export interface AuthConfig {
  readonly username: string | null;
  readonly password: SecretConfig;
}

export interface RingConfig {
  readonly minimumSize: number;
  readonly hash: RingHash;
}

export interface UpstreamTlsConfig {
  /** Null: the authorities the machine trusts. */
  readonly ca: PemFile | null;
  /** Both or neither. */
  readonly cert: PemFile | null;
  readonly key: PemFile | null;
  /** Null: the host of the server. */
  readonly serverName: string | null;
}

export interface FlushConfig {
  readonly maxBytes: number;
  readonly timeoutMs: number;
}

export interface HealthCheckConfig {
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly unhealthyThreshold: number;
  readonly healthyThreshold: number;
  /** Empty: `PING` is sent instead of asking for a key. */
  readonly key: string;
}

export interface OutlierDetectionConfig {
  readonly consecutiveFailures: number;
  readonly baseEjectionMs: number;
  readonly maxEjectionMs: number;
  readonly maxEjectionPercent: number;
}

export interface RetryConfig {
  /** How often a read is tried again. */
  readonly reads: number;
  readonly backoffMs: number;
}

export interface UpstreamLimits {
  /** Commands under way per connection. */
  readonly maxPending: number;
  readonly maxPendingBytes: number;
  readonly maxReplyBytes: number;
  /** Lists in lists, in one reply. */
  readonly maxNesting: number;
}
