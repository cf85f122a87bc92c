/** Which commands make a key as it is: what a rewritten append-only file says of it. */
import type { Database } from './keyspace.ts';
import { Kind } from './types.ts';

type Say = (words: readonly (string | Buffer)[]) => void;

export function describe(database: Database, entry: number, say: Say): void {
  const key = Buffer.from(database.arena.view(database.dict.keyOf(entry)));
  if (database.kindOf(entry) === Kind.string) {
    const { bytes, start, end } = database.stringOf(entry);
    say(['SET', key, bytes.subarray(start, end)]);
  }
  if (database.expires(entry)) say(['PEXPIREAT', key, String(database.expiresAt(entry))]);
}
