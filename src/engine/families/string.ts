/** Strings as a whole (https://redis.io/docs/latest/commands/?group=string). */
import { wrongNumberOfArguments } from '../../resp/errors.ts';
import { type Call, type Handler, Notify } from '../call.ts';
import { invalidExpire, NOT_INTEGER, SYNTAX } from '../errors.ts';
import { INT64_MAX } from '../numbers.ts';
import { Kind } from '../types.ts';
import { isString, putArgument, replyString } from './string-access.ts';

function get(call: Call): void {
  const entry = call.read(1);
  if (entry < 0) call.reply.null();
  else if (isString(call, entry)) replyString(call, entry);
}

const NO_UNIT = 0;
const SECONDS = 1;
const MILLISECONDS = 2;
const AT_SECONDS = 3;
const AT_MILLISECONDS = 4;

/** What a command was told behind its key and value. One for all: a command is over before the next begins. */
const told = {
  unit: NO_UNIT,
  /** Argument that the time is in. */
  time: 0,
  keepsExpiry: false,
  persists: false,
  onlyNew: false,
  onlyOld: false,
  gets: false,
};

function forgetTold(): void {
  told.unit = NO_UNIT;
  told.keepsExpiry = false;
  told.persists = false;
  told.onlyNew = false;
  told.onlyOld = false;
  told.gets = false;
}

/** False: wrong, and the client has been told. */
function readOptions(call: Call, from: number, isSet: boolean): boolean {
  forgetTold();
  for (let i = from; i < call.argc; i++) {
    const unit = unitOf(call, i);
    if (unit !== NO_UNIT) {
      if (i + 1 === call.argc || !mayExpire(unit)) return refuseSyntax(call);
      told.unit = unit;
      told.time = ++i;
    } else if (!(isSet ? readSetWord(call, i) : readGetexWord(call, i))) {
      return refuseSyntax(call);
    }
  }
  return true;
}

function mayExpire(unit: number): boolean {
  // The same unit twice is allowed; the last one counts.
  return !told.keepsExpiry && !told.persists && (told.unit === NO_UNIT || told.unit === unit);
}

function readSetWord(call: Call, index: number): boolean {
  if (call.is(index, 'nx') && !told.onlyOld) told.onlyNew = true;
  else if (call.is(index, 'xx') && !told.onlyNew) told.onlyOld = true;
  else if (call.is(index, 'get')) told.gets = true;
  else if (call.is(index, 'keepttl') && told.unit === NO_UNIT) told.keepsExpiry = true;
  else return false;
  return true;
}

function readGetexWord(call: Call, index: number): boolean {
  if (!call.is(index, 'persist') || told.unit !== NO_UNIT) return false;
  told.persists = true;
  return true;
}

function refuseSyntax(call: Call): false {
  call.reply.error(SYNTAX);
  return false;
}

function unitOf(call: Call, index: number): number {
  const length = call.length(index);
  if (length !== 2 && length !== 4) return NO_UNIT;
  if (call.is(index, 'ex')) return SECONDS;
  if (call.is(index, 'px')) return MILLISECONDS;
  if (call.is(index, 'exat')) return AT_SECONDS;
  if (call.is(index, 'pxat')) return AT_MILLISECONDS;
  return NO_UNIT;
}

/** The time at an argument in milliseconds since 1970; 0: it is wrong, and the client has been told. */
function readTime(call: Call, index: number, unit: number): number {
  const value = call.integer(index);
  if (value === null) {
    call.reply.error(NOT_INTEGER);
    return 0;
  }
  const factor = unit === SECONDS || unit === AT_SECONDS ? 1000 : 1;
  const since = unit === SECONDS || unit === MILLISECONDS ? call.now : 0;
  const at = Number(value) * factor + since;
  if (value > 0 && Number.isSafeInteger(at)) return at;
  if (value <= 0 || BigInt(value) * BigInt(factor) + BigInt(since) > INT64_MAX) {
    call.reply.error(invalidExpire(call.command.spec.name));
    return 0;
  }
  return Math.min(at, LAST_TIME);
}

/** The last time that is a double and a 64-bit integer. */
const LAST_TIME = 2 ** 63 - 1024;

function set(call: Call): void {
  if (call.argc === 3) {
    const entry = putArgument(call, 1, call.write(1), 2);
    call.db.clearExpiry(entry);
    call.changed(1, Notify.string, 'set');
    call.reply.ok();
    return;
  }
  if (!readOptions(call, 3, true)) return;
  let expiresAt = 0;
  if (told.unit !== NO_UNIT) {
    expiresAt = readTime(call, told.time, told.unit);
    if (expiresAt === 0) return;
  }
  const entry = told.gets ? call.read(1) : call.write(1);
  if (told.gets && !replyOld(call, entry)) return;
  if ((told.onlyNew && entry >= 0) || (told.onlyOld && entry < 0)) {
    if (!told.gets) call.reply.null();
    return;
  }
  const { gets, keepsExpiry } = told;
  if (expiresAt !== 0) setExpiring(call, entry, 2, expiresAt);
  else setLasting(call, entry, keepsExpiry);
  if (!gets) call.reply.ok();
  else if (expiresAt === 0) rewriteWithoutGet(call);
}

/** What the key holds; false: it is no string. */
function replyOld(call: Call, entry: number): boolean {
  if (!isString(call, entry)) return false;
  if (entry < 0) call.reply.null();
  else replyString(call, entry);
  return true;
}

function setLasting(call: Call, entry: number, keepsExpiry: boolean): void {
  const target = putArgument(call, 1, entry, 2);
  if (!keepsExpiry) call.db.clearExpiry(target);
  call.changed(1, Notify.string, 'set');
}

/** In the file is when it expires, not how long it has: that would begin anew whenever the file is read. */
function setExpiring(call: Call, entry: number, value: number, at: number): void {
  const { db } = call;
  const target = putArgument(call, 1, entry, value);
  db.setExpiry(target, at);
  call.changed(1, Notify.string, 'set');
  call.engine.notify(Notify.generic, 'expire', db, call.bytes, call.start(1), call.end(1));
  if (call.engine.isKept) {
    call.rewrite('SET', call.arg(1), call.arg(value), 'PXAT', String(BigInt(at)));
  }
}

function rewriteWithoutGet(call: Call): void {
  const words = [];
  for (let i = 0; i < call.argc; i++) if (i < 3 || !call.is(i, 'get')) words.push(call.arg(i));
  call.rewrite(...words);
}

function setnx(call: Call): void {
  const entry = call.write(1);
  if (entry >= 0) {
    call.reply.integer(0);
    return;
  }
  setLasting(call, entry, true);
  call.reply.integer(1);
}

function setex(call: Call): void {
  setUntil(call, SECONDS);
}

function psetex(call: Call): void {
  setUntil(call, MILLISECONDS);
}

function setUntil(call: Call, unit: number): void {
  const at = readTime(call, 2, unit);
  if (at === 0) return;
  setExpiring(call, call.write(1), 3, at);
  call.reply.ok();
}

function getset(call: Call): void {
  const entry = call.read(1);
  if (!replyOld(call, entry)) return;
  setLasting(call, entry, false);
  call.rewrite('SET', call.arg(1), call.arg(2));
}

function getdel(call: Call): void {
  const entry = call.read(1);
  if (!replyOld(call, entry) || entry < 0) return;
  remove(call, entry);
}

function remove(call: Call, entry: number): void {
  call.db.remove(entry);
  call.changed(1, Notify.generic, 'del');
  call.rewrite('DEL', call.arg(1));
}

function getex(call: Call): void {
  if (!readOptions(call, 2, false)) return;
  const entry = call.read(1);
  if (entry < 0) {
    call.reply.null();
    return;
  }
  if (!isString(call, entry)) return;
  const { db } = call;
  if (told.unit === NO_UNIT) {
    replyString(call, entry);
    if (!told.persists || !db.expires(entry)) return;
    db.clearExpiry(entry);
    call.changed(1, Notify.generic, 'persist');
    call.rewrite('PERSIST', call.arg(1));
    return;
  }
  const at = readTime(call, told.time, told.unit);
  if (at === 0) return;
  replyString(call, entry);
  if (told.unit >= AT_SECONDS && at <= call.now) {
    remove(call, entry);
    return;
  }
  db.setExpiry(entry, at);
  call.changed(1, Notify.generic, 'expire');
  call.rewrite('PEXPIREAT', call.arg(1), String(BigInt(at)));
}

function mget(call: Call): void {
  const { db, reply, argc } = call;
  reply.array(argc - 1);
  for (let i = 1; i < argc; i++) {
    const entry = call.read(i);
    if (entry < 0 || db.kindOf(entry) !== Kind.string) reply.null();
    else replyString(call, entry);
  }
}

/** False: a value is missing, and the client has been told. */
function isPaired(call: Call): boolean {
  if (call.argc % 2 === 1) return true;
  call.reply.error(wrongNumberOfArguments(call.command.spec.name));
  return false;
}

function setPairs(call: Call): void {
  for (let i = 1; i < call.argc; i += 2) {
    const entry = putArgument(call, i, call.write(i), i + 1);
    call.db.clearExpiry(entry);
    call.changed(i, Notify.string, 'set');
  }
}

function mset(call: Call): void {
  if (!isPaired(call)) return;
  setPairs(call);
  call.reply.ok();
}

function msetnx(call: Call): void {
  if (!isPaired(call)) return;
  for (let i = 1; i < call.argc; i += 2) {
    if (call.write(i) < 0) continue;
    call.reply.integer(0);
    return;
  }
  setPairs(call);
  call.reply.integer(1);
}

/** What Redis does not call fast, since values may be long, but is. */
export const QUICK_STRING_COMMANDS: readonly string[] = ['set', 'setex', 'psetex'];

export const STRING_COMMANDS: Readonly<Record<string, Handler>> = {
  get,
  set,
  setnx,
  setex,
  psetex,
  getset,
  getdel,
  getex,
  mget,
  mset,
  msetnx,
};
