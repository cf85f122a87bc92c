/** Numbers in the fields of a hash. */
import { type Call, type Handler, Notify } from '../call.ts';
import { NOT_FLOAT, NOT_INTEGER, OVERFLOW } from '../errors.ts';
import { addLongDoubles, hasSize, longDoubleText, parseLongDouble } from '../long-double.ts';
import { addIntegers, parseInteger } from '../numbers.ts';
import type { HashValue } from '../values/hash.ts';
import { Element } from '../values/listpack.ts';
import { openHash } from './hash-access.ts';

const VALUE_NOT_INTEGER = 'ERR hash value is not an integer';
const VALUE_NOT_FLOAT = 'ERR hash value is not a float';
const NOT_FINITE = 'ERR value is NaN or Infinity';
const SUM_NOT_FINITE = 'ERR increment would produce NaN or Infinity';

const element: Element = new Element();

function hincrby(call: Call): void {
  const { reply } = call;
  const by = call.integer(3);
  if (by === null) {
    reply.error(NOT_INTEGER);
    return;
  }
  const hash = openHash(call);
  if (hash === null) return;
  const before = integerOf(call, hash);
  if (before === null) {
    reply.error(VALUE_NOT_INTEGER);
    return;
  }
  const after = addIntegers(before, by);
  if (after === null) {
    reply.error(OVERFLOW);
    return;
  }
  element.setInteger(after);
  const { bytes } = call;
  hash.set(bytes, call.start(2), call.end(2), element.bytes, element.start, element.end);
  call.changed(1, Notify.hash, 'hincrby');
  if (typeof after === 'number') reply.integer(after);
  else reply.bigInteger(after);
}

/** 0: there is no such field; null: it holds something else. */
function integerOf(call: Call, hash: HashValue): number | bigint | null {
  const slot = hash.find(call.bytes, call.start(2), call.end(2));
  if (slot < 0) return 0;
  hash.readValue(slot, element);
  return element.integer ?? parseInteger(element.bytes, element.start, element.end);
}

function hincrbyfloat(call: Call): void {
  const { bytes, reply } = call;
  const by = parseLongDouble(call.text(3));
  if (by === null || !hasSize(by)) {
    reply.error(by === null ? NOT_FLOAT : NOT_FINITE);
    return;
  }
  const hash = openHash(call);
  if (hash === null) return;
  const slot = hash.find(bytes, call.start(2), call.end(2));
  if (slot >= 0) hash.readValue(slot, element);
  const before = parseLongDouble(slot < 0 ? '0' : element.text);
  const sum = before === null ? null : addLongDoubles(before, by);
  if (sum === null || !hasSize(sum)) {
    reply.error(sum === null ? VALUE_NOT_FLOAT : SUM_NOT_FINITE);
    return;
  }
  const text = Buffer.from(longDoubleText(sum), 'latin1');
  hash.set(bytes, call.start(2), call.end(2), text, 0, text.length);
  call.changed(1, Notify.hash, 'hincrbyfloat');
  reply.bulk(text, 0, text.length);
  if (call.engine.isKept) rewriteSum(call, hash, text);
}

/** What the file gets has no arithmetic in it. Being set would make the field stay for ever, so it is told again. */
function rewriteSum(call: Call, hash: HashValue, text: Buffer): void {
  const key = call.copyOf(1);
  const field = call.copyOf(2);
  call.rewrite('HSET', key, field, text);
  const at = hash.expiresAt(hash.find(field, 0, field.length));
  if (at !== 0) call.rewrite('HPEXPIREAT', key, String(at), 'FIELDS', '1', field);
}

export const HASH_NUMBER_COMMANDS: Readonly<Record<string, Handler>> = { hincrby, hincrbyfloat };
