/** Values as bytes that other servers understand (https://redis.io/docs/latest/commands/dump/ and restore). */
import { type Call, type Handler, Notify } from '../call.ts';
import { NOT_INTEGER, SYNTAX } from '../errors.ts';
import { openPayload, writePayload } from '../rdb/payload.ts';
import { RdbError, RdbReader } from '../rdb/primitives.ts';
import { readValue } from '../rdb/read.ts';
import { type Collection, Kind } from '../types.ts';

const BUSY = 'BUSYKEY Target key name already exists.';
const BAD_TTL = 'ERR Invalid TTL value, must be >= 0';
const BAD_IDLE = 'ERR Invalid IDLETIME value, must be >= 0';
const BAD_FREQUENCY = 'ERR Invalid FREQ value, must be >= 0 and <= 255';
const BAD_PAYLOAD = 'ERR DUMP payload version or checksum are wrong';
const BAD_DATA = 'ERR Bad data format';

const FREQUENCY_MAX = 255;
/** The last time that is a double and a 64-bit integer. */
const LAST_TIME = 2 ** 63 - 1024;
const NONE_TOLD = -1;

/** What RESTORE was told. One for all: a command is over before the next begins. */
const told = { replaces: false, isAbsolute: false, idle: NONE_TOLD, frequency: NONE_TOLD };

function dump(call: Call): void {
  const { db, reply } = call;
  const entry = call.read(1);
  if (entry < 0 || !hasFields(call, entry)) {
    reply.null();
    return;
  }
  const payload = writePayload(db, entry);
  reply.bulk(payload, 0, payload.length);
}

/** False: it was a hash whose last fields have just expired. */
function hasFields({ db, engine, now }: Call, entry: number): boolean {
  if (db.kindOf(entry) !== Kind.hash) return true;
  const { nextExpiry = Infinity } = db.objectOf(entry);
  return nextExpiry > now || engine.expireFields(db, entry, Infinity);
}

/** False: wrong, and the client has been told. */
function readOptions(call: Call): boolean {
  told.replaces = false;
  told.isAbsolute = false;
  told.idle = NONE_TOLD;
  told.frequency = NONE_TOLD;
  for (let i = 4; i < call.argc; i++) {
    const isLast = i + 1 === call.argc;
    if (call.is(i, 'replace')) told.replaces = true;
    else if (call.is(i, 'absttl')) told.isAbsolute = true;
    else if (call.is(i, 'idletime') && !isLast && told.frequency === NONE_TOLD) {
      const idle = readNumber(call, ++i, Infinity, BAD_IDLE);
      if (idle === null) return false;
      told.idle = idle;
    } else if (call.is(i, 'freq') && !isLast && told.idle === NONE_TOLD) {
      const frequency = readNumber(call, ++i, FREQUENCY_MAX, BAD_FREQUENCY);
      if (frequency === null) return false;
      told.frequency = frequency;
    } else {
      call.reply.error(SYNTAX);
      return false;
    }
  }
  return true;
}

/** Null: wrong, and the client has been told. */
function readNumber(call: Call, index: number, most: number, fault: string): number | null {
  const value = call.count(index);
  if (value === null) call.reply.error(NOT_INTEGER);
  else if (value < 0 || value > most) call.reply.error(fault);
  else return value;
  return null;
}

function restore(call: Call): void {
  if (!readOptions(call)) return;
  const before = told.replaces ? -1 : call.write(1);
  const ttl = call.integer(2);
  if (before >= 0) call.reply.error(BUSY);
  else if (ttl === null) call.reply.error(NOT_INTEGER);
  else if (ttl < 0) call.reply.error(BAD_TTL);
  else {
    const value = readPayload(call);
    if (value !== null) put(call, value, expiryOf(call, ttl));
  }
}

/** Null: it is damaged, and the client has been told. */
function readPayload(call: Call): Buffer | Collection | null {
  const body = openPayload(call.arg(3));
  if (body === null) {
    call.reply.error(BAD_PAYLOAD);
    return null;
  }
  try {
    return readValue(new RdbReader(body), { arena: call.db.arena, settings: call.engine.settings });
  } catch (error) {
    if (!(error instanceof RdbError)) throw error;
    call.reply.error(BAD_DATA);
    return null;
  }
}

/** Milliseconds since 1970, beyond what 64 bits hold negative as in Redis; 0: never. */
function expiryOf({ now }: Call, ttl: number | bigint): number {
  if (ttl === 0) return 0;
  const since = told.isAbsolute ? 0n : BigInt(now);
  const at = Number(BigInt.asIntN(64, BigInt(ttl) + since));
  return Math.min(at, LAST_TIME);
}

function put(call: Call, value: Buffer | Collection, expiresAt: number): void {
  const { db, bytes, reply } = call;
  const start = call.start(1);
  const end = call.end(1);
  const before = told.replaces ? db.find(bytes, start, end) : -1;
  if (before >= 0) db.remove(before);
  reply.ok();
  if (expiresAt !== 0 && expiresAt <= call.now) {
    if (!Buffer.isBuffer(value)) db.discard(value);
    if (before < 0) return;
    call.changed(1, Notify.generic, 'del');
    call.rewrite('DEL', call.arg(1));
    return;
  }
  const entry = Buffer.isBuffer(value)
    ? db.addString(bytes, start, end, value, 0, value.length)
    : db.addObject(bytes, start, end, value);
  if (expiresAt !== 0) db.setExpiry(entry, expiresAt);
  mark(call, entry);
  call.changed(1, Notify.generic, 'restore');
  if (expiresAt !== 0 && !told.isAbsolute && call.engine.isKept) propagate(call, expiresAt);
}

/** How long it was not used, or how often it was, of which the policy of eviction wants one. */
function mark({ db, engine, now }: Call, entry: number): void {
  const { usage } = engine;
  if (usage.isFrequency) {
    if (told.frequency !== NONE_TOLD) {
      db.setClock(entry, usage.markOfFrequency(told.frequency, now));
    }
  } else if (told.idle !== NONE_TOLD) db.setClock(entry, usage.markOfIdle(told.idle, now));
}

/** In the file is when it expires, not how long it has: that would begin anew whenever the file is read. */
function propagate(call: Call, expiresAt: number): void {
  const words: (string | Buffer)[] = [];
  for (let i = 0; i < call.argc; i++) {
    words.push(i === 2 ? String(BigInt(expiresAt)) : call.arg(i));
  }
  call.rewrite(...words, 'ABSTTL');
}

export const DUMP_COMMANDS: Readonly<Record<string, Handler>> = { dump, restore };
