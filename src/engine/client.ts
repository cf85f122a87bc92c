/** Somebody whose commands the engine runs, and what it remembers of him between two of them. */
import type { Command } from '../commands/command.ts';

export class Client {
  /** Commands queued since MULTI; null: no MULTI. */
  queue: Command[] | null = null;
  /** A key he watches has changed: EXEC does nothing. */
  isDirty = false;
  /** Watched keys, `database:key`. */
  readonly watched: Set<string> = new Set();
  /** False: nobody in particular, who can neither watch nor wait. */
  readonly isOne: boolean;

  constructor(isOne: boolean) {
    this.isOne = isOne;
  }
}
