/**
 * A TCP relay that misbehaves on request: what real networks do between the door and a server.
 *
 *   client ── up ──> relay ── up ──> target
 *   client <─ down ─ relay <─ down ─ target
 *
 * A fault applies to connections that exist and to those that come, until it is taken back.
 */
import net from 'node:net';
import { freePort } from './ports.ts';

export interface Faults {
  /** Each chunk waits this long; order is kept. */
  delayMs: number;
  /** At most so many bytes per second and direction; 0: no limit. */
  bytesPerSecond: number;
  /** Each byte travels in a packet of its own. */
  split: boolean;
  /** Bytes are swallowed in this direction; connections stay open. */
  blackhole: 'none' | 'up' | 'down' | 'both';
  /** A connection is cut after it has carried so many bytes down; -1: never. */
  cutAfter: number;
  /** New connections are reset at once. */
  refuse: boolean;
}

const healthy: Faults = {
  delayMs: 0,
  bytesPerSecond: 0,
  split: false,
  blackhole: 'none',
  cutAfter: -1,
  refuse: false,
};

export async function startFaultyLink(targetPort: number): Promise<FaultyLink> {
  const link = new FaultyLink(await freePort(), targetPort);
  await link.listen();
  return link;
}

export class FaultyLink {
  readonly port: number;
  readonly faults: Faults = { ...healthy };
  /** Connections accepted since the start. */
  accepted = 0;
  readonly #targetPort: number;
  readonly #server: net.Server;
  readonly #pairs = new Set<readonly [net.Socket, net.Socket]>();

  constructor(port: number, targetPort: number) {
    this.port = port;
    this.#targetPort = targetPort;
    this.#server = net.createServer((client) => this.#accept(client));
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  get open(): number {
    return this.#pairs.size;
  }

  listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.port, '127.0.0.1', resolve);
    });
  }

  /** Takes every fault back. */
  heal(): void {
    Object.assign(this.faults, healthy);
  }

  /** Ends every connection: politely, or with a reset. */
  cut(how: 'end' | 'reset' = 'reset'): void {
    for (const [client, target] of [...this.#pairs]) {
      if (how === 'end') client.end();
      else client.resetAndDestroy();
      target.destroy();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    await new Promise((resolve) => {
      this.#server.close(resolve);
    });
  }

  #accept(client: net.Socket): void {
    this.accepted++;
    if (this.faults.refuse) {
      client.resetAndDestroy();
      return;
    }
    const target = net.connect(this.#targetPort, '127.0.0.1');
    const pair = [client, target] as const;
    this.#pairs.add(pair);
    const end = (): void => {
      this.#pairs.delete(pair);
      client.destroy();
      target.destroy();
    };
    for (const socket of pair) {
      socket.setNoDelay(true);
      socket.on('error', end);
      socket.on('close', end);
    }
    this.#relay(client, target, 'up');
    this.#relay(target, client, 'down');
  }

  #relay(from: net.Socket, to: net.Socket, direction: 'up' | 'down'): void {
    let carried = 0;
    /** Earlier chunks of this direction: order holds whatever the delay. */
    let turn = Promise.resolve();
    from.on('data', (chunk: Buffer) => {
      const { blackhole, delayMs, bytesPerSecond, cutAfter } = this.faults;
      if (blackhole === direction || blackhole === 'both') return;
      let bytes = chunk;
      if (direction === 'down' && cutAfter >= 0 && carried + chunk.length >= cutAfter) {
        bytes = chunk.subarray(0, Math.max(0, cutAfter - carried));
        from.pause();
        turn = turn.then(() => this.#write(to, bytes)).then(() => void to.end());
        return;
      }
      carried += bytes.length;
      const slowMs = bytesPerSecond > 0 ? (bytes.length / bytesPerSecond) * 1000 : 0;
      const due = performance.now() + delayMs + slowMs;
      if (slowMs > 0) {
        from.pause();
        setTimeout(() => from.resume(), slowMs);
      }
      turn = turn.then(() => pause(due - performance.now())).then(() => this.#write(to, bytes));
    });
    // Only what was carried first: a FIN must not overtake delayed bytes.
    from.on('end', () => {
      turn = turn.then(() => void to.end());
    });
  }

  async #write(to: net.Socket, bytes: Buffer): Promise<void> {
    if (to.destroyed) return;
    if (!this.faults.split) {
      to.write(bytes);
      return;
    }
    let index = 0;
    for (; index < bytes.length && this.faults.split && !to.destroyed; index++) {
      to.write(bytes.subarray(index, index + 1));
      await new Promise((resolve) => setImmediate(resolve));
    }
    // Healed on the way: the rest goes as it is.
    if (!to.destroyed) to.write(bytes.subarray(index));
  }
}

function pause(ms: number): Promise<void> | undefined {
  if (ms <= 0) return undefined;
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
