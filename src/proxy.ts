/** The composition root: a configuration in, a running proxy out. */
import type { Config } from './config/config.ts';
import type { Log } from './core/log.ts';
import { Worker } from './worker.ts';

export interface Proxy {
  /** `host:port` by listener name, as bound. */
  readonly addresses: Readonly<Record<string, string>>;
  /** Accepts nobody new and answers what is under way. */
  drain(): Promise<void>;
  close(): Promise<void>;
}

export async function createProxy(config: Config, log: Log): Promise<Proxy> {
  const worker = new Worker(config, log, { index: 0, count: 1 }, null);
  const addresses = await worker.listen();
  return {
    addresses,
    drain: () => worker.drain(),
    close: () => worker.close(),
  };
}
