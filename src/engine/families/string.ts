/** Strings (https://redis.io/docs/latest/commands/?group=string). */
import { type Call, type Handler, Notify } from '../call.ts';
import { invalidExpire, NOT_INTEGER, OVERFLOW, SYNTAX, WRONG_TYPE } from '../errors.ts';
import { addIntegers, parseInteger } from '../numbers.ts';
import { Kind } from '../types.ts';

function get(call: Call): void {
  const entry = call.read(1);
  if (entry < 0) call.reply.null();
  else replyString(call, entry);
}

/** The string of an entry, or that it is none. */
function replyString({ db, reply }: Call, entry: number): void {
  if (db.kindOf(entry) !== Kind.string) {
    reply.error(WRONG_TYPE);
    return;
  }
  const { bytes, start, end } = db.stringOf(entry);
  reply.bulk(bytes, start, end);
}

/** What SET was told behind its value. */
interface SetOptions {
  /** 0: none, milliseconds since 1970 else. */
  expiresAt: number;
  keepsExpiry: boolean;
  onlyNew: boolean;
  onlyOld: boolean;
  gets: boolean;
}

const PLAIN: SetOptions = {
  expiresAt: 0,
  keepsExpiry: false,
  onlyNew: false,
  onlyOld: false,
  gets: false,
};

function set(call: Call): void {
  const options = call.argc === 3 ? PLAIN : readSetOptions(call);
  if (options === null) return;
  const { db, reply } = call;
  const entry = call.write(1);
  if (options.gets && entry >= 0 && db.kindOf(entry) !== Kind.string) {
    reply.error(WRONG_TYPE);
    return;
  }
  if (options.gets) {
    if (entry < 0) reply.null();
    else replyString(call, entry);
  }
  if ((options.onlyNew && entry >= 0) || (options.onlyOld && entry < 0)) {
    if (!options.gets) reply.null();
    return;
  }
  store(call, entry, 2);
  const kept = db.find(call.bytes, call.start(1), call.end(1));
  if (options.expiresAt !== 0) expire(call, kept, options.expiresAt);
  else if (!options.keepsExpiry) db.clearExpiry(kept);
  if (!options.gets) reply.ok();
}

/** Puts the argument at `value` under the key at 1, whose entry is known. */
function store(call: Call, entry: number, value: number): void {
  const { db, bytes } = call;
  const start = call.start(value);
  const end = call.end(value);
  if (entry < 0) db.addString(bytes, call.start(1), call.end(1), bytes, start, end);
  else db.replaceString(entry, bytes, start, end);
  call.changed(1, Notify.string, 'set');
}

function expire(call: Call, entry: number, at: number): void {
  call.db.setExpiry(entry, at);
  const start = call.start(1);
  call.engine.notify(Notify.generic, 'expire', call.db, call.bytes, start, call.end(1));
}

/** Null: wrong, and the client has been told. */
function readSetOptions(call: Call): SetOptions | null {
  const options = { ...PLAIN };
  let hasExpiry = false;
  for (let i = 3; i < call.argc; i++) {
    if (call.is(i, 'nx') && !options.onlyOld) options.onlyNew = true;
    else if (call.is(i, 'xx') && !options.onlyNew) options.onlyOld = true;
    else if (call.is(i, 'get')) options.gets = true;
    else if (call.is(i, 'keepttl') && !hasExpiry) options.keepsExpiry = true;
    else {
      const at = i + 1 < call.argc && !hasExpiry && !options.keepsExpiry ? unitOf(call, i) : null;
      if (at === null) {
        call.reply.error(SYNTAX);
        return null;
      }
      const expiresAt = readExpiry(call, ++i, at);
      if (expiresAt === null) return null;
      options.expiresAt = expiresAt;
      hasExpiry = true;
    }
  }
  return options;
}

interface Unit {
  readonly ms: number;
  readonly isAbsolute: boolean;
}

function unitOf(call: Call, index: number): Unit | null {
  if (call.is(index, 'ex')) return { ms: 1000, isAbsolute: false };
  if (call.is(index, 'px')) return { ms: 1, isAbsolute: false };
  if (call.is(index, 'exat')) return { ms: 1000, isAbsolute: true };
  if (call.is(index, 'pxat')) return { ms: 1, isAbsolute: true };
  return null;
}

/** Milliseconds since 1970. */
function readExpiry(call: Call, index: number, { ms, isAbsolute }: Unit): number | null {
  const value = call.integer(index);
  if (value === null) {
    call.reply.error(NOT_INTEGER);
    return null;
  }
  const at = BigInt(value) * BigInt(ms) + (isAbsolute ? 0n : BigInt(call.now));
  if (value <= 0 || at > 2n ** 63n - 1n) {
    call.reply.error(invalidExpire(call.command.spec.name));
    return null;
  }
  return Number(at);
}

function increment(call: Call, by: number | bigint): void {
  const { db, reply } = call;
  const entry = call.write(1);
  let before: number | bigint | null = 0;
  if (entry >= 0) {
    if (db.kindOf(entry) !== Kind.string) {
      reply.error(WRONG_TYPE);
      return;
    }
    const small = db.smallOf(entry);
    if (Number.isNaN(small)) {
      const view = db.stringOf(entry);
      before = parseInteger(view.bytes, view.start, view.end);
    } else before = small;
  }
  if (before === null) {
    reply.error(NOT_INTEGER);
    return;
  }
  const after = addIntegers(before, by);
  if (after === null) {
    reply.error(OVERFLOW);
    return;
  }
  const target = entry < 0 ? db.addNumber(call.bytes, call.start(1), call.end(1)) : entry;
  db.setInteger(target, after);
  call.changed(1, Notify.string, 'incrby');
  if (typeof after === 'number') reply.integer(after);
  else reply.bigInteger(after);
}

function incr(call: Call): void {
  increment(call, 1);
}

function decr(call: Call): void {
  increment(call, -1);
}

export const STRING_COMMANDS: Readonly<Record<string, Handler>> = { get, set, incr, decr };
