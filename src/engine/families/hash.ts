/** Hashes (https://redis.io/docs/latest/commands/?group=hash); when fields expire is in hash-expiry.ts. */
import { wrongNumberOfArguments } from '../../resp/errors.ts';
import { type Call, type Handler, Notify } from '../call.ts';
import type { HashValue } from '../values/hash.ts';
import { Element } from '../values/listpack.ts';
import { openHash, readHash, removeIfEmpty, writeHash } from './hash-access.ts';

const element: Element = new Element();

function hset(call: Call): void {
  const added = setAll(call);
  if (added !== null) call.reply.integer(added);
}

function hmset(call: Call): void {
  if (setAll(call) !== null) call.reply.ok();
}

/** How many fields are new; null: wrong, and the client has been told. */
function setAll(call: Call): number | null {
  const { argc, bytes } = call;
  if ((argc & 1) !== 0) {
    call.reply.error(wrongNumberOfArguments(call.command.spec.name));
    return null;
  }
  const hash = openHash(call);
  if (hash === null) return null;
  let added = 0;
  for (let i = 2; i < argc; i += 2) {
    const start = call.start(i);
    const end = call.end(i);
    if (hash.set(bytes, start, end, bytes, call.start(i + 1), call.end(i + 1))) added++;
    else if (hash.nextExpiry !== Infinity) hash.persist(hash.find(bytes, start, end));
  }
  call.changed(1, Notify.hash, 'hset');
  call.dirty += (argc - 2) / 2 - 1;
  return added;
}

function hsetnx(call: Call): void {
  const { bytes } = call;
  const hash = openHash(call);
  if (hash === null) return;
  const start = call.start(2);
  const end = call.end(2);
  if (hash.find(bytes, start, end) >= 0) {
    call.reply.integer(0);
    return;
  }
  hash.set(bytes, start, end, bytes, call.start(3), call.end(3));
  call.changed(1, Notify.hash, 'hset');
  call.reply.integer(1);
}

function replyField(call: Call, hash: HashValue, slot: number): void {
  hash.readField(slot, element);
  call.reply.bulk(element.bytes, element.start, element.end);
}

function replyValue(call: Call, hash: HashValue, slot: number): void {
  hash.readValue(slot, element);
  call.reply.bulk(element.bytes, element.start, element.end);
}

/** The value of the field at an argument, or null. */
export function replyValueOf(call: Call, hash: HashValue | undefined, index: number): void {
  const slot = hash?.find(call.bytes, call.start(index), call.end(index)) ?? -1;
  if (hash === undefined || slot < 0) call.reply.null();
  else replyValue(call, hash, slot);
}

function hget(call: Call): void {
  const hash = readHash(call);
  if (hash !== null) replyValueOf(call, hash, 2);
}

function hmget(call: Call): void {
  const hash = readHash(call);
  if (hash === null) return;
  call.reply.array(call.argc - 2);
  for (let i = 2; i < call.argc; i++) replyValueOf(call, hash, i);
}

function hgetall(call: Call): void {
  const hash = readHash(call);
  if (hash === null) return;
  call.reply.map(hash?.size ?? 0);
  hash?.forEach((slot) => {
    replyField(call, hash, slot);
    replyValue(call, hash, slot);
  });
}

function hkeys(call: Call): void {
  const hash = readHash(call);
  if (hash === null) return;
  call.reply.array(hash?.size ?? 0);
  hash?.forEach((slot) => {
    replyField(call, hash, slot);
  });
}

function hvals(call: Call): void {
  const hash = readHash(call);
  if (hash === null) return;
  call.reply.array(hash?.size ?? 0);
  hash?.forEach((slot) => {
    replyValue(call, hash, slot);
  });
}

function hlen(call: Call): void {
  const hash = readHash(call);
  if (hash !== null) call.reply.integer(hash?.size ?? 0);
}

function hexists(call: Call): void {
  const hash = readHash(call);
  if (hash === null) return;
  const slot = hash?.find(call.bytes, call.start(2), call.end(2)) ?? -1;
  call.reply.integer(slot < 0 ? 0 : 1);
}

function hstrlen(call: Call): void {
  const hash = readHash(call);
  if (hash === null) return;
  const slot = hash?.find(call.bytes, call.start(2), call.end(2)) ?? -1;
  if (hash === undefined || slot < 0) {
    call.reply.integer(0);
    return;
  }
  hash.readValue(slot, element);
  call.reply.integer(element.end - element.start);
}

function hdel(call: Call): void {
  const hash = writeHash(call);
  if (hash === null) return;
  let removed = 0;
  for (let i = 2; i < call.argc && hash !== undefined && hash.size > 0; i++) {
    const slot = hash.find(call.bytes, call.start(i), call.end(i));
    if (slot < 0) continue;
    hash.remove(slot);
    removed++;
  }
  if (hash !== undefined && removed > 0) {
    call.changed(1, Notify.hash, 'hdel');
    call.dirty += removed - 1;
    removeIfEmpty(call, hash);
  }
  call.reply.integer(removed);
}

export const HASH_COMMANDS: Readonly<Record<string, Handler>> = {
  hset,
  hmset,
  hsetnx,
  hget,
  hmget,
  hgetall,
  hkeys,
  hvals,
  hlen,
  hexists,
  hstrlen,
  hdel,
};
