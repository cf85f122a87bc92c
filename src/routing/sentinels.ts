/**
 * The Sentinels of one service: those configured, and those that they name. All are asked at once, and listened to.
 *
 *   ask all ─▶ testimonies, as they come ─▶ vote ─▶ verdict, or nobody can be believed
 *   +switch-master ─▶ onSwitch          what else concerns the service ─▶ onHint
 */

import type { Feed, FeedOwner } from '../backend/feed.ts';
import { specByName } from '../commands/lookup.ts';
import {
  type ChannelKind,
  sentinelId,
  sentinelOthers,
  sentinelPrimary,
  sentinelReplicas,
} from '../commands/own.ts';
import type { CommandSpec } from '../commands/spec.ts';
import type { Log } from '../core/log.ts';
import { decodeReply } from '../resp/decode.ts';
import { textOf, type Value } from '../resp/value.ts';
import type { Address } from '../upstream/dial.ts';
import type { Upstream } from '../upstream/upstream.ts';
import { ask } from './ask.ts';
import { type OtherSentinel, readTestimony, type Testimony } from './testimony.ts';
import { nodeKey, OddAnswer } from './topology.ts';
import { type Verdict, vote } from './vote.ts';

export interface SentinelsOptions {
  readonly name: string;
  readonly service: string;
  readonly seeds: readonly Address[];
  readonly timeoutMs: number;
  readonly connect: (address: Address) => Upstream;
}

export interface SentinelsHost {
  /** A Sentinel says that the service has another primary. */
  onSwitch(): void;
  /** Something may have changed. */
  onHint(): void;
}

/** Sentinels asked at one time, those configured included. */
const SENTINELS_MAX = 32;

/** `name old-host old-port new-host new-port` */
const SWITCHED = '+switch-master';
/** `type name host port @ service host port`; of a primary the part from `@` is missing. */
const HINTS: readonly string[] = [
  '+sdown',
  '-sdown',
  '+odown',
  '-odown',
  '+slave',
  '+slave-reconf-done',
  '+convert-to-slave',
  '+reboot',
  '+sentinel',
];

/** One Sentinel. */
interface Watch {
  readonly name: string;
  readonly isSeed: boolean;
  readonly upstream: Upstream;
  readonly feed: Feed;
  /** As it told last; empty: not yet. */
  id: string;
  /** It answered when it was asked last. */
  isHeard: boolean;
}

export class Sentinels {
  /** Answers that were not what they should be. */
  odd = 0;
  readonly #options: SentinelsOptions;
  readonly #host: SentinelsHost;
  readonly #log: Log;
  /** By address. */
  readonly #watches: Map<string, Watch> = new Map();
  readonly #questions: readonly Buffer[];
  /** Ends the round under way with what has been said by now. */
  #cutShort: (() => void) | null = null;
  /** Logged once, not at every round. */
  #complaint = '';

  constructor(options: SentinelsOptions, host: SentinelsHost, log: Log) {
    const { service, seeds } = options;
    this.#options = options;
    this.#host = host;
    this.#log = log;
    this.#questions = [
      sentinelId(),
      sentinelPrimary(service),
      sentinelReplicas(service),
      sentinelOthers(service),
    ];
    for (const seed of seeds) this.#watch(seed, true);
  }

  /** `current`: the key of the primary in force, if there is one. Null: nobody can be believed. */
  settle(current: string | null): Promise<Verdict | null> {
    const watches = [...this.#watches.values()];
    const answers: Testimony[] = [];
    let waiting = watches.length;
    return new Promise((resolve) => {
      const judge = (isLast: boolean): void => {
        const verdict = vote(answers, watches.length, isLast, current);
        if (this.#cutShort !== cutShort || (verdict === null && !isLast)) return;
        this.#cutShort = null;
        this.#complain(verdict, answers);
        resolve(verdict);
      };
      const cutShort = (): void => judge(true);
      this.#cutShort = cutShort;
      for (const watch of watches) {
        // Never rejects: each Sentinel's failure is its own.
        void this.#hear(watch).then((answer) => {
          waiting--;
          if (answer !== null) answers.push(answer);
          judge(waiting === 0);
        });
      }
    });
  }

  /** Those named by a verdict are asked too from now on, and no others. True: one of them is new. */
  keep(named: readonly OtherSentinel[]): boolean {
    const before = this.#watches.size;
    const known = new Set([...this.#watches.values()].map(({ id }) => id));
    const wanted = new Set(named.flatMap((place) => [place.id, nodeKey(place)]));
    for (const watch of this.#watches.values()) {
      if (watch.isSeed || watch.isHeard || wanted.has(watch.id) || wanted.has(watch.name)) continue;
      this.#watches.delete(watch.name);
      end(watch);
    }
    const kept = this.#watches.size;
    for (const { id, host, port } of named) {
      if (known.has(id) || this.#watches.size >= SENTINELS_MAX) continue;
      this.#watch({ kind: 'tcp', host, port }, false);
    }
    const isNew = this.#watches.size > kept;
    if (isNew || kept < before) {
      const { name: upstream, service } = this.#options;
      this.#log.info({ upstream, service, sentinels: [...this.#watches.keys()] }, 'Sentinels');
    }
    return isNew;
  }

  close(): void {
    for (const watch of this.#watches.values()) end(watch);
    this.#watches.clear();
    this.#cutShort?.();
  }

  #watch(address: Address, isSeed: boolean): void {
    const upstream = this.#options.connect(address);
    const { name } = upstream;
    if (this.#watches.has(name)) return;
    const feed = upstream.openFeed(this.#listener());
    this.#watches.set(name, { name, isSeed, upstream, feed, id: '', isHeard: false });
    for (const event of [SWITCHED, ...HINTS]) feed.subscribe('channel', event);
  }

  #listener(): FeedOwner {
    return {
      // While nobody listened something may have happened.
      onLive: (_feed: Feed, _kind: ChannelKind, name: string) => {
        if (name === SWITCHED) this.#host.onHint();
      },
      onRefused: (feed, _kind, event, reason) => {
        const { name: upstream } = this.#options;
        this.#log.warn({ upstream, sentinel: feed.name, event, reason }, 'Sentinel does not tell');
      },
      onDropped: () => {},
      onMessage: (_feed, _frame, bytes, start, end) => {
        this.#onMessage(decodeReply(Buffer.from(bytes.subarray(start, end))));
        return 0;
      },
      onDown: () => {},
    };
  }

  #onMessage(message: Value): void {
    const [, event, text] = Array.isArray(message) ? message.map(textOf) : [];
    const words = text?.split(' ') ?? [];
    if (event === SWITCHED) {
      if (words[0] !== this.#options.service) return;
      this.#cutShort?.();
      this.#host.onSwitch();
    } else if (serviceOf(words) === this.#options.service) {
      this.#host.onHint();
    }
  }

  async #hear(watch: Watch): Promise<Testimony | null> {
    const { timeoutMs, name: upstream } = this.#options;
    const lane = watch.upstream.ownLane();
    watch.isHeard = false;
    try {
      const [id, primary, replicas, others] = await Promise.all(
        this.#questions.map((question) => ask(lane, question, SENTINEL, timeoutMs)),
      );
      const told = { id: id!, primary: primary!, replicas: replicas!, others: others! };
      const testimony = readTestimony(told, watch.name);
      watch.id = testimony.id;
      watch.isHeard = true;
      return testimony;
    } catch (error) {
      const isOdd = error instanceof OddAnswer;
      if (isOdd) this.odd++;
      const reason = error instanceof Error ? error.message : String(error);
      this.#log[isOdd ? 'warn' : 'debug'](
        { upstream, sentinel: watch.name, reason },
        'Sentinel does not say who is primary',
      );
      return null;
    }
  }

  #complain(verdict: Verdict | null, answers: readonly Testimony[]): void {
    const complaint = verdict === null ? complaintOf(answers) : '';
    if (complaint === this.#complaint) return;
    this.#complaint = complaint;
    if (complaint === '') return;
    const { name: upstream, service } = this.#options;
    const named = answers.map(({ primary }) => (primary === null ? null : nodeKey(primary)));
    this.#log.error({ upstream, service, named }, complaint);
  }
}

function complaintOf(answers: readonly Testimony[]): string {
  if (answers.length === 0) return 'no Sentinel answers';
  const isUnknown = answers.every(({ primary }) => primary === null);
  return isUnknown ? 'no Sentinel knows the service' : 'the Sentinels do not agree who is primary';
}

function serviceOf(words: readonly string[]): string | undefined {
  const at = words.indexOf('@');
  return at >= 0 ? words[at + 1] : words[1];
}

function end({ feed, upstream }: Watch): void {
  feed.close();
  // Closing ends sockets and is done when it returns.
  void upstream.close();
}

const SENTINEL: CommandSpec = specByName('sentinel')!;
