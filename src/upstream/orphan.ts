/** Commands without an answer that a link hands over to its owner, who decides what becomes of them. */
import type { Sink } from '../backend/backend.ts';
import type { CommandSpec } from '../commands/spec.ts';
import type { Pending } from './pending.ts';

/** A command whose link was lost before its reply came. */
export interface Orphan {
  readonly sink: Sink;
  readonly spec: CommandSpec;
  /** The frame, in memory of the lost link that nobody writes to any more. */
  readonly bytes: Buffer;
  readonly affinity: number;
  readonly attempt: number;
  /** Nothing of it was written. */
  readonly unsent: boolean;
  /** A part of its reply was read. */
  readonly answered: boolean;
  /** The same client sent a later command on this link that may write: its effect must not be seen now. */
  readonly overtaken: boolean;
  /** When the command came, in the milliseconds of `Tick.now`. */
  readonly sentAt: number;
}

/** A command that the server refused, taken over by the owner; `bytes` are valid during the call. */
export interface RefusedCommand extends Orphan {
  /** The error without type and line end. */
  readonly text: string;
}

/** Entries behind which their client has another one that is no read. */
export function overtakenIn(pending: Pending): Set<number> {
  const writers = new Set<number>();
  const overtaken = new Set<number>();
  for (let entry = pending.tail - 1; entry >= pending.head; entry--) {
    const slot = entry & pending.mask;
    const affinity = pending.affinities[slot]!;
    if (writers.has(affinity)) overtaken.add(entry);
    if (!pending.specs[slot]!.isRead) writers.add(affinity);
  }
  return overtaken;
}
