/** COPY (https://redis.io/docs/latest/commands/copy/). */
import { type Call, type Handler, Notify } from '../call.ts';
import { SAME_OBJECTS, SYNTAX } from '../errors.ts';
import type { Database } from '../keyspace.ts';
import { databaseAt } from './database-argument.ts';

interface CopyRequest {
  readonly target: Database;
  readonly replaces: boolean;
}

/** Null: wrong, and the client has been told. */
function readRequest(call: Call): CopyRequest | null {
  let target = call.db;
  let replaces = false;
  for (let i = 3; i < call.argc; i++) {
    if (call.is(i, 'replace')) replaces = true;
    else if (call.is(i, 'db') && i + 1 < call.argc) {
      const found = databaseAt(call, ++i);
      if (found === null) return null;
      target = found;
    } else {
      call.reply.error(SYNTAX);
      return null;
    }
  }
  return { target, replaces };
}

function copy(call: Call): void {
  const { db, bytes, engine, reply } = call;
  const request = readRequest(call);
  if (request === null) return;
  const { target, replaces } = request;
  const start = call.start(2);
  const end = call.end(2);
  if (target === db && bytes.compare(bytes, start, end, call.start(1), call.end(1)) === 0) {
    reply.error(SAME_OBJECTS);
    return;
  }
  const entry = call.read(1);
  const other = entry < 0 ? -1 : target.find(bytes, start, end);
  if (entry < 0 || (other >= 0 && !replaces)) {
    reply.integer(0);
    return;
  }
  const value = db.copyOf(entry);
  if (other >= 0) target.remove(other);
  target.put(bytes, start, end, value);
  call.dirty++;
  target.changed(bytes, start, end);
  engine.notify(Notify.generic, 'copy_to', target, bytes, start, end);
  reply.integer(1);
}

export const COPY_COMMANDS: Readonly<Record<string, Handler>> = { copy };
