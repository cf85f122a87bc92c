/** Listeners with a redis_proxy in them: who may come in, and which key goes where. */
import { type Clusters, plainName } from './clusters.ts';
import type { Message } from './message.ts';
import { readSettings, type Settings } from './settings.ts';
import { downstreamTls, type Secrets } from './tls.ts';
import {
  addressText,
  durationText,
  nameOf,
  type Part,
  percentOf,
  type Section,
  secretOf,
  type Typed,
  typedConfig,
} from './values.ts';

const REDIS_PROXY = ['RedisProxy', 'redis_proxy'];
/** Envoy does not count clients; ours does, by default up to 10,000. */
const CONNECTIONS_MAX = 1_000_000;
/** What `key_format` can say: text around one %KEY%. */
const KEY_FORMAT = /^[^%]*%KEY%[^%]*$/;

/** Null: there is no redis_proxy in it. */
export function importListener(
  listener: Message,
  name: string,
  clusters: Clusters,
  secrets: Secrets,
): Section | null {
  const address = listener.message('address');
  const chains = [
    ...listener.messages('filter_chains'),
    ...[listener.message('default_filter_chain')].filter((chain) => chain !== null),
  ];
  const found = firstRedis(chains);
  const listen = address === null ? null : addressText(address);
  if (found === undefined || listen === null) {
    listener.leaveOut('no redis_proxy at an address: left out');
    return null;
  }
  listener.skip('name', 'stat_prefix', 'traffic_direction', 'enable_reuse_port', 'reuse_port');
  listener.skip('tcp_backlog_size', 'connection_balance_config');
  listener.tell('per_connection_buffer_limit_bytes', 'see limits.max_output_buffer');
  listener.tell('additional_addresses', 'one address per listener: write another listener');
  for (const filter of listener.messages('listener_filters')) tellOfFilter(filter);
  const { chain, proxy } = found;
  for (const other of chains) {
    if (other !== chain) other.leaveOut('one redis_proxy per address: this chain is left out');
  }
  return {
    listen,
    tls: downstreamTls(chain, secrets, name),
    ...importProxy(proxy, clusters, connectionLimit(chain)),
  };
}

interface Chain {
  readonly chain: Message;
  readonly proxy: Message;
}

function firstRedis(chains: readonly Message[]): Chain | undefined {
  for (const chain of chains) {
    const found = chainOf(chain);
    if (found !== null) return found;
  }
  return undefined;
}

function chainOf(chain: Message): Chain | null {
  const filters = chain.messages('filters');
  const typed = filters.map((filter) => typedConfig(filter));
  const index = typed.findIndex((each) => each !== null && REDIS_PROXY.includes(each.type));
  if (index < 0) return null;
  chain.tell('filter_chain_match', 'one redis_proxy per address, for whoever connects: left out');
  chain.skip('name');
  for (const [at, filter] of filters.entries()) {
    filter.skip('name');
    if (at !== index) tellOfOther(filter, typed[at] ?? null);
  }
  return { chain, proxy: typed[index]!.body };
}

function tellOfOther(filter: Message, typed: Typed | null): void {
  if (typed?.type === 'ConnectionLimit') return;
  filter.leaveOut(`filter ${filter.text('name') ?? ''}: no equivalent, left out`);
}

/** Of a connection_limit filter in front. */
function connectionLimit(chain: Message): number {
  for (const filter of chain.messages('filters')) {
    const typed = typedConfig(filter);
    if (typed?.type !== 'ConnectionLimit') continue;
    typed.body.skip('stat_prefix');
    typed.body.tell('delay', 'who is too many is refused at once, with an error');
    return typed.body.number('max_connections') ?? CONNECTIONS_MAX;
  }
  return CONNECTIONS_MAX;
}

function tellOfFilter(filter: Message): void {
  const name = filter.text('name') ?? '';
  if (name.endsWith('tls_inspector')) filter.skip('typed_config');
  else filter.leaveOut(`listener filter ${name}: no equivalent, left out`);
}

function importProxy(proxy: Message, clusters: Clusters, connectionsMax: number): Section {
  // Figures are named after the listener, times are in seconds, each client chooses its protocol.
  proxy.skip('stat_prefix', 'latency_in_micros', 'protocol_version');
  proxy.tell('enable_sharded_publish', 'clients choose by PUBLISH or SPUBLISH');
  const settings = readSettings(proxy);
  const custom = proxy.texts('custom_commands');
  const prefixes = proxy.message('prefix_routes');
  return {
    users: usersOf(proxy),
    external_auth: externalAuthOf(proxy, clusters),
    max_connections: connectionsMax,
    custom_commands: custom.length === 0 ? undefined : custom,
    routes: routesOf(proxy, prefixes, clusters, settings),
    case_insensitive_prefixes: prefixes?.flag('case_insensitive') === true ? true : undefined,
    faults: faultsOf(proxy),
  };
}

function usersOf(proxy: Message): Part | undefined {
  const old = proxy.message('downstream_auth_password');
  const sources = [...proxy.messages('downstream_auth_passwords'), ...(old === null ? [] : [old])];
  const passwords = sources.flatMap((source) => secretOf(source) ?? []);
  const user = proxy.message('downstream_auth_username');
  const name = user === null ? null : nameOf(user);
  if (passwords.length > 0) return [{ name: name ?? 'default', passwords }];
  if (user !== null) proxy.note('a user name without a password: write a user with one');
  return undefined;
}

function externalAuthOf(proxy: Message, clusters: Clusters): Section | undefined {
  const provider = proxy.message('external_auth_provider');
  const service = provider?.message('grpc_service') ?? null;
  if (provider === null || service === null) return undefined;
  const google = service.message('google_grpc');
  const envoy = service.message('envoy_grpc');
  google?.skip('stat_prefix');
  const cluster = envoy?.text('cluster_name') ?? '';
  const grpc = google?.text('target_uri') ?? clusters.addressOf(cluster);
  if (grpc === null) {
    service.note(
      `no cluster of the file is called ${JSON.stringify(cluster)}: write host:port to external_auth.grpc`,
    );
  }
  return {
    grpc: grpc ?? undefined,
    timeout: durationText(service.milliseconds('timeout') ?? 200),
    expiration: provider.flag('enable_auth_expiration'),
  };
}

function routesOf(
  proxy: Message,
  prefixes: Message | null,
  clusters: Clusters,
  settings: Settings,
): Section[] {
  const routes = (prefixes?.messages('routes') ?? []).map((route) =>
    importRoute(route, route.text('prefix') ?? '', clusters, settings),
  );
  const catchAll = prefixes?.message('catch_all_route') ?? null;
  if (catchAll !== null) {
    if (routes.some(({ prefix }) => prefix === '')) {
      catchAll.leaveOut('a route with an empty prefix catches all already: left out');
    } else {
      if (catchAll.flag('remove_prefix') && (catchAll.text('prefix') ?? '') !== '') {
        catchAll.tell(
          'remove_prefix',
          'a route removes the prefix it matches: here keys of this one are left as they are',
        );
      }
      catchAll.skip('prefix', 'remove_prefix');
      routes.push(importRoute(catchAll, '', clusters, settings));
    }
  }
  // The field of before prefix_routes.
  if (routes.length === 0 && proxy.has('cluster')) {
    routes.push({ prefix: '', upstream: clusters.upstreamFor(proxy, 'cluster', settings) });
  }
  if (routes.length === 0) proxy.note('no route and no catch_all_route: write routes');
  return routes;
}

function importRoute(
  route: Message,
  prefix: string,
  clusters: Clusters,
  settings: Settings,
): Section {
  const reads = route.message('read_command_policy');
  const mirrors = route.messages('request_mirror_policy');
  const removes = prefix !== '' && route.flag('remove_prefix');
  return {
    prefix,
    remove_prefix: removes ? true : undefined,
    key_format: keyFormatOf(route),
    upstream: clusters.upstreamFor(route, 'cluster', settings),
    read_upstream: reads === null ? undefined : clusters.upstreamFor(reads, 'cluster', settings),
    mirror:
      mirrors.length === 0
        ? undefined
        : mirrors.map((mirror) => importMirror(mirror, clusters, settings)),
  };
}

function keyFormatOf(route: Message): string | undefined {
  const format = route.text('key_formatter') ?? '';
  if (format === '') return undefined;
  if (KEY_FORMAT.test(format)) return format;
  route.tell(
    'key_formatter',
    `only text around one %KEY% here, so keys are not changed: write what ${format} comes to as key_format`,
  );
  return undefined;
}

function importMirror(mirror: Message, clusters: Clusters, settings: Settings): Section {
  const fraction = mirror.message('runtime_fraction');
  return {
    upstream: clusters.upstreamFor(mirror, 'cluster', settings),
    percent: fraction === null ? undefined : percentOf(fraction),
    exclude_reads: mirror.flag('exclude_read_commands') ? true : undefined,
  };
}

function faultsOf(proxy: Message): Part | undefined {
  const faults = proxy.messages('faults').map((fault): Section => {
    const enabled = fault.message('fault_enabled');
    const percent = enabled === null ? 0 : percentOf(enabled);
    if (!Number.isInteger(percent)) {
      fault.note(`Envoy rounds to whole percents (${Math.floor(percent)}); here it is ${percent}`);
    }
    const delayMs = fault.milliseconds('delay') ?? 0;
    const kind = fault.text('fault_type') === 'ERROR' ? 'error' : 'delay';
    const commands = fault.texts('commands').map((command) => command.toLowerCase());
    return {
      kind,
      percent,
      // A delay of ours has to say how long.
      delay: delayMs === 0 && kind === 'error' ? undefined : durationText(delayMs),
      commands: commands.length === 0 ? undefined : commands,
    };
  });
  return faults.length === 0 ? undefined : faults;
}

export function listenerName(listener: Message, index: number): string {
  return plainName(listener.text('name') ?? '') || `listener${index}`;
}
