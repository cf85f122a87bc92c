/** Strings that are numbers (https://redis.io/docs/latest/commands/incrby/). */
import { type Call, type Handler, Notify } from '../call.ts';
import { DECREMENT_OVERFLOW, NOT_FINITE, NOT_FLOAT, NOT_INTEGER, OVERFLOW } from '../errors.ts';
import { addLongDoubles, hasSize, longDoubleText, parseLongDouble } from '../long-double.ts';
import { addIntegers, INT64_MIN, parseInteger } from '../numbers.ts';
import { isString } from './string-access.ts';

function increment(call: Call, by: number | bigint): void {
  const { db, reply } = call;
  const entry = call.write(1);
  if (entry >= 0 && typeof by === 'number') {
    // The usual case; whatever is no small number makes this NaN.
    const sum = db.smallOf(entry) + by;
    if ((sum | 0) === sum) {
      db.setInteger(entry, sum);
      call.changed(1, Notify.string, 'incrby');
      reply.integer(sum);
      return;
    }
  }
  if (!isString(call, entry)) return;
  const before = entry < 0 ? 0 : numberOf(call, entry);
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

function numberOf({ db }: Call, entry: number): number | bigint | null {
  const { bytes, start, end } = db.stringOf(entry);
  return parseInteger(bytes, start, end);
}

function incr(call: Call): void {
  increment(call, 1);
}

function decr(call: Call): void {
  increment(call, -1);
}

function incrby(call: Call): void {
  const by = call.integer(2);
  if (by === null) call.reply.error(NOT_INTEGER);
  else increment(call, by);
}

function decrby(call: Call): void {
  const by = call.integer(2);
  if (by === null) call.reply.error(NOT_INTEGER);
  else if (by === INT64_MIN) call.reply.error(DECREMENT_OVERFLOW);
  else increment(call, -by);
}

/** Readers of the file might compute otherwise, so it gets the sum. */
function incrbyfloat(call: Call): void {
  const { db, reply } = call;
  const entry = call.write(1);
  if (!isString(call, entry)) return;
  const before = parseLongDouble(entry < 0 ? '0' : textOf(call, entry));
  const by = before === null ? null : parseLongDouble(call.text(2));
  if (before === null || by === null) {
    reply.error(NOT_FLOAT);
    return;
  }
  const sum = addLongDoubles(before, by);
  if (!hasSize(sum)) {
    reply.error(NOT_FINITE);
    return;
  }
  const text = Buffer.from(longDoubleText(sum), 'latin1');
  const target = entry < 0 ? db.addNumber(call.bytes, call.start(1), call.end(1)) : entry;
  db.setText(target, text, 0, text.length);
  call.changed(1, Notify.string, 'incrbyfloat');
  reply.bulk(text, 0, text.length);
  call.rewrite('SET', call.arg(1), text, 'KEEPTTL');
}

function textOf({ db }: Call, entry: number): string {
  const { bytes, start, end } = db.stringOf(entry);
  return bytes.toString('latin1', start, end);
}

export const STRING_NUMBER_COMMANDS: Readonly<Record<string, Handler>> = {
  incr,
  decr,
  incrby,
  decrby,
  incrbyfloat,
};
