/**
 * Several workers, each in a thread of its own with its own event loop, behind the same ports.
 *
 *   clients ─▶ kernel (SO_REUSEPORT deals out connections) ─┬▶ worker 0: listeners, sessions, upstream links
 *                                                           └▶ worker 1: …
 *   main thread: signals, admin port, log; carries questions between workers. No client passes through it.
 *
 * A worker that ends by an error ends the whole process (exit code 1), for the same reason as with one
 * worker: a broken invariant is a fault of ours, the other workers run the same code, and whoever starts us
 * again gives every client a clean state. Going on with fewer workers would hide it.
 */
import { getCompileCacheDir } from 'node:module';
import { createServer } from 'node:net';
import { Worker as Thread } from 'node:worker_threads';
import type { Snapshot } from '../admin/snapshot.ts';
import { canonicalAddress } from '../config/address.ts';
import type { Config } from '../config/config.ts';
import type { Log } from '../core/log.ts';
import type { ClientAnswer, ClientQuestion } from '../session/clients.ts';
import { Calls, type Message } from './calls.ts';
import type { ThreadData } from './thread.ts';
import type { Workers } from './workers.ts';

/** Compiled code has the other ending. */
const START = new URL(
  import.meta.url.endsWith('.ts') ? './thread.ts' : './thread.js',
  import.meta.url,
);
/** Where the kernel deals out connections over several listening sockets. */
const SHARING: readonly NodeJS.Platform[] = ['linux', 'freebsd', 'sunos', 'aix'];
const SNAPSHOT_MS_MAX = 5000;
const PEER_MS_MAX = 2000;
const CLOSE_MS_MAX = 2000;
/** Above all that a worker waits for while it prepares. */
const PREPARE_MS_MAX = 10_000;

interface Seat {
  readonly index: number;
  readonly thread: Thread;
  readonly calls: Calls;
}

interface Prepared {
  readonly config: Config;
  readonly addresses: Readonly<Record<string, string>>;
}

export function canSharePorts(): boolean {
  return SHARING.includes(process.platform);
}

/** `onDied` is called at most once, after a line in the log. `start` is for tests. */
export async function startMany(
  config: Config,
  count: number,
  log: Log,
  onDied: (reason: string) => void,
  start: URL = START,
): Promise<Workers> {
  if (!canSharePorts()) throw new Error('workers must be 1 here: this system cannot share a port');
  await refuseTakenPorts(config, null);
  const threads = new Threads(config, count, log, onDied, start);
  try {
    await threads.listen();
  } catch (error) {
    await threads.close();
    throw error;
  }
  return threads;
}

class Threads implements Workers {
  addresses: Readonly<Record<string, string>> = {};
  #config: Config;
  #prepared: Prepared | null = null;
  readonly #seats: readonly Seat[];
  readonly #log: Log;
  readonly #onDied: (reason: string) => void;
  #isEnding = false;

  constructor(
    config: Config,
    count: number,
    log: Log,
    onDied: (reason: string) => void,
    start: URL,
  ) {
    this.#config = config;
    this.#log = log;
    this.#onDied = onDied;
    this.#seats = Array.from({ length: count }, (_none, index) => {
      const data: ThreadData = {
        config,
        identity: { index, count },
        compileCache: getCompileCacheDir() ?? null,
      };
      return this.#open(index, new Thread(start, { workerData: data, name: `worker ${index}` }));
    });
  }

  /** The first worker chooses ephemeral ports and finds what cannot be bound; the others follow. */
  async listen(): Promise<void> {
    await Promise.all(this.#seats.map(({ calls }) => calls.ask('ready', null, null)));
    const [first, ...others] = this.#seats;
    this.addresses = await first!.calls.ask('listen', {}, null);
    await Promise.all(others.map(({ calls }) => calls.ask('listen', this.addresses, null)));
  }

  gather(): Promise<readonly Snapshot[]> {
    return Promise.all(
      this.#seats.map(async ({ index, calls }) => {
        try {
          return await calls.ask('snapshot', null, SNAPSHOT_MS_MAX);
        } catch (cause) {
          throw new Error(`worker ${index} does not answer`, { cause });
        }
      }),
    );
  }

  /** As with the start, the first worker finds what cannot be done. */
  async prepare(config: Config): Promise<void> {
    await refuseTakenPorts(config, this.#config);
    const [first, ...others] = this.#seats;
    try {
      const bound = await first!.calls.ask('prepare', { config, bound: {} }, PREPARE_MS_MAX);
      await Promise.all(
        others.map(({ calls }) => calls.ask('prepare', { config, bound }, PREPARE_MS_MAX)),
      );
      this.#prepared = { config, addresses: bound };
    } catch (error) {
      await this.abort();
      throw error;
    }
  }

  async commit(): Promise<void> {
    const { config, addresses } = this.#prepared!;
    this.#prepared = null;
    this.#config = config;
    this.addresses = addresses;
    // One that dies meanwhile ends the process; see the head of this file.
    await Promise.allSettled(this.#seats.map(({ calls }) => calls.ask('commit', null, null)));
  }

  async abort(): Promise<void> {
    this.#prepared = null;
    await Promise.allSettled(this.#seats.map(({ calls }) => calls.ask('abort', null, null)));
  }

  async drain(): Promise<void> {
    // One that dies meanwhile is told in the log; the others still answer their clients.
    await Promise.allSettled(this.#seats.map(({ calls }) => calls.ask('drain', null, null)));
  }

  async close(): Promise<void> {
    this.#isEnding = true;
    const closed = this.#seats.map(({ calls }) => calls.ask('close', null, CLOSE_MS_MAX));
    // Who is gone, or does not answer, is ended all the same.
    await Promise.allSettled(closed);
    await Promise.all(this.#seats.map(({ thread }) => thread.terminate()));
  }

  #open(index: number, thread: Thread): Seat {
    const calls = new Calls((message) => thread.postMessage(message), {
      peers: (question) => this.#askOthers(index, question),
    });
    thread.on('message', (message: Message) => {
      if (message.type === 'log') this.#log[message.level](message.fields, message.text);
      else calls.receive(message);
    });
    thread.on('error', (cause) => {
      const error = cause instanceof Error ? cause : new Error(String(cause));
      this.#onGone(index, error.message, error.stack ?? '');
    });
    thread.on('exit', (code) => {
      calls.fail(new Error(`worker ${index} has ended`));
      this.#onGone(index, `it left with ${code}`, '');
    });
    return { index, thread, calls };
  }

  /** Answers that do not come in time are left out: a stuck worker must not stop the others' clients. */
  async #askOthers(asker: number, question: ClientQuestion): Promise<readonly ClientAnswer[]> {
    const others = this.#seats.filter(({ index }) => index !== asker);
    const answers = await Promise.allSettled(
      others.map(({ calls }) => calls.ask('clients', question, PEER_MS_MAX)),
    );
    return answers.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
  }

  #onGone(worker: number, reason: string, stack: string): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    this.#log.error({ worker, reason, stack }, 'a worker ended by an error');
    this.#onDied(`worker ${worker}: ${reason}`);
  }
}

/**
 * A second gateway that also shares ports would be let in silently and get half of the clients. So every
 * port is tried once as only one can have it, but for those that are ours already.
 */
async function refuseTakenPorts(config: Config, inForce: Config | null): Promise<void> {
  const ours = new Set(
    Object.values(inForce?.listeners ?? {}).map(({ listen }) => canonicalAddress(listen)),
  );
  for (const [listener, { listen }] of Object.entries(config.listeners)) {
    if (listen.kind === 'unix' || listen.port === 0 || ours.has(canonicalAddress(listen))) continue;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const trial = createServer();
    trial.once('error', (cause) => reject(Object.assign(cause, { listener })));
    trial.listen({ host: listen.host, port: listen.port, exclusive: true }, () =>
      trial.close(() => resolve()),
    );
    await promise;
  }
}
