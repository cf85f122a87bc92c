/** A database named by its number in an argument. */
import type { Call } from '../call.ts';
import { BAD_DATABASE, NOT_INTEGER } from '../errors.ts';
import type { Database } from '../keyspace.ts';

const INT32_MIN = -(2 ** 31);
const INT32_MAX = 2 ** 31 - 1;
const NOT_INT32 = `ERR value is out of range, value must between ${INT32_MIN} and ${INT32_MAX}`;

/** Null: there is none, and the client has been told. */
export function databaseAt(call: Call, index: number): Database | null {
  const number = call.count(index);
  const found = number === null ? undefined : call.engine.databases[number];
  if (number === null) call.reply.error(NOT_INTEGER);
  else if (number < INT32_MIN || number > INT32_MAX) call.reply.error(NOT_INT32);
  else if (found === undefined) call.reply.error(BAD_DATABASE);
  return found ?? null;
}
