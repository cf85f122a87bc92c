/** `tidegate serve`: from options to a running proxy to its orderly end. */
import type { Config } from '../config/config.ts';
import { ConfigError } from '../config/faults.ts';
import type { LoadedConfig } from '../config/load.ts';
import { explain } from '../core/explain.ts';
import type { Log } from '../core/log.ts';
import { limitRepeats } from '../core/log.ts';
import type { Proxy as RunningProxy } from '../proxy.ts';
import { FAILED, INTERRUPTED, MISUSED, STOPPED } from './exit-codes.ts';
import { sayError, sayFaults } from './say.ts';

/** As commander hands them over; all unread text. */
export interface ServeOptions {
  readonly config?: string;
  readonly upstream?: string;
  readonly listen?: string;
  readonly admin?: string;
  readonly workers?: string;
  readonly logLevel?: string;
  readonly cluster?: string;
  readonly sentinel?: string;
  readonly http?: string;
}

/** Options of the contract that wait for their feature. */
const LATER = ['http'] as const;
/** What a file says itself. */
const WITHOUT_FILE = [
  'upstream',
  'cluster',
  'sentinel',
  'listen',
  'admin',
  'workers',
  'logLevel',
] as const;
/** One of them, or none: then an engine in this process. */
const BEHIND = ['upstream', 'cluster', 'sentinel'] as const;
const SIGNALS = ['SIGTERM', 'SIGINT'] as const;

/** Resolves to the exit code once the process may end. */
export async function serve(options: ServeOptions): Promise<number> {
  const misuse = findMisuse(options);
  if (misuse !== null) {
    sayError(misuse);
    return MISUSED;
  }
  const { config: file } = options;
  let config: Config;
  let readAgain: (() => LoadedConfig) | null = null;
  try {
    if (file === undefined) {
      config = await configOfOptions(options);
    } else {
      const { readConfig } = await import('../config/load.ts');
      readAgain = () => readConfig(file);
      config = readAgain().config;
    }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    if (options.config === undefined) for (const line of error.message.split('\n')) sayError(line);
    else sayFaults(error.message, process.stderr);
    return MISUSED;
  }
  return await runProxy(config, readAgain);
}

/** Null: the options go together. */
function findMisuse(options: ServeOptions): string | null {
  const later = LATER.find((name) => options[name] !== undefined);
  if (later !== undefined) return `--${later} is not available in this version`;
  if (options.config === undefined) {
    const [one, other] = BEHIND.filter((name) => options[name] !== undefined);
    return other === undefined ? null : `--${one} does not go with --${other}`;
  }
  const extra = WITHOUT_FILE.find((name) => options[name] !== undefined);
  if (extra === undefined) return null;
  return `--${dashed(extra)} does not go with --config: the file says it`;
}

function dashed(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

async function configOfOptions(options: ServeOptions): Promise<Config> {
  // Somebody who types the servers by hand wants to read what happens.
  const logFormat = process.stderr.isTTY ? 'pretty' : 'json';
  if (WITHOUT_FILE.every((name) => options[name] === undefined)) {
    const { DEFAULT } = await import('../config/default-config.ts');
    return { ...DEFAULT, log: { ...DEFAULT.log, format: logFormat } };
  }
  const { quickStart } = await import('../config/quick-start.ts');
  return quickStart({
    upstream: options.upstream,
    cluster: options.cluster,
    sentinel: options.sentinel,
    listen: options.listen,
    admin: options.admin,
    workers: options.workers,
    logLevel: options.logLevel,
    logFormat,
  });
}

/** `read` null: there is no file. */
async function runProxy(config: Config, read: (() => LoadedConfig) | null): Promise<number> {
  const { createLog } = await import('./log-output.ts');
  const output = createLog(config.log.level, config.log.format);
  const log = limitRepeats(output);
  const stopped = signalled(log);
  const onHangup = reloadOnHangup();
  const { createProxy } = await import('../proxy.ts');
  const onApplied = (next: Config): void => output.configure(next.log.level, next.log.format);
  let proxy: Awaited<ReturnType<typeof createProxy>>;
  try {
    proxy = await createProxy(config, log, read === null ? null : { read, onApplied });
  } catch (error) {
    sayError(explain(error));
    return FAILED;
  }
  const { addresses, adminAddress: admin } = proxy;
  log.info({ addresses, admin, pid: process.pid }, 'serving');
  onHangup(proxy);
  const end = await Promise.race([stopped, proxy.ended]);
  if (typeof end === 'object' && end.kind === 'failed') {
    log.error({ reason: end.reason }, 'cannot go on');
    await proxy.close();
    log.flush();
    return FAILED;
  }
  log.info({ by: typeof end === 'object' ? 'POST /drain' : end }, 'draining');
  await proxy.drain();
  await proxy.close();
  log.flush();
  return STOPPED;
}

/** The signal must not end what it was meant to refresh, not even while it starts: then it reloads after. */
function reloadOnHangup(): (proxy: RunningProxy) => void {
  let proxy: RunningProxy | null = null;
  let isWanted = false;
  process.on('SIGHUP', () => {
    isWanted = true;
    void proxy?.reload();
  });
  return (started) => {
    proxy = started;
    if (isWanted) void proxy.reload();
  };
}

/** Resolves to the first signal; the second ends the process at once, whatever is under way. */
function signalled(log: Log): Promise<NodeJS.Signals> {
  const { promise, resolve } = Promise.withResolvers<NodeJS.Signals>();
  let count = 0;
  for (const signal of SIGNALS) {
    process.on(signal, () => {
      count++;
      if (count === 1) return resolve(signal);
      log.warn({ signal }, 'ended at once');
      process.exit(INTERRUPTED);
    });
  }
  return promise;
}
