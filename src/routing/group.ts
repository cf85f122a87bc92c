/** One `upstreams:` entry as the router sees it: several servers, and the rule which key is where. */
import type { Backend } from '../backend/backend.ts';

export interface Group {
  readonly name: string;
  /** The one server that has every key; null if there are several. */
  readonly only: Backend | null;
  /** The server of a key; null when none is there to take it. */
  serverOf(bytes: Buffer, start: number, end: number): Backend | null;
  /** Some server, for commands without keys that any server answers alike. */
  any(): Backend | null;
  /** All servers, in the order of the configuration. */
  readonly servers: readonly Backend[];
  close(): Promise<void>;
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
