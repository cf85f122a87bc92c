/** Which commands make a key as it is: what a rewritten append-only file says of it. */
import { describeList } from './families/list-describe.ts';
import type { Database } from './keyspace.ts';
import { Kind } from './types.ts';
import type { List } from './values/list.ts';

type Say = (words: readonly (string | Buffer)[]) => void;

export function describe(database: Database, entry: number, say: Say): void {
  const key = Buffer.from(database.arena.view(database.dict.keyOf(entry)));
  const kind = database.kindOf(entry);
  if (kind === Kind.list) describeList(key, database.objectOf(entry) as List, say);
  else if (kind === Kind.string) {
    const { bytes, start, end } = database.stringOf(entry);
    say(['SET', key, bytes.subarray(start, end)]);
  }
  if (database.expires(entry)) say(['PEXPIREAT', key, String(database.expiresAt(entry))]);
}
