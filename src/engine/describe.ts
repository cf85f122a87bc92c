/** Which commands make a key as it is: what a rewritten append-only file says of it. */
import { describeHash, describeSet, type Say } from './families/describe-members.ts';
import type { Database } from './keyspace.ts';
import { Kind } from './types.ts';
import type { HashValue } from './values/hash.ts';
import type { SetValue } from './values/set.ts';

export function describe(database: Database, entry: number, say: Say): void {
  const key = Buffer.from(database.arena.view(database.dict.keyOf(entry)));
  if (database.kindOf(entry) === Kind.string) {
    const { bytes, start, end } = database.stringOf(entry);
    say(['SET', key, bytes.subarray(start, end)]);
  }
  if (database.kindOf(entry) === Kind.set) {
    describeSet(database.objectOf(entry) as SetValue, key, say);
  }
  if (database.kindOf(entry) === Kind.hash) {
    describeHash(database.objectOf(entry) as HashValue, key, say);
  }
  if (database.expires(entry)) say(['PEXPIREAT', key, String(database.expiresAt(entry))]);
}
