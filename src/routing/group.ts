/** One `upstreams:` entry as the router sees it: several servers, and the rule which key is where. */
import type { Backend } from '../backend/backend.ts';
import type { Feed, FeedOwner } from '../backend/feed.ts';
import type { Command } from '../commands/command.ts';
import type { Following } from './place.ts';

export interface Group extends Homes {
  readonly name: string;
  /** The one server that has every key; null if there are several. */
  readonly only: Backend | null;
  /** The server of a key; null when none is there to take it. With the command, reads may go to a replica. */
  serverOf(bytes: Buffer, start: number, end: number, command?: Command): Backend | null;
  /** Keys with the same hash tag are on the same server. */
  readonly hasTags?: boolean;
  /** Set where keys lie in slots, and one command may name keys of one slot only. */
  readonly slotted?: SlottedKeys;
  /** Set where keys may move to another server while a connection to theirs is lent. */
  readonly following?: Following;
  /** Some server, for commands without keys that any server answers alike. */
  any(): Backend | null;
  /**
   * The servers that own keys, each once, in the order of their shard numbers: what a command over all keys asks.
   * They may change at any time, so one call serves one command.
   */
  primaries(): readonly Backend[];
  /** The same and their replicas: what a command over all servers asks. */
  nodes(): readonly Backend[];
  /** The servers that a client's commands with keys may come to; not set: all nodes. */
  reachable?(): readonly Backend[];
  /** Set for a Redis Cluster. */
  readonly cluster?: ClusterNodes;
  close(): Promise<void>;
}

/** Whom to ask about a cluster itself; null: nobody is known yet. */
export interface ClusterNodes {
  any(): Backend | null;
  ownerOf(slot: number): Backend | null;
}

/** The same for whoever makes groups and replaces them. */
export interface OwnedGroup extends Group {
  /** Every server can be asked without waiting for a connection. */
  readonly isReady: boolean;
  /** Nothing is under way for clients: it can be closed without anybody noticing. */
  readonly isIdle: boolean;
  /** At once; a reload first waits until the group is idle. */
  close(): Promise<void>;
}

/** Publish and subscribe; a group without `homeOf` has no channels, and subscribing there is refused. */
export interface Homes {
  /** The server a message on this channel is published at; null when none is there to take it. */
  homeOf?(bytes: Buffer, start: number, end: number): Source | null;
  /** What is published at one server reaches the subscribers of all, but for channels of slots: Redis Cluster. */
  readonly hasBus?: boolean;
  /** Calls `listener` whenever `primaries` or `homeOf` may say something else; the result ends that. */
  onChange?(listener: () => void): () => void;
  /** A server has said that a channel is elsewhere: look again soon. */
  refresh?(): void;
}

/** A server that can be subscribed to. */
export interface Source extends Backend {
  /** A connection of its own for subscriptions; whoever opens it closes it. */
  openFeed(owner: FeedOwner): Feed;
}

/** The servers where messages may be published and keyspace notifications come from. */
export function sourcesOf(group: Group): Source[] {
  return group.primaries().filter(isSource);
}

function isSource(server: Backend): server is Source {
  return 'openFeed' in server;
}

/** Keys of a Redis Cluster: a node refuses keys of two slots even if it has both. */
export interface SlottedKeys {
  ofSlot(slot: number, command: Command): Backend | null;
  /** Whose connection is lent for the slot: the server itself, also while commands for it are held. */
  ownerOf(slot: number): Backend | null;
}
