/** Clusters become upstreams, once for each set of `settings` they are used with. */
import { isDeepStrictEqual } from 'node:util';
import { importHealthCheck, importOutliers } from './health.ts';
import type { Message } from './message.ts';
import { distributionOf } from './placement.ts';
import type { Settings } from './settings.ts';
import { type Secrets, upstreamTls } from './tls.ts';
import {
  addressText,
  durationText,
  inlineText,
  nameOf,
  type Section,
  secretOf,
  typedConfig,
} from './values.ts';

const REDIS_CLUSTER = 'envoy.clusters.redis';
const PROTOCOL_OPTIONS = 'envoy.filters.network.redis_proxy';
/** Kinds whose servers are in the file. */
const LISTED = ['STATIC', 'STRICT_DNS', 'LOGICAL_DNS'];
const RESOLVED = ['STRICT_DNS', 'LOGICAL_DNS'];

interface Made {
  readonly name: string;
  readonly settings: Settings;
}

/** A name of the other file as one of ours: letters, digits and `.` `_` `-`. */
export function plainName(name: string): string {
  return name.replace(/[^A-Za-z0-9_.-]/g, '_').slice(0, 128);
}

export class Clusters {
  readonly upstreams: Record<string, Section> = {};
  readonly #clusters: ReadonlyMap<string, Message>;
  readonly #secrets: Secrets;
  readonly #made: Map<string, Made[]> = new Map();
  /** Needed for something else than commands. */
  readonly #mentioned: Set<string> = new Set();

  constructor(clusters: readonly Message[], secrets: Secrets) {
    this.#clusters = new Map(clusters.map((cluster) => [cluster.text('name') ?? '', cluster]));
    this.#secrets = secrets;
  }

  /** The upstream that stands for a cluster under these settings; `holder[field]` names the cluster. */
  upstreamFor(holder: Message, field: string, settings: Settings): string {
    const cluster = holder.text(field) ?? '';
    const found = this.#clusters.get(cluster);
    if (found === undefined) {
      const text = `no cluster of the file is called ${JSON.stringify(cluster)}: write this upstream yourself`;
      holder.tell(field, text);
      return plainName(cluster) || 'unknown';
    }
    const before = this.#made.get(cluster) ?? [];
    const same = before.find((made) => isDeepStrictEqual(made.settings, settings));
    if (same !== undefined) return same.name;
    const name = this.#freeName(plainName(cluster) || 'upstream');
    if (before.length > 0) {
      holder.note(`cluster ${cluster} is used with other settings too: it is two upstreams here`);
    }
    this.#made.set(cluster, [...before, { name, settings }]);
    this.upstreams[name] = importCluster(found, name, settings, this.#secrets);
    return name;
  }

  /** The first server of a cluster that takes no commands. */
  addressOf(cluster: string): string | null {
    const found = this.#clusters.get(cluster);
    if (found === undefined) return null;
    this.#mentioned.add(cluster);
    const [first] = serversOf(found);
    found.leaveOut('used for external authentication only: of it the first address is taken');
    return first?.address ?? null;
  }

  /** What no redis_proxy uses is not taken over, and told so. */
  finish(): void {
    for (const [name, cluster] of this.#clusters) {
      if (this.#made.has(name) || this.#mentioned.has(name)) continue;
      cluster.leaveOut(`cluster ${name} is behind no redis_proxy: left out`);
    }
  }

  #freeName(wanted: string): string {
    let name = wanted;
    for (let count = 2; Object.hasOwn(this.upstreams, name); count++) name = `${wanted}-${count}`;
    return name;
  }
}

function importCluster(
  cluster: Message,
  name: string,
  settings: Settings,
  secrets: Secrets,
): Section {
  const refresh = refreshOf(cluster);
  const isCluster = refresh !== null;
  cluster.skip('alt_stat_name');
  cluster.tell('dns_lookup_family', 'names are resolved by the system when a connection is made');
  for (const field of ['dns_refresh_rate', 'respect_dns_ttl', 'dns_failure_refresh_rate']) {
    cluster.tell(field, 'names are resolved anew with each connection: nothing to set');
  }
  cluster.tell('circuit_breakers', 'bounds are set by limits.max_pending and max_pending_bytes');
  cluster.tell('per_connection_buffer_limit_bytes', 'see limits.max_pending_bytes and max_reply');
  const servers = serversOf(cluster);
  tellOfType(cluster, isCluster, servers);
  tellOfSettings(cluster, isCluster, settings);
  const connectTimeoutMs = cluster.milliseconds('connect_timeout');
  return {
    kind: isCluster ? 'cluster' : 'shards',
    servers: servers.map(({ address, weight }) =>
      weight === 1 || isCluster ? address : `${address}=${weight}`,
    ),
    ...(isCluster ? {} : distributionOf(cluster, servers)),
    hash_tags: isCluster ? undefined : settings.hashTags,
    ...credentialsOf(cluster),
    tls: upstreamTls(cluster, secrets, name),
    connect_timeout: durationText(connectTimeoutMs ?? CONNECT_TIMEOUT_MS),
    op_timeout: settings.opTimeout,
    flush: settings.flush,
    connection_rate: settings.connectionRate,
    ...(isCluster ? { read_policy: settings.readPolicy ?? undefined, topology: refresh } : {}),
    health_check: importHealthCheck(cluster),
    outlier_detection: importOutliers(cluster, servers.length),
    // Envoy sends nothing twice.
    retry: { reads: 0 },
  };
}

const CONNECT_TIMEOUT_MS = 5000;

function tellOfSettings(
  cluster: Message,
  isCluster: boolean,
  { followsRedirects }: Settings,
): void {
  if (isCluster && !followsRedirects) {
    cluster.note(
      'without enable_redirection Envoy gives MOVED and ASK to clients; here they are followed',
    );
  }
  if (!isCluster && followsRedirects) {
    cluster.note('MOVED and ASK are followed by kind: cluster only, not by shards');
  }
}

interface Server {
  readonly address: string;
  readonly weight: number;
  /** What Envoy hashes instead of the address. */
  readonly hashKey: string | null;
}

function serversOf(cluster: Message): Server[] {
  const assignment = cluster.message('load_assignment');
  assignment?.skip('cluster_name');
  assignment?.tell('policy', 'no over-provisioning here: all servers are of one rank');
  const localities = assignment?.messages('endpoints') ?? [];
  const servers = localities.flatMap((locality) => {
    locality.skip('locality');
    locality.tell('load_balancing_weight', 'weights are those of servers: left out');
    if ((locality.number('priority') ?? 0) > 0) {
      locality.leaveOut('no servers in reserve here: those of lower priority are left out');
      return [];
    }
    return locality.messages('lb_endpoints').flatMap((each) => serverOf(each) ?? []);
  });
  const old = cluster.messages('hosts').flatMap((host) => {
    const address = addressText(host);
    return address === null ? [] : [{ address, weight: 1, hashKey: null }];
  });
  return withoutRepeats(cluster, [...servers, ...old]);
}

function serverOf(holder: Message): Server | null {
  const endpoint = holder.message('endpoint');
  const place = endpoint?.message('address') ?? null;
  if (endpoint === null || place === null) return null;
  endpoint.skip('hostname', 'health_check_config');
  holder.tell('health_status', 'whether a server is well is found out: left out');
  const address = addressText(place);
  if (address === null) return null;
  const metadata = holder.message('metadata')?.message('filter_metadata')?.message('envoy.lb');
  return {
    address,
    weight: holder.number('load_balancing_weight') ?? 1,
    hashKey: metadata?.text('hash_key') ?? null,
  };
}

function withoutRepeats(cluster: Message, servers: readonly Server[]): Server[] {
  const unique = servers.filter(
    ({ address }, index) => servers.findIndex((other) => other.address === address) === index,
  );
  if (unique.length < servers.length) cluster.note('servers named twice are written once');
  return unique;
}

function tellOfType(cluster: Message, isCluster: boolean, servers: readonly Server[]): void {
  const type = cluster.text('type') ?? (cluster.has('cluster_type') ? 'custom' : 'STATIC');
  cluster.skip('eds_cluster_config', 'wait_for_warm_on_init');
  if (servers.length === 0) {
    cluster.note(`no server stands in the file (${type}): write them to servers`);
  }
  if (isCluster) return;
  if (!LISTED.includes(type)) cluster.note(`${type} is not known: read as STATIC`);
  if (RESOLVED.includes(type) && servers.length > 1) {
    cluster.note(
      'Envoy places keys by the addresses that names resolve to, here by the names: write the addresses to find the keys where they are',
    );
  } else if (type === 'STRICT_DNS' && servers.length === 1) {
    cluster.note('every address of the name is a server to Envoy, here it is one: write them all');
  }
}

/** Null: no Redis Cluster. */
function refreshOf(cluster: Message): Section | null {
  const type = cluster.message('cluster_type');
  if (type === null) return null;
  const typed = typedConfig(type);
  if (type.text('name') !== REDIS_CLUSTER && typed?.type !== 'RedisClusterConfig') return null;
  cluster.skip('lb_policy', 'load_balancing_policy');
  const body = typed?.body ?? null;
  body?.tell(
    'host_degraded_refresh_threshold',
    'the topology is not asked for because of health: left out',
  );
  body?.tell('enable_zone_discovery', 'read_policy nearest goes by measured latency instead');
  const failures = body?.number('failure_refresh_threshold') ?? 0;
  const span = (name: string, otherwise: number): string =>
    durationText(body?.milliseconds(name) ?? otherwise);
  const redirects = body?.number('redirect_refresh_threshold') ?? 5;
  return {
    refresh: span('cluster_refresh_rate', 5000),
    timeout: span('cluster_refresh_timeout', 3000),
    min_interval: span('redirect_refresh_interval', 5000),
    after_redirects: redirects === 0 ? undefined : redirects,
    after_failures: failures === 0 ? undefined : failures,
  };
}

function credentialsOf(cluster: Message): Section {
  const options =
    cluster.message('typed_extension_protocol_options') ??
    cluster.message('extension_protocol_options');
  const redis = options?.message(PROTOCOL_OPTIONS) ?? options?.message('envoy.redis_proxy') ?? null;
  if (redis === null) return {};
  redis.tell(
    'aws_iam',
    'no tokens of AWS here: set a password, and renew it by {file: …} and a reload',
  );
  const credentials = redis.messages('credentials').flatMap((each): Section[] => {
    const place = each.message('address');
    const server = place === null ? null : addressText(place);
    return server === null ? [] : [{ server, ...loginOf(each) }];
  });
  const complete: readonly Section[] = credentials.filter((each) =>
    Object.hasOwn(each, 'password'),
  );
  return { ...loginOf(redis), credentials: complete.length === 0 ? undefined : complete };
}

function loginOf(holder: Message): Section {
  const source = holder.message('auth_password');
  const user = holder.message('auth_username');
  const password = source === null ? null : secretOf(source);
  if (password === null) {
    if (user !== null && inlineText(user) !== null) {
      holder.note('a user without a password cannot log in: left out');
    }
    return {};
  }
  const username = user === null ? null : nameOf(user);
  return username === null ? { password } : { username, password };
}
