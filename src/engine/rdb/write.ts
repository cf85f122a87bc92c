/** Values as an RDB has them; what of them lies in memory in that form already is copied. */
import type { Database } from '../keyspace.ts';
import { Kind } from '../types.ts';
import type { HashValue } from '../values/hash.ts';
import type { List } from '../values/list.ts';
import { Element } from '../values/listpack.ts';
import type { SetValue } from '../values/set.ts';
import type { SortedSet } from '../values/sorted-set.ts';
import type { Stream } from '../values/stream.ts';
import { Container, RdbKind } from './kinds.ts';
import type { RdbWriter } from './primitives.ts';
import { writeStream } from './write-stream.ts';

/** Of Redis 7.0. */
const VERSION = 10;
/** Of Redis 7.4, the first that knows fields that expire: an older server must not take such a hash without. */
const EXPIRING_VERSION = 12;

const element: Element = new Element();
const valueElement: Element = new Element();

/** Writes the kind and the value of an entry; the version of RDB that it takes to read them. */
export function writeValue(database: Database, entry: number, writer: RdbWriter): number {
  switch (database.kindOf(entry)) {
    case Kind.string: {
      const { bytes, start, end } = database.stringOf(entry);
      writer.byte(RdbKind.string);
      writer.string(bytes, start, end);
      break;
    }
    case Kind.list:
      writeList(database.objectOf(entry) as List, writer);
      break;
    case Kind.set:
      writeSet(database.objectOf(entry) as SetValue, writer);
      break;
    case Kind.zset:
      writeSortedSet(database.objectOf(entry) as SortedSet, writer);
      break;
    case Kind.hash:
      return writeHash(database.objectOf(entry) as HashValue, writer);
    case Kind.stream:
      writer.byte(RdbKind.stream2);
      writeStream(database.objectOf(entry) as Stream, writer);
      break;
  }
  return VERSION;
}

function writeList(list: List, writer: RdbWriter): void {
  writer.byte(RdbKind.listNodes2);
  writer.length(list.nodeCount);
  for (const pack of list.packs()) {
    writer.length(Container.packed);
    writer.string(pack);
  }
}

/** A listpack of members is written out: only Redis 7.2 and later know one. */
function writeSet(set: SetValue, writer: RdbWriter): void {
  const { packed } = set;
  if (packed !== null && set.encoding === 'intset') {
    writer.byte(RdbKind.setIntset);
    writer.string(packed);
    return;
  }
  writer.byte(RdbKind.set);
  writer.length(set.size);
  set.some(element, () => {
    writer.string(element.bytes, element.start, element.end);
    return false;
  });
}

function writeSortedSet(set: SortedSet, writer: RdbWriter): void {
  const { pack } = set;
  if (pack !== null) {
    writer.byte(RdbKind.zsetListpack);
    writer.string(pack.view());
    return;
  }
  writer.byte(RdbKind.zset2);
  writer.length(set.size);
  // From the greatest on, as Redis: who reads them puts each in front of the others.
  for (let place = set.last(); place !== 0; place = set.previous(place)) {
    set.read(place, element);
    writer.string(element.bytes, element.start, element.end);
    writer.double(set.scoreAt(place));
  }
}

function writeHash(hash: HashValue, writer: RdbWriter): number {
  const { packed, nextExpiry } = hash;
  if (packed !== null) {
    writer.byte(RdbKind.hashListpack);
    writer.string(packed);
    return VERSION;
  }
  const expires = nextExpiry !== Infinity;
  writer.byte(expires ? RdbKind.hashExpiring : RdbKind.hash);
  if (expires) writer.time(nextExpiry);
  writer.length(hash.size);
  hash.forEach((slot) => {
    // 0: never; else how much later than the first one, and 1.
    const at = hash.expiresAt(slot);
    if (expires) writer.length(at === 0 ? 0 : at - nextExpiry + 1);
    hash.readField(slot, element);
    writer.string(element.bytes, element.start, element.end);
    hash.readValue(slot, valueElement);
    writer.string(valueElement.bytes, valueElement.start, valueElement.end);
  });
  return expires ? EXPIRING_VERSION : VERSION;
}
