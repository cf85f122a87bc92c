import type { Config } from '../config/config.ts';
import type { Log } from '../core/log.ts';
import { Worker } from '../worker.ts';
import { Collector } from './collect.ts';
import type { Workers } from './workers.ts';

/** One worker in this very thread: no messages, no copies. */
export async function startOne(
  config: Config,
  log: Log,
  fail: (reason: string) => void,
): Promise<Workers> {
  const worker = new Worker(config, log, { index: 0, count: 1 }, null, fail);
  const collector = new Collector(worker, 0);
  const close = async (): Promise<void> => {
    collector.close();
    await worker.close();
  };
  try {
    await worker.listen();
  } catch (error) {
    await close();
    throw error;
  }
  return {
    get addresses() {
      return worker.addresses;
    },
    gather: async () => [collector.collect()],
    prepare: async (next) => {
      await worker.prepare(next, {});
    },
    commit: async () => worker.commit(),
    abort: () => worker.abort(),
    drain: () => worker.drain(),
    close,
  };
}
