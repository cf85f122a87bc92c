/** A configuration from options of the command line, without a file. */
import type { LogFormat } from '../core/log.ts';
import { checkValue } from './check.ts';
import type { Config } from './config.ts';
import type { Fault, Finding } from './faults.ts';
import { ConfigError, formatPath } from './faults.ts';
import { systemResources } from './resources.ts';

/** What was typed, unread: the schema judges it as it judges a file. */
export interface QuickStartOptions {
  /** `host:port[,host:port…]`: servers that share the keys. */
  readonly upstream?: string | undefined;
  /** The same: seeds of a cluster. One of the two. */
  readonly cluster?: string | undefined;
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
  'listeners.main.listen': '--listen',
  'admin.listen': '--admin',
  workers: '--workers',
  'log.level': '--log-level',
};

/** Throws ConfigError with faults that name the option. */
export function quickStart(options: QuickStartOptions): Config {
  const isCluster = options.cluster !== undefined;
  const servers = (options.cluster ?? options.upstream ?? '').split(',').map((each) => each.trim());
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
    upstreams: {
      main: { kind: isCluster ? 'cluster' : 'shards', servers },
    },
  };
  const checked = checkValue(raw, systemResources('.'));
  if (checked.config !== null) return checked.config;
  throw new ConfigError(checked.findings.map((finding) => toFault(finding, isCluster)));
}

function numberOr(text: string): number | string {
  return /^\d+$/.test(text) ? Number(text) : text;
}

function toFault(finding: Finding, isCluster: boolean): Fault {
  const written = formatPath(finding.path);
  const part = Object.keys(OPTION_OF).find((each) => written.startsWith(each));
  const option = part === undefined ? written : OPTION_OF[part]!;
  const path = isCluster && option === '--upstream' ? '--cluster' : option;
  return { file: '', line: 0, column: 0, path, reason: finding.reason };
}
