/** Reading or writing fields together with when they expire (Redis 8.0, https://redis.io/docs/latest/commands/hgetex/). */
import { type Call, type Handler, Notify } from '../call.ts';
import { invalidExpire, NOT_INTEGER } from '../errors.ts';
import type { HashValue } from '../values/hash.ts';
import { replyValueOf } from './hash.ts';
import { openHash, writeHash } from './hash-access.ts';
import {
  BAD_FIELDS,
  NO_FIELDS,
  readFields,
  TIME_MAX,
  tellDeleted,
  tellExpired,
  type Unit,
  WRONG_FIELDS,
} from './hash-expiry.ts';

const ONE_CONDITION = 'ERR Only one of FXX or FNX arguments can be specified';

const UNITS: Readonly<Record<string, Unit>> = {
  ex: { ms: 1000, isAbsolute: false },
  px: { ms: 1, isAbsolute: false },
  exat: { ms: 1000, isAbsolute: true },
  pxat: { ms: 1, isAbsolute: true },
};

interface Options {
  /** Of all the fields: none may be there, or none may be missing. */
  condition: 'fnx' | 'fxx' | null;
  /** Milliseconds since 1970; null: nothing was said of it. */
  expiresAt: number | null;
  /** KEEPTTL of one command, PERSIST of the other. */
  isLeft: boolean;
  /** The first field. */
  first: number;
}

/** What stands between the key and its fields, each of which has `perField` arguments. Null: wrong, and the client has been told. */
function readOptions(call: Call, word: 'keepttl' | 'persist', perField: number): Options | null {
  const options: Options = { condition: null, expiresAt: null, isLeft: false, first: -1 };
  for (let i = 2; i < call.argc; i++) {
    const unit = Object.keys(UNITS).find((name) => call.is(i, name));
    if (call.is(i, 'fields'))
      return readFieldCount(call, i, perField) ? { ...options, first: i + 2 } : null;
    if (perField === 2 && (call.is(i, 'fnx') || call.is(i, 'fxx'))) {
      if (options.condition !== null) return refuse(call, ONE_CONDITION);
      options.condition = call.is(i, 'fnx') ? 'fnx' : 'fxx';
    } else if (unit !== undefined || call.is(i, word)) {
      if (options.isLeft || options.expiresAt !== null) return refuse(call, oneTime(word));
      if (unit === undefined) options.isLeft = true;
      else {
        options.expiresAt = readTime(call, ++i, UNITS[unit]!);
        if (options.expiresAt === null) return null;
      }
    } else return refuse(call, `ERR unknown argument: ${call.text(i)}`);
  }
  return refuse(call, NO_FIELDS);
}

function refuse(call: Call, error: string): null {
  call.reply.error(error);
  return null;
}

function oneTime(word: string): string {
  return `ERR Only one of EX, PX, EXAT, PXAT or ${word.toUpperCase()} arguments can be specified`;
}

function readFieldCount(call: Call, at: number, perField: number): boolean {
  const count = at + 1 < call.argc ? call.count(at + 1) : null;
  if (count === null || count < 1) call.reply.error(BAD_FIELDS);
  else if (count * perField !== call.argc - at - 2) call.reply.error(WRONG_FIELDS);
  else return true;
  return false;
}

/** Null: wrong, and the client has been told. */
function readTime(call: Call, index: number, { ms, isAbsolute }: Unit): number | null {
  if (index >= call.argc) return refuse(call, 'ERR missing expire time');
  const given = call.count(index);
  if (given === null) return refuse(call, NOT_INTEGER);
  const at = given * ms + (isAbsolute ? 0 : call.now);
  if (given > 0 && at <= TIME_MAX) return at;
  return refuse(call, invalidExpire(call.command.spec.name));
}

function hgetdel(call: Call): void {
  const hash = writeHash(call);
  if (hash === null) return;
  const first = readFields(call, 2, BAD_FIELDS);
  if (first < 0) return;
  call.reply.array(call.argc - first);
  const deleted: Buffer[] = [];
  for (let i = first; i < call.argc; i++) {
    replyValueOf(call, hash, i);
    const slot = hash?.find(call.bytes, call.start(i), call.end(i)) ?? -1;
    if (hash === undefined || slot < 0) continue;
    hash.remove(slot);
    deleted.push(call.copyOf(i));
  }
  if (hash !== undefined) tellDeleted(call, hash, deleted);
}

function hgetex(call: Call): void {
  const hash = writeHash(call);
  if (hash === null) return;
  const options = readOptions(call, 'persist', 1);
  if (options === null) return;
  const { first, expiresAt, isLeft } = options;
  call.reply.array(call.argc - first);
  const persisted: Buffer[] = [];
  for (let i = first; i < call.argc; i++) {
    replyValueOf(call, hash, i);
    const slot = hash?.find(call.bytes, call.start(i), call.end(i)) ?? -1;
    if (isLeft && slot >= 0 && hash?.persist(slot)) persisted.push(call.copyOf(i));
  }
  if (hash !== undefined && expiresAt !== null) expireThem(call, hash, first, 1, expiresAt);
  if (persisted.length === 0) return;
  call.changed(1, Notify.hash, 'hpersist');
  call.dirty += persisted.length - 1;
  const count = String(persisted.length);
  call.rewrite('HPERSIST', call.copyOf(1), 'FIELDS', count, ...persisted);
}

/** Lets the fields from `first` on, each so many arguments, expire; those whose time is past go at once. */
function expireThem(call: Call, hash: HashValue, first: number, step: number, at: number): void {
  const fields: Buffer[] = [];
  for (let i = first; i < call.argc; i += step) {
    const slot = hash.find(call.bytes, call.start(i), call.end(i));
    if (slot < 0) continue;
    if (at <= call.now) hash.remove(slot);
    else hash.expire(slot, at);
    fields.push(call.copyOf(i));
  }
  if (at <= call.now) tellDeleted(call, hash, fields);
  else tellExpired(call, at, fields);
}

function hsetex(call: Call): void {
  const { bytes, reply } = call;
  const found = writeHash(call);
  if (found === null) return;
  const options = readOptions(call, 'keepttl', 2);
  if (options === null) return;
  if (!isMet(call, found, options)) {
    reply.integer(0);
    return;
  }
  const hash = found ?? openHash(call);
  if (hash === null) return;
  const { first, expiresAt, isLeft } = options;
  for (let i = first; i < call.argc; i += 2) {
    const start = call.start(i);
    const end = call.end(i);
    const isNew = hash.set(bytes, start, end, bytes, call.start(i + 1), call.end(i + 1));
    if (!isNew && !isLeft && hash.nextExpiry !== Infinity)
      hash.persist(hash.find(bytes, start, end));
  }
  call.changed(1, Notify.hash, 'hset');
  call.dirty += (call.argc - first) / 2 - 1;
  if (expiresAt !== null) {
    const pairs = Array.from({ length: call.argc - first }, (_none, i) => call.copyOf(first + i));
    call.rewrite('HSET', call.copyOf(1), ...pairs);
    expireThem(call, hash, first, 2, expiresAt);
  }
  reply.integer(1);
}

function isMet(call: Call, hash: HashValue | undefined, { condition, first }: Options): boolean {
  if (condition === null) return true;
  for (let i = first; i < call.argc; i += 2) {
    const slot = hash?.find(call.bytes, call.start(i), call.end(i)) ?? -1;
    if (slot >= 0 !== (condition === 'fxx')) return false;
  }
  return true;
}

export const HASH_COMBINED_COMMANDS: Readonly<Record<string, Handler>> = {
  hgetdel,
  hgetex,
  hsetex,
};
