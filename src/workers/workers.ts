/** The event loops that serve clients, however many there are, as the rest of the program sees them. */
import type { Snapshot } from '../admin/snapshot.ts';
import type { Config } from '../config/config.ts';

export interface Workers {
  /** As bound, by listener name. */
  readonly addresses: Readonly<Record<string, string>>;
  /** One snapshot per worker. */
  gather(): Promise<readonly Snapshot[]>;
  /** Opens what `config` has and the one in force has not; rejects, with nothing changed, if that fails. */
  prepare(config: Config): Promise<void>;
  /** Puts in force what was prepared. */
  commit(): Promise<void>;
  /** Closes what was prepared. */
  abort(): Promise<void>;
  drain(): Promise<void>;
  close(): Promise<void>;
}
