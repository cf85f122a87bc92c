/** The event loops that serve clients, however many there are, as the rest of the program sees them. */
import type { Snapshot } from '../admin/snapshot.ts';

export interface Workers {
  /** As bound, by listener name. */
  readonly addresses: Readonly<Record<string, string>>;
  /** One snapshot per worker. */
  gather(): Promise<readonly Snapshot[]>;
  drain(): Promise<void>;
  close(): Promise<void>;
}
