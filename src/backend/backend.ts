/**
 * The contract everything hangs on: somebody asks for a command to be answered, something that can
 * answer it is found. Fronts (RESP sessions, HTTP) know only this file; links, shards, clusters, engine
 * and caches implement it; layers wrap it.
 *
 * Three promises:
 * 1. `dispatch` calls exactly one method of its sink, exactly once, possibly before it returns.
 * 2. What a sink is given is valid only during the call: it copies what it keeps.
 * 3. A Redis error is a reply. `fail` means that no server answered.
 */
import type { Command } from '../commands/command.ts';
import type { LinkError } from '../resp/errors.ts';

/** Receives the outcome of one command. */
export interface Sink {
  /** One whole reply, framed and undecoded: `bytes[start, end)`, in the protocol of the command. */
  reply(bytes: Buffer, start: number, end: number): void;
  fail(error: LinkError): void;
}

/** Anything that can answer a command. */
export interface Backend {
  /** `command` is valid only until this returns. */
  dispatch(command: Command, sink: Sink): void;
  /**
   * Lends a connection to the server of the command's keys; the command itself is not sent. The borrower
   * gives it back by `release` or `abandon`, once.
   */
  lease(command: Command, holder: LeaseHolder): Lease | Refusal;
  /** Waits for what is under way, then lets go of every resource. */
  close(): Promise<void>;
}

/** Why there is no connection: the error line for the client, without its `-`. A `LinkError` is one. */
export interface Refusal {
  readonly reply: string;
}

/** Who has borrowed a connection. */
export interface LeaseHolder {
  /** It is gone, unasked; what was under way has failed before. Nothing is to be given back. */
  onLost(): void;
  /** The server has said what no command asked for, between two replies; valid during the call. */
  onPush?(bytes: Buffer, start: number, end: number): void;
}

/**
 * A connection lent to one client: what is sent on it runs in the order sent, and nothing of anybody else in
 * between. For transactions, and for commands that hold their connection.
 */
export interface Lease {
  /** The keys of `command`, if it has any, are where this connection leads. */
  carries(command: Command): boolean;
  /**
   * For a command about scripts, before it is dispatched. True: its server is being given what it needs, and `then` is
   * called, possibly before this returns, when the command may be dispatched.
   */
  prepare(command: Command, then: () => void): boolean;
  /** As `Backend.dispatch`. Keys that are elsewhere are answered with CROSSSLOT and the command is not sent. */
  dispatch(command: Command, sink: Sink): void;
  /** For one that may wait at the server, `waitMs` (or for ever) on top of the time any command has. */
  dispatchWaiting(command: Command, sink: Sink, waitMs: number): void;
  /** Ends the wait of the command under way: it is answered as at its time-out, or with an error. */
  unblock(withError: boolean): void;
  /** Gives it back clean: all is answered, nothing is watched, collected or selected on it. */
  release(): void;
  /** Gives it up: it is closed, and what is under way on it fails. */
  abandon(): void;
}

/** What has no connection to lend. */
export const NOTHING_TO_LEND: Refusal = { reply: 'ERR no server here has a connection to lend' };

/** Wraps a backend; the order of layers is written once, in proxy.ts. */
export type Layer = (next: Backend) => Backend;

/** A sink for replies nobody waits for: mirrors, clients that left. */
export const nowhere: Sink = {
  reply(): void {
    // Dropped on purpose: see the name.
  },
  fail(): void {
    // Dropped on purpose: the failure is counted by the link.
  },
};
