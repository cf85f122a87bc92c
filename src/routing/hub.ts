/**
 * What one worker subscribes to in one group: each channel, pattern and shard channel once, however many
 * clients want it.
 *
 *   audience ─┐                 ┌─▶ feed (server 1)
 *   audience ─┴─▶ stream "news" ┤                      messages come back the same way
 *                               └─▶ feed (server 2)
 *
 * Where a stream is taken from:
 *
 *   shard channel                         its home, as a key of that name
 *   other, servers without a bus          every primary: anybody may publish at any of them
 *   other, cluster                        one primary, since the bus brings everything there
 *   what may be a keyspace notification   every primary; in a cluster, ordinary messages only from the home
 *
 * A stream nobody wants any more is kept for a moment, because clients that reconnect ask again at once.
 */

import type { Feed, FeedOwner } from '../backend/feed.ts';
import type { FeedFrame } from '../backend/feed-frames.ts';
import type { ChannelKind } from '../commands/own.ts';
import { globMatches } from '../core/glob.ts';
import { type Group, type Source, sourcesOf } from './group.ts';
import { isNotification, mayMatchNotification } from './notifications.ts';

/** Who wants a stream: everyone behind one listener. */
export interface Audience {
  /** Clients that get its messages. */
  readonly size: number;
  /** Would a message on this channel be for them? */
  accepts(stream: Stream, bytes: Buffer, start: number, end: number): boolean;
  /** `bytes[start, end)` is the message as an array of RESP2, valid during the call. Says to how many it went. */
  hear(bytes: Buffer, start: number, end: number): number;
  /** A stream of it may have become ready. */
  onProgress(): void;
  /** A server does not allow it. */
  onRefused(reason: string): void;
}

/** Streams of one hub at most; more would be a client's mistake, and cost memory here and on the servers. */
const STREAMS_MAX = 1_000_000;
/** Bytes of their names at most. */
const NAME_BYTES_MAX = 64 * 1024 * 1024;
const GRACE_MS = 250;
/** A connection without subscriptions is kept longer. */
const FEED_IDLE_MS = 5000;
/** After a refusal or a move of slots the servers are asked again. */
const RETRY_MS = 200;
/** Answers of a cluster that is changing, not of a server that says no. */
const MISPLACED = /^(MOVED|ASK|TRYAGAIN|CLUSTERDOWN|READONLY|LOADING|MASTERDOWN) /;

export class Stream {
  readonly hub: Hub;
  readonly kind: ChannelKind;
  /** One character per byte; the same as `bytes`. */
  readonly name: string;
  readonly bytes: Buffer;
  readonly audiences: Set<Audience> = new Set();
  /** Where it is subscribed to. */
  feeds: readonly Feed[] = [];
  /** Where ordinary messages are taken from if the group has a bus; else only the first to wait for. */
  home: Feed | null = null;
  /** Time from which nobody wanted it. */
  unwantedAt = 0;

  constructor(hub: Hub, kind: ChannelKind, name: string) {
    this.hub = hub;
    this.kind = kind;
    this.name = name;
    this.bytes = Buffer.from(name, 'latin1');
  }

  /** Whatever is published from now on comes, but for servers that are down, where nobody can publish. */
  get isReady(): boolean {
    return this.isHomeLive && this.feeds.every((feed) => feed.isDown || this.#isLiveAt(feed));
  }

  /** At least what is published through a gateway comes. */
  get isHomeLive(): boolean {
    return this.home !== null && this.#isLiveAt(this.home);
  }

  get listeners(): number {
    let sum = 0;
    for (const audience of this.audiences) sum += audience.size;
    return sum;
  }

  #isLiveAt(feed: Feed): boolean {
    return feed.isLive(this.kind, this.name);
  }
}

export class Hub implements FeedOwner {
  readonly group: Group;
  readonly #onEmpty: (hub: Hub) => void;
  readonly #feeds: Map<Source, Feed> = new Map();
  readonly #streams: Record<ChannelKind, Map<string, Stream>> = {
    channel: new Map(),
    pattern: new Map(),
    shard: new Map(),
  };
  readonly #unwanted: Set<Stream> = new Set();
  readonly #stopListening: () => void;
  #sweepTimer: NodeJS.Timeout | null = null;
  #sweepAt = 0;
  #nameBytes = 0;
  #retryTimer: NodeJS.Timeout | null = null;
  #closed = false;

  /** `onEmpty`: nothing is subscribed to any more, and the hub has closed itself. */
  constructor(group: Group, onEmpty: (hub: Hub) => void) {
    this.group = group;
    this.#onEmpty = onEmpty;
    this.#stopListening = group.onChange?.(() => this.#replaceAll()) ?? (() => {});
  }

  /** Streams taken from servers at present. */
  get size(): number {
    const { channel, pattern, shard } = this.#streams;
    return channel.size + pattern.size + shard.size;
  }

  streams(kind: ChannelKind): ReadonlyMap<string, Stream> {
    return this.#streams[kind];
  }

  /** null: there are too many. */
  join(kind: ChannelKind, name: string, audience: Audience): Stream | null {
    let stream = this.#streams[kind].get(name);
    if (stream === undefined) {
      if (this.size >= STREAMS_MAX || this.#nameBytes + name.length > NAME_BYTES_MAX) return null;
      this.#nameBytes += name.length;
      stream = new Stream(this, kind, name);
      this.#streams[kind].set(name, stream);
      this.#place(stream);
    } else {
      for (const feed of stream.feeds) feed.subscribe(kind, name);
    }
    stream.audiences.add(audience);
    this.#unwanted.delete(stream);
    return stream;
  }

  leave(stream: Stream, audience: Audience): void {
    stream.audiences.delete(audience);
    if (stream.audiences.size > 0 || this.#closed) return;
    stream.unwantedAt = performance.now();
    this.#unwanted.add(stream);
    this.#sweepIn(GRACE_MS);
  }

  /** Calls back when every message that `server` has sent here was handed on. */
  settle(server: Source, then: () => void): void {
    const feed = this.#feeds.get(server);
    if (feed === undefined) then();
    else feed.settle(then);
  }

  isLiveAt(server: Source, kind: ChannelKind, name: string): boolean {
    return this.#feeds.get(server)?.isLive(kind, name) ?? false;
  }

  /**
   * How many more than `server` says have received a message: it counts this gateway once for the channel
   * and once for each pattern, in place of the clients.
   */
  surplusOf(server: Source, kind: 'channel' | 'shard', channel: Buffer): number {
    let surplus = this.#surplus(
      server,
      this.#streams[kind].get(channel.toString('latin1')),
      channel,
    );
    if (kind === 'shard') return surplus;
    for (const stream of this.#streams.pattern.values()) {
      if (!globMatches(stream.bytes, channel, 0, channel.length)) continue;
      surplus += this.#surplus(server, stream, channel);
    }
    return surplus;
  }

  #surplus(server: Source, stream: Stream | undefined, channel: Buffer): number {
    if (stream === undefined) return 0;
    let surplus = this.isLiveAt(server, stream.kind, stream.name) ? -1 : 0;
    for (const audience of stream.audiences) {
      if (audience.accepts(stream, channel, 0, channel.length)) surplus += audience.size;
    }
    return surplus;
  }

  close(): void {
    this.#closed = true;
    this.#stopListening();
    if (this.#sweepTimer !== null) clearTimeout(this.#sweepTimer);
    if (this.#retryTimer !== null) clearTimeout(this.#retryTimer);
    for (const feed of this.#feeds.values()) feed.close();
  }

  onLive(feed: Feed, kind: ChannelKind, name: string): void {
    const stream = this.#streams[kind].get(name);
    if (stream === undefined) return;
    const hasOneHome = this.group.hasBus === true || kind === 'shard';
    if (hasOneHome && stream.home !== feed) this.#place(stream);
    for (const audience of [...stream.audiences]) audience.onProgress();
  }

  onRefused(_feed: Feed, kind: ChannelKind, name: string, reason: string): void {
    const stream = this.#streams[kind].get(name);
    if (stream === undefined) return;
    if (MISPLACED.test(reason)) this.group.refresh?.();
    else for (const audience of [...stream.audiences]) audience.onRefused(reason);
    if (stream.audiences.size > 0) this.#armRetry();
  }

  onDropped(): void {
    this.group.refresh?.();
    this.#armRetry();
  }

  onDown(): void {
    if (this.group.hasBus === true) this.#replaceAll();
    for (const streams of Object.values(this.#streams)) {
      for (const stream of [...streams.values()]) {
        for (const audience of [...stream.audiences]) audience.onProgress();
      }
    }
  }

  onMessage(feed: Feed, frame: FeedFrame, bytes: Buffer, start: number, end: number): number {
    const { kind, nameStart, nameEnd, channelStart, channelEnd } = frame;
    const stream = this.#streams[kind].get(bytes.toString('latin1', nameStart, nameEnd));
    if (stream === undefined) return 0;
    if (feed !== stream.home && this.group.hasBus === true && kind !== 'shard') {
      // The bus has brought it to the home as well.
      if (!isNotification(bytes, channelStart, channelEnd)) return 0;
    }
    let clients = 0;
    for (const audience of stream.audiences) {
      if (audience.accepts(stream, bytes, channelStart, channelEnd)) {
        clients += audience.hear(bytes, start, end);
      }
    }
    return clients;
  }

  #replaceAll(): void {
    if (this.#closed) return;
    for (const streams of Object.values(this.#streams)) {
      for (const stream of [...streams.values()]) this.#place(stream);
    }
    this.#sweepIn(FEED_IDLE_MS);
  }

  /** Subscribes where the stream is to be taken from now, and ends it elsewhere. */
  #place(stream: Stream): void {
    const { kind, name } = stream;
    const wanted = this.#homesOf(stream);
    const before = stream.feeds;
    stream.feeds = [...wanted];
    for (const feed of wanted) feed.subscribe(kind, name);
    const next = stream.feeds[0] ?? null;
    const { home } = stream;
    // The old home is listened to until the new one speaks.
    const isKept =
      home !== null && next !== null && home !== next && !next.isLive(kind, name) && !home.isDown;
    if (isKept && home.isLive(kind, name) && this.#isPrimary(home)) {
      if (!wanted.has(home)) stream.feeds = [...stream.feeds, home];
    } else {
      stream.home = next;
    }
    for (const feed of before) if (!stream.feeds.includes(feed)) feed.unsubscribe(kind, name);
  }

  /** The home first. */
  #homesOf({ kind, bytes }: Stream): Set<Feed> {
    const { group } = this;
    const primaries = sourcesOf(group);
    const home = group.homeOf?.(bytes, 0, bytes.length) ?? null;
    const homes = home === null ? [] : [home];
    if (kind === 'shard') return this.#feedsOf(homes);
    const isLocal =
      kind === 'pattern' ? mayMatchNotification(bytes) : isNotification(bytes, 0, bytes.length);
    if (group.hasBus !== true) return this.#feedsOf([...homes, ...primaries]);
    // Any server will do; one that is down will not.
    const sound = [...homes, ...primaries].find((one) => this.#feeds.get(one)?.isDown !== true);
    const first = sound ?? home ?? primaries[0];
    return this.#feedsOf([...(first === undefined ? [] : [first]), ...(isLocal ? primaries : [])]);
  }

  #feedsOf(servers: readonly Source[]): Set<Feed> {
    const feeds = new Set<Feed>();
    for (const server of servers) {
      let feed = this.#feeds.get(server);
      if (feed === undefined) {
        feed = server.openFeed(this);
        this.#feeds.set(server, feed);
      }
      feeds.add(feed);
    }
    return feeds;
  }

  #isPrimary(feed: Feed): boolean {
    return sourcesOf(this.group).some((server) => this.#feeds.get(server) === feed);
  }

  #sweepIn(ms: number): void {
    const at = performance.now() + ms;
    if (this.#closed || (this.#sweepTimer !== null && this.#sweepAt <= at)) return;
    if (this.#sweepTimer !== null) clearTimeout(this.#sweepTimer);
    this.#sweepAt = at;
    this.#sweepTimer = setTimeout(() => {
      this.#sweepTimer = null;
      this.#sweep(performance.now());
    }, ms);
    this.#sweepTimer.unref();
  }

  /** Ends what nobody has wanted for a while; the hub itself goes with its last connection. */
  #sweep(now: number): void {
    for (const stream of this.#unwanted) {
      const left = stream.unwantedAt + GRACE_MS - now;
      if (left > 0) {
        // Those behind it were left later.
        this.#sweepIn(left);
        break;
      }
      this.#unwanted.delete(stream);
      this.#streams[stream.kind].delete(stream.name);
      this.#nameBytes -= stream.name.length;
      for (const feed of stream.feeds) feed.unsubscribe(stream.kind, stream.name);
    }
    for (const [server, feed] of this.#feeds) {
      if (feed.size > 0) continue;
      const left = feed.unusedAt + FEED_IDLE_MS - now;
      if (left > 0) {
        this.#sweepIn(left);
        continue;
      }
      this.#feeds.delete(server);
      feed.close();
    }
    if (this.size > 0 || this.#feeds.size > 0) return;
    this.close();
    this.#onEmpty(this);
  }

  #armRetry(): void {
    if (this.#retryTimer !== null || this.#closed) return;
    this.#retryTimer = setTimeout(() => {
      this.#retryTimer = null;
      this.#replaceAll();
      for (const feed of this.#feeds.values()) feed.retry();
    }, RETRY_MS);
    this.#retryTimer.unref();
  }
}

/** The hubs of one worker, by group; one is made when somebody subscribes and goes when all have left. */
export class Hubs {
  readonly #hubs: Map<Group, Hub> = new Map();

  find(group: Group): Hub | undefined {
    return this.#hubs.get(group);
  }

  of(group: Group): Hub {
    const known = this.#hubs.get(group);
    if (known !== undefined) return known;
    const hub = new Hub(group, () => this.#hubs.delete(group));
    this.#hubs.set(group, hub);
    return hub;
  }

  close(): void {
    for (const hub of this.#hubs.values()) hub.close();
    this.#hubs.clear();
  }
}
