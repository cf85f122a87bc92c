/**
 * Publish and subscribe behind one listener: which group a channel belongs to, and who behind this listener
 * hears it.
 *
 *   client ─▶ topic "news" ─▶ stream of a group (hub.ts) ─▶ servers
 *
 * A channel belongs to the route whose prefix it begins with, else to the catch-all, as a key of that name
 * would; its name is never changed. A pattern may match channels of every route, and notifications come from
 * wherever keys are: these two are taken from all groups, and what a group says of another's channels is
 * left out.
 */
import type { Backend, Sink } from '../backend/backend.ts';
import type { Command } from '../commands/command.ts';
import type { ChannelKind } from '../commands/own.ts';
import { type LinkError, linkError, TOO_MANY_CHANNELS } from '../resp/errors.ts';
import { ARRAY, INTEGER, type Protocol, PUSH } from '../resp/types.ts';
import type { Group } from './group.ts';
import type { Audience, Hub, Hubs, Stream } from './hub.ts';
import { isNotification } from './notifications.ts';
import type { RouteTable } from './route.ts';

/** A client that is subscribed. */
export interface Member {
  readonly protocol: Protocol;
  /** A message in that protocol, valid during the call. */
  hear(bytes: Buffer, start: number, end: number): void;
  /** The same, in memory of its own that nobody changes any more. */
  hearShared(bytes: Buffer): void;
}

/** From this size on a message is copied once for all its subscribers; below, a copy costs less than a write. */
const SHARED_BYTES_MIN = 4096;

/** Somebody about to be a member. */
export interface Candidate {
  /** The topic may be ready now. */
  onProgress(topic: Topic): void;
  onRefused(topic: Topic, reason: string): void;
}

/** One name that clients behind this listener are subscribed to. */
export class Topic implements Audience {
  readonly kind: ChannelKind;
  /** One character per byte. */
  readonly name: string;
  readonly members: Set<Member> = new Set();
  readonly candidates: Set<Candidate> = new Set();
  readonly streams: Stream[] = [];
  readonly #channels: Channels;

  constructor(channels: Channels, kind: ChannelKind, name: string) {
    this.#channels = channels;
    this.kind = kind;
    this.name = name;
  }

  get size(): number {
    return this.members.size;
  }

  get isReady(): boolean {
    return this.streams.every((stream) => stream.isReady);
  }

  /** Servers other than its home may not have it yet. */
  get isHomeLive(): boolean {
    return this.streams.every((stream) => stream.isHomeLive);
  }

  /** To be called after members or candidates left. */
  release(): void {
    if (this.members.size === 0 && this.candidates.size === 0) this.#channels.drop(this);
  }

  accepts(stream: Stream, bytes: Buffer, start: number, end: number): boolean {
    return this.kind !== 'pattern' || this.#channels.owns(stream.hub.group, bytes, start, end);
  }

  /** The first byte is all that differs between protocols, so nothing is encoded: it is changed in place. */
  hear(bytes: Buffer, start: number, end: number): number {
    const { size } = this.members;
    const others = this.#hearIn(2, bytes, start, end);
    if (others === 0) return size;
    bytes[start] = PUSH;
    this.#hearIn(3, bytes, start, end);
    bytes[start] = ARRAY;
    return size;
  }

  /** Returns how many are of another protocol. */
  #hearIn(protocol: Protocol, bytes: Buffer, start: number, end: number): number {
    const isShared = end - start >= SHARED_BYTES_MIN && this.members.size > 1;
    let shared: Buffer | null = null;
    let others = 0;
    for (const member of this.members) {
      if (member.protocol !== protocol) {
        others++;
      } else if (isShared) {
        shared ??= Buffer.from(bytes.subarray(start, end));
        member.hearShared(shared);
      } else {
        member.hear(bytes, start, end);
      }
    }
    return others;
  }

  onProgress(): void {
    for (const candidate of [...this.candidates]) candidate.onProgress(this);
  }

  onRefused(reason: string): void {
    for (const candidate of [...this.candidates]) candidate.onRefused(this, reason);
  }
}

type Published = 'channel' | 'shard';

/** What a command that publishes does so on, by its name. */
export const PUBLISHED: Readonly<Record<string, Published>> = {
  publish: 'channel',
  spublish: 'shard',
};

export class Channels {
  readonly #routes: RouteTable;
  readonly #hubs: Hubs | null;
  /** Every group with channels, once. */
  readonly groups: readonly Group[];
  readonly #topics: Record<ChannelKind, Map<string, Topic>> = {
    channel: new Map(),
    pattern: new Map(),
    shard: new Map(),
  };

  /** `hubs` null: nobody subscribes here, as behind a mirror. */
  constructor(routes: RouteTable, hubs: Hubs | null) {
    this.#routes = routes;
    this.#hubs = hubs;
    const groups = new Set(routes.all.map(({ group }) => group));
    this.groups = [...groups].filter((group) => group.homeOf !== undefined);
  }

  /** The topic of that name, or why there is none. */
  topic(kind: ChannelKind, bytes: Buffer): Topic | LinkError {
    const name = bytes.toString('latin1');
    const known = this.#topics[kind].get(name);
    if (known !== undefined) return known;
    const groups = this.#groupsOf(kind, bytes);
    if (groups.length === 0 || this.#hubs === null) return NOWHERE;
    const topic = new Topic(this, kind, name);
    for (const group of groups) {
      const stream = this.#hubs.of(group).join(kind, name, topic);
      if (stream === null) {
        this.drop(topic);
        return TOO_MANY;
      }
      topic.streams.push(stream);
    }
    this.#topics[kind].set(name, topic);
    return topic;
  }

  drop(topic: Topic): void {
    this.#topics[topic.kind].delete(topic.name);
    for (const stream of topic.streams) stream.hub.leave(stream, topic);
  }

  /** Does a message that comes from `group` belong to it? */
  owns(group: Group, bytes: Buffer, start: number, end: number): boolean {
    if (this.groups.length === 1 || isNotification(bytes, start, end)) return true;
    return this.#routes.find(bytes, start, end)?.group === group;
  }

  hubOf(group: Group): Hub | undefined {
    return this.#hubs?.find(group);
  }

  /** Sends a message to where its channel is; false if no server is there to take it. */
  publish(kind: Published, group: Group, command: Command, sink: Sink): boolean {
    const start = command.argStart(1);
    const end = command.argEnd(1);
    const server: Backend | null = group.only ?? group.serverOf(command.bytes, start, end);
    if (server === null) return false;
    const hub = this.hubOf(group);
    const home = group.homeOf?.(command.bytes, start, end) ?? null;
    if (home === null || hub === undefined) {
      server.dispatch(command, sink);
      return true;
    }
    const channel = Buffer.from(command.arg(1));
    server.dispatch(command, {
      reply(bytes, from, to) {
        const surplus = hub.surplusOf(home, kind, channel);
        if (surplus === 0 || bytes[from] !== INTEGER) {
          sink.reply(bytes, from, to);
          return;
        }
        const received = Number(bytes.toString('latin1', from + 1, to - 2));
        const reply = Buffer.from(`:${Math.max(0, received + surplus)}\r\n`, 'latin1');
        sink.reply(reply, 0, reply.length);
      },
      fail: (error) => sink.fail(error),
    });
    return true;
  }

  /**
   * A sink for a publisher who may hear himself: his message comes before the reply, as from one server. The
   * two take different connections, so the reply waits until the other one was read so far.
   */
  afterMessages(command: Command, sink: Sink): Sink {
    const start = command.argStart(1);
    const end = command.argEnd(1);
    const group = this.#routes.find(command.bytes, start, end)?.group;
    const home = group?.homeOf?.(command.bytes, start, end) ?? null;
    const hub = group === undefined ? undefined : this.hubOf(group);
    if (hub === undefined || home === null) return sink;
    return {
      reply(bytes, from, to) {
        const reply = Buffer.from(bytes.subarray(from, to));
        hub.settle(home, () => sink.reply(reply, 0, reply.length));
      },
      fail: (error) => sink.fail(error),
    };
  }

  #groupsOf(kind: ChannelKind, bytes: Buffer): readonly Group[] {
    const { length } = bytes;
    if (kind === 'pattern' || (kind === 'channel' && isNotification(bytes, 0, length))) {
      return this.groups;
    }
    const group = this.#routes.find(bytes, 0, length)?.group;
    return group?.homeOf === undefined ? [] : [group];
  }
}

const NOWHERE = linkError('no_host', 'no server has this channel');
const TOO_MANY = linkError('busy', 'too many channels', TOO_MANY_CHANNELS);
