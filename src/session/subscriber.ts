/**
 * What one client is subscribed to, and its SUBSCRIBE commands under way.
 *
 *   SUBSCRIBE a b ─▶ step (a turn of the session) ─▶ topics ready? ─▶ member of a and b, confirmations
 *                                                                      │
 *                    messages of a and b ◀─────────────────────────────┘
 *
 * Steps are done one after the other, so counts and the order of confirmations are those of a server. A step
 * begins only when all earlier commands are answered, and other commands wait until no step is left
 * (`Session.postpone`): what a client sends behind a SUBSCRIBE may be the cause of its first message.
 *
 * A client is a member only from its confirmation on. It gets whatever is published after that.
 */
import type { Command } from '../commands/command.ts';
import type { ChannelKind } from '../commands/own.ts';
import type { CommandSpec } from '../commands/spec.ts';
import { ByteQueue, EMPTY } from '../core/bytes.ts';
import { encodeBulk } from '../resp/encoder.ts';
import { LinkError, linkError, UPSTREAM_FAILURE } from '../resp/errors.ts';
import type { Protocol } from '../resp/types.ts';
import {
  type Candidate,
  type Channels,
  type Member,
  PUBLISHED,
  type Topic,
} from '../routing/channels.ts';
import type { ListenerFigures } from './figures.ts';
import { Gate } from './gate.ts';
import type { Session } from './session.ts';
import type { Turn } from './turn.ts';

/** A server that has not confirmed after so long: the client is told, and may try again. */
const CONFIRM_MS_MAX = 5000;

interface Action {
  readonly kind: ChannelKind;
  readonly joins: boolean;
}

/** What a command does, by its name. */
const ACTIONS: Readonly<Record<string, Action>> = {
  subscribe: { kind: 'channel', joins: true },
  psubscribe: { kind: 'pattern', joins: true },
  ssubscribe: { kind: 'shard', joins: true },
  unsubscribe: { kind: 'channel', joins: false },
  punsubscribe: { kind: 'pattern', joins: false },
  sunsubscribe: { kind: 'shard', joins: false },
};

/** The word that says that a subscription has ended. */
const LEAVING: Readonly<Record<ChannelKind, string>> = {
  channel: 'unsubscribe',
  pattern: 'punsubscribe',
  shard: 'sunsubscribe',
};

type TopicMap = Map<string, Topic>;

/** The word a confirmation begins with is the name of its command. */
interface Step {
  readonly word: string;
  readonly action: Action;
  readonly turn: Turn;
  readonly names: readonly Buffer[];
}

/** A step that waits for servers. */
class Joining implements Step, Candidate {
  readonly word: string;
  readonly action: Action;
  readonly turn: Turn;
  readonly names: readonly Buffer[];
  readonly topics: readonly Topic[];
  readonly channels: Channels;
  /** Those that are not ready. */
  readonly #waiting: Set<Topic> = new Set();
  readonly #onProgress: () => void;
  readonly #timer: NodeJS.Timeout;
  /** Why it cannot be done. */
  refusal: string | null = null;

  constructor(
    word: string,
    action: Action,
    turn: Turn,
    names: readonly Buffer[],
    topics: readonly Topic[],
    channels: Channels,
    onProgress: () => void,
  ) {
    this.word = word;
    this.action = action;
    this.turn = turn;
    this.names = names;
    this.topics = topics;
    this.channels = channels;
    this.#onProgress = onProgress;
    for (const topic of topics) {
      topic.candidates.add(this);
      if (!topic.isReady) this.#waiting.add(topic);
    }
    this.#timer = setTimeout(() => this.#onLate(), CONFIRM_MS_MAX);
    this.#timer.unref();
  }

  get isDone(): boolean {
    return this.#waiting.size === 0 || this.refusal !== null;
  }

  onProgress(topic: Topic): void {
    if (!topic.isReady || !this.#waiting.delete(topic)) return;
    if (this.isDone) this.#onProgress();
  }

  onRefused(topic: Topic, reason: string): void {
    if (!this.#waiting.has(topic) || this.refusal !== null) return;
    this.refusal = reason;
    this.#onProgress();
  }

  /** Lets go of the topics; who has become a member of one keeps it. */
  end(): void {
    clearTimeout(this.#timer);
    for (const topic of this.topics) {
      topic.candidates.delete(this);
      topic.release();
    }
  }

  /** Messages published through a gateway come from the home: that it alone has confirmed is enough now. */
  #onLate(): void {
    const isHeard = [...this.#waiting].every((topic) => topic.isHomeLive);
    if (isHeard) this.#waiting.clear();
    else this.refusal ??= UPSTREAM_FAILURE;
    this.#onProgress();
  }
}

export class Subscriber implements Member {
  readonly #session: Session;
  readonly #topics: Record<ChannelKind, TopicMap> = {
    channel: new Map(),
    pattern: new Map(),
    shard: new Map(),
  };
  /** In the order of their commands. */
  readonly #steps: (Step | Joining)[] = [];
  #isStepping = false;
  #figures: ListenerFigures;
  /** Subscriptions in all, as the figures know them. */
  #counted = 0;

  constructor(session: Session) {
    this.#session = session;
    this.#figures = session.host.figures;
  }

  get protocol(): Protocol {
    return this.#session.protocol;
  }

  /** Commands that are not subscriptions have to wait. */
  get isStepping(): boolean {
    return this.#steps.length > 0;
  }

  /** What is no subscription may cause the first message of one. */
  mustWait(spec: CommandSpec): boolean {
    return this.isStepping && spec.door !== 'subscribe';
  }

  /**
   * In RESP2, where a message cannot be told from a reply, little is left. A subcommand nobody knows is told so first,
   * as in Redis.
   */
  allows(command: Command, spec: CommandSpec): boolean {
    if (this.protocol === 3 || this.size === 0 || spec.whileSubscribed) return true;
    return spec.subcommands !== null && command.argc > 1;
  }

  /** Subscriptions in all. */
  get size(): number {
    return this.sizeOf('channel') + this.sizeOf('pattern') + this.sizeOf('shard');
  }

  sizeOf(kind: ChannelKind): number {
    return this.#topics[kind].size;
  }

  hear(bytes: Buffer, start: number, end: number): void {
    this.#session.host.figures.messagesDelivered++;
    this.#session.push(bytes, start, end);
  }

  hearShared(bytes: Buffer): void {
    this.#session.host.figures.messagesDelivered++;
    this.#session.pushShared(bytes);
  }

  /** Takes a command of the door `subscribe`, for which a turn is open. */
  take(command: Command, spec: CommandSpec, turn: Turn): void {
    const action = ACTIONS[spec.name]!;
    const names: Buffer[] = [];
    for (let i = 1; i < command.argc; i++) names.push(Buffer.from(command.arg(i)));
    const step = action.joins
      ? this.#join(spec.name, action, turn, names)
      : { word: spec.name, action, turn, names };
    if (step !== null) this.#steps.push(step);
    this.#advance();
  }

  /** Other routes from now on: the same names, taken from where they belong now. */
  adopt(channels: Channels): void {
    const lost = new ByteQueue();
    for (const [kind, topics] of Object.entries(this.#topics) as [ChannelKind, TopicMap][]) {
      for (const [name, topic] of [...topics]) {
        const bytes = Buffer.from(name, 'latin1');
        const next = channels.topic(kind, bytes);
        if (next === topic) continue;
        if (next instanceof LinkError) {
          topics.delete(name);
          // Told as a server tells whose slot has moved.
          this.#confirm(lost, LEAVING[kind], kind, bytes);
        } else {
          topics.set(name, next);
          next.members.add(this);
        }
        this.#leave(topic);
      }
    }
    if (lost.length > 0) this.#session.push(lost.bytes, 0, lost.length);
    lost.clear();
    this.#count();
  }

  /** The client has left, or has asked to be forgotten: everything is let go of. */
  release(): void {
    for (const step of this.#steps.splice(0)) if (step instanceof Joining) step.end();
    for (const topics of Object.values(this.#topics)) {
      for (const topic of topics.values()) this.#leave(topic);
      topics.clear();
    }
    this.#count();
  }

  #join(word: string, action: Action, turn: Turn, names: readonly Buffer[]): Joining | null {
    const { channels } = this.#session.host;
    const topics = new Set<Topic>();
    for (const name of names) {
      const topic = channels.topic(action.kind, name);
      if (topic instanceof LinkError) {
        for (const one of topics) one.release();
        turn.fail(topic);
        return null;
      }
      topics.add(topic);
    }
    return new Joining(word, action, turn, names, [...topics], channels, () => this.#advance());
  }

  /** Does every step whose time has come. */
  #advance(): void {
    if (this.#isStepping) return;
    this.#isStepping = true;
    for (;;) {
      const step = this.#steps[0];
      if (step === undefined || (step instanceof Joining && !step.isDone)) break;
      this.#steps.shift();
      this.#do(step);
    }
    this.#isStepping = false;
    this.#count();
  }

  #do(step: Step | Joining): void {
    if (step instanceof Joining && step.refusal !== null) {
      step.end();
      const error = linkError('closed', 'not confirmed', step.refusal);
      step.turn.fail(error);
      return;
    }
    const out = new ByteQueue();
    if (step instanceof Joining) {
      this.#confirmJoins(step, out);
      step.end();
      // The routes may have changed meanwhile.
      if (step.channels !== this.#session.host.channels) this.adopt(this.#session.host.channels);
    } else {
      this.#confirmLeaves(step, out);
    }
    // Pushed, not answered: CLIENT REPLY OFF does not silence confirmations.
    this.#session.push(out.bytes, 0, out.length);
    out.clear();
    step.turn.reply(EMPTY, 0, 0);
  }

  #confirmJoins({ word, action: { kind }, names, topics: joined }: Joining, out: ByteQueue): void {
    const topics = this.#topics[kind];
    const topicsByName = new Map(joined.map((topic) => [topic.name, topic]));
    for (const name of names) {
      const text = name.toString('latin1');
      if (!topics.has(text)) {
        const topic = topicsByName.get(text)!;
        topic.members.add(this);
        topics.set(text, topic);
      }
      this.#confirm(out, word, kind, name);
    }
  }

  #confirmLeaves({ word, action: { kind }, names }: Step, out: ByteQueue): void {
    const topics = this.#topics[kind];
    const left = names.length > 0 ? names : [...topics.keys()].map((n) => Buffer.from(n, 'latin1'));
    for (const name of left) {
      const text = name.toString('latin1');
      const topic = topics.get(text);
      if (topic !== undefined) {
        topics.delete(text);
        this.#leave(topic);
      }
      this.#confirm(out, word, kind, name);
    }
    if (left.length === 0) this.#confirm(out, word, kind, null);
  }

  #leave(topic: Topic): void {
    topic.members.delete(this);
    topic.release();
  }

  /** Channels of slots are counted apart from channels and patterns. */
  #confirm(out: ByteQueue, word: string, kind: ChannelKind, name: Buffer | null): void {
    const { protocol } = this.#session;
    const count =
      kind === 'shard' ? this.sizeOf('shard') : this.sizeOf('channel') + this.sizeOf('pattern');
    out.appendLatin1(`${protocol === 3 ? '>' : '*'}3\r\n$${word.length}\r\n${word}\r\n`);
    if (name !== null) encodeBulk(out, name);
    else out.appendLatin1(protocol === 3 ? '_\r\n' : '$-1\r\n');
    out.appendLatin1(`:${count}\r\n`);
  }

  /** Keeps the figures true, those of another listener after a change of configuration. */
  #count(): void {
    const { figures } = this.#session.host;
    if (figures !== this.#figures) this.#countAs(0);
    this.#figures = figures;
    this.#countAs(this.size);
    if (this.isStepping || this.size > 0) return;
    this.#session.subscriber = null;
    this.#session.gate(Gate.subscribed, false);
  }

  #countAs(size: number): void {
    const figures = this.#figures;
    figures.subscriptions += size - this.#counted;
    if (size > 0 && this.#counted === 0) figures.subscribers++;
    if (size === 0 && this.#counted > 0) figures.subscribers--;
    this.#counted = size;
  }
}

/** Begins when all before it is answered; subscriptions among themselves need not wait. */
export function subscribe(session: Session, command: Command, spec: CommandSpec): void {
  if (session.subscriber?.isStepping !== true && session.postpone()) return;
  session.subscriber ??= new Subscriber(session);
  session.gate(Gate.subscribed, true);
  session.subscriber.take(command, spec, session.open(command));
}

/** A message, or a question about subscribers. Who publishes may be subscribed himself. */
export function publish(session: Session, command: Command): void {
  const { backend, channels } = session.host;
  const turn = session.open(command);
  const isHeard = session.subscriber !== null && PUBLISHED[command.spec.name] !== undefined;
  backend.dispatch(command, isHeard ? channels.afterMessages(command, turn) : turn);
}
