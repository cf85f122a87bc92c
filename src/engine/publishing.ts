/**
 * Publish and subscribe in this process, and keyspace notifications.
 *
 *   PUBLISH, a change of a key ─▶ Publishing ─▶ every EngineFeed that wants the channel ─▶ its owner (routing/hub.ts)
 *
 * A subscription is live as soon as it is asked for, and a message is handed on before the command that caused it is
 * answered. As at a server, a feed counts as one subscriber of each channel and each pattern; whoever owns it knows the
 * clients behind it.
 */
import type { FeedOwner } from '../backend/feed.ts';
import { FeedFrame } from '../backend/feed-frames.ts';
import type { ChannelKind } from '../commands/own.ts';
import { ByteQueue } from '../core/bytes.ts';
import { globMatches } from '../core/glob.ts';
import { EngineFeed } from './feed.ts';

/** A message of more bytes does not keep its buffer for the next one. */
const KEPT_BYTES_MAX = 64 * 1024;

/** The word a message begins with. */
const WORDS: Readonly<Record<ChannelKind, string>> = {
  channel: 'message',
  pattern: 'pmessage',
  shard: 'smessage',
};

export class Publishing {
  readonly #feeds: Set<EngineFeed> = new Set();
  readonly #out = new ByteQueue();
  readonly #frame = new FeedFrame();

  /** Nobody is subscribed to anything. */
  get isSilent(): boolean {
    for (const feed of this.#feeds) if (feed.size > 0) return false;
    return true;
  }

  open(owner: FeedOwner): EngineFeed {
    const feed = new EngineFeed(owner, () => this.#feeds.delete(feed));
    this.#feeds.add(feed);
    return feed;
  }

  /** Says how many subscriptions have received it. */
  publish(kind: 'channel' | 'shard', channel: Buffer, message: Buffer): number {
    const name = channel.toString('latin1');
    let receivers = 0;
    for (const feed of this.#feeds) {
      if (!feed.isLive(kind, name)) continue;
      receivers++;
      this.#send(feed, kind, null, channel, message);
    }
    if (kind === 'shard') return receivers;
    for (const feed of this.#feeds) {
      for (const pattern of feed.names('pattern')) {
        const bytes = Buffer.from(pattern, 'latin1');
        if (!globMatches(bytes, channel, 0, channel.length)) continue;
        receivers++;
        this.#send(feed, 'pattern', bytes, channel, message);
      }
    }
    return receivers;
  }

  /** Names subscribed to, each once. */
  names(kind: ChannelKind): Set<string> {
    const names = new Set<string>();
    for (const feed of this.#feeds) for (const name of feed.names(kind)) names.add(name);
    return names;
  }

  count(kind: ChannelKind, name: string): number {
    let count = 0;
    for (const feed of this.#feeds) if (feed.isLive(kind, name)) count++;
    return count;
  }

  close(): void {
    for (const feed of this.#feeds) feed.close();
  }

  #send(
    feed: EngineFeed,
    kind: ChannelKind,
    pattern: Buffer | null,
    channel: Buffer,
    message: Buffer,
  ): void {
    const out = this.#out;
    const word = WORDS[kind];
    out.appendLatin1(`*${pattern === null ? 3 : 4}\r\n$${word.length}\r\n${word}\r\n`);
    if (pattern !== null) appendBulk(out, pattern);
    appendBulk(out, channel);
    appendBulk(out, message);
    this.#frame.read(out.bytes, 0);
    feed.hear(this.#frame, out.bytes, out.length);
    if (out.length > KEPT_BYTES_MAX) out.clear();
    else out.length = 0;
  }
}

function appendBulk(out: ByteQueue, bytes: Buffer): void {
  out.appendLatin1(`$${bytes.length}\r\n`);
  out.append(bytes, 0, bytes.length);
  out.appendLatin1('\r\n');
}
