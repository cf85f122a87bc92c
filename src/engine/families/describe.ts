/** Which commands make a key as it is: what a rewritten append-only file says of it. */

import type { Database } from '../keyspace.ts';
import { Kind } from '../types.ts';
import type { HashValue } from '../values/hash.ts';
import type { List } from '../values/list.ts';
import type { SetValue } from '../values/set.ts';
import type { SortedSet } from '../values/sorted-set.ts';
import type { Stream } from '../values/stream.ts';
import { type Description, describeHash, describeSet } from './describe-members.ts';
import { describeList } from './list-describe.ts';
import { describeSortedSet } from './sorted-set-describe.ts';
import { describeStream } from './stream-describe.ts';

export function* describe(database: Database, entry: number): Description {
  const key = Buffer.from(database.arena.view(database.dict.keyOf(entry)));
  const kind = database.kindOf(entry);
  switch (kind) {
    case Kind.string: {
      const { bytes, start, end } = database.stringOf(entry);
      yield ['SET', key, bytes.subarray(start, end)];
      break;
    }
    case Kind.list:
      yield* describeList(key, database.objectOf(entry) as List);
      break;
    case Kind.set:
      yield* describeSet(database.objectOf(entry) as SetValue, key);
      break;
    case Kind.zset:
      yield* describeSortedSet(key, database.objectOf(entry) as SortedSet);
      break;
    case Kind.hash:
      yield* describeHash(database.objectOf(entry) as HashValue, key);
      break;
    case Kind.stream:
      yield* describeStream(database.objectOf(entry) as Stream, key);
      break;
  }
  if (database.expires(entry)) yield ['PEXPIREAT', key, String(database.expiresAt(entry))];
}
