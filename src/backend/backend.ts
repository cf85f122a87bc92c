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
  /** Waits for what is under way, then lets go of every resource. */
  close(): Promise<void>;
}

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
