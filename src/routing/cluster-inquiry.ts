/**
 * One round of questions to the nodes of a cluster, until what they say can be believed.
 *
 *   a known node ─▶ answer ─▶ settled? ─▶ done
 *        ▲                       │ no
 *        └── another one, in the end the seeds
 */
import { specByName } from '../commands/lookup.ts';
import { clusterInfo, clusterShards, clusterSlots } from '../commands/own.ts';
import type { CommandSpec } from '../commands/spec.ts';
import type { Log } from '../core/log.ts';
import { isError, type Value } from '../resp/value.ts';
import type { Lane } from '../upstream/lane.ts';
import { ask } from './ask.ts';
import { type Answer, type Current, type Settled, settle } from './settle.ts';
import { type Asked, OddAnswer, readShards, readSlots, readState } from './topology.ts';

/** A node that can be asked. */
export interface Witness {
  readonly name: string;
  readonly asked: Asked;
  readonly lane: Lane;
  /** Called when nobody asks it any more. */
  release(): void;
}

export interface InquiryHost {
  /** Nodes to ask, the best first; each is made when its turn comes. */
  witnesses(): Iterable<Witness>;
  current(): Current | null;
  keyOf: Parameters<typeof settle>[2];
}

export class ClusterInquiry {
  /** Answers that were not what they should be. */
  odd = 0;
  readonly #host: InquiryHost;
  readonly #timeoutMs: number;
  readonly #log: Log;

  constructor(host: InquiryHost, timeoutMs: number, log: Log) {
    this.#host = host;
    this.#timeoutMs = timeoutMs;
    this.#log = log;
  }

  async settle(isOver: () => boolean): Promise<Settled | null> {
    const { current, keyOf } = this.#host;
    const answers: Answer[] = [];
    for (const witness of this.#host.witnesses()) {
      const answer = await this.#hear(witness);
      witness.release();
      if (isOver()) return null;
      if (answer === null) continue;
      answers.push(answer);
      const settled = settle(current(), answers, keyOf, false);
      if (settled !== null) return settled;
    }
    return settle(current(), answers, keyOf, true);
  }

  async #hear({ name, asked, lane }: Witness): Promise<Answer | null> {
    const timeoutMs = this.#timeoutMs;
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
