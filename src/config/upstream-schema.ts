/** The part of the schema below `upstreams.<name>`. */
import * as z from 'zod';
import type { ParsedServer } from './address.ts';
import { canonicalAddress } from './address.ts';
import { fleetFields, fleetOf } from './cluster-schema.ts';
import type {
  AuthConfig,
  FlushConfig,
  HealthCheckConfig,
  NodeCredential,
  OutlierDetectionConfig,
  RetryConfig,
  RingConfig,
  SecretConfig,
  ServerConfig,
  UpstreamConfig,
  UpstreamLimits,
  UpstreamTlsConfig,
} from './config.ts';
import { embeddedFields, embeddedOf } from './embedded-schema.ts';
import {
  choice,
  duration,
  flag,
  integer,
  percentage,
  rate,
  serverAddress,
  size,
  text,
  weightedServer,
} from './fields.ts';
import type { Resources } from './resources.ts';
import { certificateFile, exchangeableSecret, keyFile, problemOfPair } from './secret-fields.ts';

const COUNT_MAX = 1_000_000;
const GB = 1024 ** 3;
/** Small enough to try a limit out, large enough for an ordinary command. */
const SIZE_MIN = 64;
const KINDS = ['shards', 'cluster', 'sentinel', 'embedded'] as const;

type Fields = z.output<ReturnType<typeof upstreamFields>>;

function upstreamFields(resources: Resources) {
  return z.strictObject({
    kind: choice(
      'What stands behind: `shards` are plain servers that share the keys; `cluster` is a Redis Cluster; `sentinel` is a primary with replicas that Sentinels watch; `embedded` is an engine in this process.',
      KINDS,
    ),
    servers: z
      .array(weightedServer('A server.', resources))
      .min(1)
      .describe(
        'The servers, `host:port` or `host:port=weight`; of a cluster some, which know the rest; of a service its Sentinels, not its servers. Needed by every kind but embedded.',
      )
      .optional(),
    ...placementFields(),
    username: text('User to authenticate as.', 'text', '.').optional(),
    password: exchangeableSecret('Password to authenticate with.', resources).optional(),
    credentials: z
      .array(credentialSchema(resources))
      .describe('Servers whose user and password differ.')
      .prefault([]),
    database: integer('Database that sessions start in.', 0, 65_535).prefault(0),
    tls: clientTlsSchema(resources).optional(),
    connections: integer('Shared pipelined connections per server and worker.', 1, 1024).prefault(
      1,
    ),
    dedicated_max: integer(
      'Connections per server and worker lent to transactions and to commands that wait.',
      0,
      1_000_000,
    ).prefault(256),
    connect_timeout: duration('How long connecting may take.', 'positive').prefault('5s'),
    op_timeout: duration('How long a reply may take.', 'positive').prefault('1s'),
    flush: flushSchema(),
    connection_rate: rate(
      'New connections to one server, at most; unlimited when absent.',
    ).optional(),
    health_check: healthCheckSchema().optional(),
    outlier_detection: outlierDetectionSchema().optional(),
    retry: retrySchema(),
    limits: limitsSchema(),
    ...fleetFields(),
    ...embeddedFields(),
  });
}

export function upstreamSchema(resources: Resources): z.ZodType<UpstreamConfig> {
  return upstreamFields(resources).transform((value: Fields): UpstreamConfig => {
    const fleet = { ...fleetOf(value), auth: authOf(value), credentials: value.credentials };
    return {
      kind: value.kind,
      servers: withAuth(value.servers ?? [], value.credentials, authOf(value)),
      distribution: value.distribution,
      ring: value.ring,
      hashTags: value.hash_tags,
      database: value.database,
      tls: value.tls ?? null,
      connections: value.connections,
      dedicatedMax: value.dedicated_max,
      connectTimeoutMs: value.connect_timeout,
      opTimeoutMs: value.op_timeout,
      flush: value.flush,
      connectionRate: value.connection_rate ?? null,
      healthCheck: value.health_check ?? null,
      outlierDetection: value.outlier_detection ?? null,
      retry: value.retry,
      limits: value.limits,
      cluster: value.kind === 'cluster' ? fleet : null,
      sentinel: value.kind === 'sentinel' ? { ...fleet, service: value.service ?? '' } : null,
      embedded: value.kind === 'embedded' ? embeddedOf(value, resources) : null,
    };
  });
}

/** Where keys lie on shards. */
function placementFields() {
  return {
    distribution: choice('How keys are placed on shards.', [
      'ketama',
      'maglev',
      'modula',
      'crc16',
    ]).prefault('ketama'),
    ring: ringSchema(),
    hash_tags: flag(
      'Only the part of a key between `{` and `}` decides its shard; a cluster always does so.',
    ).prefault(false),
  };
}

interface Login {
  readonly username?: string | undefined;
  readonly password?: SecretConfig | undefined;
}

function authOf(login: Login): AuthConfig | null {
  if (login.password === undefined) return null;
  return { username: login.username ?? null, password: login.password };
}

function withAuth(
  servers: readonly ParsedServer[],
  credentials: readonly NodeCredential[],
  auth: AuthConfig | null,
): ServerConfig[] {
  const own = new Map(credentials.map((each) => [canonicalAddress(each.server), each.auth]));
  return servers.map(({ address, weight }) => ({
    address,
    weight,
    auth: own.get(canonicalAddress(address)) ?? auth,
  }));
}

function credentialSchema(resources: Resources): z.ZodType<NodeCredential> {
  return z
    .strictObject({
      server: serverAddress(
        'One of `servers`, without its weight; of a cluster any node, of a service any server or Sentinel.',
        resources,
      ),
      username: text('User to authenticate as.', 'text', '.').optional(),
      password: exchangeableSecret('Password to authenticate with.', resources),
    })
    .transform(
      (value): NodeCredential => ({
        server: value.server,
        auth: { username: value.username ?? null, password: value.password },
      }),
    );
}

function ringSchema(): z.ZodType<RingConfig> {
  return z
    .strictObject({
      minimum_size: integer('Points on the ring, at least.', 1, 8_388_608).prefault(1024),
      hash: choice('Hash of the points; keys are always hashed by MurmurHash2.', [
        'xxhash64',
        'murmur2',
      ]).prefault('xxhash64'),
    })
    .transform((value): RingConfig => ({ minimumSize: value.minimum_size, hash: value.hash }))
    .describe('The ring of `ketama`, placed as Envoy places it.')
    .prefault({});
}

export function clientTlsSchema(resources: Resources): z.ZodType<UpstreamTlsConfig> {
  return z
    .strictObject({
      ca: certificateFile(
        'Authorities that may have signed the server; those of the machine when absent.',
        resources,
      ).optional(),
      cert: certificateFile('Certificate to show, with its chain.', resources).optional(),
      key: keyFile('Private key of `cert`.', resources).optional(),
      server_name: text('Name expected of the server.', 'a host name', '^[^\\s]+$').optional(),
    })
    .transform((value, context): UpstreamTlsConfig => {
      const { ca = null, cert = null, key = null, server_name: serverName = null } = value;
      const problem = cert === null || key === null ? null : problemOfPair(key, cert);
      if (problem !== null) context.addIssue({ code: 'custom', message: problem, path: ['key'] });
      return { ca, cert, key, serverName };
    })
    .describe('Present (`{}` is enough): connections use TLS and the server is verified.');
}

function flushSchema(): z.ZodType<FlushConfig> {
  return z
    .strictObject({
      max_bytes: size(
        'Write once so many bytes wait; 0: at the end of every tick.',
        0,
        GB,
      ).prefault(0),
      timeout: duration('Write after so long at the latest.', 'zero').prefault('3ms'),
    })
    .transform((value): FlushConfig => ({ maxBytes: value.max_bytes, timeoutMs: value.timeout }))
    .describe('When waiting commands are written.')
    .prefault({});
}

function healthCheckSchema(): z.ZodType<HealthCheckConfig> {
  return z
    .strictObject({
      interval: duration('Time between two checks.', 'positive').prefault('1s'),
      timeout: duration('How long a check may take.', 'positive').prefault('500ms'),
      unhealthy_threshold: integer('Failures in a row that eject.', 1, COUNT_MAX).prefault(3),
      healthy_threshold: integer('Successes in a row that readmit.', 1, COUNT_MAX).prefault(2),
      key: text(
        'Empty: `PING` is sent. Else: `EXISTS key`, and a key that exists means unhealthy.',
        'text',
      ).prefault(''),
    })
    .transform(
      (value): HealthCheckConfig => ({
        intervalMs: value.interval,
        timeoutMs: value.timeout,
        unhealthyThreshold: value.unhealthy_threshold,
        healthyThreshold: value.healthy_threshold,
        key: value.key,
      }),
    )
    .describe('Servers are asked regularly; off when absent, `{}` turns it on.');
}

function outlierDetectionSchema(): z.ZodType<OutlierDetectionConfig> {
  return z
    .strictObject({
      consecutive_failures: integer('Failures in a row that eject.', 1, COUNT_MAX).prefault(5),
      base_ejection: duration('How long the first ejection lasts.', 'positive').prefault('30s'),
      max_ejection: duration('How long any ejection lasts at most.', 'positive').prefault('300s'),
      max_ejection_percent: percentage(
        'Part of the servers that may be ejected; one always may.',
      ).prefault(10),
    })
    .transform(
      (value): OutlierDetectionConfig => ({
        consecutiveFailures: value.consecutive_failures,
        baseEjectionMs: value.base_ejection,
        maxEjectionMs: value.max_ejection,
        maxEjectionPercent: value.max_ejection_percent,
      }),
    )
    .describe('Servers that fail commands are left out for a while; off when absent.');
}

function retrySchema(): z.ZodType<RetryConfig> {
  return z
    .strictObject({
      reads: integer('How often a read that nothing answered is tried again.', 0, 10).prefault(1),
      backoff: duration('Wait before the first retry.', 'zero').prefault('20ms'),
    })
    .transform((value): RetryConfig => ({ reads: value.reads, backoffMs: value.backoff }))
    .describe('Retries; writes are never sent twice.')
    .prefault({});
}

function limitsSchema(): z.ZodType<UpstreamLimits> {
  return z
    .strictObject({
      max_pending: integer('Commands under way per connection.', 1, 16_777_216).prefault(65_536),
      max_pending_bytes: size(
        'Bytes of commands under way per connection.',
        SIZE_MIN,
        4 * GB,
      ).prefault('64mb'),
      max_reply: size('A longer reply ends its connection.', SIZE_MIN, 2 * GB).prefault('512mb'),
      max_nesting: integer('Depth of lists in lists of a reply.', 1, 1024).prefault(128),
    })
    .transform(
      (value): UpstreamLimits => ({
        maxPending: value.max_pending,
        maxPendingBytes: value.max_pending_bytes,
        maxReplyBytes: value.max_reply,
        maxNesting: value.max_nesting,
      }),
    )
    .describe('Bounds of memory per connection to a server.')
    .prefault({});
}
