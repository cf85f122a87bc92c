/** A configuration from options of the command line, without a file. */
import type { LogFormat } from '../core/log.ts';
import { checkValue } from './check.ts';
import type { Config } from './config.ts';
import type { Fault, Finding } from './faults.ts';
import { ConfigError, formatPath } from './faults.ts';
import { systemResources } from './resources.ts';
import { wrong } from './words.ts';

/** What was typed, unread: the schema judges it as it judges a file. */
export interface QuickStartOptions {
  /** `host:port[,host:port…]`: servers that share the keys. */
  readonly upstream?: string | undefined;
  /** The same: seeds of a cluster. */
  readonly cluster?: string | undefined;
  /** `name@host:port[,host:port…]`: a service and its Sentinels. At most one of the three; none: an engine in this process. */
  readonly sentinel?: string | undefined;
  readonly listen?: string | undefined;
  readonly admin?: string | undefined;
  readonly workers?: string | undefined;
  readonly logLevel?: string | undefined;
  readonly logFormat?: LogFormat | undefined;
}

const LISTEN = '127.0.0.1:6380';
const ADMIN = '127.0.0.1:9901';

/** Which option filled which part; the longest beginning of a path decides. */
const OPTION_OF: Readonly<Record<string, string>> = {
  'upstreams.main.servers': '--upstream',
  'upstreams.main.service': '--upstream',
  'listeners.main.listen': '--listen',
  'admin.listen': '--admin',
  workers: '--workers',
  'log.level': '--log-level',
};

/** Throws ConfigError with faults that name the option. */
export function quickStart(options: QuickStartOptions): Config {
  const raw = {
    workers: numberOr(options.workers ?? '1'),
    log: { level: options.logLevel ?? 'info', format: options.logFormat ?? 'json' },
    admin: { listen: options.admin ?? ADMIN },
    listeners: {
      main: {
        listen: options.listen ?? LISTEN,
        routes: [{ prefix: '', upstream: 'main' }],
      },
    },
    upstreams: { main: upstreamOf(options) },
  };
  const checked = checkValue(raw, systemResources('.'));
  if (checked.config !== null) return checked.config;
  throw new ConfigError(checked.findings.map((finding) => toFault(finding, options)));
}

const SERVICE = 'name@host:port[,host:port…]';

/** Throws when the name is missing: nothing of the file's schema says how it is typed here. */
function upstreamOf({ upstream, cluster, sentinel }: QuickStartOptions): object {
  const isAlone = upstream === undefined && cluster === undefined && sentinel === undefined;
  if (isAlone) return { kind: 'embedded' };
  if (sentinel !== undefined) {
    const at = sentinel.indexOf('@');
    if (at < 0) {
      const reason = wrong(sentinel, SERVICE);
      throw new ConfigError([{ file: '', line: 0, column: 0, path: '--sentinel', reason }]);
    }
    return {
      kind: 'sentinel',
      service: sentinel.slice(0, at),
      servers: listed(sentinel.slice(at + 1)),
    };
  }
  const kind = cluster === undefined ? 'shards' : 'cluster';
  return { kind, servers: listed(cluster ?? upstream ?? '') };
}

function listed(servers: string): string[] {
  return servers.split(',').map((each) => each.trim());
}

function numberOr(text: string): number | string {
  return /^\d+$/.test(text) ? Number(text) : text;
}

function toFault(finding: Finding, { cluster, sentinel }: QuickStartOptions): Fault {
  const written = formatPath(finding.path);
  const part = Object.keys(OPTION_OF).find((each) => written.startsWith(each));
  const option = part === undefined ? written : OPTION_OF[part]!;
  const typed = sentinel === undefined ? '--cluster' : '--sentinel';
  const isOther = cluster !== undefined || sentinel !== undefined;
  const path = isOther && option === '--upstream' ? typed : option;
  return { file: '', line: 0, column: 0, path, reason: finding.reason };
}
