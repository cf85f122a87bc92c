/** Which commands make a key as it is: what a rewritten append-only file says of it. */

import type { Database } from '../keyspace.ts';
import { Kind } from '../types.ts';
import type { HashValue } from '../values/hash.ts';
import type { List } from '../values/list.ts';
import type { SetValue } from '../values/set.ts';
import type { SortedSet } from '../values/sorted-set.ts';
import type { Stream } from '../values/stream.ts';
import { describeHash, describeSet, type Say } from './describe-members.ts';
import { describeList } from './list-describe.ts';
import { describeSortedSet } from './sorted-set-describe.ts';
import { describeStream } from './stream-describe.ts';

export function describe(database: Database, entry: number, say: Say): void {
  const key = Buffer.from(database.arena.view(database.dict.keyOf(entry)));
  const kind = database.kindOf(entry);
  switch (kind) {
    case Kind.string: {
      const { bytes, start, end } = database.stringOf(entry);
      say(['SET', key, bytes.subarray(start, end)]);
      break;
    }
    case Kind.list:
      describeList(key, database.objectOf(entry) as List, say);
      break;
    case Kind.set:
      describeSet(database.objectOf(entry) as SetValue, key, say);
      break;
    case Kind.zset:
      describeSortedSet(key, database.objectOf(entry) as SortedSet, say);
      break;
    case Kind.hash:
      describeHash(database.objectOf(entry) as HashValue, key, say);
      break;
    case Kind.stream:
      describeStream(database.objectOf(entry) as Stream, key, say);
      break;
  }
  if (database.expires(entry)) say(['PEXPIREAT', key, String(database.expiresAt(entry))]);
}
