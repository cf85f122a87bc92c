/** How commands come to the hash of a key, without the fields whose time has come. */
import type { Call } from '../call.ts';
import { WRONG_TYPE } from '../errors.ts';
import { Kind } from '../types.ts';
import { HashValue } from '../values/hash.ts';

/** For a command that reads. Undefined: there is none; null: it is none, and the client has been told. */
export function readHash(call: Call): HashValue | null | undefined {
  return hashOf(call, call.read(1));
}

/** The same for a command that writes. */
export function writeHash(call: Call): HashValue | null | undefined {
  return hashOf(call, call.write(1));
}

function hashOf(call: Call, entry: number): HashValue | null | undefined {
  if (entry < 0) return undefined;
  const { db } = call;
  if (db.kindOf(entry) !== Kind.hash) {
    call.reply.error(WRONG_TYPE);
    return null;
  }
  const hash = db.objectOf(entry) as HashValue;
  if (hash.nextExpiry > call.now) return hash;
  return call.engine.expireFields(db, entry, Infinity) ? hash : undefined;
}

/** A new, empty one where there is none. Null: the key holds something else, and the client has been told. */
export function openHash(call: Call): HashValue | null {
  const found = writeHash(call);
  if (found !== undefined) return found;
  const { db } = call;
  const hash = new HashValue(db.arena, call.engine.settings);
  db.addObject(call.bytes, call.start(1), call.end(1), hash);
  return hash;
}

/** After fields were removed: the key goes with the last of them. */
export function removeIfEmpty(call: Call, hash: HashValue): void {
  if (hash.size === 0) call.removeEmpty(1, call.write(1));
}
