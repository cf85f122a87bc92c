/**
 * Asks the nodes of a cluster what it looks like: regularly, and sooner when something hints at a change; one
 * survey at a time, and never two within `minIntervalMs`. While a part of the cluster is away that time is
 * `UNEASY_INTERVAL_MS`: whoever replaces it may be known any moment, and until then commands fail.
 *
 *   a known node ─▶ answer ─▶ settled? ─▶ adopted
 *        ▲                       │ no
 *        └── another one, in the end the seeds
 */
import { specByName } from '../commands/lookup.ts';
import { clusterInfo, clusterShards, clusterSlots } from '../commands/own.ts';
import type { CommandSpec } from '../commands/spec.ts';
import type { Log } from '../core/log.ts';
import { decodeReply } from '../resp/decode.ts';
import { isError, type Value } from '../resp/value.ts';
import type { Lane } from '../upstream/lane.ts';
import { type Answer, type Current, type Settled, settle } from './settle.ts';
import { type Asked, OddAnswer, readShards, readSlots, readState } from './topology.ts';

export interface SurveyOptions {
  readonly refreshMs: number;
  /** Of one question. */
  readonly timeoutMs: number;
  readonly minIntervalMs: number;
  /** Redirections that ask for a survey. */
  readonly afterRedirects: number;
  /** Failures of transport that do. */
  readonly afterFailures: number;
}

/** Four questions a second are little for those who answer, and a quarter of a second is soon for those who wait. */
const UNEASY_INTERVAL_MS = 250;

/** A node that can be asked. */
export interface Witness {
  readonly name: string;
  readonly asked: Asked;
  readonly lane: Lane;
  /** Called when nobody asks it any more. */
  release(): void;
}

export interface SurveyHost {
  /** Nodes to ask, the best first; each is made when its turn comes. */
  witnesses(): Iterable<Witness>;
  current(): Current | null;
  keyOf: Parameters<typeof settle>[2];
  adopt(settled: Settled): void;
  /** A node that owns slots cannot be reached. */
  isBroken(): boolean;
  /** No answer could be used. */
  onNothing(): void;
}

export class Survey {
  ok = 0;
  failed = 0;
  /** Answers that were not what they should be. */
  odd = 0;
  readonly #options: SurveyOptions;
  readonly #host: SurveyHost;
  readonly #log: Log;
  #isRunning = false;
  #isWanted = false;
  #isClosed = false;
  #startedAt = -Infinity;
  /** The last survey found nothing that could be believed, be it that the nodes see the cluster down. */
  #foundNothing = false;
  #redirects = 0;
  #failures = 0;
  #timer: NodeJS.Timeout | null = null;
  #dueAt = 0;

  constructor(options: SurveyOptions, host: SurveyHost, log: Log) {
    this.#options = options;
    this.#host = host;
    this.#log = log;
  }

  /** Something says that the map is wrong. */
  request(): void {
    if (this.#isRunning) this.#isWanted = true;
    else this.#schedule(0);
  }

  onRedirect(): void {
    if (++this.#redirects >= this.#options.afterRedirects) this.request();
  }

  onFailure(): void {
    if (++this.#failures >= this.#options.afterFailures) this.request();
  }

  close(): void {
    this.#isClosed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  /** A survey that is due earlier already stays. */
  #schedule(ms: number): void {
    if (this.#isClosed) return;
    const now = performance.now();
    const { minIntervalMs } = this.#options;
    const isUneasy = this.#foundNothing || this.#host.isBroken();
    const interval = isUneasy ? Math.min(UNEASY_INTERVAL_MS, minIntervalMs) : minIntervalMs;
    const due = Math.max(now + ms, this.#startedAt + interval);
    if (this.#timer !== null) {
      if (this.#dueAt <= due) return;
      clearTimeout(this.#timer);
    }
    this.#dueAt = due;
    this.#timer = setTimeout(() => void this.#run(), due - now);
    this.#timer.unref();
  }

  async #run(): Promise<void> {
    this.#timer = null;
    this.#isRunning = true;
    this.#isWanted = false;
    this.#startedAt = performance.now();
    this.#redirects = 0;
    this.#failures = 0;
    const settled = await this.#ask();
    this.#isRunning = false;
    if (this.#isClosed) return;
    this.#foundNothing = settled === null;
    if (settled === null) {
      this.failed++;
      this.#host.onNothing();
    } else {
      this.ok++;
      this.#host.adopt(settled);
    }
    // Try again as soon as may be: without a map nobody is served, and without a part of it some are not.
    const isUrgent = this.#isWanted || this.#foundNothing || this.#host.isBroken();
    this.#schedule(isUrgent ? 0 : this.#options.refreshMs);
  }

  async #ask(): Promise<Settled | null> {
    const { current, keyOf } = this.#host;
    const answers: Answer[] = [];
    for (const witness of this.#host.witnesses()) {
      const answer = await this.#hear(witness);
      witness.release();
      if (this.#isClosed) return null;
      if (answer === null) continue;
      answers.push(answer);
      const settled = settle(current(), answers, keyOf, false);
      if (settled !== null) return settled;
    }
    return settle(current(), answers, keyOf, true);
  }

  async #hear({ name, asked, lane }: Witness): Promise<Answer | null> {
    const { timeoutMs } = this.#options;
    try {
      const [state, shards] = await Promise.all([
        ask(lane, INFO, INFO_SPEC, timeoutMs),
        ask(lane, SHARDS, SHARDS_SPEC, timeoutMs),
      ]);
      if (isError(state)) throw new OddAnswer(String(errorOf(state)));
      if (!isError(shards)) return { ...readState(state), topology: readShards(shards, asked) };
      const slots = await ask(lane, SLOTS, SLOTS_SPEC, timeoutMs);
      return { ...readState(state), topology: readSlots(slots, asked) };
    } catch (error) {
      const isOdd = error instanceof OddAnswer;
      if (isOdd) this.odd++;
      const reason = error instanceof Error ? error.message : String(error);
      this.#log[isOdd ? 'warn' : 'debug'](
        { server: name, reason },
        'node does not say what the cluster is',
      );
      return null;
    }
  }
}

const INFO: Buffer = clusterInfo();
const SHARDS: Buffer = clusterShards();
const SLOTS: Buffer = clusterSlots();
const INFO_SPEC: CommandSpec = specByName('cluster|info')!;
const SHARDS_SPEC: CommandSpec = specByName('cluster|shards')!;
const SLOTS_SPEC: CommandSpec = specByName('cluster|slots')!;

function errorOf(value: Value): unknown {
  return value !== null && typeof value === 'object' && 'error' in value ? value.error : value;
}

/** One question on the door's own account; rejects when nothing answers in time. */
export function ask(
  lane: Lane,
  bytes: Buffer,
  spec: CommandSpec,
  timeoutMs: number,
): Promise<Value> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no answer in ${timeoutMs} ms`)), timeoutMs);
    lane.send(bytes, spec, {
      reply: (reply, start, end) => {
        clearTimeout(timer);
        resolve(decodeReply(Buffer.from(reply.subarray(start, end))));
      },
      fail: (error) => {
        clearTimeout(timer);
        reject(error);
      },
    });
  });
}
