/** What the door measures of the nodes of a fleet by itself: how long a PING takes, and in which zone they are. */
import { specByName } from '../commands/lookup.ts';
import { infoServer, ping } from '../commands/own.ts';
import type { CommandSpec } from '../commands/spec.ts';
import { textOf } from '../resp/value.ts';
import { ask } from './ask.ts';
import type { ClusterNode } from './nodes.ts';

const INTERVAL_MS = 1000;
/** Weight of the newest measurement. */
const SMOOTHING = 0.3;

const PING: Buffer = ping();
const INFO: Buffer = infoServer();
const PING_SPEC: CommandSpec = specByName('ping')!;
const INFO_SPEC: CommandSpec = specByName('info')!;

export class LatencyProbe {
  readonly #nodes: () => Iterable<ClusterNode>;
  readonly #timeoutMs: number;
  readonly #onMeasured: () => void;
  #timer: NodeJS.Timeout | null = null;
  #isClosed = false;

  constructor(nodes: () => Iterable<ClusterNode>, timeoutMs: number, onMeasured: () => void) {
    this.#nodes = nodes;
    this.#timeoutMs = timeoutMs;
    this.#onMeasured = onMeasured;
    this.#wait();
  }

  /** Measures now as well: nodes were listed that nobody has measured yet. */
  async measure(): Promise<void> {
    await Promise.all(
      [...this.#nodes()].map(async (node) => {
        const begin = performance.now();
        try {
          await ask(node.upstream.ownLane(), PING, PING_SPEC, this.#timeoutMs);
        } catch {
          // Whether a node can be read from is not decided by one PING; its latency stays what it was.
          return;
        }
        const ms = performance.now() - begin;
        const before = node.latencyMs;
        node.latencyMs = Number.isNaN(before) ? ms : before + (ms - before) * SMOOTHING;
      }),
    );
    if (!this.#isClosed) this.#onMeasured();
  }

  close(): void {
    this.#isClosed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  #wait(): void {
    this.#timer = setTimeout(() => {
      // Never rejects: each node's failure is its own.
      void this.measure().then(() => {
        if (!this.#isClosed) this.#wait();
      });
    }, INTERVAL_MS);
    this.#timer.unref();
  }
}

/** Empty: it does not tell, as Redis; or it could not be asked. */
export async function zoneOf(node: ClusterNode, timeoutMs: number): Promise<string> {
  try {
    const text = textOf(await ask(node.upstream.ownLane(), INFO, INFO_SPEC, timeoutMs));
    return /^availability_zone:(.*?)\r?$/m.exec(text ?? '')?.[1] ?? '';
  } catch {
    return '';
  }
}
