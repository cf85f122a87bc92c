/** Some of a hash's fields: at random, or one part of them after another. */
import { globMatches } from '../../core/glob.ts';
import type { Call, Handler } from '../call.ts';
import { SYNTAX } from '../errors.ts';
import type { HashValue } from '../values/hash.ts';
import { Element } from '../values/listpack.ts';
import { readHash } from './hash-access.ts';
import { OUT_OF_RANGE, pickSlots, readSignedCount } from './pick.ts';
import { BUCKETS_PER_ELEMENT, readCursor, readScanOptions } from './scan.ts';

/** With values a reply is twice as long, and its length a number of 64 bits. */
const WITH_VALUES_MAX = 2 ** 62;

const element: Element = new Element();

function replyField(call: Call, hash: HashValue, slot: number): void {
  hash.readField(slot, element);
  call.reply.bulk(element.bytes, element.start, element.end);
}

function replyValue(call: Call, hash: HashValue, slot: number): void {
  hash.readValue(slot, element);
  call.reply.bulk(element.bytes, element.start, element.end);
}

function hrandfield(call: Call): void {
  const { reply } = call;
  if (call.argc === 2) {
    const hash = readHash(call);
    if (hash === undefined) reply.null();
    else if (hash !== null) replyField(call, hash, hash.random());
    return;
  }
  const count = readSignedCount(call, 2);
  if (count === null) return;
  if (call.argc > 4 || (call.argc === 4 && !call.is(3, 'withvalues'))) {
    reply.error(SYNTAX);
    return;
  }
  const withValues = call.argc === 4;
  if (withValues && Math.abs(count) >= WITH_VALUES_MAX) {
    reply.error(OUT_OF_RANGE);
    return;
  }
  const hash = readHash(call);
  if (hash === null) return;
  if (hash === undefined || count === 0) {
    reply.array(0);
    return;
  }
  if (count > 0) {
    const slots = pickSlots(hash, count);
    replyHead(call, slots.length, withValues);
    for (const slot of slots) replyPicked(call, hash, slot, withValues);
    return;
  }
  replyHead(call, -count, withValues);
  for (let i = count; i < 0; i++) replyPicked(call, hash, hash.random(), withValues);
}

function replyHead({ reply }: Call, count: number, withValues: boolean): void {
  reply.array(withValues && reply.protocol === 2 ? count * 2 : count);
}

function replyPicked(call: Call, hash: HashValue, slot: number, withValues: boolean): void {
  if (withValues && call.reply.protocol === 3) call.reply.array(2);
  replyField(call, hash, slot);
  if (withValues) replyValue(call, hash, slot);
}

function hscan(call: Call): void {
  const { reply } = call;
  const first = readCursor(call, 2);
  if (first === null) return;
  const hash = readHash(call);
  if (hash === null) return;
  if (hash === undefined) {
    reply.array(2);
    reply.bulkInteger(0);
    reply.array(0);
    return;
  }
  const options = readScanOptions(call, 2, first, ['novalues']);
  if (options === null) return;
  const { pattern, count, noValues } = options;
  const slots: number[] = [];
  let buckets = count * BUCKETS_PER_ELEMENT;
  let seen = 0;
  let cursor = first;
  do {
    cursor = hash.scan(cursor, (slot) => {
      seen++;
      hash.readField(slot, element);
      const { bytes, start, end } = element;
      if (pattern === null || globMatches(pattern, bytes, start, end)) slots.push(slot);
    });
  } while (cursor !== 0 && --buckets > 0 && seen < count);
  reply.array(2);
  reply.bulkInteger(cursor);
  reply.array(noValues ? slots.length : slots.length * 2);
  for (const slot of slots) {
    replyField(call, hash, slot);
    if (!noValues) replyValue(call, hash, slot);
  }
}

export const HASH_PICK_COMMANDS: Readonly<Record<string, Handler>> = { hrandfield, hscan };
