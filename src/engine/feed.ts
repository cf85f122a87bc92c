/** Subscriptions at the engine: there is no connection, so whatever is asked for is had at once. */
import type { Feed, FeedOwner } from '../backend/feed.ts';
import type { FeedFrame } from '../backend/feed-frames.ts';
import type { ChannelKind } from '../commands/own.ts';

export class EngineFeed implements Feed {
  readonly name = 'embedded';
  readonly isDown = false;
  unusedAt: number = performance.now();
  readonly #owner: FeedOwner;
  readonly #onClose: () => void;
  /** Patterns are asked in the order in which they came. */
  readonly #wanted: Readonly<Record<ChannelKind, Set<string>>> = {
    channel: new Set(),
    pattern: new Set(),
    shard: new Set(),
  };

  constructor(owner: FeedOwner, onClose: () => void) {
    this.#owner = owner;
    this.#onClose = onClose;
  }

  get size(): number {
    const { channel, pattern, shard } = this.#wanted;
    return channel.size + pattern.size + shard.size;
  }

  isLive(kind: ChannelKind, name: string): boolean {
    return this.#wanted[kind].has(name);
  }

  names(kind: ChannelKind): ReadonlySet<string> {
    return this.#wanted[kind];
  }

  subscribe(kind: ChannelKind, name: string): void {
    this.#wanted[kind].add(name);
  }

  unsubscribe(kind: ChannelKind, name: string): void {
    this.#wanted[kind].delete(name);
    if (this.size === 0) this.unusedAt = performance.now();
  }

  /** Nothing is ever refused. */
  retry(): void {}

  settle(then: () => void): void {
    then();
  }

  hear(frame: FeedFrame, bytes: Buffer, length: number): void {
    this.#owner.onMessage(this, frame, bytes, 0, length);
  }

  close(): void {
    for (const names of Object.values(this.#wanted)) names.clear();
    this.#onClose();
  }
}
