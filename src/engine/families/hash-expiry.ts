/** When fields of a hash expire (Redis 7.4, https://redis.io/docs/latest/commands/hexpire/). */
import { type Call, type Handler, Notify } from '../call.ts';
import { invalidExpire, NOT_INTEGER } from '../errors.ts';
import type { HashValue } from '../values/hash.ts';
import { readHash, removeIfEmpty, writeHash } from './hash-access.ts';

export const NO_FIELDS = 'ERR Mandatory argument FIELDS is missing or not at the right position';
export const WRONG_FIELDS = 'ERR The `numfields` parameter must match the number of arguments';
export const BAD_FIELDS = 'ERR Number of fields must be a positive integer';
const BAD_EXPIRE_FIELDS = 'ERR Parameter `numFields` should be greater than 0';
const NEGATIVE = 'ERR invalid expire time, must be >= 0';

/** The latest time a field can expire at, in milliseconds since 1970: Redis has 46 bits for it. */
export const TIME_MAX: number = 2 ** 46 - 1;

/** What a command says of one field. */
const NO_FIELD = -2;
const NO_EXPIRY = -1;
const NOT_MET = 0;
const DONE = 1;
const DELETED = 2;

/** In which unit times are given, and from when on they count. */
export interface Unit {
  readonly ms: number;
  readonly isAbsolute: boolean;
}

type Condition = 'always' | 'nx' | 'xx' | 'gt' | 'lt';
const CONDITIONS: readonly Condition[] = ['nx', 'xx', 'gt', 'lt'];

/** Where the fields are behind FIELDS and their number at `at`; -1: wrong, and the client has been told. */
export function readFields(call: Call, at: number, badNumber: string): number {
  const { reply } = call;
  if (at + 1 >= call.argc || !call.is(at, 'fields')) {
    reply.error(NO_FIELDS);
    return -1;
  }
  const count = call.count(at + 1);
  if (count === null || count < 1) {
    reply.error(badNumber);
    return -1;
  }
  if (count !== call.argc - at - 2) {
    reply.error(WRONG_FIELDS);
    return -1;
  }
  return at + 2;
}

/** Milliseconds since 1970; null: wrong, and the client has been told. */
export function readTime(call: Call, index: number, { ms, isAbsolute }: Unit): number | null {
  const given = call.count(index);
  const base = isAbsolute ? 0 : call.now;
  if (given === null) call.reply.error(NOT_INTEGER);
  else if (given < 0) call.reply.error(NEGATIVE);
  else if (given * ms > TIME_MAX - base) call.reply.error(invalidExpire(call.command.spec.name));
  else return given * ms + base;
  return null;
}

function hexpireWith(unit: Unit): Handler {
  return (call) => {
    const hash = writeHash(call);
    if (hash === null) return;
    const at = readTime(call, 2, unit);
    if (at === null) return;
    const condition = CONDITIONS.find((word) => call.is(3, word)) ?? 'always';
    const first = readFields(call, condition === 'always' ? 3 : 4, BAD_EXPIRE_FIELDS);
    if (first < 0) return;
    call.reply.array(call.argc - first);
    if (hash === undefined) {
      for (let i = first; i < call.argc; i++) call.reply.integer(NO_FIELD);
      return;
    }
    expireAll(call, hash, at, condition, first);
  };
}

function expireAll(
  call: Call,
  hash: HashValue,
  at: number,
  condition: Condition,
  first: number,
): void {
  const expired: Buffer[] = [];
  const deleted: Buffer[] = [];
  for (let i = first; i < call.argc; i++) {
    const done = expireOne(call, hash, i, at, condition);
    call.reply.integer(done);
    if (done === DONE) expired.push(call.copyOf(i));
    else if (done === DELETED) deleted.push(call.copyOf(i));
  }
  tellExpired(call, at, expired);
  tellDeleted(call, hash, deleted);
}

/** Fields expire at a time: tells whoever has to know. */
export function tellExpired(call: Call, at: number, fields: readonly Buffer[]): void {
  if (fields.length === 0) return;
  call.db.expireFields(call.write(1));
  call.changed(1, Notify.hash, 'hexpire');
  call.dirty += fields.length - 1;
  call.rewrite(
    'HPEXPIREAT',
    call.copyOf(1),
    String(at),
    'FIELDS',
    String(fields.length),
    ...fields,
  );
}

/** Fields were removed: tells whoever has to know. */
export function tellDeleted(call: Call, hash: HashValue, fields: readonly Buffer[]): void {
  if (fields.length === 0) return;
  call.changed(1, Notify.hash, 'hdel');
  call.dirty += fields.length - 1;
  call.rewrite('HDEL', call.copyOf(1), ...fields);
  removeIfEmpty(call, hash);
}

function expireOne(
  call: Call,
  hash: HashValue,
  index: number,
  at: number,
  condition: Condition,
): number {
  const slot = hash.find(call.bytes, call.start(index), call.end(index));
  if (slot < 0) return NO_FIELD;
  if (!isMet(condition, hash.expiresAt(slot), at)) return NOT_MET;
  if (at <= call.now) {
    hash.remove(slot);
    return DELETED;
  }
  hash.expire(slot, at);
  return DONE;
}

/** `before`: 0: never, which is later than any time. */
function isMet(condition: Condition, before: number, at: number): boolean {
  switch (condition) {
    case 'nx':
      return before === 0;
    case 'xx':
      return before !== 0;
    case 'gt':
      return before !== 0 && at > before;
    case 'lt':
      return before === 0 || at < before;
    case 'always':
      return true;
  }
}

/** What is left, or, `isAbsolute`, the time itself. */
function remainingIn({ ms, isAbsolute }: Unit): Handler {
  return (call) => {
    const hash = readHash(call);
    if (hash === null) return;
    const first = readFields(call, 2, BAD_FIELDS);
    if (first < 0) return;
    call.reply.array(call.argc - first);
    for (let i = first; i < call.argc; i++) {
      const slot = hash?.find(call.bytes, call.start(i), call.end(i)) ?? -1;
      const at = slot < 0 ? 0 : (hash?.expiresAt(slot) ?? 0);
      const shown = isAbsolute ? at : at - call.now;
      if (slot < 0) call.reply.integer(NO_FIELD);
      else if (at === 0) call.reply.integer(NO_EXPIRY);
      else call.reply.integer(Math.floor((shown + ms - 1) / ms));
    }
  };
}

function hpersist(call: Call): void {
  const hash = writeHash(call);
  if (hash === null) return;
  const first = readFields(call, 2, BAD_FIELDS);
  if (first < 0) return;
  let count = 0;
  call.reply.array(call.argc - first);
  for (let i = first; i < call.argc; i++) {
    const slot = hash?.find(call.bytes, call.start(i), call.end(i)) ?? -1;
    if (hash === undefined || slot < 0) call.reply.integer(NO_FIELD);
    else if (hash.persist(slot)) {
      count++;
      call.reply.integer(DONE);
    } else call.reply.integer(NO_EXPIRY);
  }
  if (count === 0) return;
  call.changed(1, Notify.hash, 'hpersist');
  call.dirty += count - 1;
}

export const HASH_EXPIRY_COMMANDS: Readonly<Record<string, Handler>> = {
  hexpire: hexpireWith({ ms: 1000, isAbsolute: false }),
  hpexpire: hexpireWith({ ms: 1, isAbsolute: false }),
  hexpireat: hexpireWith({ ms: 1000, isAbsolute: true }),
  hpexpireat: hexpireWith({ ms: 1, isAbsolute: true }),
  httl: remainingIn({ ms: 1000, isAbsolute: false }),
  hpttl: remainingIn({ ms: 1, isAbsolute: false }),
  hexpiretime: remainingIn({ ms: 1000, isAbsolute: true }),
  hpexpiretime: remainingIn({ ms: 1, isAbsolute: true }),
  hpersist,
};
