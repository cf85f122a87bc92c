/** Removes fields of hashes whose time has come: all of a hash that a command is about to look at, some of others now and then. */
import type { Database } from './keyspace.ts';
import { Kind } from './types.ts';
import type { HashValue } from './values/hash.ts';
import { Element } from './values/listpack.ts';

/** Hashes looked at in one go, and fields removed from each. */
const HASHES = 20;
const FIELDS = 100;

const element: Element = new Element();

/** Takes out up to `limit` fields that are due; their names. */
export function takeDueFields(hash: HashValue, now: number, limit: number): Buffer[] {
  const names: Buffer[] = [];
  while (names.length < limit) {
    const slot = hash.due(now);
    if (slot < 0) break;
    hash.readField(slot, element);
    names.push(Buffer.from(element.bytes.subarray(element.start, element.end)));
    hash.remove(slot);
  }
  return names;
}

/** Looks at some hashes of a database with fields that expire; true: there is more to do at once. */
export function sweepFields(
  database: Database,
  now: number,
  expire: (entry: number, limit: number) => boolean,
): boolean {
  const { fieldsExpiring } = database;
  let isBusy = false;
  let left = Math.min(HASHES, fieldsExpiring.size);
  for (const entry of fieldsExpiring) {
    if (left-- === 0) break;
    // Those that were looked at go to the end.
    fieldsExpiring.delete(entry);
    const next = database.kindOf(entry) === Kind.hash ? database.objectOf(entry).nextExpiry : null;
    if (next === undefined || next === null || next === Infinity) continue;
    fieldsExpiring.add(entry);
    if (next > now || !expire(entry, FIELDS)) continue;
    isBusy ||= (database.objectOf(entry).nextExpiry ?? Infinity) <= now;
  }
  return isBusy;
}
