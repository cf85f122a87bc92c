/**
 * Checks that need two places of a configuration at once. They read what was written, not what the schema
 * made of it, and step over whatever the schema already refuses: so a file with a mistyped duration still
 * hears about its missing upstream in the same breath.
 */
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { CommandTable } from '../commands/lookup.ts';
import { faultOfRule } from '../session/users.ts';
import { canonicalAddress, isLoopback, parseAddress, parseServer } from './address.ts';
import type { Address } from './config.ts';
import type { Finding, Path } from './faults.ts';
import { formatPath, valueAt } from './faults.ts';
import { nearest } from './nearest.ts';
import { oneOf } from './words.ts';

/** `folder` is where relative socket paths start. */
export function crossFindings(raw: unknown, folder: string): Finding[] {
  return [
    ...emptyMappings(raw),
    ...listenAddresses(raw, folder),
    ...adminToken(raw, folder),
    ...entries(raw, ['listeners']).flatMap((path) => [
      ...routes(raw, path),
      ...faults(raw, path),
      ...concurrency(raw, path),
      ...goesWith(raw, [...path, 'external_auth', 'tls'], 'cert', 'key'),
      ...goesWith(raw, [...path, 'external_auth', 'tls'], 'key', 'cert'),
      ...elements(raw, [...path, 'users']).flatMap((user) => needsPassword(raw, path, user)),
      ...elements(raw, [...path, 'users']).flatMap((user) => commandRules(raw, path, user)),
      ...repeats(
        elements(raw, [...path, 'users']).map((user) => [...user, 'name']),
        raw,
        (name) => name,
      ),
    ]),
    ...upstreamFindings(raw, folder),
  ];
}

function upstreamFindings(raw: unknown, folder: string): Finding[] {
  return [
    ...embedded(raw, folder),
    ...entries(raw, ['upstreams']).flatMap((path) => [
      ...servers(raw, path, folder),
      ...ofOtherKind(raw, path, folder),
      ...goesWith(raw, path, 'username', 'password'),
      ...goesWith(raw, [...path, 'tls'], 'cert', 'key'),
      ...goesWith(raw, [...path, 'tls'], 'key', 'cert'),
    ]),
  ];
}

function emptyMappings(raw: unknown): Finding[] {
  return ['listeners', 'upstreams'].flatMap((key): Finding[] => {
    const mapping = valueAt(raw, [key]);
    if (!isMapping(mapping) || Object.keys(mapping).length > 0) return [];
    const reason = `found an empty mapping, allowed at least one ${key.slice(0, -1)}`;
    return [{ path: [key], at: 'value', reason }];
  });
}

/** All clients must see one engine, and each worker is a thread with memory of its own. */
function embedded(raw: unknown, folder: string): Finding[] {
  const upstreams = entries(raw, ['upstreams']).filter((path) => isEmbedded(raw, path));
  const workers = valueAt(raw, ['workers']);
  const isOver = upstreams.length > 0 && typeof workers === 'number' && workers > 1;
  const reason = `found ${workers}, allowed 1: the engine of ${formatPath(upstreams[0] ?? [])} is in one worker, and all clients must see it`;
  return [
    ...(isOver ? [{ path: ['workers'], at: 'value', reason } as const] : []),
    ...repeats(
      upstreams.map((path) => [...path, 'dir']),
      raw,
      (dir) => resolve(folder, dir),
    ),
  ];
}

function isEmbedded(raw: unknown, upstream: Path): boolean {
  return valueAt(raw, [...upstream, 'kind']) === 'embedded';
}

function automaticWorkers(raw: unknown): number {
  const isOne = entries(raw, ['upstreams']).some((path) => isEmbedded(raw, path));
  return isOne ? 1 : availableParallelism();
}

/** Workers count for themselves: each gets a part, and a part is at least one. */
function concurrency(raw: unknown, listener: Path): Finding[] {
  const path = [...listener, 'concurrency'];
  const places = valueAt(raw, path);
  const workers = valueAt(raw, ['workers']);
  const count = workers === 'auto' ? automaticWorkers(raw) : workers;
  if (typeof places !== 'number' || typeof count !== 'number' || places >= count) return [];
  const listen = valueAt(raw, [...listener, 'listen']);
  // One worker alone serves a path.
  if (places < 1 || (typeof listen === 'string' && listen.startsWith('unix:'))) return [];
  const reason = `found ${places}, allowed at least one for each of the ${count} workers: set workers to ${places} or less`;
  return [{ path, at: 'value', reason }];
}

/** A fault may name a command that nobody knows, and a delay must say how long. */
function faults(raw: unknown, listener: Path): Finding[] {
  const table = tableOf(raw, listener);
  return elements(raw, [...listener, 'faults']).flatMap((fault): Finding[] => {
    const isDelay = valueAt(raw, [...fault, 'kind']) === 'delay';
    const unnamed = isDelay && !hasKey(raw, fault, 'delay');
    const reason = 'is missing, needed with kind: delay';
    return [
      ...(unnamed ? [{ path: [...fault, 'delay'], at: 'value', reason } as const] : []),
      ...elements(raw, [...fault, 'commands']).flatMap((path): Finding[] => {
        const name = valueAt(raw, path);
        if (typeof name !== 'string' || table.specByName(name) !== undefined) return [];
        return [{ path, at: 'value', reason: `unknown command '${name}'` }];
      }),
    ];
  });
}

function tableOf(raw: unknown, listener: Path): CommandTable {
  const custom = elements(raw, [...listener, 'custom_commands']).map((path) => valueAt(raw, path));
  return new CommandTable(custom.filter((name) => typeof name === 'string'));
}

/** Rules of the right form may still name a category or command that nobody knows. */
function commandRules(raw: unknown, listener: Path, user: Path): Finding[] {
  const table = tableOf(raw, listener);
  return elements(raw, [...user, 'commands']).flatMap((path): Finding[] => {
    const rule = valueAt(raw, path);
    if (typeof rule !== 'string' || !/^[+-]/.test(rule)) return [];
    const reason = faultOfRule(rule, table);
    return reason === null ? [] : [{ path, at: 'value', reason }];
  });
}

function listenAddresses(raw: unknown, folder: string): Finding[] {
  const paths = [...entries(raw, ['listeners']), ['admin']].map((path) => [...path, 'listen']);
  return repeats(paths, raw, (text) => {
    const address = parseAddress(text, folder, 0);
    // Port 0 asks for any free one, as often as wanted.
    if (address === null || (address.kind === 'tcp' && address.port === 0)) return null;
    return canonicalAddress(address);
  });
}

function adminToken(raw: unknown, folder: string): Finding[] {
  const path = ['admin', 'listen'];
  const listen = valueAt(raw, path);
  const address = typeof listen === 'string' ? parseAddress(listen, folder, 0) : null;
  const token = valueAt(raw, ['admin', 'token']);
  if (address === null || isLoopback(address) || (token !== undefined && token !== null)) return [];
  const reason = `${address.text} is reachable from other machines: set admin.token, or listen on 127.0.0.1`;
  return [{ path, at: 'value', reason }];
}

function needsPassword(raw: unknown, listener: Path, user: Path): Finding[] {
  if (!isMapping(valueAt(raw, user)) || hasKey(raw, user, 'password')) return [];
  // Then the user stands for its rights alone.
  if (hasKey(raw, listener, 'external_auth') && !hasKey(raw, user, 'passwords')) return [];
  const path = [...user, 'passwords'];
  const passwords = valueAt(raw, path);
  if (Array.isArray(passwords) && passwords.length === 0) {
    return [{ path, at: 'value', reason: 'found an empty list, allowed a list with entries' }];
  }
  if (passwords !== undefined) return [];
  const reason = 'is missing: a user needs a password or passwords';
  return [{ path: [...user, 'password'], at: 'value', reason }];
}

/** `key` says nothing without `companion`. */
function goesWith(raw: unknown, path: Path, key: string, companion: string): Finding[] {
  if (!hasKey(raw, path, key) || hasKey(raw, path, companion)) return [];
  return [{ path: [...path, companion], at: 'value', reason: `is missing, needed beside ${key}` }];
}

function hasKey(raw: unknown, path: Path, key: string): boolean {
  return valueAt(raw, [...path, key]) !== undefined;
}

function routes(raw: unknown, listener: Path): Finding[] {
  const paths = elements(raw, [...listener, 'routes']);
  const folds = valueAt(raw, [...listener, 'case_insensitive_prefixes']) === true;
  const mirrors = paths.flatMap((path) => elements(raw, [...path, 'mirror']));
  const references = [
    ...paths.flatMap((path) => [
      [...path, 'upstream'],
      [...path, 'read_upstream'],
    ]),
    ...mirrors.map((path) => [...path, 'upstream']),
  ];
  return [
    ...repeats(
      paths.map((path) => [...path, 'prefix']),
      raw,
      (prefix) => (folds ? prefix.toLowerCase() : prefix),
    ),
    ...references.flatMap((path) => reference(raw, path)),
  ];
}

/** The value at `path` must be the name of an upstream. */
function reference(raw: unknown, path: Path): Finding[] {
  const name = valueAt(raw, path);
  const upstreams = valueAt(raw, ['upstreams']);
  if (typeof name !== 'string' || name === '' || !isMapping(upstreams)) return [];
  if (Object.hasOwn(upstreams, name)) return [];
  const known = Object.keys(upstreams);
  const meant = nearest(name, known);
  const hint = meant === null ? `allowed ${oneOf(known)}` : `did you mean "${meant}"?`;
  if (known.length === 0) return [];
  return [{ path, at: 'value', reason: `no upstream is called ${JSON.stringify(name)}, ${hint}` }];
}

function servers(raw: unknown, upstream: Path, folder: string): Finding[] {
  const read = (text: string): string | null => {
    const server = parseServer(text, folder);
    return server === null ? null : canonicalAddress(server.address);
  };
  const paths = elements(raw, [...upstream, 'servers']);
  const known = new Set(
    paths
      .map((path) => valueAt(raw, path))
      .map((text) => (typeof text === 'string' ? read(text) : null)),
  );
  const credentials = elements(raw, [...upstream, 'credentials']).map((path) => [
    ...path,
    'server',
  ]);
  const strangers = credentials.flatMap((path): Finding[] => {
    const text = valueAt(raw, path);
    const address: Address | null = typeof text === 'string' ? parseAddress(text, folder, 1) : null;
    if (address === null || known.has(canonicalAddress(address))) return [];
    // Servers are learnt that the configuration does not name.
    if (LEARNING.includes(String(valueAt(raw, [...upstream, 'kind'])))) return [];
    const reason = `${address.text} is not one of ${formatPath([...upstream, 'servers'])}`;
    return [{ path, at: 'value', reason }];
  });
  return [...repeats(paths, raw, read), ...repeats(credentials, raw, read), ...strangers];
}

/** What is said of connections to servers, and of what stands at their other end. */
const KEYS_OF_SERVERS = [
  'servers',
  'username',
  'password',
  'credentials',
  'database',
  'tls',
  'connections',
  'dedicated_max',
  'connect_timeout',
  'op_timeout',
  'flush',
  'connection_rate',
  'health_check',
  'outlier_detection',
  'retry',
  'limits',
] as const;

/** Keys that not every kind of upstream has. */
const KEYS_OF_KIND: Readonly<Record<string, readonly string[]>> = {
  shards: [...KEYS_OF_SERVERS, 'distribution', 'ring', 'hash_tags'],
  cluster: [...KEYS_OF_SERVERS, 'read_policy', 'zone', 'redirects_max', 'topology'],
  sentinel: [...KEYS_OF_SERVERS, 'service', 'read_policy', 'zone', 'redirects_max', 'topology'],
  embedded: ['dir', 'appendonly', 'max_memory', 'eviction', 'databases', 'notify_keyspace_events'],
};
/** Kinds whose `servers` only tell which there are. */
const LEARNING: readonly string[] = ['cluster', 'sentinel'];

function ofOtherKind(raw: unknown, upstream: Path, folder: string): Finding[] {
  const kind = valueAt(raw, [...upstream, 'kind']);
  if (typeof kind !== 'string' || !Object.hasOwn(KEYS_OF_KIND, kind)) return [];
  const own = KEYS_OF_KIND[kind]!;
  const others = new Set(
    Object.values(KEYS_OF_KIND)
      .flat()
      .filter((key) => !own.includes(key)),
  );
  const strangers = [...others]
    .filter((key) => hasKey(raw, upstream, key))
    .map((key): Finding => {
      const kinds = Object.keys(KEYS_OF_KIND).filter((each) => KEYS_OF_KIND[each]!.includes(key));
      const reason = `says nothing of kind ${kind}: it belongs to kind ${oneOf(kinds)}`;
      return { path: [...upstream, key], at: 'key', reason };
    });
  return [
    ...strangers,
    ...(kind === 'embedded' ? [] : needsServers(raw, upstream)),
    ...(LEARNING.includes(kind) ? seeds(raw, upstream, folder, kind) : []),
    ...(kind === 'cluster' ? oneDatabase(raw, upstream) : []),
    ...(kind === 'sentinel' ? serviceName(raw, upstream) : []),
  ];
}

function seeds(raw: unknown, upstream: Path, folder: string, kind: string): Finding[] {
  return elements(raw, [...upstream, 'servers']).flatMap((path): Finding[] => {
    const text = valueAt(raw, path);
    const server = typeof text === 'string' ? parseServer(text, folder) : null;
    if (server === null) return [];
    const isWeighted = server.weight !== 1;
    if (!isWeighted && server.address.kind === 'tcp') return [];
    const what = isWeighted ? 'a weight' : 'a unix socket';
    const who = kind === 'cluster' ? 'seeds of a cluster' : 'Sentinels';
    return [{ path, at: 'value', reason: `found ${what}, allowed host:port: ${who}` }];
  });
}

function needsServers(raw: unknown, upstream: Path): Finding[] {
  if (hasKey(raw, upstream, 'servers')) return [];
  return [{ path: [...upstream, 'servers'], at: 'value', reason: 'is missing, allowed a list' }];
}

function oneDatabase(raw: unknown, upstream: Path): Finding[] {
  const path = [...upstream, 'database'];
  const database = valueAt(raw, path);
  if (typeof database !== 'number' || database <= 0) return [];
  const reason = `found ${database}, allowed 0: a cluster has one database`;
  return [{ path, at: 'value', reason }];
}

function serviceName(raw: unknown, upstream: Path): Finding[] {
  const path = [...upstream, 'service'];
  if (valueAt(raw, path) !== undefined) return [];
  const reason = 'is missing, needed with kind: sentinel: what the Sentinels call the primary';
  return [{ path, at: 'value', reason }];
}

/** Places that must differ: each one that says what an earlier one said. `identity` null: not judged. */
function repeats(
  paths: readonly Path[],
  raw: unknown,
  identity: (text: string) => string | null,
): Finding[] {
  const seen = new Map<string, Path>();
  return paths.flatMap((path): Finding[] => {
    const text = valueAt(raw, path);
    const key = typeof text === 'string' ? identity(text) : null;
    if (key === null) return [];
    const first = seen.get(key);
    if (first === undefined) {
      seen.set(key, path);
      return [];
    }
    const reason = `${JSON.stringify(text)} is already used by ${formatPath(first)}`;
    return [{ path, at: 'value', reason }];
  });
}

function entries(raw: unknown, path: Path): Path[] {
  const value = valueAt(raw, path);
  return isMapping(value) ? Object.keys(value).map((key) => [...path, key]) : [];
}

function elements(raw: unknown, path: Path): Path[] {
  const value = valueAt(raw, path);
  return Array.isArray(value) ? value.map((_, i) => [...path, i]) : [];
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}
