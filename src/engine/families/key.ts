/** Keys whatever they hold (https://redis.io/docs/latest/commands/?group=generic). */
import { globMatches } from '../../core/glob.ts';
import { type Call, type Handler, Notify } from '../call.ts';
import { BAD_DATABASE, NO_SUCH_KEY, SAME_OBJECTS, SYNTAX } from '../errors.ts';
import type { Database } from '../keyspace.ts';
import { KIND_NAMES } from '../types.ts';
import { databaseAt } from './database-argument.ts';

function del(call: Call): void {
  const { db, bytes } = call;
  let count = 0;
  for (let i = 1; i < call.argc; i++) {
    const entry = db.find(bytes, call.start(i), call.end(i));
    if (entry < 0) continue;
    db.remove(entry);
    call.changed(i, Notify.generic, 'del');
    count++;
  }
  call.reply.integer(count);
}

function exists(call: Call): void {
  const { db, bytes } = call;
  let count = 0;
  for (let i = 1; i < call.argc; i++) {
    if (db.look(bytes, call.start(i), call.end(i)) >= 0) count++;
  }
  call.reply.integer(count);
}

function touch(call: Call): void {
  let count = 0;
  for (let i = 1; i < call.argc; i++) if (call.read(i) >= 0) count++;
  call.reply.integer(count);
}

function type(call: Call): void {
  const entry = call.db.look(call.bytes, call.start(1), call.end(1));
  call.reply.status(entry < 0 ? 'none' : KIND_NAMES[call.db.kindOf(entry)]!);
}

function rename(call: Call): void {
  if (move(call, call.db, 2, true) !== null) call.reply.ok();
}

function renamenx(call: Call): void {
  const isMoved = move(call, call.db, 2, false);
  if (isMoved !== null) call.reply.integer(isMoved ? 1 : 0);
}

/** The key at 1 becomes the key at `to`. Null: it is not there, and the client has been told. */
function move(call: Call, target: Database, to: number, replaces: boolean): boolean | null {
  const { db, bytes } = call;
  const entry = call.write(1);
  if (entry < 0) {
    call.reply.error(NO_SUCH_KEY);
    return null;
  }
  const start = call.start(to);
  const end = call.end(to);
  const other = target.find(bytes, start, end);
  if (other === entry && target === db) return replaces;
  if (other >= 0 && !replaces) return false;
  if (other >= 0) target.remove(other);
  target.put(bytes, start, end, db.take(entry));
  call.changed(1, Notify.generic, 'rename_from');
  call.changed(to, Notify.generic, 'rename_to');
  return true;
}

function moveToDatabase(call: Call): void {
  const { db, bytes, engine, reply } = call;
  const target = databaseAt(call, 2);
  if (target === null) return;
  if (target === db) {
    reply.error(SAME_OBJECTS);
    return;
  }
  const entry = call.write(1);
  const start = call.start(1);
  const end = call.end(1);
  if (entry < 0 || target.find(bytes, start, end) >= 0) {
    reply.integer(0);
    return;
  }
  target.put(bytes, start, end, db.take(entry));
  call.changed(1, Notify.generic, 'move_from');
  target.changed(bytes, start, end);
  engine.notify(Notify.generic, 'move_to', target, bytes, start, end);
  reply.integer(1);
}

function randomkey({ db, reply }: Call): void {
  while (db.size > 0) {
    const entry = db.dict.random();
    const key = db.dict.keyOf(entry);
    const bytes = db.arena.bufferOf(key);
    const start = db.arena.startOf(key);
    // One that has expired goes by being found.
    if (db.find(bytes, start, start + db.arena.lengthOf(key)) < 0) continue;
    reply.bulkRef(db.arena, key);
    return;
  }
  reply.null();
}

function keys(call: Call): void {
  const { db, reply, now } = call;
  const pattern = call.copyOf(1);
  const isAll = pattern.length === 1 && pattern[0] === 0x2a;
  const place = reply.openArray();
  let count = 0;
  db.dict.forEach((entry) => {
    if (db.expires(entry) && db.expiresAt(entry) <= now) return;
    const key = db.dict.keyOf(entry);
    const start = db.arena.startOf(key);
    const bytes = db.arena.bufferOf(key);
    const end = start + db.arena.lengthOf(key);
    if (!isAll && !globMatches(pattern, bytes, start, end)) return;
    reply.bulk(bytes, start, end);
    count++;
  });
  reply.closeArray(place, count);
}

function dbsize({ db, reply }: Call): void {
  reply.integer(db.size);
}

/** What FLUSHDB and FLUSHALL may be told; false: something else, and the client has been told. */
function readFlushMode(call: Call): boolean {
  if (call.argc === 1) return true;
  if (call.argc === 2 && (call.is(1, 'async') || call.is(1, 'sync'))) return true;
  call.reply.error(SYNTAX);
  return false;
}

function flushdb(call: Call): void {
  if (!readFlushMode(call)) return;
  call.engine.flush(call.db);
  call.dirty++;
  call.reply.ok();
}

function flushall(call: Call): void {
  if (!readFlushMode(call)) return;
  for (const database of call.engine.databases) call.engine.flush(database);
  call.dirty++;
  call.reply.ok();
}

function swapdb(call: Call): void {
  const { engine, reply } = call;
  const first = call.integer(1);
  const second = call.integer(2);
  if (first === null) reply.error('ERR invalid first DB index');
  else if (second === null) reply.error('ERR invalid second DB index');
  else if (!engine.swap(Number(first), Number(second))) reply.error(BAD_DATABASE);
  else {
    call.dirty++;
    reply.ok();
  }
}

export const KEY_COMMANDS: Readonly<Record<string, Handler>> = {
  del,
  unlink: del,
  exists,
  touch,
  type,
  rename,
  renamenx,
  move: moveToDatabase,
  randomkey,
  keys,
  dbsize,
  flushdb,
  flushall,
  swapdb,
};
