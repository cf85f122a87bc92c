/**
 * What may be subscribed to: everything that one worker hears from one server. A server elsewhere is heard over a
 * connection (upstream/feed.ts), the engine in this process by a call (engine/feed.ts).
 */
import type { ChannelKind } from '../commands/own.ts';
import type { FeedFrame } from './feed-frames.ts';

export interface Feed {
  /** Of the server. */
  readonly name: string;
  /** Nothing can be heard at present, and what is published meanwhile is lost. */
  readonly isDown: boolean;
  /** Subscriptions wanted here. */
  readonly size: number;
  /** Since when nothing is wanted, if nothing is. */
  readonly unusedAt: number;
  /** Whatever is published from now on comes. */
  isLive(kind: ChannelKind, name: string): boolean;
  /** `name` has one character per byte. */
  subscribe(kind: ChannelKind, name: string): void;
  unsubscribe(kind: ChannelKind, name: string): void;
  /** Asks again for what was refused or dropped. */
  retry(): void;
  /** Calls back when everything published so far was handed on; at once if nothing can be heard. */
  settle(then: () => void): void;
  close(): void;
}

/** Who hears it. */
export interface FeedOwner {
  /** The server confirmed: whatever is published from now on comes here. */
  onLive(feed: Feed, kind: ChannelKind, name: string): void;
  /** The server said no; it is asked again only by `retry`. */
  onRefused(feed: Feed, kind: ChannelKind, name: string, reason: string): void;
  /** The server ended a subscription unasked: the slot of the channel has moved. */
  onDropped(feed: Feed, kind: ChannelKind, name: string): void;
  /** `bytes[start, end)` is the message as an array of RESP2, valid during the call. Says to how many it went. */
  onMessage(feed: Feed, frame: FeedFrame, bytes: Buffer, start: number, end: number): number;
  /** Nothing of it is live any more, until `onLive` says so for each. */
  onDown(feed: Feed): void;
}
